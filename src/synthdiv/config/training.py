"""The config of what is trained: recipes, classifiers, mixtures, transfer and features.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthdiv.config.base import (
    Arguments,
    ConfigPart,
    Count,
    Distinct,
    Given,
    Index,
    Name,
    Positive,
    PositiveShare,
    Seed,
    Share,
    wrong,
)
from synthdiv.config.sets import ImageLocation

Pixels = Annotated[int, Field(ge=8)]
"""A side of an image in pixels."""
Range = Annotated[list[PositiveShare], Field(min_length=2, max_length=2)]
"""The smallest and the largest share of an image's area."""
Below1 = Annotated[float, Field(ge=0, lt=1)]
Jitter = Annotated[float, Field(ge=0)]
HueJitter = Annotated[float, Field(ge=0, le=0.5)]


class GlobalCrops(ConfigPart):
    """The large crops."""

    number: Count = 1
    """Crops per image."""
    size: Pixels | None = None
    """Their side in pixels; default is image_size."""
    scale: Range = Field([0.25, 1.0])
    """The smallest and the largest share of the image's area for a crop."""
    blur: Share = 0.2
    """The probability of blurring a crop."""
    solarize: Share = 0.2
    """The probability of inverting a crop's bright values."""


class LocalCrops(ConfigPart):
    """The small crops."""

    number: Index = 8
    """Crops per image."""
    size: Pixels = 96
    """Their side in pixels. A model with a fixed size needs a model option for it: vision transformers need
    dynamic_img_size."""
    scale: Range = Field([0.05, 0.25])
    """As for global."""
    blur: Share = 0.5
    """As for global."""
    solarize: Share = 0.0
    """As for global."""


class MultiCrop(ConfigPart):
    """Several random crops of each image, augmented as in DINO."""

    global_: GlobalCrops = Field(default_factory=GlobalCrops, alias="global")
    """The large crops."""
    local: LocalCrops = Field(default_factory=LocalCrops)
    """The small crops."""
    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest"] = "bicubic"
    """How crops are resized."""
    flip: Share = 0.5
    """The probability of mirroring a crop."""
    color_jitter: tuple[Jitter, Jitter, Jitter, Annotated[float, Field(ge=0, le=0.5)]] = Field(
        (0.4, 0.4, 0.2, 0.1), strict=False
    )
    """The maximum change of brightness, contrast, saturation and hue (torchvision's ColorJitter)."""
    color_jitter_probability: Share = 0.8
    """The probability of color_jitter."""
    grayscale: Share = 0.2
    """The probability of converting a crop to greyscale."""
    blur_sigma: list[Positive] = Field([0.1, 2.0], min_length=2, max_length=2)
    """The smallest and the largest standard deviation of the Gaussian blur in pixels of the crop."""


class Recipe(ConfigPart):
    """A classifier's model and training."""

    model: str
    """A timm model name, hf-hub:<name>, or a folder that timm loads."""
    model_options: Arguments = Field({})
    """Further arguments of timm.create_model, such as drop_rate."""
    pretrained: bool | str = False
    """Start from weights: true for the model's own, or a weights file; without train, they are evaluated as they are."""
    image_size: Pixels | None = None
    """The side of training images in pixels; default is the model's own."""
    evaluation_size: Pixels | None = None
    """The side of evaluated images in pixels; default is image_size, or the model's own."""
    crop_pct: PositiveShare | None = None
    """The share of an image's side that evaluation crops from its centre; default is the model's own."""
    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest", "random"] | None = None
    """How images are resized (multi_crop has its own interpolation); default is the model's own, as it is for evaluation
    with random."""
    epochs: Given[Annotated[float, Field(gt=0, le=1_000_000)]] = None
    """How often each image is seen. With equal epochs, a larger set trains for longer. Training needs exactly one of
    epochs and steps."""
    steps: Given[Annotated[int, Field(ge=1, le=1_000_000_000)]] = None
    """Updates of the weights. With equal steps, each image of a larger set is seen less often."""
    batch_size: Count = 256
    """Images per update, over all processes."""
    device_batch_size: Count | None = None
    """Images that one process passes through the model at once (with multi_crop, all their crops of one size); gradients
    are accumulated up to batch_size. Default is the process's whole share of the batch."""
    augmentation: Arguments = Field({})
    """Arguments of timm.data.create_transform, such as auto_augment, scale, hflip, color_jitter, re_prob. Each must have an
    effect."""
    multi_crop: MultiCrop | None = None
    """Train on several random crops of each image, each with the image's label, augmented as in DINO: {} for all
    defaults. Default is one view, by augmentation."""
    mixup: Arguments = Field({})
    """Arguments of timm.data.Mixup, such as mixup_alpha and cutmix_alpha; empty for none. Each must have an effect."""
    label_smoothing: Below1 = 0.0
    """The share of the target that is spread over all classes."""
    optimizer: Arguments = Field({"opt": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0001})
    """Arguments of timm.optim.create_optimizer_v2. Each must have an effect."""
    schedule: Arguments = Field({"sched": "cosine"})
    """Arguments of timm.scheduler.create_scheduler_v2, apart from its length. Each must have an effect."""
    warmup: Below1 = 0.0
    """The share of the steps in which the learning rate rises to its value."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Evaluate the exponential moving average of the weights, with this decay per step."""
    clip_grad: Positive | None = None
    """The largest norm of the gradient."""
    sync_batch_norm: bool = True
    """Whether batch normalisation uses the batches of all processes."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """The model's floating-point type; the weights are kept in fp32."""
    channels_last: bool = True
    """Whether images are stored channels last in memory, which GPUs with tensor cores prefer."""


