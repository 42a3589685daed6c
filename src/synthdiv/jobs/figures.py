"""The jobs of figures.smk: every figure, declared once.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from synthdiv.catalog.table import Part
from synthdiv.core.job import Job
from synthdiv.jobs.classifiers import (
    find_first_classifier,
    list_runs,
    list_training_logs,
    list_training_sets,
)
from synthdiv.jobs.files import find_embeddings, find_results, find_set_indices
from synthdiv.jobs.images import list_probe_indices
from synthdiv.jobs.rules import Wildcards, plans
from synthdiv.plan.classifiers import list_answering, list_answers, list_choices, list_natural_trainings
from synthdiv.plan.experiments import (
    find_natural_reference,
    list_diagnosed,
    list_diagnosis_references,
    list_queries,
    list_references,
)
from synthdiv.plan.interventions import list_sizes
from synthdiv.plan.sets import (
    find_natural_images,
    list_encoded_sets,
    list_encoders,
    list_image_sets,
    list_sheet_sets,
)
from synthdiv.plan.study import Study

Options = dict[str, Any]


def always(study: Study) -> bool:
    """Return True: every study with the tables has the figure."""
    return True


def no_options(study: Study) -> Options:
    """Return the options of a figure that its inputs decide."""
    return {}


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes
    ----------
    title : str
    part : Part
        Its title, and the part of the report that shows it.
    draw : str
        The function of :mod:`synthdiv.report` that draws it, as "module:function". It takes the inputs and the options.
    inputs : mapping of name to str or callable
        Results tables, without which a study does not have the figure; or a function from the study to paths.
    options : callable
        From the study to what decides the figure besides its inputs, as plain values.
    caption : str
        May name options in braces.
    needs : callable
        From the study to something true if the study has the figure; needed where the tables do not say this.
    """

    title: str
    part: Part
    draw: str
    inputs: Mapping[str, str | Callable[[Study], str | list[str]]]
    caption: str
    options: Callable[[Study], Options] = field(default=no_options)
    needs: Callable[[Study], object] = field(default=always)

    @property
    def tables(self) -> list[str]:
        """The results tables among its inputs."""
        return [source for source in self.inputs.values() if isinstance(source, str)]


class PlotFigure(Job):
    """A figure, and what decides it besides its inputs."""

    figure: str
    options: dict[str, Any]


def list_styled(study: Study) -> list[str]:
    """List all sets that figures tell apart, in the order in which they get colours and markers: generated ones first."""
    names = list_image_sets(study, list_encoders(study)[0]) if list_encoders(study) else []
    trained = [training for _, training in list_answers(study)]
    return list(dict.fromkeys(sorted(names, key=lambda name: study.sets[name].is_natural) + trained))


def describe_styles(study: Study) -> Options:
    """Return these sets, and the natural one, which is black."""
    return {"styled": {"names": list_styled(study), "natural": find_natural_reference(study)}}


def list_sheet_indices(study: Study) -> list[str]:
    """List the file that represents the indices of each set on the contact sheet."""
    return [find_set_indices(study, name) for name in list_sheet_sets(study)]


def describe_sheet(study: Study) -> Options:
    """Return the columns of the contact sheet, the classes' names, and how many classes and images it shows."""
    options = study.config.contact_sheets
    return {
        "columns": list_sheet_sets(study),
        "class_names": [row.name for row in study.classes],
        "classes": options.classes,
        "images": options.images,
    }


def describe_matrix(study: Study) -> Options:
    """Return the order of the matrix's columns and rows."""
    return {"references": list_references(study), "queries": list_queries(study)}


def name_split_reference(study: Study) -> Options:
    """Return the reference set that the figure of the error split shows."""
    return {"reference": next(iter(list_diagnosis_references(study)), None)}


