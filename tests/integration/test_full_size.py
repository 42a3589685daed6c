"""Run the workflow's jobs on the architectures of Stable Diffusion v1.5 and CLIP ViT-L/14 with random weights.

The trained weights are not needed, only the public configurations and the vocabulary, which open_clip packages.
"""

import pyarrow.parquet as pq
import pytest
from PIL import Image
from workplace import Workplace

from synthdiv.images.archive import read_bytes
from synthdiv.images.flags import decode_image

pytestmark = pytest.mark.full_size
UNET_PARAMETERS = 859_520_964  # "859.5 M"


def make_stable_diffusion(folder):
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


def make_clip(path):
    """Write CLIP ViT-L/14 with random weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-L-14-quickgelu")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def test_an_image_of_512_pixels_is_generated_and_embedded(tmp_path):
    assert make_stable_diffusion(tmp_path / "sd15") == UNET_PARAMETERS
    make_clip(tmp_path / "clip.safetensors")
    (tmp_path / "classes.csv").write_text("class_id,key,name,lemmas\n0,n02012849,crane,a crane bird\n")
    place = Workplace.make(
        tmp_path,
        {
            "study": "full",
            "classes": "classes.csv",
            "device": "cpu",
            "generators": {
                "sd15": {
                    "model": "sd15",
                    "variant": "fp16",
                    "dtype": "float32",
                    "steps": 2,
                    "width": 512,
                    "height": 512,
                    "batch_size": 1,
                }
            },
            "encoders": {"vit-l-14": {"model": "ViT-L-14-quickgelu", "pretrained": "clip.safetensors", "batch_size": 1}},
            "datasets": {"synset": {"builder": "lemmas", "guidance_scales": [7.5]}},
            "images_per_class": {"train": 1, "evaluation": 1},
            "sets": {"Synset-IM": {"kind": "image", "dataset": "synset", "guidance_scale": 7.5}},
        },
    )
    place.run("embed")
    rows = pq.read_table(place.results / "images" / "synset" / "g7.5" / "c0-0.parquet").to_pylist()
    assert [(row["split"], row["flags"]) for row in rows] == [("train", []), ("evaluation", [])]
    image = decode_image(read_bytes(str(tmp_path / rows[0]["file"]), rows[0]["offset"], rows[0]["size"]))
    assert isinstance(image, Image.Image)
    assert image.size == (512, 512)
    table = pq.read_table(place.results / "embeddings" / "vit-l-14" / "synset" / "g7.5" / "c0-0.parquet")
    assert table.num_rows == 2
    assert table.schema.field("embedding").type.list_size == 768
