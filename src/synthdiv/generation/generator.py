"""Fingerprint and load a diffusers text-to-image pipeline, and generate images that depend only on it, prompt and seed."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import diffusers
import numpy as np
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image
from PIL import Image

from synthdiv.config.problems import check_name, raise_problems
from synthdiv.core.devices import one_thread
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.hub import (
    advise,
    check_path,
    explain,
    explain_refusal,
    fetch_pipeline,
    list_model_files,
    read_configuration,
    refuse_missing_weights,
)
from synthdiv.generation.families import CLASSIFIER_FREE, find_family, find_guidance
from synthdiv.generation.lora import find_lora, load_lora

Value = TypeVar("Value")
RESERVED_ARGUMENTS = {
    "height": "the generator's key height",
    "width": "the generator's key width",
    "num_inference_steps": "the generator's key steps",
    "negative_prompt": "the generator's key negative_prompt",
    "guidance_scale": "the dataset's key guidance_scales",
    **dict.fromkeys(("prompt", "prompt_embeds"), "the dataset"),
    **dict.fromkeys(
        (
            "self",
            "kwargs",
            "image",
            "strength",
            "latents",
            "generator",
            "output_type",
            "return_dict",
            "num_images_per_prompt",
        ),
        "the workflow",
    ),
}
"""Arguments of a pipeline's call that users cannot set, and what determines them."""


def hash_files(paths: Iterable[Path], folder: Path) -> str:
    """Return the SHA-256 of the names (relative to ``folder``) and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def fingerprint_generator(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Identify a generator regardless of its location: by the weights' digest and the full scheduler configuration.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.

    Returns
    -------
    dict
        ``digest`` covers all other values except ``model`` and ``guidance`` (the kind of guidance).

    Raises
    ------
    StudyError
        If the model is not available, or cannot generate images with the entry's settings.
    """
    folder = fetch_pipeline(spec["model"], revision=spec["revision"], variant=spec["variant"])
    family = find_family(spec["model"], folder)
    guidance = find_guidance(family, folder)
    if spec["negative_prompt"] and guidance != CLASSIFIER_FREE:
        raise StudyError(
            f"the generator {spec['model']} has {guidance} guidance, which takes no negative_prompt: leave it out"
        )
    index = read_configuration(folder / "model_index.json", spec["model"])
    files = list_model_files(folder, [name for name in index if not name.startswith("_")], spec["variant"])
    scheduler = make_scheduler(folder, spec)
    metadata: dict[str, Any] = {
        "pipeline": index["_class_name"],
        "weights": hash_files(files, folder),
        "scheduler": type(scheduler).__name__,
        "scheduler_config": {k: _make_serialisable(v) for k, v in sorted(scheduler.config.items()) if not k.startswith("_")},
    }
    options = list_options(index)
    if options:
        metadata["options"] = options
    if spec["lora"] is not None:
        lora = find_lora(spec)
        metadata["lora"] = make_digest([hash_files([lora], lora.parent)])
        metadata["lora_scale"] = spec["lora_scale"]
    metadata = json.loads(json.dumps(metadata, default=str))
    return metadata | {"model": spec["model"], "guidance": guidance, "digest": make_digest(metadata)}


