"""The jobs of audit.smk: contradictions in tables, and published values and claims.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthdiv.core.job import Job
from synthdiv.jobs.classifiers import find_first_classifier
from synthdiv.jobs.rules import once_if, plans
from synthdiv.plan.set_roles import find_prompt_sets, find_roles, list_repeated_prompt_sets
from synthdiv.plan.sets import list_encoders
from synthdiv.plan.study import Study

PAPER = Path("resources", "paper")
"""The published tables, below the repository."""
AUDITED = (
    "sets.csv",
    "tables_1_2_classifier.csv",
    "tables_3_4_and_figure_9.csv",
    "table5_modalities.csv",
    "table6_experiments.csv",
    "table6_means.csv",
    "centroid_distance.csv",
)
"""The tables of "Diversity and Diffusion"; the other study has none of this kind."""


class AuditTables(Job):
    """What must hold between the sets.

    Attributes
    ----------
    prompts_of : tuple of (str, str)
        Each generated image set that has a prompt set, with it, in the order of the table.
    repeated : tuple of str
        The prompt sets whose prompts are the same in both splits.
    published : str or None
        The published study that the config names.
    """

    prompts_of: tuple[tuple[str, str], ...]
    repeated: tuple[str, ...]
    published: str | None


class CheckClaims(Job):
    """The sets that the claims are about.

    Attributes
    ----------
    encoder : str
        The encoder of the metrics.
    published : str or None
        The published study that the config names.
    roles : dict
        As :func:`synthdiv.plan.set_roles.find_roles` finds them.
    """

    encoder: str
    published: str | None
    roles: dict[str, Any]


class ComparePublished(Job):
    """The published study, and the classifier that is compared with its."""

    study: str
    classifier: str | None


def list_published_tables(study: Study) -> list[str]:
    """List the published tables to audit, if the config names their study, relative to the published tables' folder."""
    return list(AUDITED) if study.config.published == "diversity_and_diffusion" else []


def list_compared_tables(study: Study) -> list[str]:
    """List the published tables to compare with the study's own, relative to the published tables' folder."""
    return ["imagenet_sd.csv"] if study.config.published == "imagenet_sd" else list_published_tables(study)


@plans()
def audit_tables(study: Study) -> AuditTables:
    """Plan the audit."""
    return AuditTables(
        prompts_of=tuple(find_prompt_sets(study).items()),
        repeated=tuple(list_repeated_prompt_sets(study)),
        published=study.config.published,
    )


@plans()
def check_claims(study: Study) -> CheckClaims:
    """Plan the test of published claims."""
    return CheckClaims(encoder=list_encoders(study)[0], published=study.config.published, roles=find_roles(study))


@plans(once_if(list_compared_tables))
def compare_published(study: Study) -> ComparePublished:
    """Plan the comparison with published values."""
    assert study.config.published is not None
    return ComparePublished(study=study.config.published, classifier=find_first_classifier(study))
