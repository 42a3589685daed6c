"""A study small enough to run in tests: four classes, four generated sets, natural images, prompts, a probe, classifiers.

A test session runs it once (fixture ``finished``). Tests that only read it share its folder; tests that edit it use a copy.
"""

import re

import numpy as np
import pyarrow.parquet as pq
import timm
import torch
from workplace import DEMO, Workplace

from synthdiv.images.archive import read_bytes
from synthdiv.images.index import read_index

KEYS = ["tshirt", "trouser", "sneaker", "bag"]
CLASS_IDS = [0, 1, 7, 8]  # of the demo's data
CLASSES = """class_id,key,name,lemmas
0,tshirt,t-shirt,jersey
1,trouser,trousers,"trousers, pants"
2,sneaker,sneaker,pump
3,bag,bag,"bag, handbag"
"""
OVERRIDES = "key,prompt\ntshirt,t-shirt\nsneaker,sneaker\n"
PROBE = {"class": "bag", "prompts": ["bag", "trunk"], "guidance_scale": 2.5, "images": 6, "reference": "Disamb2.5-IM"}
RECIPE = {"model": "test_resnet", "model_options": {"channels": [8, 8, 8, 16], "stem_width": 8}, "image_size": 32}
RECIPE |= {"epochs": 4, "batch_size": 10, "optimizer": {"opt": "adamw", "lr": 0.01}, "augmentation": {"color_jitter": None}}


def make_config(**changes):
    return {
        "study": "small",
        "classes": "classes.csv",
        "seed": 3,
        "generators": {
            "tiny": {
                "model": "resources/demo/models/stable-diffusion",
                "variant": "fp16",
                "dtype": "float32",
                "steps": 2,
                "width": 32,
                "height": 32,
                "batch_size": 10,
            }
        },
        "encoders": {"clip": {"model": "resources/demo/models/clip"}},
        "datasets": {
            "synset": {"builder": "lemmas", "guidance_scales": [7.5]},
            "disamb": {
                "builder": "overrides",
                "base": "synset",
                "overrides": "overrides.csv",
                "guidance_scales": [2.5, 7.5],
            },
            "promptaug": {
                "builder": "grammar",
                "base": "disamb",
                "grammar": "resources/prompts/promptaug.yaml",
                "guidance_scales": [2.5],
            },
        },
        "images_per_class": {"train": 6, "evaluation": 4},
        "classes_per_shard": 2,
        "sets": {
            "Natural-IM": {"kind": "image", "images": {"train": "natural/train", "evaluation": "natural/val"}},
            "Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5},
            "Disamb-IM": {"kind": "image", "dataset": "disamb", "guidance_scale": 7.5},
            "Disamb2.5-IM": {"kind": "image", "dataset": "disamb", "guidance_scale": 2.5},
            "PromptAug-IM": {"kind": "image", "dataset": "promptaug", "guidance_scale": 2.5},
            "Disamb2.5-PRMT": {"kind": "prompt", "dataset": "disamb"},
            "PromptAug-PRMT": {"kind": "prompt", "dataset": "promptaug"},
        },
        "experiments": {
            "references": ["Natural-IM", "Disamb2.5-IM", "Disamb2.5-PRMT"],
            "queries": ["Natural-IM", "Disamb-IM", "PromptAug-PRMT", "Disamb2.5-PRMT"],
        },
        "contact_sheets": {"images": 2},
    } | changes


def make_classifiers():
    """Return the config of three classifiers: trained on sets and mixtures, fine-tuned from another, and pretrained."""
    evaluate = ["Natural-IM", "Subset-IM"]
    mixed = [{"set": "Natural-IM", "images_per_class": 4}, {"set": "Disamb2.5-IM", "images_per_class": 5, "weight": 20}]
    return {
        "mixtures": {"Natural4": {"parts": mixed[:1]}, "Mixed": {"parts": mixed}},
        "classifiers": {
            "tiny": {
                "recipe": RECIPE,
                "train": ["Natural-IM", "Natural4", "Mixed", "Disamb-IM", "Disamb2.5-IM"],
                "evaluate": evaluate,
                "seeds": [5],
                "monitor": "Subset-IM",
            },
            "tuned": {
                "recipe": RECIPE,
                "train": ["Natural-IM"],
                "init_from": {"classifier": "tiny", "train": "Mixed"},
                "processes": 2,
                "evaluate": evaluate,
                "seeds": [5],
            },
            "ready": {
                "recipe": {"model": "pretrained", "pretrained": True, "image_size": 32},
                "trained_on": "Elsewhere",
                "evaluate": evaluate,
            },
        },
    }


def write_natural(folder, *, train, val):
    """Write the class table, and folders with the given numbers of natural images per class."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.csv").write_text(CLASSES)
    write_split(folder / "natural" / "train", "train", range(train))
    write_split(folder / "natural" / "val", "evaluation", range(val))


def write_split(folder, source, numbers):
    """Write images of the demo's natural set, those with some numbers within each class, into one folder per class."""
    table = pq.read_table(DEMO / "natural" / f"fashion-{source}.parquet")
    labels = np.array(table["class_id"].to_pylist())
    for key, class_id in zip(KEYS, CLASS_IDS, strict=True):
        (folder / key).mkdir(parents=True)
        for n in np.flatnonzero(labels == class_id)[list(numbers)]:
            (folder / key / f"{n:05d}.png").write_bytes(table["image"][int(n)].as_py())


def make_place(folder, **changes):
    write_natural(folder, train=6, val=4)
    (folder / "overrides.csv").write_text(OVERRIDES)
    return Workplace.make(folder, make_config(**changes))


def make_full_place(folder):
    """Make a place for the study with all features, including a prompt probe and classifiers."""
    place = make_place(folder, classes_per_shard=3, device="cpu", prompt_probes={"bag": PROBE}, **make_classifiers())
    (folder / "subset.txt").write_text("trouser\nbag\n")
    subset = {"kind": "image", "images": {"evaluation": "natural/val"}, "class_subset": "subset.txt"}
    place.config["sets"]["Subset-IM"] = subset
    write_split(folder / "natural" / "selection", "train", range(6, 9))
    place.config["sets"]["Natural-IM"]["images"]["selection"] = "natural/selection"
    place.write_config()
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=len(KEYS))
    timm.models.save_for_hf(model, folder / "pretrained", model_config={"num_classes": len(KEYS)}, safe_serialization=True)
    return place


def list_jobs(output):
    """List the messages of the jobs that Snakemake runs or plans."""
    return sorted(re.findall(r"^(?:local)?(?:Job|job) \d+: (.*)$", output, flags=re.MULTILINE))


def list_generated(plan):
    """List the messages of the planned generation jobs."""
    return [job for job in list_jobs(plan.stdout) if job.startswith("Generate")]


def count_generated(place):
    """Read each job's image counts from its log, by the log's path below generate_images/."""
    root = place.results / "logs" / "generate_images"
    counts = {}
    for path in sorted(root.rglob("*.log")):
        counts[str(path.relative_to(root).with_suffix(""))] = read_image_counts(path)
    return counts


def read_image_counts(log):
    """Read the numbers of generated, copied and found images from a generation job's log."""
    (line,) = re.findall(r"generated (\d+) images, copied (\d+), found (\d+)", log.read_text())
    return tuple(map(int, line))


def read_images(path):
    return {
        (row["class_id"], row["split"], row["index"]): read_bytes(row["file"], row["offset"], row["size"])
        for row in read_index(path).to_pylist()
    }
