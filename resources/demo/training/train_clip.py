"""Train the demo's CLIP model on captioned rendered images, and write it as an open_clip folder."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from models import make_clip_config, take_step, train_tokenizer
from safetensors.torch import save_file
from tqdm import tqdm
from world import Items, sample_world

BATCH = 512
LEARNING_RATE = 1.5e-3
POOL = 65_536  # images rendered at a time


def _encode_text(model: open_clip.CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """Compute ``model.encode_text`` without the padding that all texts of a batch share: twice as fast."""
    ends = tokens.argmax(dim=-1)
    length = int(ends.max()) + 1
    x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    return x[torch.arange(len(x)), ends] @ model.text_projection


def train_clip(items: Items, folder: Path, *, steps: int, seed: int) -> dict:
    """Train for ``steps`` batches of 512 pairs; return the training record.

    All images of a batch that share a caption are positives for it, so that equal captions do not repel each other.
    """
    rng = np.random.default_rng([seed, 1])
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _, captions, _ = sample_world(items, POOL, rng)
    tokenizer = train_tokenizer(captions)
    tokenizer.save_pretrained(folder)
    config = make_clip_config(len(tokenizer))
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")

    model = open_clip.CLIP(**config["model_cfg"] | {"quick_gelu": False})
    model.visual.to(memory_format=torch.channels_last)
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=LEARNING_RATE,
        betas=(0.9, 0.98),
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.05)
    losses, began = [], time.time()
    per_pool = POOL // BATCH
    for step in tqdm(range(steps), desc="CLIP", mininterval=10):
        if step % per_pool == 0:
            images, captions, _ = sample_world(items, POOL, rng)
            tokens = tokenize(captions)
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        at = slice(step % per_pool * BATCH, (step % per_pool + 1) * BATCH)
        batch = (pixels[at].float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        texts, text_of = tokens[at].unique(dim=0, return_inverse=True)
        image_features = F.normalize(model.encode_image(batch), dim=-1)
        text_features = F.normalize(_encode_text(model, texts), dim=-1)
        logits = model.logit_scale.exp() * image_features @ text_features.T  # (images, unique texts)
        shared = F.one_hot(text_of, len(texts)).float()
        to_images = -(shared * logits.log_softmax(dim=0)).sum() / BATCH
        loss = (F.cross_entropy(logits, text_of) + to_images) / 2
        take_step(loss, model, optimizer, schedule)
        model.logit_scale.data.clamp_(0, np.log(100))
        losses.append(loss.item())
        if step % 500 == 499:
            tqdm.write(
                f"CLIP step {step + 1}: loss {np.mean(losses[-200:]):.3f}, scale {model.logit_scale.exp().item():.1f}"
            )
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return {
        "pairs": steps * BATCH,
        "seconds": round(time.time() - began),
        "final_loss": round(float(np.mean(losses[-200:])), 4),
        "logit_scale": round(model.logit_scale.exp().item(), 2),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
