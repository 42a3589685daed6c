"""All declared tables, by name."""

from __future__ import annotations

from synthdiv.catalog import (
    cause_tables,
    check_tables,
    classifier_tables,
    intervention_tables,
    leakage_tables,
    matrix_tables,
    prompt_tables,
    set_tables,
    transfer_tables,
)
from synthdiv.catalog.table import Table

TABLES: dict[str, Table] = {
    one.name: one
    for chapter in (
        matrix_tables,
        set_tables,
        intervention_tables,
        cause_tables,
        prompt_tables,
        classifier_tables,
        leakage_tables,
        transfer_tables,
        check_tables,
    )
    for one in chapter.TABLES
}
"""By the stem of their files, in the order of the reference page."""
