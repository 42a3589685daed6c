"""Fetch every model in the config, and check that each can be loaded.

Inputs: none; the config's generators, encoders and classifiers.
Outputs: none; the files are in the caches of the hub and the libraries.
"""

import torch

from synthdiv.classifiers.recipes import build_model
from synthdiv.core.hub import fetch_pipeline, fetch_weights
from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.embeddings.loading import load_encoder
from synthdiv.generation.families import find_family
from synthdiv.plan.loading import load_study


@run_as_command
def main(smk: Script) -> None:
    """Fetch the models and report their locations."""
    study = load_study(smk.config)
    for name, spec in study.config.generators.items():
        folder = fetch_pipeline(spec.model, revision=spec.revision, variant=spec.variant)
        find_family(spec.model, folder)
        announce(f"generator {name}: {folder}")
        for weights, what in ((spec.lora, "LoRA"), (spec.safety_checker, "safety checker")):
            if weights is not None:
                announce(f"generator {name}, {what}: {fetch_weights(weights, what)}")
    for name, encoder in study.config.encoders.items():
        load_encoder(encoder.to_dict(), torch.device("cpu"))
        announce(f"encoder {name}: {encoder.model} {encoder.pretrained or ''}".rstrip())
    for name, recipe in study.recipes.items():
        if recipe.pretrained is True:
            build_model(recipe.to_dict(), None)
            announce(f"classifier {name}: {recipe.model}")
    announce("All models are available. For jobs on machines without a network, set HF_HUB_OFFLINE=1.")


if __name__ == "__main__":
    main()
