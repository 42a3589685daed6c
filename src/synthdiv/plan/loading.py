"""Read and check a study.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthdiv.plan.checks import check_study
from synthdiv.plan.study import Study


def load_study(config: Mapping[str, Any]) -> Study:
    """Read a study from its config.

    Parameters
    ----------
    config : mapping
        The config as given.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        If anything in it is wrong; no model is loaded for this.
    """
    study = Study(config)
    check_study(study)
    return study