class MixturePart(ConfigPart):
    """A part of a mixture."""

    set: str
    """A set of images."""
    images_per_class: Given[Count] = None
    """The maximum number of images per class, a seeded subset (the smaller of two is part of the larger); default is
    all."""
    classes: Given[Annotated[Distinct[str], Field(min_length=1)]] = None
    """Use only the classes with these keys; default is all."""
    weight: Given[Positive] = None
    """The part's share of the images in an epoch, relative to the other parts' weights; default is the part's number of
    images. Give all parts a weight, or none. An epoch keeps its length, so images of a heavier part are repeated."""


class Mixture(ConfigPart):
    """A training set that combines sets."""

    parts: list[MixturePart] = Field(min_length=1)
    """The sets, one or more."""


class InitFrom(ConfigPart):
    """The weights of another classifier to start from."""

    classifier: str
    """The classifier's name."""
    train: str
    """Its training set."""


class ClassifierEntry(ConfigPart):
    """A classifier that is trained on sets and evaluated on sets."""

    recipe: Recipe | str
    """The classifier's model and training: a recipe's keys (below the table), or a YAML file with them such as
    resources/recipes/resnetrs152.yaml."""
    train: Distinct[str] = Field([])
    """The sets and mixtures to train on (their training splits); none for pretrained weights."""
    trained_on: Given[Name] = None
    """For pretrained weights that are only evaluated: the name of their training set, a label for the tables."""
    evaluate: Distinct[str] = Field(min_length=1)
    """The sets to evaluate on (their evaluation splits). Figures, predictors, exchange rates and the tests of interventions
    use the first."""
    seeds: Annotated[Distinct[Seed], Field(min_length=1)] = Field([0])
    """Seeds of the training runs, one run for each: of the initial weights, the order of the images and their
    augmentation."""
    sample_per_seed: bool = False
    """Whether each seed is also trained on other images: the first seed on images_per_class images of each part of its
    training set, the second on the next ones, and so on. Gains and their intervals then also cover other training images,
    and not this one sample alone. All training sets must be mixtures with images_per_class, of sets with that many images
    for each seed."""
    init_from: Given[InitFrom] = None
    """Start each training run from the weights that another classifier of the same model has with the same seed, for
    example after training on synthetic images."""
    swap: Distinct[str] = Field([])
    """Training sets of this classifier for which a swap check trains two more (shortcut.csv): half of the classes with
    images of the set and half with natural ones, and the other way round. It measures how far a classifier tells generated
    from natural images instead of classes, when a training set mixes them between classes."""
    monitor: Given[str] = None
    """A set whose evaluation split is evaluated five times during training, only for the training curves; it affects no
    choice."""
    seeds_per_job: Count = 1
    """How many of the seeds one job trains, one after another. With 1, a cluster trains them side by side; a larger number
    spares short training runs on one machine the start of further processes."""
    processes: Count = 1
    """The number of processes of a training run (torchrun, DDP), each with its own GPU if the study runs on GPUs."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10
    """Minutes between checkpoints, from which an interrupted training run resumes; 0 writes one after each step."""

    def list_training_sets(self) -> list[str]:
        """Return the sets and mixtures to train on, or the training set of pretrained weights."""
        return self.train or [self.trained_on or ""]


class PredictionsEntry(ConfigPart):
    """Predictions of classifiers that were trained elsewhere."""

    file: str
    """A Parquet file or a CSV with a header, with a row per training set, seed and image: train_set, seed, image (any name
    of it), class (the key of its class) and predicted (that of the class that the classifier predicts; in Parquet also a
    list of the most probable classes, the most probable first); and, if you have it, evaluation_set (needed if there are
    several), log_probability (natural logarithm of the probability of the image's class) and confidence (probability of
    the first predicted class)."""
    train: Annotated[Distinct[str], Field(min_length=1)]
    """The sets and mixtures that were trained on: the values of train_set."""
    evaluate: Annotated[Distinct[str], Field(min_length=1)]
    """The sets that were evaluated on: the values of evaluation_set. Figures and the tests of interventions use the
    first."""


class TransferImages(ConfigPart):
    """Your own images of each split."""

    train: str | ImageLocation
    """The training split."""
    validation: Given[str | ImageLocation] = None
    """The validation split; default is a fifth of each class of the training split."""
    evaluation: Given[str | ImageLocation] = None
    """The evaluation split."""

    def list_splits(self) -> dict[str, str | ImageLocation]:
        """Return where the images of each split are."""
        given = {"train": self.train, "validation": self.validation, "evaluation": self.evaluation}
        return {split: location for split, location in given.items() if location is not None}


class TransferSet(ConfigPart):
    """A set that features are transferred to: one source: torchvision (with root), images or sklearn."""

    torchvision: Given[
        Literal[
            "FGVCAircraft",
            "StanfordCars",
            "DTD",
            "EuroSAT",
            "Flowers102",
            "OxfordIIITPet",
            "Food101",
            "SUN397",
            "INaturalist2018",
            "INaturalist2019",
        ]
    ] = None
    """A set that torchvision reads, with its own splits (DTD's first partition). EuroSAT, SUN397 and iNaturalist have
    none there: a random 30 % of each class, by the study's seed, is the evaluation split."""
    root: Given[str] = None
    """The folder of torchvision's set; if something is missing there, the error says what to download and where to put
    it."""
    images: Given[TransferImages] = None
    """Your own images of each split, in any form of natural sets. Without an evaluation split, it is 30 % of each
    class."""
    classes: Given[str] = None
    """The class table (class_id, key, name) of your own images; default is the names of the training split's class
    folders."""
    sklearn: Given[Literal["digits"]] = None
    """A set that scikit-learn includes: digits, 1,797 real images of 8 x 8 pixels; 30 % of each class is the evaluation
    split."""

    @model_validator(mode="after")
    def _check_source(self) -> TransferSet:
        given = [key for key in ("torchvision", "images", "sklearn") if getattr(self, key) is not None]
        if len(given) != 1:
            has = " and ".join(given) or "none of them"
            raise wrong(
                f"a transfer set needs one source, torchvision with its root, images, or sklearn; this one has {has}"
            )
        if (self.torchvision is None) != (self.root is None):
            raise wrong("torchvision and root belong together: give both or neither")
        if self.classes is not None and self.images is None:
            raise wrong("it only applies to images of your own: remove it", "classes")
        return self

    def describe_library(self) -> dict[str, str]:
        """Return the set's name in a library, and torchvision's root; empty for images of one's own."""
        given = {"torchvision": self.torchvision, "root": self.root, "sklearn": self.sklearn}
        return {key: value for key, value in given.items() if value is not None}


class Transfer(ConfigPart):
    """Transfer of frozen features to other tasks."""

    sets: dict[Name, TransferSet] = Field({})
    """The sets, by names of your choice. Each has its own classes and one source: torchvision (with root), images or
    sklearn. Nothing is downloaded."""
    trials: Count = 30
    """How many values of C are compared on the validation split, evenly spaced on a logarithmic scale from 0.00001 to
    1,000,000 (C is the inverse regularisation). "No reason for no supervision" (2023), by authors of "Fake it till you make
    it", uses 30 trials in this range."""
    features: Literal["unit", "raw"] = "unit"
    """The vectors for the regression: of unit length (unit, as in the ImageNet-CoG benchmark) or as the model outputs
    them (raw)."""
    max_iterations: Count = 2000
    """The maximum iterations of L-BFGS for one fit. The tables say which fits did not converge."""


class Features(ConfigPart):
    """Statistics of every classifier's features."""

    set: Given[str] = None
    """The set of natural images, whose evaluation split is used; default is the first that has a training split."""
    images_per_class: Annotated[int, Field(ge=2)] | None = None
    """The maximum number of images per class, a seeded subset; default is all."""
    threshold: Annotated[float, Field(ge=0)] = 0.00001
    """Up to this magnitude, a value of a unit vector counts as near zero (sparsity)."""
    eps: Positive = 0.7071067811865476
    """The precision eps of the coding length; Yu et al. (2020) use eps^2 = 0.5."""
