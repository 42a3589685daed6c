"""Run Snakemake in tests: in processes of its own or, for dry runs, in the test's process."""

import contextlib
import copy
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest.mock
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from snakemake import cli
from snakemake.dag import DAG

REPOSITORY = Path(__file__).parents[1]
DEMO = REPOSITORY / "resources" / "demo"


@dataclass(frozen=True)
class Plan:
    """A finished dry run."""

    returncode: int
    stdout: str


def plan_command(command, folder):
    """Run Snakemake's command line in this process, to plan; restore the process state that it changes."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["snakemake", *command])
        patch.setattr(sys, "path", list(sys.path))
        before = signal.getsignal(signal.SIGTERM)
        try:
            with unittest.mock.patch.dict(os.environ), pytest.raises(SystemExit) as ended:
                cli.main(command)
        finally:
            signal.signal(signal.SIGTERM, before)
    return Plan(ended.value.code, output.getvalue())


class Workplace:
    """A working directory with a config, in which Snakemake runs this repository's workflow."""

    def __init__(self, folder, config, *, environment=None):
        self.folder = folder
        self.config = config
        self.environment = environment

    @classmethod
    def make(cls, folder, config, **options):
        """Make a new place, with the resources that the workflow needs in its working directory."""
        (folder / "resources").mkdir(parents=True)
        (folder / "resources" / "demo").symlink_to(DEMO)
        shutil.copytree(REPOSITORY / "resources" / "prompts", folder / "resources" / "prompts")
        place = cls(folder, config, **options)
        place.write_config()
        return place

    @classmethod
    def reopen(cls, folder):
        """Return an existing place."""
        return cls(folder, yaml.safe_load((folder / "study.yaml").read_text()))

    def copy_to(self, folder):
        """Copy the place with its files to another folder."""
        # except Snakemake's temporary files, which may vanish meanwhile, and the marks of the archive's users
        ignored = shutil.ignore_patterns("iocache", "locks", "used_by", "*.snakemake.log")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=ignored)
        place = copy.copy(self)
        place.folder, place.config = folder, copy.deepcopy(self.config)
        return place

    def write_config(self):
        (self.folder / "study.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    @property
    def results(self):
        return self.folder / "results" / self.config["study"]

    def arguments(self, *arguments, profile="local", configfile="study.yaml"):
        options = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(REPOSITORY / "profiles" / profile)]
        # targets precede --configfile, which takes all following names as config files
        return options + list(arguments) + (["--configfile", configfile] if configfile else [])

    def command(self, *arguments, **options):
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments, **options)]

    def run(self, *arguments, check=True, **options):
        """Run Snakemake; return the finished process, with stderr merged into stdout."""
        done = subprocess.run(
            self.command(*arguments, **options),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-6000:]}")
        return done

    def plan(self, *arguments, check=True, config=None, **options):
        """Make a dry run with Snakemake's command line in this process, since a new process takes seconds to start.

        Uses ``config`` instead of the place's config if given.
        """
        assert self.environment is None
        if config is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "study.yaml"
                path.write_text(yaml.safe_dump(config, sort_keys=False))
                return self.plan(*arguments, check=check, configfile=str(path), **options)
        done = plan_command(self.arguments("--dry-run", *arguments, **options), self.folder)
        if check and done.returncode != 0:
            raise AssertionError(f"snakemake --dry-run {' '.join(arguments)} failed:\n{done.stdout[-6000:]}")
        return done

    def list_jobs(self, *targets):
        """Make a dry run and return Snakemake's jobs that run a script."""
        dag = self._make_dag(*targets)
        return [job for job in dag.jobs if job.rule.script]

    def list_reasons(self, *targets, config=None):
        """Make a dry run, of another config if given; return each job with a script, and why it would run."""
        dag = self._make_dag(*targets, config=config)
        return {job: dag.reason(job) if dag.needrun(job) else None for job in dag.jobs if job.rule.script}

    def _make_dag(self, *targets, **options):
        with unittest.mock.patch.object(DAG, "__init__", autospec=True, side_effect=DAG.__init__) as made:
            self.plan(*targets, **options)
        return made.call_args.args[0]