def list_evidence_sets(study: Study) -> list[str]:
    """List the diagnosed sets with images to show, and the natural one; none if the natural set has no images."""
    shown, natural = (
        [name for name in list_diagnosed(study) if study.sets[name].embeddings is None],
        find_natural_images(study),
    )
    return [*shown, natural] if shown and natural else []


def list_evidence_indices(study: Study) -> list[str]:
    """List the file that represents the indices of each of these sets."""
    return [find_set_indices(study, name) for name in list_evidence_sets(study)]


def name_evidence_sets(study: Study) -> Options:
    """Return these sets."""
    return {"sets": list_evidence_sets(study)}


def count_probe_images(study: Study) -> Options:
    """Return the number of images of each prompt of each prompt probe."""
    return {"images": [[name, entry.images] for name, entry in study.config.prompt_probes.items()]}


def find_geometry_sets(study: Study) -> list[str]:
    """Return an image set and its own prompt set, or else the first of each; empty if either is missing."""
    names = list_encoded_sets(study, list_encoders(study)[0])
    prompts = [name for name in names if study.sets[name].kind == "prompt"]
    images = list_image_sets(study, list_encoders(study)[0])
    pairs = [(image, prompt) for prompt in prompts for image in images]
    source = {name: study.sets[name].dataset for name in names}
    own = [(image, prompt) for image, prompt in pairs if source[image] is not None and source[image] == source[prompt]]
    return list(next(iter(own + pairs), ()))


def find_geometry_images(study: Study) -> str:
    """Return the file that represents the embeddings of these images."""
    return find_embeddings(study, list_encoders(study)[0], find_geometry_sets(study)[0])


def find_geometry_prompts(study: Study) -> str:
    """Return the file that represents the embeddings of these prompts."""
    return find_embeddings(study, list_encoders(study)[0], find_geometry_sets(study)[1])


def describe_geometry(study: Study) -> Options:
    """Return both sets, the classes' names, and the study's seed, which chooses the images."""
    return {
        "names": find_geometry_sets(study),
        "class_names": [row.name for row in study.classes],
        "seed": study.seed,
    }


def describe_training(study: Study) -> Options:
    """Return the training runs, in the order of the inputs, and the set that each classifier monitors."""
    classifiers = study.config.classifiers
    return {
        "runs": [list(run[:2]) for run in list_runs(study)],
        "monitored": {name: entry.monitor for name, entry in classifiers.items() if entry.monitor is not None},
        **describe_styles(study),
    }


def name_first_classifier(study: Study) -> Options:
    """Return the classifier whose predictors are shown."""
    return {"classifier": find_first_classifier(study), **describe_styles(study)}


def list_plotted_transfer(study: Study) -> list[str]:
    """Return the table of transfer, if the study has it."""
    return find_results(study, "transfer_means.csv")


def name_natural(study: Study) -> Options:
    """Return the natural set."""
    return {"natural": find_natural_images(study), **describe_styles(study)}


def find_selection(study: Study) -> list[str]:
    """Return the table that says which training set is best, if the study has it."""
    return find_results(study, "selection.csv")


def _find_natural_training(study: Study, classifier: str) -> str | None:
    return next(iter(list_natural_trainings(study, classifier)), None)


def find_sizes(study: Study) -> dict[str, list[list[str]]]:
    """Return, by classifier that is trained here, the groups of training sets that differ in their size alone."""
    found = {classifier: list_sizes(study, classifier) for classifier in study.config.classifiers}
    return {classifier: groups for classifier, groups in found.items() if groups}


def describe_sizes(study: Study) -> Options:
    """Return these groups, and the natural training set of each classifier."""
    groups = find_sizes(study)
    natural = {name: _find_natural_training(study, name) for name in groups}
    return {"groups": groups, "natural": natural, **describe_styles(study)}


def list_confused(study: Study) -> list[str]:
    """List the classifiers with a natural training set, or with training sets that one can choose from."""
    return [name for name in list_answering(study) if _find_natural_training(study, name) or list_choices(study, name)]


