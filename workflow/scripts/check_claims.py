"""Test published claims about synthetic sets on the study's own tables.

Inputs: claims, the list of claims; experiments, per_class and differences of the matrix; metrics of the sets, overall and
per class; classifiers, per class and their differences; predictors; transfer; the last four if the study has them.
Outputs: table, one row per claim and comparison.
"""

from synthdiv.analysis.predictors import SCHEMA
from synthdiv.catalog.writing import write_result
from synthdiv.claims.claims import Evidence, check_claims
from synthdiv.claims.matrix_evidence import MatrixEvidence
from synthdiv.claims.set_evidence import SetEvidence
from synthdiv.claims.training_evidence import TrainingEvidence
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.audit import CheckClaims
from synthdiv.prompts.class_tables import read_csv_rows


@run_as_job(CheckClaims)
def main(job: CheckClaims, smk: Script) -> None:
    """Test the claims and write the results."""
    required = ("id", "study", "where", "claim", "printed")
    claims = [row for _, row in read_csv_rows(smk.input.claims, required=required, what="list of claims")]
    metrics, metrics_per_class = map(read_table, smk.input.metrics) if smk.input.metrics else (None, None)
    classes, differences = smk.input.classifiers or (None, None)
    evidence = Evidence(
        MatrixEvidence(*map(read_table, (smk.input.experiments, smk.input.per_class, smk.input.differences))),
        SetEvidence(
            metrics=None if metrics is None else metrics.filter(encoder=job.encoder),
            per_class=None if metrics_per_class is None else metrics_per_class.filter(encoder=job.encoder),
        ),
        TrainingEvidence(
            per_class=classes and read_table(classes),
            differences=differences and read_table(differences),
            predictors=read_table(smk.input.predictors[0], SCHEMA) if smk.input.predictors else None,
            transfer=read_table(smk.input.transfer[0]) if smk.input.transfer else None,
        ),
    )
    write_result(check_claims(claims, evidence, job.roles, job.published), smk.output.table)


if __name__ == "__main__":
    main()
