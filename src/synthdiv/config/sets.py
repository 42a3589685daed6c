"""The config of what is compared: sets, encoders, and the metrics of both.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthdiv.config.base import ConfigPart, Count, Distinct, Given, Index, Name, Positive, Share, wrong


class ImageLocation(ConfigPart):
    """Where natural images are, if their path does not say all."""

    path: str
    """A folder with one folder per class key (hidden files and folders are left out); WebDataset tars (a file or a glob);
    Parquet files with image bytes (a file or a glob); or an IDX images file next to its labels file. With labels, one
    folder of all images."""
    labels: Given[str] = None
    """The IDX file of labels; or for one folder of all images a text file: with name and class on each line (val.txt,
    LOC_val_solution.csv), or with one class per line in the order of names (wnids, or the ImageNet development kit's
    ground truth next to its meta.mat)."""
    label: Given[str] = None
    """What has an image's class, if its name is not a usual one or several could be meant: the column of Parquet files or of
    a file of labels with a header, or the key of the JSON of WebDataset's samples (`cls` for their .cls, `folder` for their
    folder's name)."""
    folders: Given[str] = None
    """For folders that are named by a number and not by the class key, as ImageNet-v2's: the class table (CSV) with this
    number as class_id."""


class NaturalImages(ConfigPart):
    """Images of each split: a path, or an object with path, labels, label and folders."""

    train: Given[str | ImageLocation] = None
    """The training split; a set without one is used only to evaluate classifiers."""
    evaluation: str | ImageLocation
    """The evaluation split."""
    selection: Given[str | ImageLocation] = None
    """The selection split, on which a classifier's best training set is chosen, so that its accuracy on the evaluation split
    is that of no chosen set. Default, where a classifier has several training sets to choose from: images that are held out
    of the training split."""

    def list_splits(self) -> dict[str, str | ImageLocation]:
        """Return where the images of the training split, if there is one, and of the evaluation split are."""
        return ({} if self.train is None else {"train": self.train}) | {"evaluation": self.evaluation}


class SubsetSizes(ConfigPart):
    """How many natural images per class of each split are used."""

    train: Given[Count | str] = None
    """For the training split."""
    evaluation: Given[Count | str] = None
    """For the evaluation split."""
    selection: Given[Count] = None
    """For the selection split. Default is all images of a selection split of its own; of a training split, a tenth of its
    images, at most 50 per class, taken from those that `train` leaves unused, if there are any."""


class EmbeddingTables(ConfigPart):
    """Embedding tables of each split."""

    train: str
    """The training split."""
    evaluation: str
    """The evaluation split."""


class SetEntry(ConfigPart):
    """What can be compared: a kind and one source: images, dataset or embeddings."""

    kind: Literal["image", "prompt"]
    """image or prompt."""
    images: Given[NaturalImages] = None
    """Natural images of each split."""
    class_subset: Given[str] = None
    """For a set without a training split: a file with the keys of its classes, one per line, or imagenet-a or imagenet-r
    for timm's lists. Classifiers then predict only these classes."""
    ignore_other_classes: bool = False
    """For natural images whose labels name more classes than the study has (a flat folder, tars, Parquet): leave the
    other classes out instead of stopping with an error. Labels must then be class keys. Folders with one folder per class
    do not need this."""
    real_labels: bool = False
    """For ImageNet's validation images: a prediction is correct if it is among the image's reassessed labels (ReaL, from
    timm's table); images without one are left out."""
    images_per_class: SubsetSizes = Field(default_factory=SubsetSizes)
    """Use a seeded subset of the natural images of each split: a number per class, all, or a CSV with the columns key and
    images (all images of a class that it lacks). A split that is not given is used whole."""
    dataset: Given[str] = None
    """A dataset of this config: its images (with guidance_scale) or its prompts."""
    guidance_scale: Given[float] = None
    """One of the dataset's guidance scales."""
    embeddings: Given[str | EmbeddingTables] = None
    """Your own embedding tables: one with a split column, or one per split. Parquet (a file or a glob) with class_id and
    embedding, or a .npy of vectors and a .csv with class_id of the same name."""

    settings: dict[Name, str | int | float | bool] = Field({})
    """What else was decided when the images were made, by names of your choice. Two training sets that differ in one
    setting alone are compared (interventions.csv): settings of your own, of the generator, the guidance scale, the prompts
    and the number of images. Images of your own that have settings count as generated, not as natural."""

    @model_validator(mode="after")
    def _check_source(self) -> SetEntry:
        given = [key for key in ("images", "dataset", "embeddings") if getattr(self, key) is not None]
        if len(given) != 1:
            has = " and ".join(given) or "none of them"
            raise wrong(f"it needs one source, images, dataset or embeddings; it has {has}")
        if self.settings and self.kind == "prompt":
            raise wrong("it would have no effect on prompts, on which no classifier is trained: remove it", "settings")
        return self

    @property
    def is_natural(self) -> bool:
        """Whether these are images that nobody says were made."""
        return self.images is not None and not self.settings


