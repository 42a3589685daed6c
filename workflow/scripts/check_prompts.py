"""List the prompts that a text encoder truncates, and those that become identical.

Inputs: the class table, overrides, grammars, prompt tables, prompt probes, and the tokenizers of generators and encoders
(through the job).
Outputs: table, a CSV with one row per problem; no rows if there is none.
"""

from dataclasses import replace

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.hub import fetch_pipeline
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.embeddings.prompt_checks import check_prompts, load_encoder_tokenizer, load_generator_tokenizer
from synthdiv.jobs.prompts import CheckPrompts


@run_as_job(CheckPrompts)
def main(job: CheckPrompts, smk: Script) -> None:
    """Tokenize every prompt with the tokenizers of the generator and encoders that use it."""
    encoders = {name: load_encoder_tokenizer(spec) for name, spec in job.encoders.items()}
    generators = {
        name: load_generator_tokenizer(fetch_pipeline(spec["model"], revision=spec["revision"], variant=spec["variant"]))
        for name, spec in job.generators.items()
    }
    tables = []
    for listed, generator in job.listed:
        dataset = replace(listed.prompts.read(find_class_table(smk), listed.images_per_class), unique=listed.unique)
        tokenizers = encoders if generator is None else encoders | {generator: generators[generator]}
        tables += [check_prompts(dataset, name, *tokenizer) for name, tokenizer in tokenizers.items()]
    write_result(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
