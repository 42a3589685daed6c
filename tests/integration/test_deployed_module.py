"""The workflow as a module of another workflow, in another folder."""

import subprocess
import sys

import polars as pl
from small_study import make_place
from workplace import REPOSITORY

SNAKEFILE = """
configfile: "study.yaml"


module synthdiv:
    snakefile:
        "{repository}/Snakefile"
    config:
        config


use rule * from synthdiv


rule count:
    default_target: True
    input:
        "results/small/tables/experiments.csv",
    output:
        "counted.txt",
    shell:
        "wc -l < {{input}} > {{output}}"
"""


def test_a_small_study_runs_up_to_its_matrix(tmp_path):
    sets = {
        "Natural-IM": {"kind": "image", "images": {"train": "natural/train", "evaluation": "natural/val"}},
        "Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5},
    }
    datasets = {"synset": {"builder": "lemmas", "guidance_scales": [7.5]}}
    changes = {"classes_per_shard": 4, "device": "cpu", "experiments": {"references": ["Synset-IM"]}, "datasets": datasets}
    place = make_place(tmp_path / "place", sets=sets, **changes)
    (place.folder / "Snakefile").write_text(SNAKEFILE.format(repository=REPOSITORY))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (place.folder / "counted.txt").read_text() == "3\n"
    assert (place.results / "format").exists()
    table = pl.read_csv(place.results / "tables" / "experiments.csv")
    assert table.select("reference", "query").rows() == [("Synset-IM", "Natural-IM"), ("Synset-IM", "Synset-IM")]
    assert table["n_queries"].to_list() == [16, 16]


def test_a_module_without_a_config_is_refused(tmp_path):
    place = make_place(tmp_path / "place")
    (place.folder / "Snakefile").write_text(
        SNAKEFILE.format(repository=REPOSITORY).replace("    config:\n        config\n", "")
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run"]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message = "the config is empty: a workflow that uses this one as a module gives it one, by `config: config`"
    assert message in done.stdout + done.stderr
