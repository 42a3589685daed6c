"""Try an encoder: embed two images, and two prompts if it embeds prompts.

Inputs: the encoder's files, if it is a folder.
Outputs: trial, a small JSON file.
"""

from synthdiv.core.devices import claim_device
from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.embeddings.trial import try_encoder
from synthdiv.jobs.embeddings import TryEncoder


@run_as_job(TryEncoder)
def main(job: TryEncoder, smk: Script) -> None:
    """Try the encoder and write the result."""
    with claim_device(smk.resources.device) as device:
        write_json(try_encoder(job.encoder, device), smk.output.trial)


if __name__ == "__main__":
    main()
