"""Make models with the architectures of Stable Diffusion v1.5 and CLIP ViT-L/14 and random weights.

They need as much time and memory as the trained ones, and no download: open_clip packages the vocabulary.
"""

from __future__ import annotations

from pathlib import Path

UNET_PARAMETERS = 859_520_964  # "859.5 M"


def make_stable_diffusion(folder: Path) -> int:
    """Write the pipeline's folder in half precision; return the U-Net's number of parameters."""
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    clip = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(token, token): number for token, number in clip.encoder.items()}
    text = CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=CLIPTokenizer(vocab=vocabulary, merges=list(clip.bpe_ranks), model_max_length=77),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),  # other defaults are Stable Diffusion v1's
        scheduler=PNDMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            skip_prk_steps=True,
            steps_offset=1,
            set_alpha_to_one=False,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant="fp16")
    return sum(weights.numel() for weights in pipeline.unet.parameters())


def make_clip(path: Path) -> None:
    """Write CLIP ViT-L/14 with random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-L-14-quickgelu")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
