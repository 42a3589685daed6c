"""The jobs of report.smk, the files of the whole report, and those of each target.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import re

from synthdiv.catalog.tables import TABLES
from synthdiv.config.training import MixturePart
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.job import Job
from synthdiv.jobs.figures import list_figures, list_styled, name_figures
from synthdiv.jobs.files import find_set_indices, has_result, list_results
from synthdiv.jobs.rules import Wildcards, plans
from synthdiv.plan.classifiers import list_answering, list_choices, list_parts
from synthdiv.plan.experiments import find_natural_reference, list_diagnosed, list_diagnosis_references
from synthdiv.plan.sets import list_image_sets
from synthdiv.plan.study import Study


class WriteSummary(Job):
    """What the summary is about.

    Attributes
    ----------
    study : str
    natural : str or None
        The natural set.
    reference : str or None
        The reference set of the error split.
    class_names : tuple of str
        By class_id.
    generated : tuple of str
        The image sets that are compared with the natural one.
    choices : mapping of str to tuple of str
        For each classifier with training sets, those that one can choose from.
    pictured : tuple of str
        The sets with images, in the order of their indices among the inputs.
    styled : tuple of str
        All sets that are told apart, in the order of their colours.
    datasets : tuple of str
        The datasets, in the order of their prompts among the inputs.
    made : dict of training set to str
        What each consists of: natural images, or prompts and a guidance scale.
    """

    study: str
    natural: str | None
    reference: str | None
    class_names: tuple[str, ...]
    generated: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]
    pictured: tuple[str, ...]
    styled: tuple[str, ...]
    datasets: tuple[str, ...]
    made: dict[str, str]


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
    """List the tables of the report: all but those of jobs, which it reads last, and of reviews."""
    return list_results(study, *({table.rule for table in TABLES.values()} - {"tabulate_jobs", "write_review"}))


def list_pictured(study: Study) -> list[str]:
    """List the sets whose images the summary shows: all with images, but for natural ones that serve to evaluate alone."""
    names = [name for name in list_image_sets(study) if study.sets[name].embeddings is None]
    natural = find_natural_reference(study)
    return [name for name in names if name == natural or not study.sets[name].is_natural]


def list_pictured_indices(study: Study) -> list[str]:
    """List the file that represents the indices of each of these sets."""
    return [find_set_indices(study, name) for name in list_pictured(study)]


def list_summary_prompts(study: Study) -> list[str]:
    """List the prompts of each dataset."""
    return [f"<results>/prompts/{name}.csv" for name in study.datasets]


@plans()
def write_summary(study: Study) -> WriteSummary:
    """Plan the summary."""
    return WriteSummary(
        study=study.name,
        natural=find_natural_reference(study),
        reference=next(iter(list_diagnosis_references(study)), None),
        class_names=tuple(row.name for row in study.classes),
        generated=tuple(list_diagnosed(study)),
        choices={name: tuple(list_choices(study, name)) for name in list_answering(study)},
        pictured=tuple(list_pictured(study)),
        styled=tuple(list_styled(study)),
        datasets=tuple(study.datasets),
        made={name: _describe_training(study, name) for entry in list_answering(study).values() for name in entry.train},
    )


def _describe_training(study: Study, training: str) -> str:
    """Return what a training set consists of, in a few words."""
    return " + ".join(_describe_part(study, part) for part in list_parts(study, training))


def _describe_part(study: Study, part: MixturePart) -> str:
    entry = study.sets[part.set]
    if entry.dataset is not None:
        what = f"prompts {study.find_dataset(part.set)}, guidance scale {format_scale(study.find_scale(part.set))}"
    else:
        what = ", ".join(f"{name} {value}" for name, value in entry.settings.items()) or "natural images"
    return what if part.images_per_class is None else f"{part.images_per_class} a class of {part.set}: {what}"


def name_page(part: str) -> str:
    """Return the file name of a part of the report: "4 Diversity and shift" is diversity_and_shift."""
    return re.sub(r"\W+", "_", part.partition(" ")[2].lower())


def find_page_part(study: Study, page: str) -> str:
    """Return the part of the report that a page of tables belongs to."""
    return next(table.part for table in TABLES.values() if name_page(table.part) == page)


def _describe_page(study: Study, page: str) -> dict[str, str]:
    """Return this study's tables on a page, each with its description."""
    shown = {name: table.description for name, table in TABLES.items() if name_page(table.part) == page}
    return {name: words for name, words in shown.items() if has_result(study, name)}


def list_page_tables(study: Study, page: str) -> list[str]:
    """List the tables on a page."""
    return [f"<results>/tables/{name}.csv" for name in _describe_page(study, page)]


def list_pages(study: Study) -> list[Wildcards]:
    """List the pages of tables."""
    parts = dict.fromkeys(table.part for name, table in TABLES.items() if table.part and has_result(study, name))
    return [{"page": name_page(part)} for part in parts]


@plans(list_pages)
def write_table_page(study: Study, page: str) -> WriteTablePage:
    """Plan a page of tables."""
    return WriteTablePage(study=study.name, described=tuple(_describe_page(study, page).items()))


def list_report_results(study: Study) -> list[str]:
    """List everything that the report shows of the study itself."""
    figures = name_figures(study, [name for name in list_figures(study) if name != "jobs"])
    pages = ["<results>/summary.html", *(f"<results>/tables/{one['page']}.html" for one in list_pages(study))]
    return list_report_tables(study) + figures + list_summary_prompts(study) + pages


@plans()
def tabulate_jobs(study: Study) -> TabulateJobs:
    """Plan the table of jobs."""
    return TabulateJobs()


def list_guidance_results(study: Study) -> list[str]:
    """List the results of the target guidance."""
    return list_results(study, "tabulate_guidance") + name_figures(study, ["guidance"])


def list_adherence_results(study: Study) -> list[str]:
    """List the results of the target adherence."""
    return list_results(study, "tabulate_adherence") + name_figures(study, ["adherence"])


def list_transfer_results(study: Study) -> list[str]:
    """List the results of the target transfer."""
    return list_results(study, "tabulate_transfer", "tabulate_features") + name_figures(study, ["transfer", "features"])


def list_classifier_results(study: Study) -> list[str]:
    """List the results of the target classifiers."""
    figures = ["classifiers", "training", "exchange_rate", "sizes", "confusion", "predictors"]
    return list_results(study, "tabulate_classifiers", "rank_predictors") + name_figures(study, figures)
