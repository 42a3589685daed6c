"""Embed the texts of each class: its prompts in every dataset, other wordings, and kinds of picture.

Inputs: the prompt sources (through the job); the encoder's files, if it is a folder.
Outputs: table, one row per text.
"""

import numpy as np

from synthdiv.core.devices import claim_device
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.diagnosis.evidence import Texts, write_texts
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.jobs.diagnosis import EmbedClassTexts
from synthdiv.prompts.class_texts import list_texts


@run_as_job(EmbedClassTexts)
def main(job: EmbedClassTexts, smk: Script) -> None:
    """List the texts, embed them and write the table."""
    table = find_class_table(smk)
    datasets = {prompts.name: prompts.read(table, counts) for prompts, counts in job.datasets}
    listed = list_texts(job.classes.read(table), datasets)
    class_ids, kinds, texts = zip(*listed, strict=True)
    with claim_device(smk.resources.device) as device:
        vectors = OpenClipEncoder(job.encoder, device).embed_prompts(texts).vectors
    write_texts(Texts(np.array(class_ids), list(kinds), list(texts), vectors), smk.output.table)


if __name__ == "__main__":
    main()