def describe_confusion(study: Study) -> Options:
    """Return the first of these, its natural training set, those that one can choose from, and the classes' names."""
    classifier = list_confused(study)[0]
    return {
        "classifier": classifier,
        "natural": _find_natural_training(study, classifier),
        "choices": list_choices(study, classifier),
        **describe_styles(study),
        "class_names": [row.name for row in study.classes],
    }


FIGURES = {
    "contact_sheet": Figure(
        title="Contact sheet",
        part="2 Images",
        draw="images:draw_contact_sheet",
        needs=list_sheet_sets,
        inputs={"indices": list_sheet_indices},
        options=describe_sheet,
        caption=(
            "A row is a class, a column a set. In the columns of generated sets, the same place has the same initial noise, "
            "so that only the prompt and the guidance scale differ. The columns of natural sets show other images, in the "
            "order of their names."
        ),
    ),
    "similar_images": Figure(
        title="Most similar images of two splits",
        part="2 Images",
        draw="images:draw_similar",
        inputs={"pairs": "duplicates.parquet"},
        caption=(
            "A row is a pair of splits. The left image of each pair is of the first split; the right one is the image of "
            "the second split that is the most similar to it. *exact* is the same file, *near* the same picture (even if "
            "mirrored, compressed or noisy), *crop* a part of the other, and *nearest* none of these, by the limits in "
            "``tables/leakage.csv``: a person decides. The number is the correlation of the two thumbnails or, for a crop, "
            "that with a part of the other image. Rows with duplicates come first; "
            "all pairs are in ``tables/duplicates.parquet``."
        ),
    ),
    "experiments": Figure(
        title="Reference x query matrix",
        part="3 Matrix",
        draw="experiments:draw_experiments",
        inputs={"table": "experiments.csv"},
        options=describe_matrix,
        caption=(
            "Each cell is one experiment: the query set of its column, classified by the reference set of its row. Centroid "
            "Accuracy uses the class of the nearest class centroid, k-NN the majority of the k nearest reference images or "
            "prompts; both are shares of all queries. The cosine is with the centroid of the query's own class. n/a: one "
            "prompt per class gives too few queries for k-NN."
        ),
    ),
    "centroid_distance": Figure(
        title="Centroid Distance",
        part="4 Diversity and shift",
        draw="experiments:draw_centroid_distance",
        needs=list_image_sets,
        inputs={"table": "centroid_distance.csv"},
        caption=(
            "Centroid Distance is the mean squared (1 - cosine) between a class's images and their centroid, averaged over "
            "the classes: higher is more varied. Each set has a bar for its training and one for its evaluation split, with "
            "95 % intervals over images; compare sets at equal numbers of images per class, which are in "
            "tables/centroid_distance.csv."
        ),
    ),
    "error_split": Figure(
        title="Diversity against centroid-shift",
        part="4 Diversity and shift",
        draw="diagnosis:draw_error_split",
        inputs={"split": "error_split.csv", "terms": "error_terms.csv"},
        options=name_split_reference,
        caption=(
            "Left: the error of each set's images with the class centroids of {reference} (bars: 95 % intervals). The broad "
            "part is the error with the set's *own* centroids: diversity, and overlap of classes, which natural images have "
            "too. The narrow part is centroid-shift; it points left if other centroids classify better. Right: the accuracy "
            "gained if class clusters had the location of natural ones (location), their spread (spread), and what neither "
            "explains (shape); the three sum to the difference to natural images."
        ),
    ),
    "tradeoff": Figure(
        title="Diversity against semantic error",
        part="4 Diversity and shift",
        draw="tradeoff:draw_tradeoff",
        inputs={"table": "tradeoff.csv"},
        caption=(
            "Left: how varied each generated set is (Centroid Distance of its training split) against its semantic error, "
            "the share of images that are not nearest to the natural centroid of their own class; the star is the natural "
            "set, by its evaluation split. Right: the share of images that the encoder classifies as a drawing, a painting, "
            "a rendering or a product shot of their class instead of a photograph. Only the excess over the natural set's "
            "share is meaningful, as far as the encoder knows these words. Lines are 95 % intervals over images. The "
            "numbers are in ``tables/tradeoff.csv``."
        ),
    ),
    "causes": Figure(
        title="Suspected causes by class",
        part="5 Classes",
        draw="diagnosis:draw_causes",
        needs=list_diagnosed,
        inputs={"causes": "causes.parquet"},
        caption=(
            "What embeddings suspect of each set's classes: the share of classes by their first suspected cause, and a cell "
            "per class with the cause's first letters; of more than 30 classes, for those suspected in the most sets. "
            "*Not tested*: too few images. Further causes of "
            "a class, the metrics behind each and the predicted classes of the images are in ``tables/causes.csv``."
        ),
    ),
    "evidence": Figure(
        title="Images of suspected classes",
        part="5 Classes",
        draw="diagnosis:draw_evidence",
        needs=list_evidence_sets,
        inputs={"causes": "causes.parquet", "indices": list_evidence_indices},
        options=name_evidence_sets,
        caption=(
            "Classes of each suspected cause, those that deviate most (at most 16; ``tables/causes.csv`` has all): "
            "training images from the most to the least natural "
            "one, next to natural images of the class."
        ),
    ),
    "guidance": Figure(
        title="Metrics by guidance scale",
        part="6 Guidance and prompts",
        draw="guidance:draw_guidance",
        inputs={"table": "guidance.csv", "per_class": "guidance_per_class.parquet", "choice": "guidance_choice.csv"},
        caption=(
            "Each dataset that was generated at several guidance scales, at each of them. The set is the images at that "
            "scale. The panels show how varied its training split is (Centroid Distance); how often its queries are "
            "recognised by centroids of prompts, of itself and of natural images; how often natural queries are recognised "
            "by its centroids; and the accuracy of classifiers trained on it. Grey lines are classes (of more than 30, grey "
            "bands, and the lowest and the highest one on average, by name), blue bands are 95 % "
            "intervals over images, the dashed line is the natural set in place of the set. Images of two scales share "
            "class, prompt and initial noise, so scales are compared image by image, which is more precise than the bands "
            "suggest. The filled point is the highest; light ones are not lower beyond noise (corrected for all pairs of "
            "scales; for the classifiers as they were trained, which another training would change). Other kinds of "
            "guidance have axes of their own. Without a prompt set, a natural set or classifiers trained on these sets, "
            "those panels are missing. The numbers, and the best scale of each metric for each class, are in "
            "`tables/guidance.csv` and `tables/guidance_choice.csv`."
        ),
    ),
    "prompt_probes": Figure(
        title="Prompt probes",
        part="6 Guidance and prompts",
        draw="images:draw_prompt_probes",
        inputs={"indices": list_probe_indices, "table": "prompt_probes.csv"},
        options=count_probe_images,
        caption=(
            "A row is a prompt, a column one initial noise, so that only the words differ within a column. Next to each "
            "prompt: the share of its images that are nearest to the class's centroid among all centroids of the reference "
            "set, and the most frequent wrong class; their Centroid Distance (how varied they are); and the centroid-shift "
            "from the reference (how far the words moved the class). Brackets are 95 % intervals for other noises of the "
            "same prompt; a star marks a value that differs from the probe's first prompt (paired by noise, corrected for "
            "the number of prompts)."
        ),
    ),
    "adherence": Figure(
        title="Modifier adherence",
        part="6 Guidance and prompts",
        draw="adherence:draw_adherence",
        inputs={"table": "adherence.csv"},
        caption=(
            "Whether each modifier of a grammar reaches the images: the share of comparisons, in percent, in which an image "
            "is nearer to its own prompt than to the same prompt with another value of that modifier. 50 is the chance "
            "level, as if the modifier had no effect visible to the encoder; a cell is hatched if its 95 % interval over "
            "images contains 50 (not corrected for the number of cells). The first column is for all classes, with its "
            "interval. The encoder recognises only what it was trained on, so a low share may be the encoder's fault as "
            "well as the generator's. `tables/adherence.csv` has the shares of each value, and how often an image's own "
            "value is the nearest of all; a single value is not centred at chance, since some texts are nearer to any "
            "image."
        ),
    ),
    "geometry": Figure(
        title="Class clusters, centroids and prompts",
        part="7 Geometry",
        draw="geometry:draw_geometry",
        needs=find_geometry_sets,
        inputs={"images": find_geometry_images, "prompts": find_geometry_prompts},
        options=describe_geometry,
        caption=(
            'The geometry of the embeddings (Figure 7 of "Diversity and Diffusion", from this study\'s own): small dots are '
            "images of {names[0]}, rings the class centroids, squares the prompts of {names[1]}. Three classes are shown: "
            "the most varied one, the least varied, and the one whose images agree least with their prompts. Left: the "
            "first two principal directions of their images, with prompts moved by the modality gap (the difference of the "
            "two means). Right: along that gap, prompts are separate from all images. Two-dimensional figures distort "
            "distances; the numbers are in the tables."
        ),
    ),
    "classifiers": Figure(
        title="Training x evaluation sets",
        part="8 Classifiers",
        draw="classifiers.accuracy:draw_classifiers",
        inputs={"means": "classifier_means.csv", "differences": "classifier_differences.csv"},
        caption=(
            "Each row is the set that a classifier was trained on (training split), each column the set that it is "
            "evaluated on (evaluation split). The number is top-1 accuracy, the mean over seeds; intervals and the "
            "deviation between seeds are in `tables/classifier_means.csv`, comparisons of every two training sets in "
            "`tables/classifier_differences.csv`. The title says whether the best synthetic set is as good as the natural "
            "one, up to differences that other images and training runs could cause. Other figures of classifiers use the "
            "first column."
        ),
    ),
    "interventions": Figure(
        title="What each setting is worth",
        part="8 Classifiers",
        draw="classifiers.accuracy:draw_interventions",
        inputs={"table": "interventions.csv"},
        caption=(
            "What training gains if one setting of the training set changes and all others stay: the difference of top-1 "
            "on the evaluation set, in points, with its 95 % interval over images and training runs. Filled markers: beyond "
            "noise after Holm's correction for all interventions of the classifier. On the right, the two training sets. "
            "`tables/interventions.csv` has the other evaluation sets, `tables/interventions_by_class.parquet` the classes."
        ),
    ),
    "accounts": Figure(
        title="Where each training set's accuracy is lost",
        part="8 Classifiers",
        draw="accounts:draw_accounts",
        inputs={"table": "accounts.csv"},
        caption=(
            "How far training on each set is behind training on natural images (in all), and the steps that lead there. "
            "Hatched: the step to the best set, which no intervention prices. Coloured: what each change of a setting costs "
            "or gains. Lines: 95 % intervals over images and training runs. The best set was chosen on other images than "
            "these. If there are many sets, those with the largest shortfall are shown; `tables/accounts.csv` has all, and "
            "the other evaluation sets."
        ),
    ),
    "ladder": Figure(
        title="Where accuracy is lost on the way from natural to generated images",
        part="8 Classifiers",
        draw="accounts:draw_ladder",
        inputs={"table": "ladder.csv"},
        caption=(
            "What training loses (or gains, in the other colour) at each step of the ladder from natural to generated "
            "images: every rung has as many images and the same training seeds. Lines: 95 % intervals over images and "
            "training runs. `tables/ladder.csv` says whether every step loses, and has the other evaluation sets."
        ),
    ),
    "shortfalls": Figure(
        title="Which classes fall short",
        part="5 Classes",
        draw="accounts:draw_shortfalls",
        inputs={"table": "shortfalls.parquet"},
        caption=(
            "How many points of recall each class (column) loses by training on a set (row) instead of natural images; "
            "negative: gains. Grey: within noise, at a false discovery rate of 5 % over all cells. Of more than 30 classes, "
            "those with the largest mean are shown. `tables/shortfalls.csv` says what is known of each: a price, a "
            "suspicion, or nothing."
        ),
    ),
    "training": Figure(
        title="Training curves",
        part="8 Classifiers",
        draw="classifiers.accuracy:draw_training",
        needs=list_training_sets,
        inputs={"logs": list_training_logs},
        options=describe_training,
        caption=(
            "Training loss, accuracy on the augmented training images, and accuracy on the evaluation split of one "
            "monitored set, by epoch. A colour is a training set, a line a seed. Nothing is selected by these curves: the "
            "classifier is the one at their end."
        ),
    ),
    "exchange_rate": Figure(
        title="Natural against synthetic images",
        part="8 Classifiers",
        draw="classifiers.sizes:draw_exchange_rate",
        inputs={"table": "exchange_rate.csv"},
        caption=(
            "Top-1 against the number of natural training images: alone, and with synthetic images added. Where a line with "
            "synthetic images meets the height of the line without, the horizontal distance is the number of natural images "
            "that the synthetic ones replace (`worth_natural` in `tables/exchange_rate.csv`). Bars are 95 % intervals over "
            "images."
        ),
    ),
    "sizes": Figure(
        title="Accuracy by number of training images",
        part="8 Classifiers",
        draw="classifiers.sizes:draw_sizes",
        needs=find_sizes,
        inputs={"means": "classifier_means.csv", "interventions": "interventions.csv"},
        options=describe_sizes,
        caption=(
            "Top-1 against the number of training images. A line joins training sets that differ in nothing else; bars are "
            "95 % intervals over images. Between neighbouring sizes: the points that the larger one gains, with the 95 % "
            "interval over images and training runs. Dashed: the natural training set. If a line flattens below it, more "
            "images of this kind do not make up for the shortfall. The numbers are in ``tables/classifier_means.csv`` and "
            "``tables/interventions.csv``."
        ),
    ),
    "confusion": Figure(
        title="Confused classes",
        part="5 Classes",
        draw="classifiers.confusion:draw_confusion",
        needs=list_confused,
        inputs={"counts": "classifier_confusion.parquet", "means": "classifier_means.csv", "selection": find_selection},
        options=describe_confusion,
        caption=(
            "How {classifier} classifies the images of its first evaluation set after training on natural images, on the "
            "best of the other training sets, and on the worst. A row is the true class, a column the predicted one; each "
            "row adds up to 100 %. Of more than 20 classes, the pairs that are confused most after training on the best "
            "set are shown, with 95 % intervals over images. ``tables/classifier_confusion.parquet`` has all training sets "
            "and pairs."
        ),
    ),
    "predictors": Figure(
        title="Predictors of shortfalls and gains",
        part="8 Classifiers",
        draw="classifiers.predictors:draw_predictors",
        inputs={"table": "predictors.csv", "points": "predictor_points.parquet"},
        options=name_first_classifier,
        caption=(
            "Left: how well metrics known before any training predict what training loses or gains. For shortfalls, it is "
            "Spearman's rank correlation between the change of a metric from the natural training set to another set (or a "
            "class of it) and the change of top-1, which is minus the shortfall. For interventions, it is the share of "
            "those in which metric and top-1 both rise or both fall: 1 if the metric rises whenever top-1 does, 0 if it "
            "falls, 0.5 if it says nothing; and, for classes, again the correlation. Lines are 95 % intervals (for classes, "
            "whole classes are resampled); metrics whose interval is the farthest from saying nothing come first. Right: "
            "the gain in top-1 against the change of the metrics that come first for classes; a dot is a class, a star the "
            "whole set. Of more than 100 classes, the median and the quartiles of ten groups with a similar change are "
            "shown; ``tables/predictor_points.parquet`` has all."
        ),
    ),
    "transfer": Figure(
        title="Transfer of frozen features",
        part="8 Classifiers",
        draw="features:draw_transfer",
        inputs={"means": "transfer_means.csv"},
        options=describe_styles,
        caption=(
            "A logistic regression is fitted to the frozen features of each encoder for each transfer set (rows). Shown is "
            "its top-1 on that set's evaluation split, the mean over seeds, with the interval over images for the same "
            "encoders. A panel is a classifier of the study, a marker its training set; pretrained encoders share a panel "
            "of their own. `tables/transfer_means.csv` lists the training sets that differ from the natural one beyond "
            "noise, `tables/transfer.csv` the regularisation that each seed's validation chose."
        ),
    ),
    "features": Figure(
        title="Features and accuracies (spider plot)",
        part="8 Classifiers",
        draw="features:draw_features",
        inputs={
            "statistics": "feature_statistics.csv",
            "classifiers": "classifier_means.csv",
            "transfer": list_plotted_transfer,
        },
        options=name_natural,
        caption=(
            "Statistics of a classifier's features of natural images (sparsity, intra-class distance, redundancy, coding "
            "length) and accuracy (top-1 on evaluation sets and, if there are any, on transfer sets), means over seeds. A "
            "panel is a training set; the dashed line is the natural one. Each axis runs from the lowest (inner circle) to "
            "the highest value (outer circle) over the training sets; both are printed at its end. More is not better on "
            "every axis. Definitions, threshold and eps are in `tables/feature_statistics.csv`."
        ),
    ),
    "jobs": Figure(
        title="Time, memory and speed",
        part="9 Claims, audit, cost",
        draw="jobs:draw_jobs",
        inputs={"table": "jobs.csv"},
        caption=(
            "Time and resources of the study's jobs in their last run: the total time of a rule's jobs (their number in "
            "brackets), and each job's time, peak memory, and images per second if it processes images, without loading "
            "models. ``jobs.csv`` has the numbers, with CPU time, data read and written, the GPU and its peak memory, and "
            "the number of attempts."
        ),
    ),
}
"""Every figure, in the order of the report."""


