"""The result of a comparison: tables, and how they are shown in a notebook."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from matplotlib.figure import Figure

from synthdiv.analysis.matrix import METRICS
from synthdiv.core.errors import StudyError
from synthdiv.report.figures.experiments import plot_centroid_distance, plot_experiments
from synthdiv.report.text_tables import show_table, write_html

FIGURES = ("experiments", "centroid_distance")
DISTANCES = ("centroid_shift", "frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
"""The metrics of a set's distance from the reference that are shown; `set_metrics` has more."""
WORST = 10
"""Classes that are shown, at most."""


@dataclass(frozen=True, eq=False)
class SetComparison:
    """What a comparison of sets found: tables with the columns of a study's tables of the same names.

    They have no columns `encoder` and `split`. docs/reference/tables.md explains the others. Shown in a notebook as tables
    with intervals and as figures.

    Attributes
    ----------
    experiments, per_class : polars.DataFrame
        Each set as the reference of each other one: Centroid Accuracy, k-NN accuracy and cosine; the same per class.
    experiment_differences : polars.DataFrame
        Paired tests between the rows of `experiments`.
    centroid_distance, centroid_distance_per_class : polars.DataFrame
        The diversity of each set, with all images.
    set_metrics, set_metrics_per_class : polars.DataFrame
        All metrics of diversity, with all images and at equal numbers of images per class; and those of each set's distance
        from the first.
    """

    experiments: pl.DataFrame
    per_class: pl.DataFrame
    experiment_differences: pl.DataFrame
    centroid_distance: pl.DataFrame
    centroid_distance_per_class: pl.DataFrame
    set_metrics: pl.DataFrame
    set_metrics_per_class: pl.DataFrame

    def plot(self, figure: str = "experiments") -> Figure:
        """Plot a figure.

        Parameters
        ----------
        figure : {"experiments", "centroid_distance"}
            Heat maps of the matrix, or the diversity of each set with its interval.

        Raises
        ------
        StudyError
            If there is no such figure.
        """
        if figure == "experiments":
            names = self.centroid_distance["set"].to_list()
            return plot_experiments(self.experiments, names, names)
        if figure == "centroid_distance":
            return plot_centroid_distance(self.centroid_distance.with_columns(split=pl.lit("train")))
        raise StudyError(f"there is no figure {figure!r}; there are {' and '.join(map(repr, FIGURES))}")

    def __str__(self) -> str:
        return "\n\n".join(f"{title}\n{show_table(table)}" for title, table in self._list_tables())

    def _repr_html_(self) -> str:
        """Return the tables and figures as HTML, for Jupyter."""
        parts = [f"<h4>{title}</h4>{write_html(table)}" for title, table in self._list_tables()]
        parts += [f'<img alt="{name}" style="max-width: 48%" src="{_encode(self.plot(name))}">' for name in FIGURES]
        return "".join(parts)

    def _list_tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield the tables that are shown, with their titles; intervals are 95 %."""
        bounds = [f"{name}_{end}" for name in METRICS for end in ("low", "high")]
        matrix = self.experiments.select("reference", "query", "n_queries", *METRICS, *bounds)
        yield "How well each set recognises the images of another", matrix
        equal = self.set_metrics.drop_nulls("images_per_class")
        yield "Diversity, at equal images per class", _pivot(equal.filter(pl.col("reference").is_null()))
        yield (
            "Distance from the reference, at equal images per class",
            _pivot(equal.drop_nulls("reference").filter(pl.col("metric").is_in(DISTANCES))),
        )
        lowest = self.per_class.sort("centroid_accuracy", maintain_order=True).head(WORST)
        yield "Classes with the lowest Centroid Accuracy", lowest.select("name", *matrix.columns)


def _pivot(metrics: pl.DataFrame) -> pl.DataFrame:
    """Return a row per set, with a column per metric and its bounds."""
    rows = []
    for (name, reference, _), own in metrics.group_by("set", "reference", "images_per_class", maintain_order=True):
        row = {"set": name, "reference": reference, "images_per_class": own["images_per_class"][0]}
        for metric, value, low, high in own.select("metric", "value", "low", "high").iter_rows():
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _encode(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
