"""Train the demo's models and write them as the folders that diffusers and open_clip load: `make demo-models`.

The stage unet needs the stages vae and clip. Each stage writes its model under resources/demo/models/ and its training
record to training_<stage>.json there; the model card is written from these records.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from model_card import write_card
from models import CONTEXT, EMBED_DIM, TEXT_HEADS, TEXT_LAYERS, TEXT_WIDTH, make_scheduler
from safetensors.torch import load_file
from train_clip import train_clip
from train_unet import train_unet
from train_vae import train_vae
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from world import read_items

from synthdiv.prompts.class_tables import read_classes

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MODELS = Path(__file__).parents[1] / "models"
CLASSES = Path(__file__).parents[2] / "prompts" / "fashion" / "classes.csv"


def convert_text_encoder(clip_folder: Path) -> CLIPTextModel:
    """Convert the text tower of an open_clip folder to the transformers model of a Stable Diffusion pipeline."""
    weights = {k: v.float() for k, v in load_file(clip_folder / "open_clip_model.safetensors").items()}
    vocabulary = len(weights["token_embedding.weight"])
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=EMBED_DIM,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=TEXT_HEADS,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    model = CLIPTextModel(config)
    names = {
        "embeddings.token_embedding.weight": weights["token_embedding.weight"],
        "embeddings.position_embedding.weight": weights["positional_embedding"],
        "final_layer_norm.weight": weights["ln_final.weight"],
        "final_layer_norm.bias": weights["ln_final.bias"],
    }
    for n in range(TEXT_LAYERS):
        ours, theirs = f"transformer.resblocks.{n}", f"encoder.layers.{n}"
        for kind in ("weight", "bias"):
            parts = weights[f"{ours}.attn.in_proj_{kind}"].chunk(3)
            names |= {f"{theirs}.self_attn.{p}_proj.{kind}": part for p, part in zip("qkv", parts, strict=True)}
            names[f"{theirs}.self_attn.out_proj.{kind}"] = weights[f"{ours}.attn.out_proj.{kind}"]
            names[f"{theirs}.layer_norm1.{kind}"] = weights[f"{ours}.ln_1.{kind}"]
            names[f"{theirs}.layer_norm2.{kind}"] = weights[f"{ours}.ln_2.{kind}"]
            names[f"{theirs}.mlp.fc1.{kind}"] = weights[f"{ours}.mlp.c_fc.{kind}"]
            names[f"{theirs}.mlp.fc2.{kind}"] = weights[f"{ours}.mlp.c_proj.{kind}"]
    prefix = "text_model." if any(k.startswith("text_model.") for k in model.state_dict()) else ""
    result = model.load_state_dict({prefix + k: v for k, v in names.items()}, strict=False)
    unset = [key for key in result.missing_keys if "position_ids" not in key]
    if unset or result.unexpected_keys:
        raise RuntimeError(f"the text tower does not fit transformers' CLIPTextModel: {unset} {result.unexpected_keys}")
    return model.eval()


def main() -> None:
    """Run the requested stages, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", default=["clip", "vae", "unet"], help="clip, vae, unet (default: all)")
    parser.add_argument("--fashion-mnist", type=Path, default=DEBIAN, help="folder of the IDX files (default: %(default)s)")
    parser.add_argument("--models", type=Path, default=MODELS, help="output folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20230801)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clip-steps", type=int, default=2_600)
    parser.add_argument("--vae-steps", type=int, default=11_000)
    parser.add_argument("--unet-steps", type=int, default=4_500)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    items = read_items(args.fashion_mnist, "train")
    clip_folder, pipeline_folder = args.models / "clip", args.models / "stable-diffusion"
    args.models.mkdir(parents=True, exist_ok=True)

    def record(stage: str, metadata: dict) -> None:
        machine = {"torch": torch.__version__, "threads": args.threads, "machine": platform.machine(), "seed": args.seed}
        path = args.models / f"training_{stage}.json"
        path.write_text(json.dumps(metadata | machine, indent=2) + "\n")
        print(f"{stage}: {metadata}")

    if "clip" in args.stages:
        record("clip", train_clip(items, clip_folder, steps=args.clip_steps, seed=args.seed))
    if "vae" in args.stages:
        vae, metadata = train_vae(items, steps=args.vae_steps, seed=args.seed)
        vae.half().save_pretrained(pipeline_folder / "vae", variant="fp16")
        record("vae", metadata)
    if "unet" in args.stages:
        vae = AutoencoderKL.from_pretrained(pipeline_folder / "vae", variant="fp16").float()
        tokenizer = CLIPTokenizer.from_pretrained(clip_folder)
        text_encoder = convert_text_encoder(clip_folder)
        unet, metadata = train_unet(items, vae, text_encoder, tokenizer, steps=args.unet_steps, seed=args.seed)
        pipeline = StableDiffusionPipeline(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=make_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.to(torch.float16).save_pretrained(pipeline_folder, variant="fp16")
        record("unet", metadata)
    write_card(args.models, [row.name for row in read_classes(CLASSES)])


if __name__ == "__main__":
    main()
