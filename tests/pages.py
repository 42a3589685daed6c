"""Run the blocks of a Markdown page, which sybil reads, in a folder like a clone.

Commands of `synthdiv` run, those of Snakemake are planned, and make is asked what it would do. A YAML block is a config, or
a part of one, which must be accepted; it is `my_study.yaml` in the commands after it.
"""

import copy
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from fake_imagenet import make_class_folders, make_variants, read_keys
from small_study import write_split
from snakemake.cli import get_argument_parser
from snakemake.utils import update_config
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser
from typer.testing import CliRunner
from workplace import REPOSITORY, plan_command

from synthdiv.cli.main import app
from synthdiv.config.expected import read_schema
from synthdiv.config.study_config import StudyConfig
from synthdiv.plan.loading import load_study

LANGUAGES = ("bash", "python", "text", "yaml")
TUTORIAL = "docs/tutorial.md"
IMAGENET = "config/imagenet.yaml"
BASES = {
    "docs/how-to/own-prompts.md": IMAGENET,
    "docs/how-to/prompt-probes.md": "config/config.yaml",
    "docs/how-to/review.md": "config/config.yaml",
    "docs/how-to/transfer.md": IMAGENET,
}
"""The configs that pages add to, as they say. Others add to their own, or to the tutorial's last one; sets of ImageNet's
variants to ImageNet's."""
NOT_RUN = {
    "generate-slurm-partition-config -o profiles/default/partitions.yaml": "it asks Slurm, whose answer is made up here",
    "snakemake --profile local --configfile=my_study.yaml --report results/mine/report.html": "it needs all results: "
    "test_the_report_in_a_browser writes that of the small study",
    "snakemake --profile local --configfile=my_study.yaml --report report.html": "the same",
}
"""Commands that are not run as they are, and why."""
PARTITIONS = {"partitions": {"gpu": {"max_runtime": "7d", "max_gpu": 2}}}
IN_SMALL_STUDY = {
    "my_study.yaml": "study.yaml",
    "my_other_study.yaml": "study.yaml",
    "results/mine": "results/small",
    "results/other": "results/small",
    "Names2.5-IM": "Disamb2.5-IM",
    "Mixed-IM": "Mixed",
}
"""What the commands that read results are given instead: the finished small study, and its sets."""


