"""What a drafted config says: values that YAML reads back as they are, and models as they are in their folders."""

import json

import pytest
import yaml

from synthdiv.core.errors import StudyError
from synthdiv.drafts.draft import Given, draft_config
from synthdiv.drafts.sources import find_image_splits, group_sources
from synthdiv.operations.inputs import Inputs
from synthdiv.prompts.class_tables import name_classes


def draft(**changes):
    given = {"study": "s", "classes": "classes.csv", "rows": name_classes(["a"]), "generator": "org/model"} | changes
    return yaml.safe_load(draft_config(Given(**given), Inputs(), "x.json"))


@pytest.mark.parametrize(
    "name", ["yes", "12", "1e5", ".5", ".inf", "~", "null", "a: b", "a #b", "../x/y.csv", "ü b", "'q'", "@x"]
)
def test_every_text_is_read_back(name):
    assert draft(classes=name)["classes"] == name
    assert draft(prompts=f"{name}.parquet")["datasets"]["own"]["table"] == f"{name}.parquet"


@pytest.mark.parametrize(
    ("given", "name", "entry"),
    [
        ("ViT-B-32:laion2b", "vit-b-32", {"model": "ViT-B-32", "pretrained": "laion2b"}),
        ("hf-hub:org/Name", "name", {"model": "hf-hub:org/Name"}),
    ],
)
def test_encoders(given, name, entry):
    assert draft(encoder=given)["encoders"] == {name: entry}


def test_a_generators_folder_says_its_size_and_variant(tmp_path):
    for part, values in (("transformer", {"sample_size": 16}), ("vae", {"block_out_channels": [1, 2, 3, 4]})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(values))
    (tmp_path / "vae" / "model.bf16.safetensors").touch()
    (spec,) = draft(generator=str(tmp_path))["generators"].values()
    assert spec == {"model": str(tmp_path), "variant": "bf16", "steps": 50, "width": 128, "height": 128}
    (tmp_path / "vae" / "model.fp16.safetensors").touch()
    (tmp_path / "transformer" / "config.json").unlink()
    (spec,) = draft(generator=str(tmp_path))["generators"].values()
    assert spec == {"model": str(tmp_path), "steps": 50, "width": 512, "height": 512}


def test_sources_are_grouped_by_set_and_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "odd:train=c"):
        (tmp_path / name).mkdir()
    assert group_sources(["train=a", "Other:evaluation=b", "evaluation=b"], "Mine") == {
        "Mine": {"train": "a", "evaluation": "b"},
        "Other": {"evaluation": "b"},
    }
    assert group_sources(["odd:train=c"], "Mine") == {"Mine": {"": "odd:train=c"}}
    with pytest.raises(StudyError, match="the set Mine has two sources of one split, the second of them a"):
        group_sources(["train=b", "a"], "Mine")


def test_splits_are_found_by_the_names_of_folders_and_files(tmp_path):
    (tmp_path / "valid").mkdir()
    for name in ("training-00.tar", "training-01.tar", "valid/x.parquet"):
        (tmp_path / name).touch()
    found = find_image_splits({"": str(tmp_path)}, "Mine")
    assert found == {"train": f"{tmp_path}/train*.tar", "evaluation": f"{tmp_path}/valid/*.parquet"}
