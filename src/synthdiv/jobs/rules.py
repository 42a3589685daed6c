"""The jobs of each rule, by the rule's name.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from synthdiv.core.job import Job
from synthdiv.plan.study import Study

Wildcards = Mapping[str, str]
MakeJob = TypeVar("MakeJob", bound=Callable[..., Job])


@dataclass(frozen=True)
class Rule:
    """How the jobs of a rule are made.

    Attributes
    ----------
    make : callable
        From a study and the rule's wildcards to the job.
    list_wildcards : callable
        From a study to the wildcards of each of the rule's jobs.
    """

    make: Callable[..., Job]
    list_wildcards: Callable[[Study], Iterable[Wildcards]]


RULES: dict[str, Rule] = {}
"""The rules whose modules are imported."""


def once(study: Study) -> list[Wildcards]:
    """List the wildcards of a rule with one job and no wildcards."""
    return [{}]


def once_if(has_job: Callable[[Study], object]) -> Callable[[Study], list[Wildcards]]:
    """Return the function that lists the wildcards of a rule with one job, for studies of which ``has_job`` is true."""
    return lambda study: [{}] if has_job(study) else []


def plans(list_wildcards: Callable[[Study], Iterable[Wildcards]] = once) -> Callable[[MakeJob], MakeJob]:
    """Register a function that makes the jobs of the rule of its name.

    Parameters
    ----------
    list_wildcards : callable
        From a study to the wildcards of each of the rule's jobs.
    """

    def register(make: MakeJob) -> MakeJob:
        RULES[make.__name__] = Rule(make, list_wildcards)
        return make

    return register


@cache
def _import_rules() -> dict[str, Rule]:
    package = importlib.import_module("synthdiv.jobs")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return RULES


def find_rule(name: str) -> Rule:
    """Return how the jobs of a rule are made."""
    return _import_rules()[name]


def list_jobs(study: Study) -> dict[tuple[str, str], dict[str, Any]]:
    """List the params of every job of a study, whether or not a target needs it, by its rule and its wildcards' values."""
    return {
        (name, " ".join(wildcards.values())): rule.make(study, **wildcards).to_params()
        for name, rule in _import_rules().items()
        for wildcards in rule.list_wildcards(study)
    }
