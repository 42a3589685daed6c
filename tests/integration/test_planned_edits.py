"""Edits of the finished small study: Snakemake plans what they change, and running that gives what a fresh run gives."""

import pytest
from edits import edit
from PIL import Image

from synthdiv.core.results_format import RECORD
from synthdiv.jobs.rules import list_jobs
from synthdiv.plan.loading import load_study

EDITS = [
    {"classes": "./classes.csv"},
    {"noise": "shared"},
    {"generators/tiny/steps": 3},
    {"image_format/format": "webp"},
    {"datasets/promptaug/unique": False},
    {"datasets/synset/guidance_scales": [7.5, 5.0]},
    {"exclude_flags": ["black"]},
    {"encoders/clip/batch_size": 8},
    {"encoders/clip/features": "raw"},
    {"sets/PromptAug-PRMT/kind": "image", "sets/PromptAug-PRMT/guidance_scale": 2.5},
    {"sets/Subset-IM/real_labels": True},
    {"experiments/queries": ["Natural-IM"]},
    {"set_metrics/neighbours": 2},
    {"diagnosis/images_per_class": 3},
    {"adherence/images_per_class": 2},
    {"prompt_probes/bag/reference": "Natural-IM"},
    {"embedding_classifiers/knn": [1]},
    {"embedding_classifiers/linear_probe": False},
    {"mixtures/Natural4/parts": [{"set": "Natural-IM", "images_per_class": 3}]},
    {"classifiers/tuned/recipe/label_smoothing": 0.1},
    {"classifiers/tuned/recipe/crop_pct": 0.9},
    {"classifiers/tiny/monitor": "Natural-IM"},
    {"classifiers/tuned/processes": 1, "classifiers/tuned/checkpoint_minutes": 1, "device": "auto"},
]
"""Edits of the config, by paths of keys."""
TIMED = ("jobs.csv", "log.parquet")
"""Tables that have times."""


def name_job(rule, values):
    """Name a job by its rule and the values of its wildcards."""
    return rule.replace("plot_geometry", "plot_figure"), tuple(values)


def check_repeated_jobs(place, config):
    """Check that Snakemake repeats the jobs whose params an edit of a finished study changes.

    It does not look at the params of a job whose input another job writes.
    """
    before, after = list_jobs(load_study(place.config)), list_jobs(load_study(config))
    changed = {
        name_job(rule, values.split()) for rule, values in before if before[rule, values] != after.get((rule, values))
    }
    reasons = {name_job(job.rule.name, job.wildcards): why for job, why in place.list_reasons(config=config).items()}
    assert reasons.keys() <= {name_job(rule, values.split()) for rule, values in before | after}
    assert [job for job in changed & reasons.keys() if reasons[job] is None] == []
    assert {job for job, why in reasons.items() if why is not None and why.params_changed} <= changed
    if not changed and before.keys() == after.keys():
        assert [job for job, why in reasons.items() if why is not None and not why.input_changed] == []


@pytest.mark.parametrize("changes", EDITS, ids=lambda changes: next(iter(changes)))
def test_snakemake_repeats_the_jobs_whose_params_an_edit_changes(finished, changes):
    check_repeated_jobs(finished, edit(finished.config, changes))


def test_another_seed_is_refused_until_the_record_is_deleted(place):
    config = edit(place.config, {"seed": 4})
    assert "small holds results of study small with seed 3" in place.plan(check=False, config=config).stdout
    (place.results / RECORD).unlink()
    check_repeated_jobs(place, config)


def list_contents(place):
    """The bytes of all tables, models and indices of a study's results, by their paths."""
    files = [path for path in place.results.rglob("*") if path.suffix in (".csv", ".parquet", ".npz", ".safetensors")]
    return {str(path.relative_to(place.results)): path.read_bytes() for path in files if path.name not in TIMED}


def swap_names(place):
    """Exchange a name in the class table, which texts, tables and figures have."""
    path = place.folder / "classes.csv"
    path.write_text(path.read_text().replace("0,tshirt,t-shirt", "0,tshirt,tee"))


def change(place, changes):
    """Edit the config, on purpose even if the results are of another seed then."""
    place.config = edit(place.config, changes)
    place.write_config()
    (place.results / RECORD).unlink()


def leave_out_a_black_image(place):
    """Make a natural image black, and leave such images out."""
    path = min(place.folder.glob("natural/train/bag/*.png"))
    Image.new("RGB", Image.open(path).size).save(path)
    change(place, {"exclude_flags": ["black"]})


INCREMENTAL = [
    pytest.param(swap_names, id="a class's name"),
    pytest.param(lambda place: change(place, {"embedding_classifiers/knn": [1]}), id="classifiers on embeddings"),
    pytest.param(leave_out_a_black_image, id="an image left out", marks=pytest.mark.full),
    *(
        pytest.param(lambda place, one=one: change(place, one), id=next(iter(one)), marks=pytest.mark.full)
        for one in (
            {"seed": 4},
            {"generators/tiny/steps": 3},
            {"encoders/clip/batch_size": 2},
            {"sets/PromptAug-PRMT/kind": "image", "sets/PromptAug-PRMT/guidance_scale": 2.5},
            {"prompt_probes/bag/prompts": ["bag", "sack"]},
            {"embedding_classifiers/mixture_components": 1},
            {"classifiers/tuned/recipe/label_smoothing": 0.1},
        )
    ),
]


@pytest.mark.parametrize("edit_study", INCREMENTAL)
def test_an_edit_and_its_return_give_the_tables_of_a_fresh_run(place, edit_study):
    """The study before the edit is a fresh run of the config after the return."""
    fresh, config = list_contents(place), place.config
    sources = [place.folder / "classes.csv", *place.folder.glob("natural/*/*/*.png")]
    before = {path: path.read_bytes() for path in sources}
    edit_study(place)
    place.run()
    assert list_contents(place) != fresh
    place.config = config
    place.write_config()
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    (place.results / RECORD).unlink()
    place.run()
    again = list_contents(place)
    assert [name for name in fresh if again[name] != fresh[name]] == []
    assert "Nothing to be done" in place.plan().stdout
