"""The log of a training run: loss, accuracy and speed, one row per hundredth of the run.

It is written after the weights, and says in its metadata what decided them and what their digest is. So a log whose metadata
fit says that the run is finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.files import replace_atomically
from synthdiv.core.manifests import hash_file
from synthdiv.core.tables import refuse_damage

ROWS = 100
"""Rows of a log."""
SCHEMA = {
    "step": pl.Int64,
    "epoch": pl.Float64,
    "learning_rate": pl.Float64,
    "loss": pl.Float64,
    "train_top1": pl.Float64,
    "monitored_top1": pl.Float64,
    "images_per_s": pl.Float64,
    "elapsed_s": pl.Float64,
}


def write_log(path: Path | str, rows: list[dict[str, Any]], *, identity: str, weights: Path | str) -> None:
    """Write a finished run's log.

    Parameters
    ----------
    path : Path or str
        The log.
    rows : list of dict
        With the columns of :data:`SCHEMA`.
    identity : str
        A digest of what decided the weights.
    weights : Path or str
        The file of the weights.
    """
    with replace_atomically(path) as temporary:
        pl.DataFrame(rows, schema=SCHEMA).write_parquet(
            temporary, metadata={"identity": identity, "weights": hash_file(weights)}
        )


def is_finished(path: Path | str, *, identity: str, weights: Path | str) -> bool:
    """Say whether a run with this identity has written its log and these weights."""
    if not (Path(path).exists() and Path(weights).exists()):
        return False
    with refuse_damage(path):
        metadata = pl.read_parquet_metadata(path)
    return (metadata.get("identity"), metadata.get("weights")) == (identity, hash_file(weights))
