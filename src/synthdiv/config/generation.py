"""The config of what is generated: generators, image formats, datasets of prompts, and prompt probes.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from synthdiv.config.base import Arguments, ConfigPart, Count, Distinct, Given, GuidanceScale, ImageCount, Positive, wrong

Side = Annotated[int, Field(ge=8, le=16384, multiple_of=8)]
"""A side of a generated image in pixels."""
Steps = Annotated[int, Field(ge=1, le=1000)]
"""Denoising steps: at most the timesteps that diffusion models are trained with, since no scheduler has more to visit."""


class Generator(ConfigPart):
    """A text-to-image model."""

    model: str
    """A hub name, or a folder that diffusers loads."""
    revision: str | None = None
    """The hub branch, tag or commit."""
    variant: str | None = None
    """The weights' variant, such as fp16."""
    dtype: Literal["float32", "float16", "bfloat16"] = "float16"
    """The model's floating-point type."""
    steps: Steps
    """Denoising steps."""
    width: Side
    """Image width in pixels."""
    height: Side
    """Image height in pixels."""
    batch_size: Count = 25
    """How many images are generated together. It affects the results of convolutions, so it is part of an image's
    identity."""
    scheduler: str | None = None
    """A diffusers scheduler class that replaces the model's own, such as DDIMScheduler."""
    scheduler_options: Arguments = Field({})
    """Values that replace those of the scheduler's configuration, by key. Each must change the images."""
    negative_prompt: str = ""
    """What the images must not show; used only if the guidance scale is above 1."""
    lora: str | None = None
    """LoRA weights (a hub name, a folder with one safetensors file, or the file) that are added to the model's. The model
    must use all of them."""
    lora_scale: float = 1.0
    """The weight of the LoRA."""
    compile: bool = False
    """Whether to compile the denoising model (torch.compile). This takes minutes at the start of each job, but makes
    generation faster. It changes the images, so it is part of an image's identity."""
    arguments: Arguments = Field({})
    """Further arguments of the pipeline's call. Each must change the images."""
    safety_checker: str | None = None
    """A Stable Diffusion safety checker (hub name or folder) that flags images as nsfw. Images are never blanked."""

    @model_validator(mode="after")
    def _check_lora(self) -> Self:
        if self.lora is None and self.lora_scale != 1:
            raise wrong("it would have no effect without lora: remove it", "lora_scale")
        return self


class ImageFormat(ConfigPart):
    """How generated images are stored."""

    format: Literal["png", "jpeg", "webp"] = "png"
    """PNG is lossless; JPEG and WebP are smaller."""
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    """The quality of JPEG and WebP, 1 to 100."""

    @model_validator(mode="after")
    def _check_quality(self) -> Self:
        if self.format == "png" and self.quality != type(self).model_fields["quality"].default:
            raise wrong("it would have no effect, since PNG is lossless: remove it", "quality")
        return self


class ImagesPerClass(ConfigPart):
    """How many images to generate per class and split."""

    train: ImageCount = 1200
    """Training images, which references and classifiers use."""
    evaluation: ImageCount = 50
    """Evaluation images, which queries use."""


class OwnImagesPerClass(ConfigPart):
    """How many images of a dataset to generate per class and split."""

    train: Given[ImageCount] = None
    """Training images."""
    evaluation: Given[ImageCount] = None
    """Evaluation images."""


NEEDED = {
    "lemmas": (),
    "template": ("template",),
    "overrides": ("base", "overrides"),
    "grammar": ("base", "grammar"),
    "table": ("table",),
}
"""The keys that each builder needs."""


class PromptBuilder(ConfigPart):
    """What decides the prompts of a dataset."""

    builder: Literal["lemmas", "template", "overrides", "grammar", "table"]
    """What the prompts are: lemmas (the class table's lemmas), template (a text with the class table's name, lemmas,
    definition or hypernym), overrides (the prompts of a base, some of them replaced), grammar (the prompts of a base with
    modifiers, one per image), or table (your own prompts)."""
    template: Given[str] = None
    """A text with {name}, {lemmas}, {definition} or {hypernym}, such as "{name}, {hypernym}". For builder template."""
    base: Given[str] = None
    """The dataset whose prompts are changed. For builders overrides and grammar."""
    overrides: Given[str] = None
    """A CSV with the columns key, prompt and any others. For builder overrides."""
    grammar: Given[str] = None
    """A YAML file with a template and modifiers. For builder grammar."""
    table: Given[str] = None
    """A CSV or Parquet file with the columns key (or class_id) and prompt, for one prompt per class; with split and index
    as well, for one prompt per image. For builder table."""

    @model_validator(mode="after")
    def _check_builder(self) -> Self:
        missing = [key for key in NEEDED[self.builder] if getattr(self, key) is None]
        if missing:
            raise wrong(f"the builder {self.builder} needs the key {' and the key '.join(missing)}")
        own = {key for keys in NEEDED.values() for key in keys}
        unused = next((key for key in sorted(own - set(NEEDED[self.builder])) if getattr(self, key) is not None), None)
        if unused is not None:
            raise wrong(f"the builder {self.builder} does not use it: remove it", unused)
        return self


class DatasetEntry(PromptBuilder):
    """Prompts to generate images from, and the guidance scales to generate at."""

    unique: bool = True
    """Whether every image of a class must have its own prompt; if false, prompts repeat once all have been used. For
    builder grammar."""
    guidance_scales: Distinct[GuidanceScale] = Field([])
    """The guidance scales to generate at. diffusers applies guidance only above 1; at 1 and below it samples from the
    prompt alone."""
    images_per_class: OwnImagesPerClass = Field(default_factory=OwnImagesPerClass)
    """How many images of this dataset to generate per class and split; default is the study's images_per_class."""
    generator: Given[str] = None
    """The dataset's generator; default is the first."""

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        if not self.unique and self.builder != "grammar":
            raise wrong(f"it would have no effect with the builder {self.builder}: remove it", "unique")
        return self

    def get_builder(self) -> PromptBuilder:
        """Return what decides the prompts alone."""
        given = {key: getattr(self, key) for key in PromptBuilder.model_fields}
        return PromptBuilder.model_validate({key: value for key, value in given.items() if value is not None})


class ShardByTime(ConfigPart):
    """How long a GPU may take to generate the classes of one shard."""

    minutes: Positive = 20
    """How long generating a shard may take, without loading the model. A shard has at least one class, however long it
    takes."""
    seconds_per_image: Positive
    """The slowest generator's time per image: one divided by the images per second that target calibrate prints, or by
    images_per_s in tables/jobs.csv."""


class ProbeBuilder(ConfigPart):
    """What decides the prompts of a prompt probe."""

    class_key: str = Field(alias="class")
    """The key of the class that the images should show."""
    prompts: list[str] = Field(min_length=1)
    """The prompts. All others are compared with the first."""
    images: Count = 50
    """How many images to generate for each prompt."""


class PromptProbe(ProbeBuilder):
    """Prompts for one class that are compared with each other."""

    generator: Given[str] = None
    """The generator; default is the first."""
    guidance_scale: GuidanceScale
    """The guidance scale to generate at."""
    reference: str
    """The image set whose class centroids (of the training split) classify the probe's images."""
