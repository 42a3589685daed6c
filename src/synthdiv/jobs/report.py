"""The jobs of report.smk, the files of the whole report, and those of each target.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import re

from synthdiv.core.job import Job
from synthdiv.jobs.audit import list_compared_tables
from synthdiv.jobs.classifiers import list_classifier_tables
from synthdiv.jobs.diagnosis import list_split_sets
from synthdiv.jobs.figures import list_figures, name_figures
from synthdiv.jobs.images import list_all_indices
from synthdiv.jobs.metrics import list_compared, list_guidance_tables
from synthdiv.jobs.prompts import list_adherence_table
from synthdiv.jobs.rules import Wildcards, plans
from synthdiv.jobs.transfer import list_transfer_tables
from synthdiv.plan.classifiers import list_training_runs
from synthdiv.plan.experiments import find_natural_reference, list_diagnosed, list_diagnosis_references
from synthdiv.plan.sets import list_encoders, list_image_sets
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import list_transfer_sets

TABLE_DESCRIPTIONS = {
    "3 Matrix": {
        "experiments": "One row per reference and query set; each metric with its 95 % interval.",
        "published": "Values printed in the paper, with their source, next to this study's values.",
        "matrix_summary": "Means over parts of the matrix.",
        "embedding_classifiers": "The same matrix by classifiers trained on embeddings.",
    },
    "4 Diversity and shift": {
        "centroid_distance": "The diversity of each split of each set.",
        "error_split": "Each set's error against a reference, split into its own spread and centroid-shift.",
        "tradeoff": (
            "The diversity of each generated set, with the shares of its images with semantic errors or of another visual "
            "domain."
        ),
        "set_metrics": "Other metrics of diversity and similarity, of each set alone and against natural images.",
    },
    "5 Classes": {
        "causes": "One row per set and class: the suspected cause of its shortfall, with the supporting metrics.",
        "interventions": "The effect of each intervention on the diagnosed classes, and on others.",
    },
    "6 Guidance and prompts": {
        "guidance_choice": "The best guidance scale by each metric, overall and per class.",
        "prompt_probes": "One row per probed prompt.",
        "prompt_checks": "Truncated and identical prompts, found before generation.",
        "flags": "The number of images that are black, nearly uniform, unsafe or undecodable.",
    },
    "8 Classifiers": {
        "classifier_means": "One row per training and evaluation set; means over seeds.",
        "shift_gaps": "The advantage of training on natural images, on each evaluation set.",
        "transfer_means": "The accuracy of each encoder's frozen features on transfer sets; means over seeds.",
        "feature_statistics": "Statistics of each classifier's features of natural images.",
        "predictors": "Metrics known before training, as predictors of the trained classifiers' accuracy.",
    },
    "9 Claims, audit, cost": {
        "claims": "Claims of two papers, tested on this study's sets.",
        "audit": "Conditions that the metrics must satisfy, and whether they do.",
    },
}
"""The tables to browse in the report, by part."""


class WriteSummary(Job):
    """What the summary is about.

    Attributes
    ----------
    study : str
    natural : str or None
        The natural set.
    reference : str or None
        The reference set of the error split.
    tables : tuple of str
        The names of the tables, in the order of the inputs.
    """

    study: str
    natural: str | None
    reference: str | None
    tables: tuple[str, ...]


class WriteTablePage(Job):
    """A page of tables.

    Attributes
    ----------
    study : str
    described : tuple of (str, str)
        The name and the description of each table, in the order of the inputs.
    """

    study: str
    described: tuple[tuple[str, str], ...]


class TabulateJobs(Job):
    """The table of jobs, which the benchmark files and logs decide."""


def list_report_tables(study: Study) -> list[str]:
    """List the tables of the report."""
    tables = ["experiments.csv", "per_class.parquet", "experiment_differences.csv"]
    tables += ["matrix_summary.csv", "embedding_classifiers.csv"]
    tables += ["set_metrics.csv"] if list_compared(study) else []
    tables += ["centroid_distance.csv"] if list_image_sets(study) else []
    tables += ["error_split.csv", "causes.csv"] if list_split_sets(study) else []
    tables += ["tradeoff.csv"] if list_diagnosed(study) else []
    tables += ["interventions.csv"] if study.config.interventions else []
    tables += ["encoder_agreement.csv"] if len(list_encoders(study)) > 1 else []
    tables += ["prompt_probes.csv"] if study.prompt_probes else []
    tables += ["prompt_checks.csv"] if study.datasets or study.prompt_probes else []
    tables += ["flags.csv"] if list_all_indices(study) else []
    tables += ["audit.csv", "claims.csv"]
    tables += ["published.csv"] if list_compared_tables(study) else []
    others = list_guidance_tables(study) + list_adherence_table(study) + list_transfer_tables(study)
    return [f"<results>/tables/{name}" for name in tables] + others + list_classifier_tables(study)


def _list_summary_tables(study: Study) -> dict[str, str]:
    names = ["experiments.csv", "experiment_differences.csv", "audit.csv", "claims.csv"]
    names += ["centroid_distance.csv"] if list_image_sets(study) else []
    names += ["error_split.csv", "causes.parquet"] if list_split_sets(study) else []
    names += ["classifier_means.csv", "classifier_differences.csv"] if list_training_runs(study) else []
    names += ["transfer_means.csv"] if list_transfer_sets(study) else []
    return {name.rsplit(".", 1)[0]: f"<results>/tables/{name}" for name in names}


def list_summary_tables(study: Study) -> list[str]:
    """List the tables that the summary uses."""
    return list(_list_summary_tables(study).values())


@plans()
def write_summary(study: Study) -> WriteSummary:
    """Plan the summary."""
    return WriteSummary(
        study=study.name,
        natural=find_natural_reference(study),
        reference=next(iter(list_diagnosis_references(study)), None),
        tables=tuple(_list_summary_tables(study)),
    )


def name_page(part: str) -> str:
    """Return the file name of a part of the report: "4 Diversity and shift" is diversity_and_shift."""
    return re.sub(r"\W+", "_", part.partition(" ")[2].lower())


def find_page_part(study: Study, page: str) -> str:
    """Return the part of the report that a page of tables belongs to."""
    return next(part for part in TABLE_DESCRIPTIONS if name_page(part) == page)


def _describe_page(study: Study, page: str) -> dict[str, str]:
    """Return this study's tables on a page, each with its description."""
    existing = set(list_report_tables(study))
    described = TABLE_DESCRIPTIONS[find_page_part(study, page)]
    return {name: words for name, words in described.items() if f"<results>/tables/{name}.csv" in existing}


