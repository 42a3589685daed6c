"""Test published claims on a study's results.

A claim (resources/paper/claims.csv) is tested on all sets that play its roles (:mod:`synthdiv.plan.set_roles`), with one row
per comparison. The p-values of paired tests are corrected for the number of tests in the table; intervals are not.
Results paired by image or query generalise to other images of the same classes, and to other training runs where there are
several seeds; results paired by class generalise to other classes too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from synthdiv.claims.findings import Finding
from synthdiv.claims.matrix_evidence import MatrixEvidence
from synthdiv.claims.published import STUDIES
from synthdiv.claims.set_evidence import SetEvidence
from synthdiv.claims.training_evidence import TrainingEvidence
from synthdiv.stats.differences import correct_rows

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("claim", "source", "metric", "expected"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "n_pairs": pl.Int64,
    **dict.fromkeys(("p_value", "p_adjusted"), pl.Float64),
    **dict.fromkeys(("verdict", "published"), pl.String),
}
Roles = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What claims are tested on: the matrix, the metrics of sets, and trained classifiers."""

    matrix: MatrixEvidence
    sets: SetEvidence
    trainings: TrainingEvidence


def check_claims(
    claims: Sequence[Mapping[str, str]], evidence: Evidence, roles: Roles, published: str | None
) -> pl.DataFrame:
    """Test every claim on all sets that play its roles.

    Parameters
    ----------
    claims : sequence of mappings
        id, study, where, claim, printed, as in resources/paper/claims.csv.
    evidence : Evidence
        The study's tables.
    roles : mapping
        From :func:`synthdiv.plan.set_roles.find_roles`.
    published : str or None
        The publication whose printed numbers are shown next to the results.

    Returns
    -------
    polars.DataFrame
        One row per comparison: claim, source, metric, expected (the limit, and the side on which the claim puts the value),
        value, low, high, n_pairs, p_value, p_adjusted (by Benjamini and Hochberg's procedure, over the table), verdict,
        published. A claim holds or fails if its interval excludes the limit and, where it has a test, p_adjusted is below
        0.05; otherwise it is undecided. A claim without a comparison is "not measured".

    Raises
    ------
    ValueError
        If a claim has no test.
    """
    found: list[tuple[Mapping[str, str], Finding | None]] = []
    for claim in claims:
        findings: list[Finding | None] = list(find_comparisons(claim["id"], evidence, roles))
        found += [(claim, finding) for finding in findings or [None]]
    tested = [{"p_value": finding.p_value} for _, finding in found if finding and finding.p_value is not None]
    corrected = iter(correct_rows(tested))
    rows = []
    for claim, finding in found:
        row: dict[str, Any] = {"claim": claim["claim"], "source": f"{STUDIES[claim['study']]}, {claim['where']}"}
        row["published"] = claim["printed"] or None if claim["study"] == published else None
        if finding is None:
            row["verdict"] = "not measured"
        else:
            row |= {name: getattr(finding, name) for name in ("metric", "value", "low", "high", "n_pairs", "p_value")}
            row["expected"] = _describe_limit(finding)
            row["p_adjusted"] = None if finding.p_value is None else next(corrected)["p_adjusted"]
            row["verdict"] = finding.decide(row["p_adjusted"])
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def _describe_limit(finding: Finding) -> str | None:
    if finding.certain is not None:
        return None
    return f"{'above' if finding.sign > 0 else 'below'} {finding.limit:g}"


