"""Read the files of rules as text."""

import importlib
import re
from dataclasses import dataclass

from workplace import REPOSITORY

RULE_FILES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
SCRIPTS = REPOSITORY / "workflow" / "scripts"
COMMAND = "@run_as_command\ndef main(smk: Script) -> None:"
RULE = re.compile(r"^(?:rule (\w+):|use rule (\w+) as (\w+) with:)\n((?:    .*\n|\n)+)", flags=re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """A rule that runs a script.

    Attributes
    ----------
    name : str
    base : str
        The rule that has the script: the same one, or that of ``use rule ... as``.
    body : str
        Everything below its name.
    """

    name: str
    base: str
    body: str

    @property
    def script(self):
        """The text of its script."""
        return (SCRIPTS / f"{self.base}.py").read_text()

    @property
    def is_command(self):
        """Whether its script reads the study's config, and has no job."""
        return COMMAND in self.script

    @property
    def make(self):
        """The function that makes its job; None if it has none."""
        params = re.search(r"^    params:\n        job=job_of\((\w+)\.(\w+)\),$", self.body, flags=re.MULTILINE)
        if params is None:
            return None
        module = {"report_jobs": "report"}.get(params[1], params[1])  # `report` is a function of Snakemake
        return getattr(importlib.import_module(f"synthdiv.jobs.{module}"), params[2])

    @property
    def kind(self):
        """The name of the type of its job."""
        return self.make.__annotations__["return"]


def list_rules(path):
    """List the rules of a file that run a script."""
    rules = [Rule(name or again, base or name, body) for name, base, again, body in RULE.findall(path.read_text())]
    return [rule for rule in rules if rule.name != rule.base or "script:" in rule.body]


def list_local_rules(path):
    """List the rules of a file that are not submitted to a cluster."""
    local = re.search(r"^localrules:\n((?:    \w+,\n)+)", path.read_text(), flags=re.MULTILINE)
    return re.findall(r"\w+", local[1]) if local else []
