"""Run the workflow's jobs on the architectures of Stable Diffusion v1.5 and CLIP ViT-L/14 with random weights.

The trained weights are not needed, only the public configurations and the vocabulary, which open_clip packages.
"""

import pyarrow.parquet as pq
import pytest
from full_size import UNET_PARAMETERS, make_clip, make_stable_diffusion
from PIL import Image
from workplace import Workplace

from synthdiv.images.archive import read_bytes
from synthdiv.images.flags import decode_image

pytestmark = pytest.mark.full_size


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