class Page:
    """A page, and the folder in which its blocks run.

    Parameters
    ----------
    path : Path
    folder : Path
        An empty folder.
    get_finished : callable
        Returns the finished small study, if a command needs results.
    """

    def __init__(self, path, folder, get_finished):
        self.name = str(path.relative_to(REPOSITORY))
        self.folder, self.get_finished = folder, get_finished
        self.config = None
        self.document = read_blocks(path, self.evaluate)
        for name in ("config", "resources", "envs"):
            (folder / name).symlink_to(REPOSITORY / name)
        shutil.copytree(REPOSITORY / "profiles", folder / "profiles", ignore=shutil.ignore_patterns("default"))
        for name in ("local", "slurm"):
            (folder / name).symlink_to(f"profiles/{name}")
        for split, source in (("train", "train"), ("val", "evaluation")):
            for name in ("photos", "other"):
                write_split(folder / name / split, source, range(4))
        keys = [path.name for path in (folder / "photos" / "train").iterdir()]
        captions = [{"key": key, "file": f"{n}.png", "caption": key} for key in keys for n in range(100)]
        pl.DataFrame(captions).write_csv(folder / "captions.csv")
        for name in ("natural", "generated"):
            np.save(folder / f"{name}.npy", np.random.default_rng(0).normal(size=(12, 4)))
            np.save(folder / f"{name}_labels.npy", np.repeat(["cat", "dog"], 6))

    def evaluate(self, example):
        """Run a block; sybil calls this."""
        getattr(self, f"run_{name_language(example)}")(example.parsed)

    def run_bash(self, text):
        for command in list_commands(text):
            self.run_command(command)

    def run_text(self, text):
        """What a command prints, or the rows of a file: only that of make can be compared."""
        if text.startswith("Done. Open:"):
            makefile = (REPOSITORY / "Makefile").read_text()
            assert [line for line in text.splitlines() if f'echo "{line}"' not in makefile] == []

    def run_python(self, text):
        if "\nmodule " in text:
            (self.folder / "Snakefile").write_text(text.replace("/path/to/synthdiv", str(REPOSITORY)))
            self.write_config(self.find_base())
        else:
            exec(compile(text, self.name, "exec"), {})

    def run_yaml(self, text):
        part = yaml.safe_load(text) or {}
        if part and not set(part) <= set(read_schema(StudyConfig)["properties"]):
            options = {option.lstrip("-") for option in get_argument_parser()._option_string_actions}
            assert set(part) <= options, "no config and no profile of Snakemake has these keys"
            return
        if "imagenet" in text and self.name not in BASES:
            base = yaml.safe_load((REPOSITORY / IMAGENET).read_text())
        else:
            base = copy.deepcopy(self.config or self.find_base())
        config = part if "study" in part else base
        update_config(config, part)
        self.write_config(config)
        load_study(config)

    def find_base(self):
        """The config that the page's blocks add to."""
        if self.name in BASES:
            return yaml.safe_load((REPOSITORY / BASES[self.name]).read_text())
        blocks = [example.parsed for example in read_blocks(REPOSITORY / TUTORIAL)]
        return next(yaml.safe_load(block) for block in reversed(blocks) if block.startswith("study:"))

    def write_config(self, config):
        if "imagenet" in str(config):
            self.make_imagenet_once()
        self.config = config
        make_files(config, self.folder)
        (self.folder / "my_study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def run_command(self, command):
        """Run a command, or check what can be checked of it."""
        if command in NOT_RUN:
            if command.startswith("generate-slurm-partition-config"):
                assert (Path(sys.executable).parent / "generate-slurm-partition-config").exists()
                (self.folder / "profiles" / "default" / "partitions.yaml").write_text(yaml.safe_dump(PARTITIONS))
            return
        words = shlex.split(command)
        kind = {"cp": "shell", "ln": "shell"}.get(words[0], words[0])
        getattr(self, f"run_{kind}")(words)

    def run_source(self, words):
        assert words[1].removeprefix("/path/to/synthdiv/") == ".venv/bin/activate"

    def run_make(self, words):
        done = subprocess.run([*words, "--dry-run"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def run_shell(self, words):
        if "/path/to/your/imagenet" in words:
            self.make_imagenet()
            (self.folder / "imagenet").rename(self.folder / "elsewhere")
            words = [word.replace("/path/to/your/imagenet", "elsewhere") for word in words]
        subprocess.run(words, cwd=self.folder, check=True)

    def make_imagenet_once(self):
        if not (self.folder / "imagenet").exists():
            self.make_imagenet()

    def make_imagenet(self):
        """Make up ImageNet, its variants, and prompts and embeddings of its classes."""
        make_variants(self.folder)
        (self.folder / "data").symlink_to("transfer")
        rows = ["key,prompt", *(f"{key},{key}" for key in read_keys())]
        (self.folder / "my_prompts.csv").write_text("\n".join(rows) + "\n")
        write_embeddings(self.folder, classes=1000)

    def run_snakemake(self, words):
        for option in words:
            assert option != "--configfile", "write --configfile=, with its equals sign"
        if "--configfile=my_study.yaml" in words and not (self.folder / "my_study.yaml").exists():
            self.write_config(self.find_base())
        if any("config/imagenet" in word for word in words) and not {"grid", "fetch_models"} & set(words):
            self.make_imagenet_once()
        own = [] if (self.folder / "Snakefile").exists() else ["--snakefile", str(REPOSITORY / "Snakefile")]
        plan = plan_command([*words[1:], *own, "--dry-run", "--quiet", "all"], self.folder)
        assert plan.returncode == 0, f"{' '.join(words)}:\n{plan.stdout[-4000:]}"

    def run_synthdiv(self, words):
        words = words[: words.index(">")] if ">" in words else words
        if words[1] in ("show", "export", "compare"):
            os.chdir(self.get_finished().folder)
            words = [str(self.folder / word) if word.startswith("exported") else word for word in words]
            words = [IN_SMALL_STUDY.get(word, word) for word in words]
        if words[1] == "init":
            for left in self.folder.glob("my_study*"):
                left.unlink()
            write_tables(self.folder)
        done = CliRunner().invoke(app, words[1:])
        os.chdir(self.folder)
        assert done.exit_code == 0, f"{' '.join(words)}:\n{done.output}{done.exception}"


def read_blocks(path, evaluate=None):
    """Read a page; every fence is a block of a known language."""
    document = Sybil([CodeBlockParser(language, evaluate) for language in LANGUAGES]).parse(path)
    count = len(re.findall(r"^ *```", document.text, flags=re.MULTILINE))
    assert count == 2 * len(list(document)), f"{path}: a block has no language, or none of {', '.join(LANGUAGES)}"
    return document


def name_language(example):
    return str(example.region.lexemes["arguments"])


def list_commands(text):
    """The commands of a block, continued lines joined, without their comments."""
    lines = text.replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"\s+#.*", "", line).strip())]


def write_tables(folder):
    """Write the tables that the examples of `synthdiv init` name."""
    (folder / "prompts.csv").write_text("key,prompt\nbag,a bag\n")
    labels = {"class_id": [0, 1] * 4, "split": ["train"] * 4 + ["evaluation"] * 4}
    for name in ("real", "generated"):
        vectors = np.random.default_rng(0).normal(size=(8, 4)).tolist()
        pl.DataFrame(labels | {"embedding": vectors}).write_parquet(folder / f"{name}.parquet")


def write_embeddings(folder, *, classes):
    """Write the embedding tables that a config of a how-to page names."""
    ids = np.arange(classes)
    vectors = np.random.default_rng(0).normal(size=(classes, 4))
    (folder / "synthetic").mkdir()
    for name in ("natural_train", "natural_val", "synthetic/train-1"):
        pl.DataFrame({"class_id": ids, "embedding": vectors.tolist()}).write_parquet(folder / f"{name}.parquet")
    np.save(folder / "synthetic_val.npy", vectors)
    pl.DataFrame({"class_id": ids}).write_csv(folder / "synthetic_val.csv")


def make_files(value, folder):
    """Make up every file and folder that a config names and that does not exist: class folders, and tables without rows."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "model":  # its name may be a repository's
                make_files(one, folder)
    elif isinstance(value, list):
        for one in value:
            make_files(one, folder)
    elif isinstance(value, str) and re.fullmatch(r"[\w./*-]+", value) and not any(folder.glob(value)):
        path = folder / value.replace("*", "1")
        if path.suffix in (".csv", ".tar", ".txt"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("key,prompt\n" if path.suffix == ".csv" else "")
        elif "/" in value:
            make_class_folders(path, ("one", "two"))