def list_page_tables(study: Study, page: str) -> list[str]:
    """List the tables on a page."""
    return [f"<results>/tables/{name}.csv" for name in _describe_page(study, page)]


def list_pages(study: Study) -> list[Wildcards]:
    """List the pages of tables."""
    return [{"page": name} for name in map(name_page, TABLE_DESCRIPTIONS) if _describe_page(study, name)]


@plans(list_pages)
def write_table_page(study: Study, page: str) -> WriteTablePage:
    """Plan a page of tables."""
    return WriteTablePage(study=study.name, described=tuple(_describe_page(study, page).items()))


def list_report_results(study: Study) -> list[str]:
    """List everything that the report shows of the study itself."""
    figures = name_figures(study, [name for name in list_figures(study) if name != "jobs"])
    pages = ["<results>/summary.html", *(f"<results>/tables/{one['page']}.html" for one in list_pages(study))]
    return list_report_tables(study) + figures + [f"<results>/prompts/{name}.csv" for name in study.datasets] + pages


@plans()
def tabulate_jobs(study: Study) -> TabulateJobs:
    """Plan the table of jobs."""
    return TabulateJobs()


def list_guidance_results(study: Study) -> list[str]:
    """List the results of the target guidance."""
    return list_guidance_tables(study) + name_figures(study, ["guidance"])


def list_adherence_results(study: Study) -> list[str]:
    """List the results of the target adherence."""
    return list_adherence_table(study) + name_figures(study, ["adherence"])


def list_transfer_results(study: Study) -> list[str]:
    """List the results of the target transfer."""
    return list_transfer_tables(study) + name_figures(study, ["transfer", "features"])


def list_classifier_results(study: Study) -> list[str]:
    """List the results of the target classifiers."""
    figures = ["classifiers", "training", "exchange_rate", "predictors"]
    return list_classifier_tables(study) + name_figures(study, figures)