def list_figures(study: Study) -> list[str]:
    """List the figures that a study has."""
    return [
        name
        for name, one in FIGURES.items()
        if one.needs(study) and len(find_results(study, *one.tables)) == len(one.tables)
    ]


def list_plotted(study: Study) -> list[Wildcards]:
    """List the figures that a study has, as wildcards."""
    return [{"figure": name} for name in list_figures(study)]


def name_figures(study: Study, names: Iterable[str]) -> list[str]:
    """Return the files of those of some figures that a study has."""
    return [f"<results>/figures/{name}.png" for name in list_figures(study) if name in names]


def find_figure_inputs(study: Study, figure: str) -> dict[str, str | list[str]]:
    """Return the inputs of a figure, by name."""
    return {
        name: source(study) if callable(source) else f"<results>/tables/{source}"
        for name, source in FIGURES[figure].inputs.items()
    }


def find_figure_part(study: Study, figure: str) -> str:
    """Return the part of the report that shows a figure."""
    return FIGURES[figure].part


def find_figure_labels(study: Study, figure: str) -> dict[str, str]:
    """Return how the report lists a figure."""
    return {"figure": FIGURES[figure].title}


def caption_figure(study: Study, figure: str) -> str:
    """Return the caption of a figure."""
    one = FIGURES[figure]
    return one.caption.format(**one.options(study))


@plans(list_plotted)
def plot_figure(study: Study, figure: str) -> PlotFigure:
    """Plan a figure."""
    return PlotFigure(figure=figure, options=FIGURES[figure].options(study))