def find_comparisons(claim: str, evidence: Evidence, roles: Roles) -> Iterator[Finding]:
    """Yield the comparisons that test a claim, given its id."""
    matrix, sets, trainings = evidence.matrix, evidence.sets, evidence.trainings
    natural = roles["natural"]
    match claim:
        case "clarified_recognised":
            for base, changed in roles["clarified"]:
                yield from trainings.compare_cells((natural, changed), (natural, base))
        case "clarified_training":
            for base, changed in roles["clarified"]:
                yield from trainings.compare_trainings(changed, base, natural)
        case "natural_training":
            for name in roles["generated"]:
                yield from trainings.compare_trainings(natural, name, natural)
        case "natural_diversity":
            for name in roles["generated"]:
                yield from sets.compare_spreads(natural, name)
        case "own_easier":
            for name in roles["generated"]:
                yield from trainings.compare_cells((name, name), (natural, natural))
        case "guidance_diversity":
            for lower, higher, _ in _walk_sweeps(roles, sets.spreads.__contains__):
                yield from sets.compare_spreads(lower, higher)
        case "guidance_training" | "unguided_training":
            for lower, higher, scale in _walk_sweeps(roles, lambda name: (name, natural) in trainings.cells):
                if scale > 1 and claim == "guidance_training":
                    yield from trainings.compare_trainings(lower, higher, natural)
                if scale <= 1 and claim == "unguided_training":
                    yield from trainings.compare_trainings(higher, lower, natural)
        case "guidance_recognised":
            for lower, higher, _ in _walk_sweeps(roles, lambda name: (natural, name) in trainings.cells):
                yield from trainings.compare_cells((natural, higher), (natural, lower))
        case "guidance_own_harder":
            for lower, higher, _ in _walk_sweeps(roles, lambda name: (name, name) in trainings.cells):
                yield from trainings.compare_cells((higher, higher), (lower, lower))
        case "augmented_diversity":
            for base, changed in roles["augmented"]:
                yield from sets.compare_spreads(changed, base)
        case "augmented_training" | "diverse_prompts":
            for base, changed in roles["augmented"]:
                yield from trainings.compare_trainings(changed, base, natural)
        case "dictionary_training":
            for base, changed in roles["extended"]:
                yield from trainings.compare_trainings(changed, base, natural)
        case "crops_training" | "crops_generated":
            for crops, plain in roles["cropped"]:
                for name in roles["generated"]:
                    baseline = natural if claim == "crops_generated" else None
                    yield from trainings.compare_classifiers(crops, plain, name, natural, baseline)
        case "augmented_recognised":
            for base, changed in roles["augmented"]:
                yield from trainings.compare_cells((natural, base), (natural, changed))
        case "augmented_own_harder":
            for base, changed in roles["augmented"]:
                yield from trainings.compare_cells((base, base), (changed, changed))
        case "distance_predicts":
            yield from trainings.predict("centroid_distance", 1)
        case "frechet_mean_predicts":
            yield from trainings.predict("frechet_mean_term", -1)
        case "own_centroids":
            for prompts, name in roles["prompts"]:
                yield from matrix.compare_experiments("centroid_accuracy", (name, name), (prompts, name))
        case "diversity_dominates":
            for prompts, name in roles["prompts"]:
                yield from matrix.compare_causes(prompts, name)
        case "prompts_beat_images":
            for prompts, name in roles["prompts"]:
                yield from matrix.compare_experiments("centroid_accuracy", (prompts, natural), (name, natural))
        case "modality_cosines":
            for prompts, name in roles["prompts"]:
                yield from matrix.compare_experiments("mean_cosine", (name, name), (prompts, name))
        case "modality_separable":
            yield from sets.check_separability(roles["prompt_sets"])
        case "knn1_loses":
            yield from matrix.compare_neighbours()
        case "knn5_minority":
            yield from matrix.count_wins()
        case "shift_gap":
            for shifted in roles["shifted"]:
                for name in roles["generated"]:
                    yield from trainings.compare_gaps(natural, name, natural, shifted)
        case "transfer_gap":
            for name in roles["generated"]:
                yield from trainings.compare_transfers(natural, name)
        case "scaled_training":
            for fewer, more in roles["scaled"]:
                yield from trainings.compare_trainings(more, fewer, natural)
        case _:
            raise ValueError(f"there is no test of the claim {claim!r}")


def _walk_sweeps(roles: Roles, measured: Callable[[str], bool]) -> Iterator[tuple[str, str, float]]:
    """Yield the sets of neighbouring scales, lower and higher, and the lower scale, among the measured sets of a sweep."""
    for sweep in roles["sweeps"]:
        for (lower, scale), (higher, _) in pairwise(entry for entry in sweep if measured(entry[0])):
            yield lower, higher, scale
