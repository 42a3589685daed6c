"""Read and check a study.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synthdiv.config.loading import read_config, read_recipes
from synthdiv.config.problems import about, locate_problems
from synthdiv.config.swaps import add_swaps
from synthdiv.plan.checks import check_names, check_study
from synthdiv.plan.study import Study
from synthdiv.prompts.class_tables import read_classes
from synthdiv.prompts.datasets import build_datasets, build_prompt_probe


def load_study(config: Mapping[str, Any], files: Iterable[str] = ()) -> Study:
    """Read a study from its config.

    Parameters
    ----------
    config : mapping
        The config as given.
    files : iterable of str
        The files that it was read from, so that messages can name file and line.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        If anything in it is wrong; no model is loaded for this.
    """
    with locate_problems(list(files), config):
        checked = read_config(config)
        with about(("classes",)):
            classes = read_classes(checked.classes)
        check_names(checked, classes)
        checked = add_swaps(checked, [row.key for row in classes])
        counts, probes = checked.count_images(), checked.prompt_probes
        study = Study(
            config=checked,
            classes=classes,
            datasets=build_datasets(checked.datasets, classes, seed=checked.seed, images_per_class=counts),
            prompt_probes={name: build_prompt_probe(name, one, classes, checked.seed) for name, one in probes.items()},
            recipes=read_recipes(checked),
        )
        check_study(study)
    return study
