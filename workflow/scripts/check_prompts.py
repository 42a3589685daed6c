"""List the prompts that a text encoder truncates, and those that become identical.

Inputs: the class table, overrides, grammars, prompt tables, prompt probes, and the tokenizers of generators and encoders
(through the config).
Outputs: table, a CSV with one row per problem; no rows if there is none.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.fingerprints import PROBE
from synthdiv.core.hub import fetch_pipeline
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import write_table
from synthdiv.embeddings.prompt_checks import check_prompts, load_encoder_tokenizer, load_generator_tokenizer
from synthdiv.plan.generation import find_generator
from synthdiv.plan.loading import load_study
from synthdiv.plan.sets import list_text_encoders


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Tokenize every prompt with the tokenizers of the generator and encoders that use it."""
    study = load_study(smk.config)
    encoders = {name: load_encoder_tokenizer(spec) for name, spec in list_text_encoders(study).items()}
    generators = {}
    for name, spec in study.config["generators"].items():
        folder = fetch_pipeline(spec["model"], revision=spec["revision"], variant=spec["variant"])
        generators[name] = load_generator_tokenizer(folder)
    tables = []
    probed = [(probe, find_generator(study, name, PROBE)) for name, probe in study.prompt_probes.items()]
    generated = [
        (dataset, find_generator(study, name) if study.config["datasets"][name]["guidance_scales"] else None)
        for name, dataset in study.datasets.items()
    ]
    for dataset, generator in generated + probed:
        tokenizers = dict(encoders)
        if generator is not None:
            tokenizers[generator] = generators[generator]
        for name, (tokenize, limit) in tokenizers.items():
            tables.append(check_prompts(dataset, name, tokenize, limit))
    write_table(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
