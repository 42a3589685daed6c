"""Two studies side by side: what both measured under the same names, with the differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.core.results_format import check_results_format
from synthdiv.report.results import read_result
from synthdiv.stats.differences import difference_interval

NOTE = (
    "Differences are second minus first. Their intervals take the studies as independent, and are not corrected for the "
    "number of comparisons. Those of accuracies cover other images and not other training runs; those of gains cover both."
)


@dataclass(frozen=True)
class _Compared:
    """A table that is compared: the columns that say what a row is about, and its metrics, each with an interval."""

    keys: tuple[str, ...]
    metrics: tuple[str, ...]


COMPARED = {
    "classifier_means": _Compared(("classifier", "train_set", "evaluation_set"), ("top1",)),
    "interventions": _Compared(("classifier", "evaluation_set", "base", "changed"), ("gain",)),
    "experiments": _Compared(("reference", "query"), ("centroid_accuracy", "knn5_accuracy", "mean_cosine")),
    "centroid_distance": _Compared(("set", "split"), ("centroid_distance",)),
    "set_metrics": _Compared(("encoder", "set", "reference", "metric", "split", "images_per_class"), ("value",)),
}
"""The compared tables, in order. The bounds of ``value`` are ``low`` and ``high``."""


def read_tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Read the tables of a folder of results that can be compared, as far as they exist.

    Raises
    ------
    StudyError
        If there is none, or the results are of another version of this workflow.
    """
    check_results_format(folder)
    paths = {name: folder / "tables" / f"{name}.csv" for name in COMPARED}
    found = {name: read_result(path) for name, path in paths.items() if path.exists()}
    if not found:
        raise StudyError(f"{folder} has none of the tables {', '.join(COMPARED)}: run its study first")
    return found


def compare_studies(first: Mapping[str, pl.DataFrame], second: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Compare what two studies measured under the same names.

    Parameters
    ----------
    first, second : mapping of str to polars.DataFrame
        Their tables, of :func:`read_tables`.

    Returns
    -------
    dict of str to polars.DataFrame
        For each table that both have, a row per metric that both have: its keys, metric, first, second and difference, with
        the bounds of each.

    Raises
    ------
    StudyError
        If they have nothing in common.
    """
    found = {}
    for name, compared in COMPARED.items():
        if name in first and name in second:
            # an empty column has another type than one with values
            one, other = (given[name].with_columns(pl.col(compared.keys).cast(pl.String)) for given in (first, second))
            joined = one.join(other, on=compared.keys, suffix="_second", nulls_equal=True, maintain_order="left")
            rows = [_compare(row, compared, metric) for row in joined.iter_rows(named=True) for metric in compared.metrics]
            if rows:
                found[name] = pl.DataFrame(rows, infer_schema_length=None)
    if not found:
        raise StudyError("the two studies measured nothing under the same names: do their sets have the same names?")
    return found


def _compare(row: Mapping, compared: _Compared, metric: str) -> dict:
    low, high = ("low", "high") if metric == "value" else (f"{metric}_low", f"{metric}_high")
    values = row[metric], row[f"{metric}_second"]
    bounds = [(row[f"{low}{end}"], row[f"{high}{end}"]) for end in ("", "_second")]
    described = {key: row[key] for key in compared.keys} | ({} if metric == "value" else {"metric": metric})
    difference = None if None in values else values[1] - values[0]
    has_bounds = difference is not None and not any(None in one for one in bounds)
    interval = difference_interval(values[0], bounds[0], values[1], bounds[1]) if has_bounds else (None, None)
    columns = {"first": (values[0], bounds[0]), "second": (values[1], bounds[1]), "difference": (difference, interval)}
    for name, (value, (least, most)) in columns.items():
        described |= {name: value, f"{name}_low": least, f"{name}_high": most}
    return described
