"""Time the embedding of photographs on the CPU against a plain loop over the same model: `make bench`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from timing import Comparison, run_comparisons, widen_tables
from timm.data import create_transform, resolve_model_data_config
from torch.utils.data import DataLoader
from training import make_images

from synthdiv.core.jobs import limit_threads
from synthdiv.embeddings.timm_encoder import TimmEncoder
from synthdiv.images.index import locate_images, read_index
from synthdiv.images.torch_dataset import ImageDataset

IMAGES = 128
MODEL = "tf_efficientnet_lite0"
RESULTS = Path("results/benchmarks")


def compare_embedding(folder: Path) -> Comparison:
    """Compare the embedding of JPEG files with a plain loop over timm's model and transform, with the same batch size.

    The weights are random. Both give the same vectors, but for rounding.
    """
    rows = locate_images(read_index(make_images(folder)).slice(0, IMAGES))
    model = timm.create_model(MODEL, num_classes=0).eval()
    torch.save(model.state_dict(), folder / "weights.pth")
    spec = {"model": MODEL, "pretrained": str(folder / "weights.pth"), "precision": "fp32", "batch_size": IMAGES}
    encoder = TimmEncoder(spec, torch.device("cpu"))
    images = ImageDataset(rows, create_transform(**resolve_model_data_config(model), is_training=False))

    def ours() -> np.ndarray:
        return encoder.embed_images(rows, workers=0).vectors

    def theirs() -> Any:
        with torch.inference_mode():
            (batch,) = (batch for batch, _ in DataLoader(images, batch_size=IMAGES))
            return torch.nn.functional.normalize(model(batch)).numpy()

    cosines = (ours().astype(np.float64) * theirs()).sum(axis=1)
    assert cosines.min() >= 0.9999, cosines.min()
    return Comparison(f"embed {IMAGES} JPEGs with EfficientNet-Lite0", "timm over a DataLoader", ours, theirs, 1 / 2.5)


def main() -> None:
    """Run the comparison and write the table."""
    widen_tables()
    RESULTS.mkdir(parents=True, exist_ok=True)
    limit_threads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        run_comparisons([compare_embedding(Path(folder))], RESULTS / "embedding.csv")


if __name__ == "__main__":
    main()
