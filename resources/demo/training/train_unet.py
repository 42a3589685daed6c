"""Train the demo's conditional UNet on latents of rendered images; the text encoder is frozen, as in Stable Diffusion."""

from __future__ import annotations

import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from models import make_scheduler, make_unet, take_step
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer
from world import Items, sample_world

BATCH = 128
LEARNING_RATE = 2e-3
POOL = 32_768  # images rendered at a time
PASSES = 2  # uses of each image, with new noise each time
EMA = 0.999
CAPTION_DROPOUT = 0.1
SNR_CAP = 5.0  # min-SNR weighting


def train_unet(
    items: Items, vae: AutoencoderKL, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, *, steps: int, seed: int
) -> tuple[UNet2DConditionModel, dict]:
    """Train for ``steps`` batches of 128 noised latents to predict the noise."""
    rng = np.random.default_rng([seed, 3])
    torch.manual_seed(seed)
    model = make_unet().to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA))
    noising = DDPMScheduler.from_config(make_scheduler().config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.03)
    losses, began = [], time.time()
    per_pool = POOL // BATCH
    for step in tqdm(range(steps), desc="UNet", mininterval=10):
        if step % (PASSES * per_pool) == 0:
            latents, captions = _encode_pool(items, vae, rng)
            captions = ["" if rng.random() < CAPTION_DROPOUT else caption for caption in captions]
            tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
        at = slice(step % per_pool * BATCH, (step % per_pool + 1) * BATCH)
        texts, text_of = tokens[at].unique(dim=0, return_inverse=True)
        with torch.no_grad():
            states = text_encoder(texts)[0][text_of]
        noise = torch.randn(latents[at].shape)
        times = torch.randint(noising.config.num_train_timesteps, (BATCH,))
        noisy = noising.add_noise(latents[at], noise, times).contiguous(memory_format=torch.channels_last)
        predicted = model(noisy, times, states).sample
        alpha = noising.alphas_cumprod[times]
        snr = alpha / (1 - alpha)
        loss = (F.mse_loss(predicted, noise, reduction="none").mean((1, 2, 3)) * (snr.clamp(max=SNR_CAP) / snr)).mean()
        take_step(loss, model, optimizer, schedule)
        average.update_parameters(model)
        losses.append(loss.item())
        if step % 500 == 499:
            tqdm.write(f"UNet step {step + 1}: loss {np.mean(losses[-500:]):.4f}")
    return average.module.eval(), {
        "latents": steps * BATCH,
        "seconds": round(time.time() - began),
        "final_loss": round(float(np.mean(losses[-500:])), 4),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


@torch.no_grad()
def _encode_pool(items: Items, vae: AutoencoderKL, rng: np.random.Generator) -> tuple[torch.Tensor, list[str]]:
    images, captions, _ = sample_world(items, POOL, rng)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    parts = [vae.encode(part.float() / 127.5 - 1).latent_dist.mode() for part in pixels.split(512)]
    return torch.cat(parts), captions
