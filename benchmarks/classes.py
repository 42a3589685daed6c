"""Measure how the cost of a study grows with its number of classes, by rule: `make bench`.

Each study has two sets of synthetic embeddings, and runs from its config to its summary.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from timing import show, widen_tables

CLASSES = (10, 100, 1000)
IMAGES = {"train": 60, "evaluation": 20}
WIDTH = 768
REPOSITORY = Path(__file__).parents[1]
COSTS = ("cpu_seconds", "max_rss_mb", "written_mb")


def write_study(folder: Path, n_classes: int) -> None:
    """Write the config, the class table and the embeddings of a study."""
    rows = "".join(f"{n},k{n},class {n}\n" for n in range(n_classes))
    (folder / "classes.csv").write_text("class_id,key,name\n" + rows)
    sets = {}
    centres = np.random.default_rng(0).normal(size=(n_classes, WIDTH)).astype(np.float32)
    for seed, (name, spread) in enumerate({"Natural-IM": 2.0, "Generated-IM": 1.5}.items()):
        rng = np.random.default_rng(seed + 1)
        files = {}
        for split, count in IMAGES.items():
            ids = np.repeat(np.arange(n_classes), count)
            vectors = centres[ids] + 0.5 * seed + spread * rng.standard_normal((len(ids), WIDTH), dtype=np.float32)
            files[split] = f"{name}_{split}.parquet"
            table = pl.DataFrame({"class_id": ids, "embedding": pl.Series(vectors.astype(np.float32))})
            table.with_columns(pl.col("embedding").cast(pl.List(pl.Float32))).write_parquet(folder / files[split])
        sets[name] = {"kind": "image", "embeddings": files}
    config = {"study": f"classes{n_classes}", "classes": "classes.csv", "sets": sets}
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def run_study(folder: Path, n_classes: int) -> pl.DataFrame:
    """Run a study; return the cost of each rule's jobs: CPU time and bytes as sums, memory as the largest."""
    write_study(folder, n_classes)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--profile", str(REPOSITORY / "profiles" / "local"), "--configfile=study.yaml", "--quiet"]
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    jobs = pl.read_csv(folder / "results" / f"classes{n_classes}" / "tables" / "jobs.csv")
    sums = [pl.col("cpu_seconds").sum(), pl.col("max_rss_mb").max(), pl.col("written_mb").sum()]
    return jobs.group_by("rule").agg(*sums).with_columns(pl.lit(n_classes).alias("n_classes"))


def find_exponents(table: pl.DataFrame) -> pl.DataFrame:
    """Return each rule's costs by number of classes, and the exponents with which they grow between the two largest."""
    wide = table.pivot("n_classes", index="rule", values=list(COSTS))
    *_, few, many = [0, *sorted(table["n_classes"].unique())]
    for cost in COSTS if few else ():
        ratio = pl.col(f"{cost}_{many}") / pl.col(f"{cost}_{few}")
        wide = wide.with_columns((ratio.log() / math.log(many / few)).round(2).alias(f"{cost}_exponent"))
    return wide.sort(f"cpu_seconds_{many}", descending=True)


def main() -> None:
    """Run the studies and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, nargs="+", default=CLASSES)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    widen_tables()
    parts = []
    for count in options.classes:
        with tempfile.TemporaryDirectory() as folder:
            parts.append(run_study(Path(folder), count))
        show(find_exponents(pl.concat(parts)), options.output / "classes.csv")


if __name__ == "__main__":
    main()