def list_options(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in a model_index.json that differ from the pipeline's defaults: they may change images."""
    defaults = inspect.signature(getattr(diffusers, index["_class_name"])).parameters
    given = {name: value for name, value in index.items() if name in defaults and not isinstance(value, list)}
    return {
        name: value
        for name, value in sorted(given.items())
        if value != defaults[name].default and name != "requires_safety_checker"
    }


def _make_serialisable(value: Any) -> Any:
    """Return infinity as a string: some schedulers' configurations contain it, but JSON has no number for it."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def make_scheduler(folder: Path, spec: Mapping[str, Any]) -> Any:
    """Return the pipeline's own scheduler, or one of the class that ``spec`` names, with its options replaced.

    Raises
    ------
    StudyError
        If there is no such scheduler, or it does not accept these options.
    """
    config = read_configuration(folder / "scheduler" / "scheduler_config.json", spec["model"])
    name = str(spec["scheduler"] or config.get("_class_name"))
    kind = getattr(diffusers, name, None)
    missing = [package for package in getattr(kind, "_backends", ()) if find_spec(package) is None]
    if missing:
        raise StudyError(f"the scheduler {name} needs the package {' and '.join(missing)}: install it, or choose another")
    if not isinstance(kind, type) or not issubclass(kind, diffusers.SchedulerMixin):
        raise StudyError(f"diffusers has no scheduler {name!r}: use a class name such as DDIMScheduler")
    where, known = (f"scheduler_options of {spec['model']}",), inspect.signature(kind).parameters
    for option in spec["scheduler_options"]:
        raise_problems(check_name(option, known, where, f"option of {name}"))
    try:
        return kind.from_config(config, **spec["scheduler_options"])
    except Exception as error:  # diffusers raises many kinds of exception
        raise StudyError(
            f"diffusers refuses the scheduler {name} with {dict(spec['scheduler_options'])}: {explain(error)}"
        ) from error


def _describe_settings(spec: Mapping[str, Any], pipeline: Any) -> str:
    arguments = f" and arguments {dict(spec['arguments'])}" if spec["arguments"] else ""
    scheduler = type(pipeline.scheduler).__name__
    return f"the generator {spec['model']} cannot generate with the scheduler {scheduler}{arguments}; change one of them"


def check_arguments(spec: Mapping[str, Any], pipeline: type) -> None:
    """Refuse arguments that a kind of pipeline does not have, or that are determined already.

    Raises
    ------
    StudyError
        If an entry of the config's ``generators`` has such an argument.
    """
    call = inspect.signature(pipeline.__call__).parameters
    allowed = {name: None for name in call if name not in RESERVED_ARGUMENTS}
    for name, value in spec["arguments"].items():
        if name in RESERVED_ARGUMENTS:
            raise StudyError(
                f"arguments of {spec['model']}: {RESERVED_ARGUMENTS[name]} determines {name}; remove the argument"
            )
        where = (f"arguments of {spec['model']}",)
        raise_problems(check_name(name, allowed, where, f"argument of {pipeline.__name__}"))
        if name in ("timesteps", "sigmas") and isinstance(value, list) and len(value) != spec["steps"]:
            raise StudyError(f"arguments of {spec['model']}: {name} has {len(value)} values; steps must be that number")


class FirstWarning(logging.Filter):
    """Let the first of messages through that differ only after a colon: diffusers warns of each prompt that is too long."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether no message has begun like this one."""
        beginning = record.getMessage().partition(":")[0]
        is_new = beginning not in self.seen
        self.seen.add(beginning)
        return is_new


class Start(NamedTuple):
    """Images to start from, and how much noise is added to the mode of their latents: image-to-image generation.

    Attributes
    ----------
    images : iterator of PIL.Image.Image
        As many as there are prompts, in the generator's size.
    strength : float
        The part of the denoising steps that is taken, above 0 and at most 1.
    """

    images: Iterator[Image.Image]
    strength: float


def pad(values: Iterable[Value], size: int) -> list[Value]:
    """Return values, with the last one repeated up to a number."""
    listed = list(values)
    return listed + listed[-1:] * (size - len(listed))


def to_pixels(images: torch.Tensor) -> np.ndarray:
    """Return images of shape (n, 3, height, width), 0 to 1, as uint8 of shape (n, height, width, 3)."""
    return images.float().mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _load_pipeline(spec: Mapping[str, Any], folder: Path, device: torch.device) -> Any:
    """Load a pipeline, with its LoRA, onto a device.

    Raises
    ------
    StudyError
        If it cannot be loaded.
    """
    components = read_configuration(folder / "model_index.json", spec["model"])
    options: dict[str, Any] = {"scheduler": make_scheduler(folder, spec)}
    # a checker inside the pipeline would replace images by black ones; SD3 without T5 lacks some components
    omitted = {"safety_checker", "feature_extractor"} & components.keys()
    options |= dict.fromkeys(omitted | {name for name, part in components.items() if part == [None, None]})
    if "requires_safety_checker" in components:
        options["requires_safety_checker"] = False
    try:
        with refuse_missing_weights():
            pipeline = AutoPipelineForText2Image.from_pretrained(
                folder,
                variant=spec["variant"],
                dtype=getattr(torch, spec["dtype"]),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                **options,
            )
        if spec["lora"] is not None:
            load_lora(pipeline, spec)
        pipeline.to(device)
        return pipeline
    except StudyError:
        raise
    except Exception as error:  # diffusers raises many kinds of exception
        weights = spec["model"] + (f" with the LoRA {spec['lora']}" if spec["lora"] is not None else "")
        raise StudyError(
            f"the generator {weights} could not be loaded; are its files complete, and from one model? {explain(error)}"
        ) from error


@contextmanager
def upcast_autoencoder(pipeline: Any) -> Iterator[Any]:
    """Return a pipeline's autoencoder; until the end, it computes in fp32 if it overflows in fp16."""
    vae, dtype = pipeline.vae, pipeline.vae.dtype
    if dtype == torch.float16 and vae.config.force_upcast:  # as Stable Diffusion XL's own pipelines do
        vae.to(torch.float32)
    try:
        yield vae
    finally:
        vae.to(dtype)


def encode_images(pipeline: Any, images: list[Image.Image]) -> torch.Tensor:
    """Return the mode of what a pipeline's autoencoder says of the latents of images."""
    with upcast_autoencoder(pipeline) as vae:
        return vae.encode(pipeline.image_processor.preprocess(images).to(vae.device, vae.dtype)).latent_dist.mode()


def scale_latents(pipeline: Any, latents: torch.Tensor) -> torch.Tensor:
    """Return latents as a pipeline denoises them.

    Raises
    ------
    StudyError
        If it scales each channel in its own way.
    """
    config = pipeline.vae.config
    if config.get("latents_mean") is not None or config.get("latents_std") is not None:
        raise StudyError("the ladder cannot use this generator: its autoencoder scales each channel of latents differently")
    return (latents - (config.get("shift_factor") or 0.0)) * config.scaling_factor


class Generator:
    """A loaded pipeline.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    device : torch.device
        The device to compute on.

    Raises
    ------
    StudyError
        If the pipeline cannot be loaded, or its call does not accept the entry's arguments.
    """

    def __init__(self, spec: Mapping[str, Any], device: torch.device) -> None:
        self.spec = spec
        folder = fetch_pipeline(spec["model"], revision=spec["revision"], variant=spec["variant"])
        self.family = find_family(spec["model"], folder)
        self.guidance = find_guidance(self.family, folder)
        self.pipeline = _load_pipeline(spec, folder, device)
        check_arguments(spec, type(self.pipeline))
        warnings = logging.getLogger(type(self.pipeline).__module__)
        warnings.filters = [FirstWarning()]
        self.pipeline.set_progress_bar_config(disable=True)
        if spec["compile"]:
            denoiser = getattr(self.pipeline, self.family.denoiser)
            denoiser.compile(dynamic=False)
        self.device = device
        self._noise_shape = self.family.shape_noise(self.pipeline, spec["height"], spec["width"])
        self._encoded: dict[str, dict[str, torch.Tensor | None]] = {}

    @cached_property
    def image_pipeline(self) -> Any:
        """The pipeline that generates images from images, with the same models and scheduler.

        Raises
        ------
        StudyError
            If its call does not accept the entry's arguments.
        """
        pipeline = AutoPipelineForImage2Image.from_pipe(self.pipeline)
        pipeline.set_progress_bar_config(disable=True)
        check_arguments(self.spec, type(pipeline))
        return pipeline

    def generate_images(
        self, prompts: Sequence[str], seeds: Sequence[int], guidance_scale: float, start: Start | None = None
    ) -> Iterator[Image.Image]:
        """Generate one image per prompt, batch by batch.

        Every image has its own random generator, which draws its initial noise (on the CPU, in fp32) and all later noise of
        the scheduler. Batches are padded to ``batch_size``, and a CPU uses one thread, since a convolution's result depends
        on both: so an image depends only on its own prompt and seed, and on the image that it starts from.

        Parameters
        ----------
        prompts, seeds : sequences of equal length
            Each image's prompt and the seed of its noise.
        guidance_scale : float
            Classifier-free guidance has an effect above 1 only.
        start : Start, optional
            The images to start from; default is noise alone.

        Yields
        ------
        PIL.Image.Image
            The images in RGB, in the order of the prompts.
        """
        size = self.spec["batch_size"]
        self._encoded = {}
        for first in range(0, len(prompts), size):
            count = len(prompts[first : first + size])
            texts, numbers = pad(prompts[first : first + size], size), pad(seeds[first : first + size], size)
            images = [] if start is None else pad(islice(start.images, count), size)
            with one_thread(), explain_refusal(_describe_settings(self.spec, self.pipeline)):
                if not self._encoded.keys() >= set(texts):
                    self._encode(texts, islice(prompts, first, None), guidance_scale)
                generated = self._generate_batch(texts, numbers, guidance_scale, images, start)[:count]
            for pixels in generated:
                yield Image.fromarray(pixels)

    @torch.inference_mode()
    def _generate_batch(
        self, prompts: list[str], seeds: list[int], guidance_scale: float, images: list[Image.Image], start: Start | None
    ) -> np.ndarray:
        """Return a batch's pixels: uint8, of shape (images, height, width, 3)."""
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        size = {"height": self.spec["height"], "width": self.spec["width"]}
        if start is None:
            pipeline = self.pipeline
            noise = torch.stack([torch.randn(self._noise_shape, generator=g, dtype=torch.float32) for g in generators])
            latents = self.family.pack_noise(pipeline, noise)
            beginning = {"latents": latents.to(getattr(pipeline, self.family.denoiser).dtype), **size}
        else:
            pipeline, latents = self.image_pipeline, scale_latents(self.pipeline, encode_images(self.pipeline, images))
            beginning = {"image": latents, "strength": start.strength}
            # Stable Diffusion's own takes the size of the images
            beginning |= {key: size[key] for key in size.keys() & inspect.signature(pipeline.__call__).parameters.keys()}
        rows = [self._encoded[prompt] for prompt in prompts]
        generated = pipeline(
            **{
                name: None if value is None else torch.stack([row[name] for row in rows])  # type: ignore[misc]
                for name, value in rows[0].items()
            },
            **beginning,
            generator=generators,
            guidance_scale=guidance_scale,
            num_inference_steps=self.spec["steps"],
            output_type="pt",
            **self.spec["arguments"],
        ).images
        return to_pixels(generated)

    @torch.inference_mode()
    def _encode(self, prompts: list[str], upcoming: Iterable[str], guidance_scale: float) -> None:
        """Encode a batch's prompts, and as many of the upcoming ones as are needed to fill the text encoder's batch."""
        kept = {prompt: self._encoded[prompt] for prompt in prompts if prompt in self._encoded}
        size = self.spec["batch_size"]
        new: dict[str, None] = {}
        for prompt in upcoming:
            if prompt not in kept:
                new[prompt] = None
            if len(new) == size:
                break
        padded = [*new, *list(new)[-1:] * (size - len(new))]
        negative = {"negative_prompt": [self.spec["negative_prompt"]] * size} if self.spec["negative_prompt"] else {}
        encoded = self.family.encode_prompts(
            self.pipeline,
            padded,
            device=self.device,
            do_classifier_free_guidance=self.guidance == CLASSIFIER_FREE and guidance_scale > 1,
            **negative,
            **self.spec["arguments"],
        )
        self._encoded = kept | {
            prompt: {name: None if value is None else value[n] for name, value in encoded.items()}
            for n, prompt in enumerate(new)
        }


class SafetyChecker:
    """Stable Diffusion's safety checker, used to flag images and never to change them.

    Raises
    ------
    StudyError
        If it cannot be loaded.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
        from transformers import CLIPImageProcessor

        check_path(name)
        try:
            self.processor = CLIPImageProcessor.from_pretrained(name)
            with refuse_missing_weights():
                self.model = StableDiffusionSafetyChecker.from_pretrained(name, use_safetensors=True).eval()
            self.model.to(device)
        except Exception as error:  # transformers raises many kinds of exception
            raise StudyError(f"the safety checker {name!r} could not be loaded: {advise(error, name)}") from error
        self.device = device

    @torch.inference_mode()
    def check_images(self, images: Sequence[Image.Image]) -> list[bool]:
        """Return whether each image is classified as unsafe."""
        pixels = self.processor(list(images), return_tensors="pt").pixel_values.to(self.device)
        dummies = np.zeros((len(images), 1, 1, 3), dtype=np.float32)  # the checker blackens these, not the images
        _, unsafe = self.model(clip_input=pixels, images=dummies)
        return [bool(value) for value in unsafe]