class Encoder(ConfigPart):
    """An encoder of images and, if open_clip loads it, of prompts."""

    library: Literal["open_clip", "timm"] = "open_clip"
    """The library that loads it: open_clip, for images and prompts, or timm, for images only (such as inception_v3 or
    DINOv2's vit_large_patch14_dinov2)."""
    model: str
    """A model name of that library (OpenAI's CLIP weights need the names that end in -quickgelu), hf-hub:<name>, or a
    folder."""
    pretrained: str | None = None
    """For open_clip the pretrained tag or a weights file, for timm a weights file; empty for a model that includes its
    weights."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """The model's floating-point type."""
    batch_size: Count = 256
    """Images or prompts encoded together."""
    features: Given[Literal["unit", "raw"]] = None
    """The vectors for Frechet and kernel distance, precision, recall, density and coverage: normalised (unit, default for
    open_clip) or as the model outputs them (raw, default for timm, as usual for Inception). Everything else uses unit
    vectors."""


class Experiments(ConfigPart):
    """The references and queries of the matrix."""

    references: Given[Distinct[str]] = None
    """The reference sets (their training splits), in order."""
    queries: Given[Distinct[str]] = None
    """The query sets (their evaluation splits), in order."""


class SetMetrics(ConfigPart):
    """The metrics that compare whole sets."""

    references: Given[Distinct[str]] = None
    """The sets that all others are compared with; default is the first image set."""
    images_per_class: Annotated[int, Field(ge=2)] = 50
    """The maximum number of images per class in a comparison; both sets are reduced to the same number."""
    pairwise_images: Annotated[int, Field(ge=100)] = 20_000
    """The maximum number of images of a set in the metrics whose time grows with the square of this number: kernel distance,
    precision, recall, density, coverage and linear separability. If the sets have more, fewer of each class are used (a
    seeded subset); the columns images_per_class and n_images say how many."""
    neighbours: Count = 5
    """k of precision, recall, density and coverage."""


class Diagnosis(ConfigPart):
    """The suspected causes of a generated set's shortfall."""

    images_per_class: Annotated[int, Field(ge=2)] = 200
    """The maximum number of training images per class that serve as evidence."""


class Adherence(ConfigPart):
    """How often images show the modifiers of a grammar."""

    images_per_class: Count = 20
    """The maximum number of images per class of the evaluation split that are compared with their prompts (a seeded
    subset)."""


class Review(ConfigPart):
    """What target `review` generates and shows."""

    set: Given[str] = None
    """A generated set with one prompt per class, whose dataset and guidance scale are reviewed; default is the first."""
    classifier: Given[str] = None
    """The classifier that predicts the images' classes, with all its seeds; default is the first that is trained on the
    first natural set or, if there is none, the class centroids of the first encoder."""
    images: Count = 50
    """How many images per class to generate, in a separate split."""
    classes: Count = 300
    """How many classes to show, those with the lowest accuracy."""


MAX_CANDIDATES = 200
"""With more classes, a density chooses among so many with the nearest centroids, and a linear probe is trained on fewer
vectors: otherwise, time would grow with the square of the number of classes."""
LEAST_PROBED = 5
"""Minimum number of vectors of each class on which a linear probe of many classes is trained."""


class EmbeddingClassifiers(ConfigPart):
    """Classifiers that are fitted to a reference's embeddings."""

    knn: Distinct[Count] = Field([1, 5, 10, 20, 50])
    """The k of k-NN classifiers."""
    lda_shrinkage: Literal["auto"] | Share = "auto"
    """How far linear discriminant analysis shrinks the shared covariance towards a multiple of the identity, 0 to 1; auto
    uses the oracle-approximating value."""
    mixture_components: Index = 4
    """Components of each class's Gaussian mixture, with diagonal covariances; 0 leaves it out."""
    density: bool = True
    """Whether to fit a Gaussian kernel density per class; its bandwidth is chosen on the reference by leave-one-out
    likelihood."""
    linear_probe: bool = True
    """Whether to fit a linear probe, a logistic regression (rule train_linear_probe)."""
    linear_probe_C: list[Positive] = Field([0.1, 1.0, 10.0], min_length=1)
    """The values of C (inverse regularisation) that the logistic regression chooses from, by accuracy on a fifth of the
    reference."""


class ContactSheets(ConfigPart):
    """The sets whose images the contact sheet shows side by side."""

    sets: Given[Distinct[str]] = None
    """The columns, in order."""
    classes: Count = 20
    """The maximum number of classes (rows); they are spread over the class table."""
    images: Count = 3
    """The number of images of each class and set."""
