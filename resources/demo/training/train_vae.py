"""Train the demo's autoencoder on rendered images."""

from __future__ import annotations

import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from models import make_vae, take_step
from tqdm import tqdm
from world import Items, sample_world

BATCH = 32
LEARNING_RATE = 2e-3
POOL = 32_768
EMA = 0.999


def _difference(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return L1, plus L1 of gradients (edges) and of 4 x 4 means (colours), plus squared error (outliers)."""
    edges = F.l1_loss(a.diff(dim=-1), b.diff(dim=-1)) + F.l1_loss(a.diff(dim=-2), b.diff(dim=-2))
    colours = F.l1_loss(F.avg_pool2d(a, 4), F.avg_pool2d(b, 4))
    return F.l1_loss(a, b) + 0.3 * edges + 1.0 * colours + F.mse_loss(a, b)


def train_vae(items: Items, *, steps: int, seed: int) -> tuple[AutoencoderKL, dict]:
    """Train for ``steps`` batches of 32; each latent channel of the returned model has mean 0 and standard deviation 1."""
    rng = np.random.default_rng([seed, 2])
    torch.manual_seed(seed)
    model = make_vae()
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.03)
    losses, began = [], time.time()
    per_pool = POOL // BATCH
    for step in tqdm(range(steps), desc="VAE", mininterval=10):
        if step % per_pool == 0:
            images, _, _ = sample_world(items, POOL, rng)
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        at = slice(step % per_pool * BATCH, (step % per_pool + 1) * BATCH)
        batch = pixels[at].float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            posterior = model.encode(batch).latent_dist
            decoded = model.decode(posterior.sample()).sample
        kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        loss = _difference(decoded.float(), batch) + 2e-3 * kl
        take_step(loss, model, optimizer, schedule)
        average.update_parameters(model)
        losses.append(loss.item())
        if step % 1000 == 999:
            tqdm.write(f"VAE step {step + 1}: loss {np.mean(losses[-500:]):.4f}")
    model = average.module.eval()
    images, _, _ = sample_world(items, 4096, rng)
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    _standardise_latents(model, batch)
    with torch.no_grad():
        error = (model.decode(model.encode(batch).latent_dist.mode()).sample.clamp(-1, 1) - batch).pow(2).mean()
    return model, {
        "images": steps * BATCH,
        "seconds": round(time.time() - began),
        "final_loss": round(float(np.mean(losses[-500:])), 4),
        "reconstruction_psnr_db": round(float(10 * torch.log10(4 / error)), 2),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


@torch.no_grad()
def _standardise_latents(model: AutoencoderKL, batch: torch.Tensor) -> None:
    """Fold each latent channel's mean and standard deviation into the two 1 x 1 convolutions next to the latents."""
    latents = model.encode(batch).latent_dist.mean
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    quant, post = model.quant_conv, model.post_quant_conv
    quant.bias[:channels] = (quant.bias[:channels] - mean) / deviation
    quant.weight[:channels] /= deviation[:, None, None, None]
    quant.bias[channels:] -= 2 * deviation.log()  # the other half of the outputs are log-variances
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= deviation[None, :, None, None]
