"""The page as plain data, and as HTML: everything that the template shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jinja2
import polars as pl

from synthdiv.jobs.report import WriteSummary
from synthdiv.report.figures.style import SetStyle, style_sets
from synthdiv.report.findings import list_findings
from synthdiv.report.page.actions import Action, Proposal, list_actions, list_proposals
from synthdiv.report.page.classes import ClassTable, tabulate_classes
from synthdiv.report.page.drawings import Drawing, draw_accounts, draw_forest, draw_ladder
from synthdiv.report.page.forest import Forest, tabulate_forests
from synthdiv.report.page.numbers import Tables
from synthdiv.report.page.pictures import Pictures, choose_pictured
from synthdiv.report.page.reasons import (
    Account,
    Ladder,
    Suspicion,
    find_ladder,
    list_accounts,
    list_meanings,
    list_suspicions,
)
from synthdiv.report.page.trust import Part, list_trust
from synthdiv.report.page.verdict import Verdict, find_verdicts

PLACES = {
    "Which training set is best": "sets",
    "Accuracy when trained on them": "sets",
    "Transfer of their features": "sets",
    "Recognition of natural images": "sets",
    "Diversity of the sets": "sets",
    "Where accuracy is lost": "why",
    "From natural to generated images": "why",
    "Suspected causes": "why",
    "Diversity or shift": "why",
    "Which classes fall short": "classes",
    "What each setting is worth": "do",
    "Natural and generated classes in one training set": "do",
}
"""The section that shows the sentences of a finding; those of others are in the section on trust."""


@dataclass(frozen=True)
class Page:
    """Everything that the page shows.

    Attributes
    ----------
    study : str
    natural : str or None
    styles : mapping of set to SetStyle
    verdicts : sequence of Verdict
    forests : sequence of (Forest, Drawing)
    accounts : sequence of (Account, Drawing)
    n_accounts : int
        All accounts, of which some are shown.
    ladder : (Ladder, Drawing) or None
    generates : bool
        Whether the study generates images.
    made : mapping of training set to str
        What each consists of.
    suspicions : sequence of Suspicion
    causes : sequence of (str, str)
        The suspected causes, and what each means.
    classes : ClassTable
    pictures : mapping of (set, class_id) to sequence of Picture
    pictured : sequence of str
        The sets with pictures.
    actions, tried : sequence of Action
    proposals : sequence of Proposal
    trust : sequence of (str, sentences)
    sentences : mapping of section to parts
        The same findings in sentences, and others that no figure shows.
    tables : sequence of str
        The tables that the study has.
    """

    study: str
    natural: str | None
    styles: Mapping[str, SetStyle]
    verdicts: Sequence[Verdict]
    forests: Sequence[tuple[Forest, Drawing]]
    accounts: Sequence[tuple[Account, Drawing]]
    n_accounts: int
    ladder: tuple[Ladder, Drawing] | None
    generates: bool
    made: Mapping[str, str]
    suspicions: Sequence[Suspicion]
    causes: Sequence[tuple[str, str]]
    classes: ClassTable
    pictures: Pictures
    pictured: Sequence[str]
    actions: Sequence[Action]
    tried: Sequence[Action]
    proposals: Sequence[Proposal]
    trust: Sequence[Part]
    sentences: Mapping[str, Sequence[Part]]
    tables: Sequence[str]

    @property
    def looked_at(self) -> list[str]:
        """The sets whose worst classes are shown without a click: the natural one, the best ones, and one more."""
        best = [verdict.best for verdict in self.verdicts]
        leading = [name for name in self.pictured if name == self.natural or name in best]
        others = [name for name in self.pictured if name not in leading]
        return leading + others[: max(3 - len(leading), 1)]


def build_page(
    tables: Tables,
    job: WriteSummary,
    *,
    prompts: Mapping[str, pl.DataFrame],
    versions: Mapping[str, str],
    read_pictures: Callable[[Sequence[str], Sequence[int]], Pictures],
) -> Page:
    """Build the page from a study's tables.

    Parameters
    ----------
    tables : Tables
    job : WriteSummary
    prompts : mapping of dataset to polars.DataFrame
    versions : mapping of str to str
        The versions of packages.
    read_pictures : callable
        From sets and classes to their pictures.
    """
    verdicts, sentences = find_verdicts(tables, job), _place_findings(job, tables)
    forests = tabulate_forests(tables, verdicts)
    accounts, n_accounts = list_accounts(tables, verdicts)
    classes = tabulate_classes(tables, job, verdicts, prompts)
    styles = style_sets(job.styled, job.natural)
    pictured = choose_pictured(job.pictured, [job.natural, *(verdict.best for verdict in verdicts)])
    actions, tried = list_actions(tables, verdicts)
    ladder, suspicions = find_ladder(tables), list_suspicions(tables)
    drawn = [draw_forest(forest, f"forest-{n}", styles) for n, forest in enumerate(forests)]
    return Page(
        study=job.study,
        natural=job.natural,
        styles=styles,
        verdicts=verdicts,
        forests=list(zip(forests, drawn, strict=True)),
        accounts=list(zip(accounts, draw_accounts(accounts, styles), strict=True)),
        n_accounts=n_accounts,
        ladder=None if ladder is None else (ladder, draw_ladder(ladder)),
        generates=bool(job.datasets),
        made=job.made,
        suspicions=suspicions,
        causes=list_meanings(suspicions),
        classes=classes,
        pictures=read_pictures(pictured, [one.class_id for one in classes.opened]),
        pictured=pictured,
        actions=actions,
        tried=tried,
        proposals=list_proposals(tables, verdicts),
        trust=list_trust(tables, job, forests, versions, sentences["trust"]),
        sentences=sentences,
        tables=sorted(tables),
    )


def _place_findings(job: WriteSummary, tables: Tables) -> dict[str, list[Part]]:
    """Return the findings in sentences, by section."""
    found: dict[str, list[Part]] = {name: [] for name in ("sets", "why", "classes", "do", "trust")}
    for heading, sentences in list_findings(job, tables):
        found[PLACES.get(heading, "trust")].append((heading, sentences))
    return found


def render_page(page: Page) -> str:
    """Return the page as self-contained HTML; every text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("synthdiv.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("summary.html").render(page=page)
