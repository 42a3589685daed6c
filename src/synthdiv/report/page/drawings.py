"""The figures of the page, from its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import polars as pl
from markupsafe import Markup

from synthdiv.report.figures.accounts import find_limits, plot_ladder, plot_waterfall
from synthdiv.report.figures.forest import Estimate, plot_forest
from synthdiv.report.figures.style import SetStyle
from synthdiv.report.page.forest import BEST, CLOSE, Forest, ForestRow
from synthdiv.report.page.numbers import bounds, points
from synthdiv.report.page.reasons import Account, Ladder
from synthdiv.report.page.svg import shorten, to_inline_svg
from synthdiv.report.text_tables import write_latex

STEP_COLUMNS = ("kind", "base", "changed", "setting", "before", "after", "gain")
LADDER_COLUMNS = ("changes", "base", "changed", "gain", "reached", "p_adjusted")


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes
    ----------
    key : str
        Its id on the page.
    svg : Markup
    data : str
        The table with its numbers, relative to the page.
    table : polars.DataFrame
        The rows of it that are shown.
    about : str
        What they are about, as a sentence.
    columns : sequence of str
        Those to print.
    """

    key: str
    svg: Markup
    data: str
    table: pl.DataFrame
    about: str
    columns: Sequence[str]

    @property
    def latex(self) -> str:
        """The numbers as a table for a paper."""
        return write_latex(self.table, self.about, self.columns)

    @property
    def csv(self) -> str:
        """The rows with all their columns."""
        return self.table.write_csv()


def draw_forest(forest: Forest, key: str, styles: Mapping[str, SetStyle]) -> Drawing:
    """Draw the training sets of a classifier: differences where they are known, accuracies otherwise."""
    compared = forest.compared
    rows = [_estimate(row, is_compared=bool(compared)) for row in compared or forest.rows]
    xlabel = f"top-1, points compared with {forest.base}" if compared else "top-1, %"
    figure = plot_forest(
        [replace(row, name=shorten(row.name)) for row in rows],
        {shorten(name): style for name, style in styles.items()},
        shorten(xlabel, 60),
    )
    described = "; ".join(f"{row.name}: {row.label}" for row in rows)
    svg = to_inline_svg(figure, key, f"Forest plot of {forest.classifier}'s training sets, {xlabel}. {described}")
    names = {"name": "train_set", "low": "top1_low", "high": "top1_high"}
    table = pl.DataFrame([asdict(row) for row in forest.rows], infer_schema_length=None).rename(names)
    about = f"Training sets of {forest.classifier}, evaluated on {forest.evaluation_set}."
    shown = [name for name in table.columns if not name.endswith(("_low", "_high"))]
    return Drawing(key, svg, "tables/accounts.csv" if compared else "tables/classifier_means.csv", table, about, shown)


def _estimate(row: ForestRow, *, is_compared: bool) -> Estimate:
    value, low, high = (
        (row.difference or 0.0, row.difference_low, row.difference_high) if is_compared else (row.top1, row.low, row.high)
    )
    low_end, high_end = (None if end is None else 100 * end for end in (low, high))
    label = f"{points(value, signed=is_compared)} {bounds(low, high)}".strip()
    mark = {BEST: "best, ", CLOSE: "≈ best, "}.get(row.status, "")
    return Estimate(row.name, 100 * value, low_end, high_end, mark + label, row.status in (BEST, CLOSE))


def draw_accounts(accounts: Sequence[Account], styles: Mapping[str, SetStyle]) -> list[Drawing]:
    """Draw each account, all on one scale."""
    if not accounts:
        return []
    limits = find_limits(pl.concat([account.table for account in accounts]))
    drawings = []
    for n, account in enumerate(accounts):
        names = ("base", "changed", "setting", "before", "after", "train_set")
        table = account.table.with_columns(pl.col(names).map_elements(lambda name: shorten(name, 24), pl.String))
        figure = plot_waterfall(table, styles[account.train_set].colour, limits)
        about = f"Waterfall from training on {account.base} to {account.train_set}, in points."
        svg = to_inline_svg(figure, f"account-{n}", f"{about} {_describe_steps(account.steps)}")
        about = f"The account of {account.train_set} ({account.classifier}, evaluated on {account.evaluation_set})."
        drawings.append(Drawing(f"account-{n}", svg, "tables/accounts.csv", account.table, about, STEP_COLUMNS))
    return drawings


def _describe_steps(steps: Sequence[tuple[str, str, str]]) -> str:
    return "; ".join(" ".join(part for part in step if part) for step in steps)


def draw_ladder(ladder: Ladder) -> Drawing:
    """Draw the steps from natural to generated images."""
    names = ("base", "changed", "changes")
    table = ladder.table.with_columns(pl.col(names).map_elements(shorten, pl.String))
    about = f"Ladder from training on {ladder.base} to {ladder.changed}, in points."
    svg = to_inline_svg(plot_ladder(table, 6.4), "ladder", f"{about} {_describe_steps(ladder.steps)}")
    about = f"The ladder of {ladder.classifier}, evaluated on {ladder.evaluation_set}."
    return Drawing("ladder", svg, "tables/ladder.csv", ladder.table, about, LADDER_COLUMNS)
