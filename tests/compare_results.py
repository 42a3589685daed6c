"""Compare two results folders table by table, under a map of what was renamed between them.

    python tests/compare_results.py OLD NEW [--renamed renamed.yaml] [--tolerance 1e-9]

The map says what changed its name, and nothing else may differ: ``files`` (regular expressions of paths in a results folder
and what they become), ``columns`` (of every table, or ``table.column``) and ``values`` (of text, whole cells) from the older
name to the newer one, and ``new_files`` and ``new_columns`` that the older version did not have. Tables and JSON files are
compared value by value, as are arrays of .npz files; weights and tars byte by byte. Figures, pages, logs and times are
not compared.
"""

import argparse
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml

TABLES = {".csv": pl.read_csv, ".parquet": pl.read_parquet}
BYTES = {".safetensors", ".tar"}
TIMED = ["benchmarks/*", "logs/*", "*.checked/*", "tables/jobs.*", "calibration.json", "reported.json"]
"""Files whose content depends on when and where a job ran."""
TIMES = {"seconds", "elapsed_s", "images_per_s", "modified"}
"""Columns and keys that do."""


def list_files(folder, renames=()):
    """The files to compare, by their newer name."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.suffix in TABLES.keys() | BYTES | {".json", ".npz"} and not any(name.match(timed) for timed in TIMED):
            renamed = str(name)
            for pattern, replacement in renames:
                renamed = re.sub(pattern, replacement, renamed)
            files[renamed] = path
    return files


def read_table(path):
    options = {"infer_schema_length": None} if path.suffix == ".csv" else {}
    try:
        return TABLES[path.suffix](path, **options)
    except pl.exceptions.NoDataError:
        return pl.DataFrame()


def differ(one, other, tolerance):
    """Whether two values differ: numbers by more than the tolerance, absolute or relative."""
    if isinstance(one, float) or isinstance(other, float):
        if one is None or other is None:
            return one is not other
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) != math.isnan(other)
        return not math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) != len(other) or any(map(differ, one, other, [tolerance] * len(one)))
    if isinstance(one, dict) and isinstance(other, dict):
        kept = [{key: value for key, value in part.items() if key not in TIMES} for part in (one, other)]
        return list(kept[0]) != list(kept[1]) or any(differ(kept[0][key], kept[1][key], tolerance) for key in kept[0])
    return type(one) is not type(other) or one != other


def rename(value, columns, values):
    """A JSON value with its keys and texts renamed."""
    if isinstance(value, dict):
        return {columns.get(key, key): rename(one, columns, values) for key, one in value.items()}
    if isinstance(value, list):
        return [rename(one, columns, values) for one in value]
    return values.get(value, value) if isinstance(value, str) else value


def compare_tables(old, new, renamed, tolerance, name):
    """What differs between two tables of a name, as sentences."""
    names = renamed["columns"]
    columns = {column: names.get(f"{name}.{column}", names.get(column, column)) for column in old.columns}
    old = old.rename(columns).select(pl.exclude(TIMES))
    new = new.select(pl.exclude([*TIMES, *(set(renamed["new_columns"]) - set(old.columns))]))
    if old.columns != new.columns:
        return [f"columns {old.columns} became {new.columns}"]
    if len(old) != len(new):
        return [f"{len(old)} rows became {len(new)}"]
    found = []
    for column in old.columns:
        before = [rename(value, renamed["columns"], renamed["values"]) for value in old[column].to_list()]
        after = new[column].to_list()
        rows = [n for n, pair in enumerate(zip(before, after, strict=True)) if differ(*pair, tolerance)]
        if rows:
            found.append(f"{column}: {len(rows)} of {len(old)} rows, first {before[rows[0]]!r} became {after[rows[0]]!r}")
    return found


def compare_files(old, new, renamed, tolerance):
    """What differs between two files, as sentences."""
    if old.suffix in TABLES:
        return compare_tables(read_table(old), read_table(new), renamed, tolerance, new.stem)
    if old.suffix == ".npz":
        with np.load(old) as before, np.load(new) as after:
            parts = [{name: file[name].tolist() for name in file.files} for file in (before, after)]
        return ["arrays"] if differ(rename(parts[0], renamed["columns"], {}), parts[1], tolerance) else []
    if old.suffix == ".json":
        before = rename(json.loads(old.read_text()), renamed["columns"], renamed["values"])
        return ["content"] if differ(before, json.loads(new.read_text()), tolerance) else []
    return [] if old.read_bytes() == new.read_bytes() else ["bytes"]


def compare_results(old, new, renamed, tolerance):
    """What differs between two results folders, as sentences, and how many files they share."""
    renamed = {"files": {}, "columns": {}, "values": {}, "new_columns": [], "new_files": []} | renamed
    before, after = list_files(old, renamed["files"].items()), list_files(new)
    found = [f"{name} is gone" for name in before if name not in after]
    expected = [re.compile(pattern) for pattern in renamed["new_files"]]
    found += [f"{name} is new" for name in after if name not in before and not any(one.fullmatch(name) for one in expected)]
    shared = [name for name in before if name in after]
    for name in shared:
        found += [f"{name}: {text}" for text in compare_files(before[name], after[name], renamed, tolerance)]
    return found, len(shared)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--renamed", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    given = parser.parse_args()
    for folder in (given.old, given.new):
        if not folder.is_dir():
            sys.exit(f"error: {folder} is no folder")
    renamed = yaml.safe_load(given.renamed.read_text()) or {} if given.renamed else {}
    found, shared = compare_results(given.old, given.new, renamed, given.tolerance)
    print("".join(f"{line}\n" for line in found) + f"{shared} files compared, {len(found)} differences")
    sys.exit(bool(found) or not shared)


if __name__ == "__main__":
    main()
