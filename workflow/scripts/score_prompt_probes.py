"""Score the images of every prompt probe by the class centroids of its reference.

Inputs: images, the embeddings of each probe; references, those of each probe's reference set; the class table.
Outputs: table, a CSV with one row per prompt.
"""

from types import SimpleNamespace

from synthdiv.analysis.experiments import sum_reference
from synthdiv.analysis.prompt_probes import finish_table, score_prompts, tabulate_prompts
from synthdiv.core.fingerprints import PROBE
from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.centroids import compute_centroids
from synthdiv.plan.loading import load_study
from synthdiv.prompts.class_tables import distinguish_names


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Score each probe and write the table."""
    study = load_study(smk.config)
    names = distinguish_names(study.classes)
    prompt_probes, rows = smk.params.prompt_probes.items(), []
    for (name, entry), path, reference in zip(prompt_probes, smk.input.images, smk.input.references, strict=True):
        images = EmbeddingTables([path], PROBE).read()
        blocks = EmbeddingTables(read_manifest(reference), "train")
        pair = (entry["reference"], f"prompt_probes.{name}")
        totals = sum_reference(blocks, len(names), width=images.vectors.shape[1], names=pair)
        scores = score_prompts(images, len(entry["prompts"]), entry["images"], compute_centroids(totals))
        class_id = int(images.class_ids[0])
        head = {"probe": name, "class_id": class_id, "class": names[class_id], "reference": entry["reference"]}
        rows += tabulate_prompts(entry["prompts"], scores, names, head)
    write_table(finish_table(rows), smk.output.table)


if __name__ == "__main__":
    main()
