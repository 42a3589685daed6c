"""The config of a study.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthdiv.config.base import ConfigPart, Count, Distinct, Given, Name, Seed
from synthdiv.config.generation import DatasetEntry, Generator, ImageFormat, ImagesPerClass, PromptProbe, ShardByTime
from synthdiv.config.ladder import Ladder
from synthdiv.config.sets import (
    Adherence,
    ContactSheets,
    Diagnosis,
    EmbeddingClassifiers,
    Encoder,
    Experiments,
    Review,
    SetEntry,
    SetMetrics,
)
from synthdiv.config.training import ClassifierEntry, Features, Mixture, PredictionsEntry, Transfer


class StudyConfig(ConfigPart):
    """A study of synthetic image sets. Relative paths start at the working directory."""

    study: Name
    """The study's name; all its results are in results/<study>/."""
    classes: str
    """The class table: a CSV with the columns class_id, key, name and, optionally, lemmas, definition and hypernym; or a
    folder with one folder per class, named after the class."""
    seed: Seed = 0
    """The seed of all random choices outside training, such as initial noise, grammar prompts and subsets."""
    archive: str = Field("archive", min_length=1)
    """The folder of generated images. Studies with the same archive share the images that they have in common."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where models run: auto uses a GPU if there is one. For a full study, use cuda, so that a job that finds no GPU stops
    at once. On a machine without a GPU, use cpu: each job then generates images on one thread, and as many jobs run in
    parallel as there are cores."""
    scoring_device: Literal["auto", "cpu", "cuda"] = "cpu"
    """Where neighbours are searched and all pairs of two sets compared: for experiments, embedding classifiers, duplicates
    and the distances between sets. A GPU finds exactly the same neighbours; it changes the kernel distance by rounding, and
    no other metric. It is worth its queue for sets of some 100,000 images and more."""
    noise: Literal["per_class", "shared"] = "per_class"
    """Whether image i starts from different noise in each class (per_class), or from the same noise in all classes
    (shared)."""
    generators: dict[Name, Generator] = Field({})
    """The text-to-image models, by names of your choice. A dataset uses the first model unless it names another."""
    image_format: ImageFormat = Field(default_factory=ImageFormat)
    """How generated images are stored."""
    datasets: dict[Name, DatasetEntry] = Field({})
    """Prompts to generate images from, with guidance scales, by names of your choice."""
    images_per_class: ImagesPerClass = Field(default_factory=ImagesPerClass)
    """How many images to generate per class and split."""
    classes_per_shard: Count = 10
    """How many classes one generation or embedding job processes (a shard). On a cluster, choose jobs of 10 GPU-minutes
    or more, or use shard_by_time."""
    shard_by_time: Given[ShardByTime] = None
    """Instead of classes_per_shard: as many classes as a GPU generates in this time. Changing it generates no image
    again."""
    on_undecodable: Literal["error", "flag"] = "error"
    """What to do with a natural image that cannot be decoded: stop the run and name it (error), or flag it (flag)."""
    exclude_flags: Distinct[Literal["black", "uniform", "nsfw", "undecodable"]] = Field([])
    """Images with these flags are left out of the embeddings and of all later steps: black, uniform, nsfw, undecodable.
    An undecodable image is always left out."""
    encoders: dict[Name, Encoder] = Field({})
    """The encoders, by names of your choice. The main tables use the first; encoder_agreement.csv shows whether their
    findings hold with the others."""
    sets: dict[Name, SetEntry] = Field(min_length=1)
    """What can be compared, by name. A set has a kind and one source: images, dataset or embeddings."""
    experiments: Experiments = Field(default_factory=Experiments)
    """The references and queries of the matrix; default is every set with a training split, in the order of sets.
    Experiments are numbered as in Table 6 of "Diversity and Diffusion"."""
    set_metrics: SetMetrics = Field(default_factory=SetMetrics)
    """The metrics that compare whole sets (set_metrics.csv)."""
    diagnosis: Diagnosis = Field(default_factory=Diagnosis)
    """A suspected cause for each class of a generated set (causes.csv)."""
    adherence: Adherence = Field(default_factory=Adherence)
    """How often images show the modifiers of a grammar (adherence.csv)."""
    prompt_probes: dict[Name, PromptProbe] = Field({})
    """Prompts for one class that are compared with each other (prompt_probes.csv), by names of your choice. Their images
    are generated in a separate split, image i of every prompt from the same noise."""
    review: Review = Field(default_factory=Review)
    """What target `review` generates and shows, so that you can clarify ambiguous prompts by hand. It is not part of
    `all`."""
    embedding_classifiers: EmbeddingClassifiers = Field(default_factory=EmbeddingClassifiers)
    """Classifiers that are fitted to a reference's embeddings and evaluated on the queries'
    (embedding_classifiers.csv)."""
    mixtures: dict[Name, Mixture] = Field({})
    """Training sets that combine sets, by names of your choice; classifiers train on them as on any set."""
    classifiers: dict[Name, ClassifierEntry] = Field({})
    """Classifiers that are trained on sets and evaluated on sets (classifiers.csv), by names of your choice."""
    predictions: dict[Name, PredictionsEntry] = Field({})
    """Predictions of classifiers that you trained elsewhere on sets and mixtures of this config, by names of your choice.
    They have interventions and accounts as `classifiers` have."""
    ladder: Given[Ladder] = None
    """Training sets between natural and generated images, to see at which step of generation accuracy is lost
    (ladder.csv): natural images in the size and format of generated ones, passed through the generator's autoencoder,
    partly generated, generated from their captions and from the set's prompts without guidance. Without this key nothing
    is generated or trained."""
    transfer: Transfer = Field(default_factory=Transfer)
    """Transfer of frozen features to other tasks (transfer.csv): a logistic regression (L-BFGS) on the features of every
    classifier, of each seed or pretrained, and of every encoder."""
    features: Given[Features] = None
    """Statistics of every classifier's features (feature_statistics.csv): sparsity, intra-class distance, feature
    redundancy and coding length of the unit vectors, for images of one natural set. Without this key nothing is measured;
    {} uses the defaults."""
    published: Literal["diversity_and_diffusion", "imagenet_sd"] | None = None
    """The paper whose published values are shown next to your study's in published.csv: "Diversity and Diffusion", whose
    tables are also audited, or "Fake it till you make it" (imagenet_sd)."""
    contact_sheets: ContactSheets = Field(default_factory=ContactSheets)
    """The sets whose images the contact sheet shows side by side, in order; default is every image set that has
    images."""

    def count_images(self) -> dict[str, dict[str, int]]:
        """Return the images per class of each split of each dataset."""
        return {
            name: {
                "train": entry.images_per_class.train or self.images_per_class.train,
                "evaluation": entry.images_per_class.evaluation or self.images_per_class.evaluation,
            }
            for name, entry in self.datasets.items()
        }
