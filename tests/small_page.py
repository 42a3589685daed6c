"""Small tables for the summary page: a natural set N, three generated sets of which two are close, three classes."""

import polars as pl

from synthdiv.analysis.leakage import COUNTS as LEAKAGE
from synthdiv.diagnosis.accounts import SCHEMA as ACCOUNTS
from synthdiv.diagnosis.interventions import CLASS_SCHEMA as EFFECTS
from synthdiv.diagnosis.interventions import SCHEMA as INTERVENTIONS
from synthdiv.diagnosis.ladder import SCHEMA as LADDER
from synthdiv.diagnosis.selection import SCHEMA as SELECTION
from synthdiv.diagnosis.shortfalls import SCHEMA as SHORTFALLS
from synthdiv.diagnosis.suspicions import SCHEMA as SUSPICIONS
from synthdiv.jobs.report import WriteSummary
from synthdiv.report.page.view import build_page, render_page

NAMES = ["cat", "dog", "eel"]
TOP1 = {"N": 0.812, "A": 0.771, "B": 0.764, "C": 0.523}
LOST = {"A": [0.011, 0.312, -0.153], "B": [0.023, 0.214, 0.034], "C": [0.415, 0.116, 0.287]}
TRAINED = ("classifier_means", "classifier_differences", "classifier_confusion", "selection", "accounts", "shortfalls")
TRAINED += ("interventions", "interventions_by_class", "ladder")
WITH_NATURAL = ("causes", "suspicions", "leakage")


def frame(rows, schema):
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def make_job(names=NAMES, **changes):
    job = {"study": "small", "natural": "N", "reference": "N", "class_names": tuple(names), "generated": ("A", "B", "C")}
    job |= {
        "choices": {"net": ("A", "B", "C")},
        "pictured": ("N", "A", "B", "C"),
        "datasets": ("plain",),
        "styled": ("A", "B", "C"),
        "made": {name: f"prompts {name.lower()}" for name in "ABC"},
    }
    return WriteSummary(**(job | changes))


