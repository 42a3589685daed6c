"""The figures of the page, from its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from markupsafe import Markup

from synthdiv.report.figures.accounts import find_limits, plot_waterfall
from synthdiv.report.figures.forest import Estimate, plot_forest
from synthdiv.report.figures.style import SetStyle
from synthdiv.report.page.forest import BEST, CLOSE, Forest, ForestRow
from synthdiv.report.page.numbers import bounds, points
from synthdiv.report.page.reasons import Account
from synthdiv.report.page.svg import shorten, to_inline_svg


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
    """

    key: str
    svg: Markup
    data: str


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
    return Drawing(key, svg, "tables/accounts.csv" if compared else "tables/classifier_means.csv")


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
        described = "; ".join(" ".join(part for part in step if part) for step in account.steps)
        words = f"Waterfall from training on {account.base} to {account.train_set}, in points. {described}"
        drawings.append(Drawing(f"account-{n}", to_inline_svg(figure, f"account-{n}", words), "tables/accounts.csv"))
    return drawings
