"""Why Snakemake would run jobs, in a few lines."""

import pytest

from synthdiv.operations.snakemake_plan import PlannedJob, SnakemakePlan, read_reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Missing output files: a.csv, b.csv", ("their results do not exist", [])),
        (
            "Missing output files: a.csv; Input files updated by another job: b.csv",
            ("their results do not exist", []),
        ),
        (
            "Updated input files: photos/cat, words.csv; Input files updated by another job: b.csv",
            ("what they read was edited", ["photos/cat", "words.csv"]),
        ),
        (
            "Input files updated by another job: b.csv; Params have changed since last execution: before: 'x; y'",
            ("their settings changed", []),
        ),
        (
            "Updated input files: ; Input files updated by another job: b.csv",
            ("one of these jobs makes what they read", []),
        ),
        ("Input files updated by another job: b.csv", ("one of these jobs makes what they read", [])),
        ("Code has changed since last execution", ("Snakemake has another reason", [])),
    ],
)
def test_a_job_counts_for_the_cause_not_for_what_follows_from_others(text, expected):
    assert read_reason(text) == expected


def test_many_jobs_are_a_line_per_reason():
    follows, edited = "one of these jobs makes what they read", "what they read was edited"
    jobs = [PlannedJob("measure_set", follows, (), (f"{n}.parquet",)) for n in range(1200)]
    jobs += [PlannedJob(f"rule_{n}", follows, (), (f"{n}.csv",)) for n in range(6)]
    jobs.append(PlannedJob("index_images", edited, ("a.csv", "b.csv"), ("index.parquet",)))
    jobs.append(PlannedJob("index_images", edited, ("b.csv", "c.csv", "d.csv"), ("other.parquet", "count.csv")))
    plan = SnakemakePlan(jobs)
    assert plan.list_reasons() == [
        "2 because what they read was edited (a.csv, b.csv, c.csv and 1 more): 2 index_images",
        "1,206 because one of these jobs makes what they read: 1,200 measure_set, 1 rule_0, 1 rule_1, 1 rule_2, 1 rule_3, "
        "and 2 of other rules",
    ]
    assert "count.csv" in plan
    assert "a.csv" not in plan
    assert SnakemakePlan().list_reasons() == []
