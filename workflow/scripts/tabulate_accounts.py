"""Account for the shortfall of each training set: steps from training on natural images to it.

Inputs: predictions of every classifier, for all its training sets; selection, the table of the best sets, if any is chosen.
Outputs: table, one row per classifier, evaluation set, training set and step; by_class, one per class, too.
"""

import polars as pl

from synthdiv.catalog.writing import list_text_columns, write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.accounts import (
    CLASS_SCHEMA,
    SCHEMA,
    Graph,
    Value,
    choose_natural,
    list_populations,
    measure_account,
    plan_account,
)
from synthdiv.diagnosis.interventions import read_classifier
from synthdiv.jobs.diagnosis import TabulateAccounts
from synthdiv.plan.interventions import COMES_WITH


@run_as_job(TabulateAccounts)
def main(job: TabulateAccounts, smk: Script) -> None:
    """Plan the account of each training set, and measure it on each evaluation set."""
    best = {row["classifier"]: row["train_set"] for path in smk.input.selection for row in _list_best(path)}
    rows = []
    for classifier, sets in job.sets.items():
        answers = read_classifier(classifier, job.evaluations, smk.input.predictions)
        graph = Graph(
            settings={
                one.name: {name: Value(*value) for name, value in one.settings.items()} for one in sets if one.settings
            },
            mixed=frozenset(one.name for one in sets if one.mixes_styles),
            natural=frozenset(one.name for one in sets if one.has_natural),
            edges=[one for one in job.interventions if one.classifier == classifier],
            bundles={name: frozenset(further) for name, further in COMES_WITH.items()},
        )
        anchor = best.get(classifier, next(iter(job.choices[classifier]), None))
        natural = choose_natural(graph, job.natural[classifier], anchor)
        steps = {name: plan_account(graph, name, anchor, natural) for name in job.accounted[classifier]}
        for evaluation_set in next(iter(answers.values())):
            evaluated = {training: found[evaluation_set] for training, found in answers.items()}
            head = {"classifier": classifier, "evaluation_set": evaluation_set, "natural": natural, "anchor": anchor}
            for population in list_populations(evaluated):
                for name, own in steps.items():
                    rows += [head | row for row in measure_account(own, evaluated, name, population)]
    for schema, path, is_class in ((SCHEMA, smk.output.table, False), (CLASS_SCHEMA, smk.output.by_class, True)):
        chosen = [{name: row[name] for name in schema} for row in rows if (row["class_id"] is not None) == is_class]
        write_result(pl.DataFrame(chosen, schema=schema).fill_nan(None), path)


def _list_best(path: str) -> list[dict]:
    return read_table(path, list_text_columns("selection")).filter("best").to_dicts()


if __name__ == "__main__":
    main()
