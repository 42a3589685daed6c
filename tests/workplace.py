"""Where tests run Snakemake: in processes of its own, or, to plan only, in the test's."""

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

REPOSITORY = Path(__file__).parents[1]
DEMO = REPOSITORY / "resources" / "demo"


@dataclass(frozen=True)
class Plan:
    """A finished dry run."""

    returncode: int
    stdout: str


class Workplace:
    """A working directory with a config, in which Snakemake runs this repository's workflow."""

    def __init__(self, folder, config, *, environment=None):
        self.folder = folder
        self.config = config
        self.environment = environment

    @classmethod
    def make(cls, folder, config, **options):
        """A new place, with what the workflow looks for in its working directory."""
        (folder / "resources").mkdir(parents=True)
        (folder / "resources" / "demo").symlink_to(DEMO)
        shutil.copytree(REPOSITORY / "resources" / "prompts", folder / "resources" / "prompts")
        place = cls(folder, config, **options)
        place.write_config()
        return place

    @classmethod
    def reopen(cls, folder):
        """A place that was made before."""
        return cls(folder, yaml.safe_load((folder / "study.yaml").read_text()))

    def copy_to(self, folder):
        """The same place with all that it holds, elsewhere."""
        # but what plans leave behind, which may vanish meanwhile, and the mark of whose archive it was
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
        listed = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(REPOSITORY / "profiles" / profile)]
        # targets stand before --configfile, which takes every name after it for a config file
        return listed + list(arguments) + (["--configfile", configfile] if configfile else [])

    def command(self, *arguments, **options):
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments, **options)]

    def run(self, *arguments, check=True, **options):
        """Run Snakemake; returns the finished process with stdout and stderr in one text."""
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
        """Make a dry run by Snakemake's command line in this process: another takes seconds to start.

        With another config than the place's, if one is given. What Snakemake leaves changed in the process is put back.
        """
        assert self.environment is None
        if config is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "study.yaml"
                path.write_text(yaml.safe_dump(config, sort_keys=False))
                return self.plan(*arguments, check=check, configfile=str(path), **options)
        listed = self.arguments("--dry-run", *arguments, **options)
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["snakemake", *listed])
            patch.setattr(sys, "path", list(sys.path))
            before = signal.getsignal(signal.SIGTERM)
            try:
                with unittest.mock.patch.dict(os.environ), pytest.raises(SystemExit) as ended:
                    cli.main(listed)
            finally:
                signal.signal(signal.SIGTERM, before)
        done = Plan(ended.value.code, said.getvalue())
        if check and done.returncode != 0:
            raise AssertionError(f"snakemake --dry-run {' '.join(arguments)} failed:\n{done.stdout[-6000:]}")
        return done