def make_tables(names=NAMES, sets=("A", "B", "C"), without=()):
    """Make the tables of a study with some sets and classes, but for some tables."""
    ids = range(len(names))
    head = {"classifier": "net", "evaluation_set": "N"}

    def lost(name, n):
        return LOST[name][n % 3]

    def add_bounds(row, column, width):
        return row | {f"{column}_low": row[column] - width, f"{column}_high": row[column] + width}

    means = [head | {"train_set": name, "n_seeds": 3, "n_train": 640, "n_evaluation": 300, "top1": TOP1[name]} for name in
             ("N", *sets)]  # fmt: skip
    selection = [
        {"classifier": "net", "selection_set": "N", "train_set": name, "n_images": 210, "n_seeds": 3, "top1": TOP1[name]}
        | {"difference": TOP1[name] - TOP1["A"], "best": name == "A", "may_be_best": name != "C", "detectable": 0.0347}
        | ({} if name == "A" else {"difference_high": max(TOP1[name] - TOP1["A"] + 0.031, 0), "difference_low": -0.4})
        | ({"enough_seeds": 17, "enough_images": 4200} if name == "B" else {})
        for name in sets
    ]
    steps = {"A": [], "B": [("A", "B", "steps", "20", "10")], "C": [("A", "C", "prompts", "long", "short")]}
    accounts = []
    for name in sets:
        rows = [{"kind": "total", "base": "N", "changed": name}, {"kind": "not priced", "base": "N", "changed": "A"}]
        rows += [
            dict(zip(("base", "changed", "setting", "before", "after"), step, strict=True)) | {"kind": "intervention"}
            for step in steps[name]
        ]
        for n, row in enumerate(rows):
            gain = {"gain": TOP1[row["changed"]] - TOP1[row["base"]]}
            whole = head | {"train_set": name, "natural": "N", "anchor": "A", "step": n, "order": "", "note": ""} | row
            accounts.append(add_bounds(whole | gain, "gain", 0.029))
    rungs = [("N", "C", "the whole ladder"), ("N", "A", "captions"), ("A", "C", "noise")]
    ladder = [
        add_bounds(
            head | {"step": n, "base": base, "changed": changed, "changes": what, "gain": TOP1[changed] - TOP1[base]},
            "gain",
            0.025,
        )
        for n, (base, changed, what) in enumerate(rungs)
    ]
    shortfalls = [
        add_bounds(
            head
            | {"train_set": name, "class_id": n, "name": names[n], "compared_with": "N", "recall_before": 0.831}
            | {"recall": 0.831 - lost(name, n), "shortfall": lost(name, n), "suspected": "diversity", "setting": "prompts"}
            | {"finding": "within noise" if abs(lost(name, n)) < 0.1 else "ahead" if lost(name, n) < 0 else "suspected"},
            "shortfall",
            0.047,
        )
        for name in sets
        for n in ids
    ]
    changes = [
        head | dict(zip(("base", "changed", "setting", "before", "after"), step, strict=True)) for own in steps.values()
        for step in own if step[1] in sets
    ]  # fmt: skip
    interventions = [
        add_bounds(row | {"gain": TOP1[row["changed"]] - TOP1[row["base"]], "differs": row["changed"] == "C"}, "gain", 0.033)
        for row in changes
    ]
    effects = [add_bounds(row | {"class_id": n, "gain": -0.138}, "gain", 0.052) for row in changes for n in ids]
    confusion = [
        head | {"train_set": name, "class_id": n, "predicted": other, "n_images": 700 if other == n else 30}
        for name in ("N", *sets)
        for n in ids
        for other in ids
        if abs(n - other) < 3
    ]
    causes = [
        {"set": name, "class_id": n, "key": str(n), "name": names[n], "cause": "diversity", "further_causes": None}
        | {"predicted_class": names[0], "predicted_class_share": 0.063, "accuracy": 0.644, "natural_accuracy": 0.877}
        | {"best_text": f"a photo of a {names[n]}", "best_retrieval": 0.918, "spread_ratio": 0.55, "repeated": 0.0}
        | {"natural_repeated": 0.0, "natural_prompted": 0.741}
        for name in sets
        for n in ids
    ]
    suspected = {"cause": "diversity", "n_suspected": 2, "n_classes": len(names)}
    tested = {"set": "C", "classifier": "net", "tested_by": "A", "setting": "prompts", "before": "short", "after": "long"}
    tested |= {
        "gain": 0.248,
        "gain_low": 0.215,
        "gain_high": 0.281,
        "verdict": "right",
        "hit_rate": 0.934,
        "false_rate": 0.026,
    }
    open_one = {"test": "lower the guidance scale", "config_lines": "sets: {A-g2: {}}", "n_images": 1280}
    suspicions = [suspected | row for row in ({"set": "A"} | open_one, tested) if row["set"] in sets]
    pairs = [(one, other) for one in ("N", *sets) for other in ("N", *sets) if one < other]
    columns = ("classifier", "evaluation_set", "train_set")
    tables = {
        "selection": frame(selection, SELECTION),
        "accounts": frame(accounts, ACCOUNTS),
        "ladder": frame(ladder, LADDER),
        "shortfalls": frame(shortfalls, SHORTFALLS),
        "interventions": frame(interventions, INTERVENTIONS),
        "interventions_by_class": frame(effects, EFFECTS),
        "classifier_means": pl.DataFrame([add_bounds(row, "top1", 0.022) for row in means]),
        "classifier_differences": pl.DataFrame(
            [head | {"train_set_a": one, "train_set_b": other, "differs": "C" in (one, other)} for one, other in pairs]
            ).with_columns(difference=0.1, difference_low=0.05, difference_high=0.15),
        "classifier_confusion": pl.DataFrame(confusion).select(*columns, "class_id", "predicted", "n_images"),
        "causes": pl.DataFrame(causes, schema_overrides={"further_causes": pl.String}),
        "suspicions": frame(suspicions, SUSPICIONS),
        "experiments": pl.DataFrame(
            [{"experiment": n, "reference": name, "query": "N", "centroid_accuracy": 0.7 - n / 10,
              "centroid_accuracy_low": 0.65 - n / 10, "centroid_accuracy_high": 0.75 - n / 10}
             for n, name in enumerate(("N", *sets))]
        ),
        "experiment_differences": pl.DataFrame(schema={"metric": pl.String, "differs": pl.Boolean}),
        "centroid_distance": pl.DataFrame(schema={"set": pl.String, "split": pl.String, "centroid_distance": pl.Float64}),
        "leakage": frame([], LEAKAGE),
        "natural_images": pl.DataFrame({"set": ["N"], "split": ["train"], "n_found": [700], "n_used": [640],
                                        "n_undecodable": [2], "n_left_out": [58]}),
        "claims": pl.DataFrame(schema={"claim": pl.String, "source": pl.String, "verdict": pl.String}),
        "audit": pl.DataFrame(schema=dict.fromkeys(("verdict", "source", "check", "where", "reason"), pl.String)),
    }  # fmt: skip
    return {name: table for name, table in tables.items() if name not in without}


def make_view(tables=None, job=None, *, prompts=None, pictures=None):
    """Build the page of some tables."""
    texts = pl.DataFrame({"class_id": [0, 1, 2], "prompt": ["a cat", "a dog", "an eel"]})
    return build_page(
        make_tables() if tables is None else tables,
        make_job() if job is None else job,
        prompts={"plain": texts} if prompts is None else prompts,
        versions={"polars": "2.1.0"},
        read_pictures=pictures or (lambda names, class_ids: {}),
    )


def make_html(*given, **changes):
    return render_page(make_view(*given, **changes))


def replace_names(names):
    """Return tables and a job with these names of classes, and all of them in those of a set, a setting and advice."""
    long = " ".join(names)
    job = make_job(
        names,
        generated=("A", "B", long),
        choices={"net": ("A", "B", long)},
        pictured=("N", "A", "B", long),
        styled=("A", "B", long),
    )
    tables = {
        key: table.with_columns(pl.col(pl.String).replace(dict.fromkeys(("C", "prompts", "long"), long)))
        for key, table in make_tables(names).items()
    }
    return tables | {"suspicions": tables["suspicions"].with_columns(test=pl.lit(long), config_lines=pl.lit(long))}, job
