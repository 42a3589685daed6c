"""Score the images of every prompt probe by the class centroids of its reference.

Inputs: images, the embeddings of each probe; references, those of each probe's reference set; the class table.
Outputs: table, a CSV with one row per prompt.
"""

from synthdiv.analysis.experiments import sum_reference
from synthdiv.analysis.prompt_probes import finish_table, score_prompts, tabulate_prompts
from synthdiv.catalog.writing import write_result
from synthdiv.core.fingerprints import PROBE
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.prompts import ScorePromptProbes
from synthdiv.metrics.centroids import compute_centroids
from synthdiv.prompts.class_tables import distinguish_names


@run_as_job(ScorePromptProbes)
def main(job: ScorePromptProbes, smk: Script) -> None:
    """Score each probe and write the table."""
    names, rows = distinguish_names(job.classes.read(find_class_table(smk))), []
    for probe, path, reference in zip(job.prompt_probes, smk.input.images, smk.input.references, strict=True):
        images = EmbeddingTables([path], PROBE).read()
        blocks = EmbeddingTables(read_manifest(reference), "train")
        pair = (probe.reference, f"prompt_probes.{probe.probe}")
        totals = sum_reference(blocks, len(names), width=images.vectors.shape[1], names=pair)
        scores = score_prompts(images, len(probe.prompts), probe.images, compute_centroids(totals))
        class_id = int(images.class_ids[0])
        head = {"probe": probe.probe, "class_id": class_id, "class": names[class_id], "reference": probe.reference}
        rows += tabulate_prompts(probe.prompts, scores, names, head)
    write_result(finish_table(rows), smk.output.table)


if __name__ == "__main__":
    main()
