"""Write the model card of the demo's models from their training records."""

from __future__ import annotations

import json
from pathlib import Path

from world import CHANCE_BARE, CHANCE_NEUTRAL, CHANCE_OMITTED, HOMONYMS, WORDS

CARD = """# Model card: the demo's models

`make demo-models` (`resources/demo/training/`) trains the models and writes this page.

**Intended use.** To demonstrate the whole workflow on a laptop, with the same classes and calls as a full study:
`DiffusionPipeline.from_pretrained("stable-diffusion", variant="fp16")` and
`open_clip.create_model_and_transforms("local-dir:clip")`. They only know ten kinds of clothing at 32 x 32 pixels.

| model | shape | parameters | trained on | seconds | threads | final loss | |
|---|---|---|---|---|---|---|---|
{rows}

The pipeline's text encoder is the text tower of the CLIP model, frozen, as in Stable Diffusion v1.5. Its scheduler is Stable
Diffusion v1.5's PNDM. All weights are stored in fp16. Seed {seed}, torch {torch}, {machine}. Retraining
reproduces the weights only with the same type of processor, number of threads and versions.

## Training data

The 60,000 training images of Fashion-MNIST (MIT licence, see [../README.md](../README.md)) under the simulated capture of
`training/world.py`, always newly rendered; the demo's natural sets come from its 10,000 test images, which were not used
for training. Captions use the grammar of PromptAug (`resources/prompts/promptaug.yaml`): {bare:.0%} are the class word
alone; the others omit each modifier of the image with probability {omitted:.0%}. For each of looks, typicality, size,
location and style, half the images ({neutral:.0%}) have no particular value.

## Planted effects

- **The capture.** Every modifier has a visible effect by construction: *old* is faded and brownish, *uncommon* an item far
  from its class's mean image, *partially occluded* a plain bar in front of it, and so on. So the demo's finding is not that
  images follow modifiers, but how well.
- **Homonyms.** {homonyms} caption two classes each: the class whose Synset prompt is that word, and, more often, another.
  So some Synset prompts are ambiguous, and the Disamb prompts fix this, as in "Diversity and Diffusion":

| word | share of the captions, by class |
|---|---|
{words}

Nothing else is planted, and nothing was tuned on the results of the study.
"""
SHAPES = {
    "vae": ("AutoencoderKL", "3 x 32 x 32 to 4 x 8 x 8", "images"),
    "clip": ("open_clip CLIP", "ModifiedResNet [1, 1, 1, 1] of width 16; text 128 wide, 2 layers; 64 values", "pairs"),
    "unet": ("UNet2DConditionModel", "48 and 96 channels, cross-attention to 32 tokens", "latents"),
}


def write_card(models: Path, class_names: list[str]) -> None:
    """Write ``README.md`` into the models' folder."""
    rows, metadata = [], {}
    for stage, (kind, shape, unit) in SHAPES.items():
        metadata = json.loads((models / f"training_{stage}.json").read_text())
        extra = f"reconstruction {metadata['reconstruction_psnr_db']} dB" if stage == "vae" else ""
        extra = f"scale {metadata['logit_scale']}" if stage == "clip" else extra
        rows.append(
            f"| {kind} | {shape} | {metadata['parameters'] / 1e6:.2f} M | {metadata[unit]:,} {unit} "
            f"| {metadata['seconds']:,} | {metadata['threads']} | {metadata['final_loss']} | {extra} |"
        )
    words = [
        f"| {word} | "
        + ", ".join(f"{class_names[c]} {shares[word]:.0%}" for c, shares in WORDS.items() if word in shares)
        + " |"
        for word in HOMONYMS
    ]
    text = CARD.format(
        rows="\n".join(rows),
        seed=metadata["seed"],
        torch=metadata["torch"],
        machine=metadata["machine"],
        bare=CHANCE_BARE,
        omitted=CHANCE_OMITTED,
        neutral=CHANCE_NEUTRAL,
        homonyms=", ".join(f"*{word}*" for word in HOMONYMS),
        words="\n".join(words),
    )
    (models / "README.md").write_text(text)
