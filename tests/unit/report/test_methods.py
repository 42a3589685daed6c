"""The paragraph on methods says what the config says, and has an entry for each citation."""

import re

import pytest

from synthdiv.core.files import write_json
from synthdiv.plan.loading import load_study
from synthdiv.report.methods import BIBTEX, write_methods


@pytest.fixture
def study(pets):
    recipe = {"model": "resnet18", "steps": 1200, "batch_size": 8, "optimizer": {"opt": "adamw", "lr": 0.01}}
    entry = {"recipe": recipe, "train": ["Pets", "Names"], "evaluate": ["Pets"], "seeds": [0, 1]}
    pets.config["classifiers"] = {"small_net": entry}
    return load_study(pets.config)


def test_it_describes_sets_encoders_and_classifiers(study, pets):
    text = write_methods(study, pets.results)
    assert "with seed 0 and 2 classes." in text
    assert "Pets: natural images.\n" in text
    assert "at guidance scale 2.5, in 2 steps of the model's own scheduler, 32 x 32 pixels; prompts by the builder" in text
    assert r"template from a \{name\}; 3 training and 2 evaluation images of each class." in text
    assert "Embeddings (clip) are of " in text
    assert (
        r"The classifier small\_net, timm~\cite{timm}'s resnet18, was trained from random weights for 1,200 steps with "
        "batches of 8 (opt adamw, lr 0.01) and 2 seeds on each of Pets, Names, and evaluated on Pets."
    ) in text
    assert "Software" not in text


def test_each_citation_has_one_entry_and_each_entry_a_citation(study, pets):
    write_json({"pipeline": "StableDiffusionPipeline", "digest": "0" * 64}, pets.results / "generators" / "tiny.json")
    text = write_methods(study, pets.results)
    cited = set(re.findall(r"\\cite{(\w+)}", text))
    entries = re.findall(r"^@\w+{(\w+),$", text, flags=re.MULTILINE)
    assert sorted(cited) == sorted(entries)
    assert "rombach2022latent" in cited
    assert "radford2021clip" not in cited  # the encoder has weights of its own


def test_the_entries_are_complete_bibtex():
    for key, entry in BIBTEX.items():
        assert entry.startswith(("@misc{", "@article{", "@inproceedings{"))
        assert entry.partition("{")[2].startswith(f"{key},\n")
        assert entry.count("{") == entry.count("}")
        assert {"title", "author", "year"} <= set(re.findall(r"^  (\w+) = {", entry, flags=re.MULTILINE))


def test_recorded_software_is_named(study, pets):
    folder = pets.results / "environments"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text('{"packages": {"torch": "2.1", "open_clip_torch": "3.3"}}')
    assert r"Software: torch 2.1, open\_clip\_torch 3.3." in write_methods(study, pets.results)
