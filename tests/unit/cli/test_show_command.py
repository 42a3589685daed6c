"""The command show: the summary's sentences, a table, or why there is none."""

import polars as pl
import pytest

from synthdiv.core.results_format import write_results_format
from synthdiv.core.tables import write_table

GAIN = {
    "classifier": ["small"],
    "evaluation_set": ["Pets"],
    "base": ["Names"],
    "changed": ["Names7"],
    "setting": ["guidance_scale"],
    "before": ["2.5"],
    "after": ["7.5"],
    "gain": [-0.1],
    "gain_low": [-0.13],
    "gain_high": [-0.07],
    "p_adjusted": [1e-5],
    "differs": [True],
}


@pytest.fixture
def finished(pets):
    """A study with a classifier, of whose results two tables are written."""
    pets.config["datasets"]["names"]["guidance_scales"] = [2.5, 7.5]
    pets.config["sets"]["Names7"] = {"kind": "image", "dataset": "names", "guidance_scale": 7.5}
    recipe = {"model": "resnet18", "epochs": 1, "batch_size": 8}
    sets = ["Pets", "Names", "Names7"]
    pets.config["classifiers"] = {"small": {"recipe": recipe, "train": sets, "evaluate": ["Pets"], "seeds": [0, 1]}}
    pets.write()
    write_results_format(pets.results)
    write_table(pl.DataFrame(GAIN), pets.results / "tables" / "interventions.csv")
    empty = {"check": pl.String, "source": pl.String, "where": pl.String, "reason": pl.String, "verdict": pl.String}
    write_table(pl.DataFrame(schema=empty), pets.results / "tables" / "predictors.csv")
    return pets


def test_the_summary_has_the_sentences_of_the_tables_that_are_written(finished):
    done = finished.run("show", "study.yaml")
    assert done.exit_code == 0, done.output
    assert (
        "What each setting is worth\n  - guidance_scale, 2.5 to 7.5 (Names to Names7): -10.0 points [-13.0, -7.0]"
        in done.stdout
    )
    assert "Where accuracy is lost" not in done.stdout
    assert done.stdout.endswith("Tables, for `synthdiv show study.yaml TABLE`:\n  interventions, predictors\n")


def test_a_table_is_shown_or_written_as_latex(finished):
    shown = finished.run("show", "study.yaml", "interventions", "--columns", "before,after,gain")
    assert shown.stdout.splitlines() == [
        "  before  after                     gain",
        "  2.5     7.5    -0.100 [-0.130, -0.070]",
    ]
    latex = finished.run("show", "study.yaml", "interventions", "--latex", "--columns", "before,gain").stdout
    assert latex.startswith("% What training gains from each intervention")
    assert r"2.5 & \textbf{$-$0.100 [$-$0.130, $-$0.070]} \\" in latex


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["intervention"], "there is no table 'intervention'; did you mean 'interventions'?"),
        (["transfer"], "study pets has no table transfer, since its config asks for nothing that is in it"),
        (
            ["accounts"],
            "the table accounts of study pets is not written yet: run `snakemake --profile local --configfile=st",
        ),
        (["interventions", "--columns", "gian"], "there is no column 'gian'; did you mean 'gain'?"),
        (["accounts", "--methods"], "--methods describes the whole study: give no table and no other option"),
        (["--latex"], "name a table: --latex and --columns do not apply to the summary"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_shown_is_a_sentence(finished, arguments, message):
    done = finished.run("show", "study.yaml", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_methods_need_no_results(pets):
    pets.write()
    done = pets.run("show", "study.yaml", "--methods")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("% Made from the config: check it before you use it.\nWe used synthdiv")


def test_a_study_without_results_says_how_to_run_it(pets):
    pets.write()
    done = pets.run("show", "study.yaml")
    assert done.exit_code == 1
    assert done.stderr == ("error: study pets has no results yet: run `snakemake --profile local --configfile=study.yaml`\n")


def test_results_of_another_version_are_not_shown(finished):
    (finished.results / "format").write_text("1\n")
    done = finished.run("show", "study.yaml")
    assert done.exit_code == 1
    assert "holds results of format 1" in done.stderr
