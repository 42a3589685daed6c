"""The study, the closed constraints of the wildcards, and every function that rules ask.

Imports nothing heavy: every job of a cluster parses this file.
"""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from synthdiv.errors import StudyError
from synthdiv.identity import REVIEW, SPLITS, format_scale
from synthdiv.roles import find_prompts_of, find_repeated, find_roles
from synthdiv.study import Drawing, Study
from synthdiv.transfer_sets import VALIDATION, find_root

# the threads of a job that wait for each other sleep, and leave the cores to other jobs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

BEFOREHAND = {"grid", "fetch_models", "calibrate"}
"""Targets that need none of the images that a user brings."""


def needs_sources():
    """Whether this is the process that the user started, for more than such a target (Snakemake names them later)."""
    return workflow.is_main_process and BEFOREHAND.isdisjoint(sys.argv)


try:
    STUDY = Study(config)
    if needs_sources():
        STUDY.check_sources()
    if workflow.is_main_process and "review" in sys.argv:
        STUDY.plan_review()
except StudyError as error:
    raise WorkflowError(str(error)) from None

COLLECTIONS = list(dict.fromkeys(map(STUDY.collection_of, STUDY.sets)))


def check_cluster():
    """Before anything is submitted to Slurm: whether it answers, and has a place for every job. And outlast its outages."""
    if workflow.executor_plugin.name != "slurm":
        return
    from synthdiv import cluster

    try:
        cluster.check_cluster(
            [job for job in workflow.dag.needrun_jobs() if not job.is_local],
            partition_config=workflow.executor_settings.partition_config
            or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS"),
            status_command=workflow.executor_settings.status_command,
        )
    except StudyError as error:
        raise WorkflowError(str(error)) from None
    cluster.outlast_outages()


def growing(base):
    """Memory or time that grows with every attempt: what was too little once is not asked for again."""

    def size(wildcards, attempt):
        return base * attempt

    return size


def gpus(wildcards):
    """One, unless the study stays on the CPU."""
    return 0 if STUDY.config["device"] == "cpu" else 1


def one_of(names):
    """A wildcard constraint that admits these names and nothing else."""
    return "|".join(map(re.escape, dict.fromkeys(names))) or "(?!)"


def list_folders():
    """The folders, in the study's results, of collections in several tables: a table a shard."""
    if len(STUDY.shards) == 1:
        return []
    drawn = [f"images/{drawing.collection}" for drawing in STUDY.drawings]
    first = STUDY.encoders[0]
    datasets = {name: STUDY.sets[name]["dataset"] for name in STUDY.reviewable}
    reviewed = [f"images/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/prompts/{name}" for name in datasets.values()]
    embedded = [
        f"embeddings/{encoder}/{STUDY.collection_of(name)}"
        for encoder in STUDY.config["encoders"]
        for name in STUDY.sets_of(encoder)
    ]
    return list(dict.fromkeys(drawn + embedded + reviewed))


def listed_tables(wildcards):
    return [f"<results>/{wildcards.folder}/{shard}.parquet" for shard in STUDY.shards]


def whole_table(folder):
    """What stands for all tables of a folder: their listing, or the one table itself."""
    name = (
        "tables.json"
        if len(STUDY.shards) > 1
        else f"{next(iter(STUDY.shards))}.parquet"
    )
    return f"<results>/{folder}/{name}"


def sweep_experiments():
    """The experiments that the sweeps' figures are from, in the matrix or not."""
    return [
        one for one in STUDY.sweep_figures if one.reference and one.classifier is None
    ]


def list_featured():
    """The sets whose images' features are taken, from images/ on: the transfer sets, and natural images."""
    own = [] if STUDY.feature_set is None else [f"natural/{STUDY.feature_set}"]
    return [f"transfer/{name}" for name in STUDY.transfer_sets] + own


def name_encodings():
    """What the files of each encoder of a transfer are called, by its name and training set."""
    trained = {pair: f"classifiers/{pair[0]}/{pair[1]}" for pair in STUDY.evaluations}
    return trained | {
        (name, None): f"encoders/{name}" for name in STUDY.config["encoders"]
    }


wildcard_constraints:
    dataset=one_of(STUDY.datasets),
    scale=one_of(format_scale(drawing.guidance_scale) for drawing in STUDY.drawings),
    shard=one_of(STUDY.shards),
    generator=one_of(STUDY.config["generators"]),
    encoder=one_of(STUDY.encoders),
    set=one_of(STUDY.sets),
    images=one_of(
        [name for name in COLLECTIONS if not name.startswith(("prompts/", "brought/"))]
        + [f"review/{name}" for name in STUDY.reviewable]
    ),
    split=one_of(SPLITS),
    reference=one_of(STUDY.references + [one.reference for one in sweep_experiments()]),
    query=one_of(STUDY.queries + [one.query for one in sweep_experiments()]),
    folder=one_of(list_folders()),
    classifier=one_of(STUDY.config["classifiers"]),
    training=one_of(training for _, training in STUDY.evaluations),
    seed=r"\d+",
    probe=one_of(STUDY.probes),
    transfer_set=one_of(STUDY.transfer_sets),
    featured=one_of(list_featured()),
    encoding=one_of(name_encodings().values()),
    part=r"[a-z_]+",


# prompts


def source_files(names):
    """The text files that the prompts of some datasets are made from.

    They are `ancient`: what they say of a shard reaches its job through `params`, so that one edited
    line redraws one class.
    """
    files = [STUDY.config["classes"]]
    for name in names:
        while name:
            entry = STUDY.config["datasets"][name]
            files += [
                entry[key] for key in ("overrides", "grammar", "table") if key in entry
            ]
            name = entry.get("base")
    return ancient(list(dict.fromkeys(files)))


def prompt_sources(wildcards):
    return source_files([wildcards.dataset])


def all_prompt_sources(wildcards):
    return source_files(STUDY.datasets)


def prompt_recipe(wildcards):
    """What the prompts of a dataset, or of one shard of it, depend on."""
    shard = STUDY.shards.get(wildcards.get("shard"))
    return STUDY.prompt_recipe(wildcards.dataset, shard)


def all_prompt_recipes(wildcards):
    recipes = {name: STUDY.prompt_recipe(name, None) for name in STUDY.datasets}
    probes = {f"probes/{name}": STUDY.config["probes"][name] for name in STUDY.probes}
    return recipes | probes


# images


def generator_spec(wildcards):
    return dict(sorted(STUDY.config["generators"][wildcards.generator].items()))


def model_files(*names):
    """The files of models, where their names are files or folders and not a library's or hub's."""
    paths = [Path(name) for name in names if name and isinstance(name, str)]
    return sorted(
        str(path)
        for name in paths
        if name.exists()
        for path in ([name] if name.is_file() else name.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )


def generator_files(wildcards):
    """A generator's files, where it is a folder: changed weights are another generator."""
    spec = STUDY.config["generators"][wildcards.generator]
    return model_files(spec["model"], spec["lora"])


def generator_fingerprint(wildcards):
    drawing, _ = STUDY.find_drawing(dict(wildcards.items()))
    name = STUDY.generator_of(drawing.dataset, drawing.split)
    return f"<results>/generators/{name}.json"


def draw_threads(wildcards):
    """On a GPU, three that encode and write what it drew; on the CPU one a job, so that jobs run side by side."""
    return 1 if STUDY.config["device"] == "cpu" else 4


def draw_recipe(wildcards):
    return STUDY.draw_recipe(*STUDY.find_drawing(dict(wildcards.items())))


def owner_indices(wildcards):
    """The indices of the datasets that draw some of this shard's classes: no block is drawn twice."""
    drawing, shard = STUDY.find_drawing(dict(wildcards.items()))
    owners = {STUDY.owner_of(drawing, class_id) for class_id in shard.class_ids}
    owners -= {drawing}
    return sorted(
        f"<results>/images/{owner.collection}/{wildcards.shard}.parquet"
        for owner in owners
    )


def natural_inputs(wildcards):
    """The files of a natural set, or its class folders, whose times see additions."""
    splits = STUDY.splits_of(wildcards.set)
    sources = [STUDY.natural_files(wildcards.set, split) for split in splits]
    return [
        path
        for source in sources
        for path in source["paths"] + source.get("labels", [])
    ]


def natural_recipe(wildcards):
    entry = STUDY.sets[wildcards.set]
    return {
        "archive": STUDY.config["archive"],
        "class_ids": STUDY.class_ids_of(wildcards.set),
        "classes": [row.key for row in STUDY.classes],
        "ignore_other_classes": entry["ignore_other_classes"],
        "images": entry["images"],
        "images_per_class": STUDY.natural_counts(wildcards.set),
        "on_undecodable": STUDY.config["on_undecodable"],
        "seed": STUDY.seed,
    }


def natural_checked(wildcards):
    """A folder for what decoding a set's images showed."""
    return f"results/{STUDY.name}/images/natural/{wildcards.set}.checked"


def whole_index(collection):
    """What stands for all the indices of a collection: natural sets have one for all shards."""
    if collection.startswith("natural/"):
        return f"<results>/images/{collection}.parquet"
    return whole_table(f"images/{collection}")


def image_index(collection, shard):
    """The index that holds a shard's images."""
    if collection.startswith("natural/"):
        return whole_index(collection)
    return f"<results>/images/{collection}/{shard}.parquet"


def index_of_set(name):
    return whole_index(STUDY.collection_of(name))


def all_indices(wildcards):
    """What stands for every index of the study: all drawings', the natural sets', and the probes'."""
    drawn = [drawing.collection for drawing in STUDY.drawings]
    natural = [name for name in COLLECTIONS if name.startswith("natural/")]
    return list(map(whole_index, drawn + natural)) + probe_indices(wildcards)


def sheet_indices(wildcards):
    return list(map(index_of_set, STUDY.sheet_sets()))


# embeddings


def embed_threads(wildcards):
    """On a GPU, processes that read and decode for it; on the CPU, one a job, so that jobs run side by side."""
    return 1 if STUDY.config["device"] == "cpu" else 4


def embed_recipe(wildcards):
    spec = STUDY.config["encoders"][wildcards.encoder]
    return {
        "encoder": {key: spec[key] for key in sorted(spec) if key != "features"},
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
    }


def encoder_files(wildcards):
    return model_files(STUDY.config["encoders"][wildcards.encoder]["model"])


def embedded_index(wildcards):
    return image_index(wildcards.images, wildcards.shard)


def brought_files(wildcards):
    return STUDY.embedding_files(wildcards.set)


def brought_source(wildcards):
    return STUDY.sets[wildcards.set]["embeddings"]


def embeddings_of(encoder, name):
    """What stands for all the embedding tables of a set."""
    collection = STUDY.collection_of(name)
    if collection.startswith("brought/"):
        return f"<results>/embeddings/{collection}.parquet"
    return whole_table(f"embeddings/{encoder}/{collection}")


def own_embeddings(wildcards):
    return embeddings_of(wildcards.encoder, wildcards.set)


def reference_embeddings(wildcards):
    return embeddings_of(wildcards.encoder, wildcards.reference)


def query_embeddings(wildcards):
    return embeddings_of(wildcards.encoder, wildcards.query)


def all_embeddings(wildcards):
    paths = [
        embeddings_of(encoder, name)
        for encoder in STUDY.encoders
        for name in STUDY.sets_of(encoder)
    ]
    return list(dict.fromkeys(paths)) + probe_embeddings(wildcards)


# probes


def probe_indices(wildcards):
    return [f"<results>/images/probes/{name}.parquet" for name in STUDY.probes]


def probe_embeddings(wildcards):
    """By the first encoder alone."""
    folder = f"<results>/embeddings/{STUDY.encoders[0]}/probes"
    return [f"{folder}/{name}.parquet" for name in STUDY.probes]


def probe_references(wildcards):
    """The embeddings of each probe's reference."""
    entries = STUDY.config["probes"].values()
    return [embeddings_of(STUDY.encoders[0], entry["reference"]) for entry in entries]


def scored_probes(wildcards):
    """What the rows of the probes' table are of."""
    keys = ("class", "images", "prompts", "reference")
    entries = STUDY.config["probes"].items()
    return {name: {key: entry[key] for key in keys} for name, entry in entries}


# experiments, metrics and figures


def scoring_threads(wildcards):
    """One for a small study, whose experiments run side by side."""
    references = len(STUDY.classes) * STUDY.config["images_per_class"]["train"]
    return 1 if references < 100_000 else 8


def matrix():
    """The experiments of every encoder."""
    return [
        (encoder, experiment)
        for encoder in STUDY.encoders
        for experiment in STUDY.experiments_of(encoder)
    ]


def predictions(wildcards):
    return [
        f"<results>/experiments/{encoder}/{experiment.reference}/{experiment.query}.parquet"
        for encoder, experiment in matrix()
    ]


def numbered_experiments(wildcards):
    """The matrix's rows: which encoder, number, reference and query each file of predictions is of."""
    return [
        [encoder, experiment.number, experiment.reference, experiment.query]
        for encoder, experiment in matrix()
    ]


def matrix_order(wildcards):
    return {"references": STUDY.references, "queries": STUDY.queries}


def set_measurements(wildcards):
    return [
        f"<results>/metrics/{encoder}/sets/{name}.parquet"
        for encoder in STUDY.encoders
        for name in STUDY.image_sets(encoder)
    ]


def set_comparisons(wildcards):
    return [
        f"<results>/metrics/{encoder}/pairs/{reference}/{name}.parquet"
        for encoder in STUDY.encoders
        for reference, name in STUDY.comparisons_of(encoder)
    ]


def measure_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {"images_per_class": options["images_per_class"], "seed": STUDY.seed}


def comparison_options(wildcards):
    options = STUDY.config["set_metrics"]
    return {
        "features": STUDY.features_of(wildcards.encoder),
        "images_per_class": options["images_per_class"],
        "neighbours": options["neighbours"],
        "seed": STUDY.seed,
    }


def classified_queries(wildcards):
    """The queries that a reference's classifiers try."""
    return [
        experiment.query
        for experiment in STUDY.experiments_of(wildcards.encoder)
        if experiment.reference == wildcards.reference
    ]


def classified_embeddings(wildcards):
    return [
        embeddings_of(wildcards.encoder, name) for name in classified_queries(wildcards)
    ]


def trained_probe(wildcards):
    if not STUDY.config["embedding_classifiers"]["probe"]:
        return []
    return f"<results>/probes/{wildcards.encoder}/{wildcards.reference}.npz"


def probe_options(wildcards):
    return {
        "strengths": STUDY.config["embedding_classifiers"]["probe_strengths"],
        "seed": STUDY.seed,
    }


def classifier_options(wildcards):
    options = STUDY.config["embedding_classifiers"]
    keys = ("density", "knn", "lda_shrinkage", "mixture_components")
    return {key: options[key] for key in keys} | {"seed": STUDY.seed}


def classifications(wildcards):
    references = [(encoder, experiment.reference) for encoder, experiment in matrix()]
    return [
        f"<results>/classifications/{encoder}/{reference}.parquet"
        for encoder, reference in dict.fromkeys(references)
    ]


# diagnosis


def class_texts(wildcards):
    """The texts of the classes, where the encoder reads any and something is drawn."""
    reads = STUDY.encoders[0] in STUDY.text_encoders() and STUDY.drawings
    return (
        f"<results>/diagnosis/{STUDY.encoders[0]}/class_texts.parquet" if reads else []
    )


def text_recipe(wildcards):
    """What the texts of the classes depend on."""
    drawn = dict.fromkeys(drawing.dataset for drawing in STUDY.drawings)
    return {name: STUDY.prompt_recipe(name, None) for name in drawn}


def texts_of_set(wildcards):
    """The texts of the classes, for a set that was drawn from some of them."""
    return class_texts(wildcards) if "dataset" in STUDY.sets[wildcards.set] else []


def set_embeddings(wildcards):
    return embeddings_of(STUDY.encoders[0], wildcards.set)


def natural_embeddings(wildcards):
    if STUDY.natural is None:
        return []
    return embeddings_of(STUDY.encoders[0], STUDY.natural)


def judge_embeddings(wildcards):
    return [embeddings_of(STUDY.encoders[0], name) for name in STUDY.judges]


def split_sets():
    """The sets whose error is split: those of images, where something judges them."""
    return STUDY.image_sets(STUDY.encoders[0]) if STUDY.judges else []


def error_splits(wildcards):
    return [f"<results>/diagnosis/{name}/error_split.parquet" for name in split_sets()]


def gathered_evidence(wildcards):
    return [f"<results>/diagnosis/{name}/evidence.parquet" for name in STUDY.diagnosed]


def evidence_sets(wildcards):
    """The diagnosed sets that have images to show, and the natural one; empty if that has none."""
    shown = [name for name in STUDY.diagnosed if "embeddings" not in STUDY.sets[name]]
    return [*shown, STUDY.natural_images] if shown and STUDY.natural_images else []


def evidence_indices(wildcards):
    return list(map(index_of_set, evidence_sets(wildcards)))


def geometry_sets(wildcards):
    """A set of images and the prompts that drew it, or else the first of each; empty if one is missing."""
    names = STUDY.sets_of(STUDY.encoders[0])
    prompts = [name for name in names if STUDY.sets[name]["kind"] == "prompt"]
    images = STUDY.image_sets(STUDY.encoders[0])
    pairs = [(image, prompt) for prompt in prompts for image in images]
    source = {name: STUDY.sets[name].get("dataset") for name in names}
    own = [
        (image, prompt)
        for image, prompt in pairs
        if source[image] is not None and source[image] == source[prompt]
    ]
    return list(next(iter(own + pairs), []))


def geometry_images(wildcards):
    return embeddings_of(STUDY.encoders[0], geometry_sets(wildcards)[0])


def geometry_prompts(wildcards):
    return embeddings_of(STUDY.encoders[0], geometry_sets(wildcards)[1])


def cure_trainings(wildcards):
    """Every training set of the cures, once."""
    cures = STUDY.config["cures"].values()
    roles = ("base", "diagnosed", "others")
    return list(dict.fromkeys(cure[role] for cure in cures for role in roles))


def cure_predictions(wildcards):
    return [
        f"<results>/evaluations/{first_classifier()}/{name}.parquet"
        for name in cure_trainings(wildcards)
    ]


def first_evaluation():
    """What the first classifier is tried on first."""
    name = first_classifier()
    return STUDY.config["classifiers"][name]["evaluate"][0] if name else None


def evidence_options(wildcards):
    return {
        "dataset": STUDY.sets[wildcards.set].get("dataset"),
        "images_per_class": STUDY.config["diagnosis"]["images_per_class"],
        "seed": STUDY.seed,
    }


def drawn_prompts(wildcards):
    """The first prompt of each drawn set, and its guidance scale."""
    drawn = {
        name: STUDY.sets[name]
        for name in STUDY.diagnosed
        if "dataset" in STUDY.sets[name]
    }
    return {
        name: [
            STUDY.datasets[entry["dataset"]].prompt(0, "train", 0),
            entry["guidance_scale"],
        ]
        for name, entry in drawn.items()
    }


# guidance


def sweep_source(one):
    """What a figure of a sweep is computed from."""
    if one.figure == "centroid_distance":
        return f"<results>/spreads/{STUDY.encoders[0]}/{one.set}.parquet"
    if one.figure == "trained_accuracy":
        return f"<results>/evaluations/{one.classifier}/{one.reference}.parquet"
    return (
        f"<results>/experiments/{STUDY.encoders[0]}/{one.reference}/{one.query}.parquet"
    )


def sweep_sources(wildcards):
    return list(map(sweep_source, STUDY.sweep_figures))


def sweep_figures(wildcards):
    """What each of the sources is of."""
    return [vars(one) for one in STUDY.sweep_figures]


def sweep_generators(wildcards):
    """Who draws each dataset of the sweeps."""
    return {name: STUDY.generator_of(name) for name in STUDY.sweeps}


def swept_generators(wildcards):
    return sorted(set(sweep_generators(wildcards).values()))


def sweep_fingerprints(wildcards):
    names = swept_generators(wildcards)
    return [f"<results>/generators/{name}.json" for name in names]


def guidance_results(wildcards):
    if not STUDY.sweeps:
        return []
    tables = ["guidance.csv", "guidance_choice.csv"]
    return [f"<results>/tables/{name}" for name in tables] + [
        "<results>/figures/guidance.png"
    ]


# adherence


def own_index(wildcards):
    return index_of_set(wildcards.set)


def set_prompt_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def set_prompt_recipe(wildcards):
    return STUDY.prompt_recipe(STUDY.sets[wildcards.set]["dataset"], None)


def adherence_options(wildcards):
    return {**STUDY.config["adherence"], "seed": STUDY.seed}


def measured_adherence(wildcards):
    return [
        f"<results>/adherence/{STUDY.encoders[0]}/{name}.parquet"
        for name in STUDY.grammar_sets
    ]


def adherence_results(wildcards):
    if not STUDY.grammar_sets:
        return []
    return ["<results>/tables/adherence.csv", "<results>/figures/adherence.png"]


# classifiers


def training_indices(wildcards):
    return [index_of_set(part["set"]) for part in STUDY.parts_of(wildcards.training)]


def initial_weights(wildcards):
    source = STUDY.config["classifiers"][wildcards.classifier].get("init_from")
    if source is None:
        return []
    folder = f"{source['classifier']}/{source['train']}/seed{wildcards.seed}"
    return [f"<results>/classifiers/{folder}/model.safetensors"]


def followed_indices(wildcards):
    entry = STUDY.config["classifiers"][wildcards.classifier]
    return [index_of_set(entry["follow"])] if "follow" in entry else []


def pretrained_files(wildcards):
    """The weights that a recipe starts from, where they are files."""
    recipe = STUDY.recipes[wildcards.classifier]
    return model_files(recipe["model"], recipe["pretrained"])


def training_options(wildcards):
    """What decides a classifier's weights, apart from its seed and its images."""
    return {
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
        "parts": STUDY.parts_of(wildcards.training),
        "recipe": STUDY.training_recipe(wildcards.classifier),
        "study_seed": STUDY.seed,
    }


def training_processes(wildcards):
    return STUDY.config["classifiers"][wildcards.classifier]["processes"]


def training_gpus(wildcards):
    return gpus(wildcards) * training_processes(wildcards)


def training_threads(wildcards):
    """On GPUs, processes that read and decode for each; on the CPU, one a process, so that jobs run side by side."""
    return training_processes(wildcards) * (1 if STUDY.config["device"] == "cpu" else 8)


def tried_models(wildcards):
    """A trained classifier's weights, a file a seed; none where they came trained."""
    pair = (wildcards.classifier, wildcards.training)
    return [
        f"<results>/classifiers/{run.folder}/model.safetensors"
        for run in STUDY.runs
        if (run.classifier, run.training) == pair
    ]


def evaluation_indices(wildcards):
    names = STUDY.config["classifiers"][wildcards.classifier]["evaluate"]
    return list(map(index_of_set, names))


def evaluation_options(wildcards):
    entry = STUDY.config["classifiers"][wildcards.classifier]
    return {
        "exclude_flags": sorted(STUDY.config["exclude_flags"]),
        "recipe": dict(sorted(STUDY.recipes[wildcards.classifier].items())),
        "seeds": entry["seeds"] if entry["train"] else [],
        "sets": [
            {
                "among": STUDY.class_ids_of(name),
                "real_labels": STUDY.sets[name].get("real_labels", False),
                "set": name,
            }
            for name in entry["evaluate"]
        ],
    }


def evaluations(wildcards):
    return [
        f"<results>/evaluations/{classifier}/{training}.parquet"
        for classifier, training in STUDY.evaluations
    ]


def evaluated_pairs(wildcards):
    """Which classifier and training set each evaluation is of."""
    return [list(pair) for pair in STUDY.evaluations]


def classifier_runs(wildcards):
    """Which classifier, training set and seed each training is of."""
    return [[run.classifier, run.training, run.seed] for run in STUDY.runs]


def trained_models(wildcards):
    return [
        f"<results>/classifiers/{run.folder}/model.safetensors" for run in STUDY.runs
    ]


def training_logs(wildcards):
    return [f"<results>/classifiers/{run.folder}/log.parquet" for run in STUDY.runs]


def paper_files(names):
    return [
        str(Path(workflow.basedir) / "resources" / "paper" / name) for name in names
    ]


def first_evaluations(wildcards):
    """The set that a classifier's figures are about."""
    classifiers = STUDY.config["classifiers"]
    return {name: classifiers[name]["evaluate"][0] for name in classifiers}


# the review


def reviewed_sources(wildcards):
    return source_files([STUDY.sets[wildcards.set]["dataset"]])


def review_index(wildcards):
    return [whole_table(f"images/review/{wildcards.set}")]


def review_embeddings(wildcards):
    return whole_table(f"embeddings/{wildcards.encoder}/review/{wildcards.set}")


def review_reference(wildcards):
    """Whose class centroids judge: the natural set's, or the reviewed prompts."""
    reference = STUDY.judge.reference
    if reference is not None:
        return embeddings_of(wildcards.encoder, reference)
    dataset = STUDY.sets[wildcards.set]["dataset"]
    return whole_table(f"embeddings/{wildcards.encoder}/prompts/{dataset}")


def review_names(wildcards):
    """What the reference and the images are called."""
    return [STUDY.judge.reference or "the prompts", f"the review of {wildcards.set}"]


def review_evaluation(wildcards):
    entry = {"among": None, "set": wildcards.set, "split": REVIEW}
    return evaluation_options(wildcards) | {"sets": [entry | {"real_labels": False}]}


def review_predictions(wildcards):
    folder, judge = f"<results>/review/{wildcards.set}", STUDY.judge
    if judge.kind == "classifier":
        return f"{folder}/{judge.name}/{judge.reference}.parquet"
    return f"{folder}/{judge.name}.parquet"


def review_page(wildcards):
    """What the review's page says, and the file that keeps what earlier ones said."""
    entry = STUDY.sets[wildcards.set]
    generator = STUDY.generator_of(entry["dataset"])
    scale = format_scale(entry["guidance_scale"])
    return {
        "classes": STUDY.config["review"]["classes"],
        "drawn_by": f"{generator} at guidance scale {scale}",
        "history": f"results/{STUDY.name}/review/{wildcards.set}/history.csv",
        "judged_by": str(STUDY.judge),
    }


def review_results(wildcards):
    reviewed, _ = STUDY.plan_review()
    folder = f"<results>/review/{reviewed}"
    return [f"{folder}/accuracy.csv", f"{folder}/review.html"]


def followed_sets(wildcards):
    classifiers = STUDY.config["classifiers"]
    return {
        name: entry["follow"]
        for name, entry in classifiers.items()
        if "follow" in entry
    }


def natural_sets(wildcards):
    return [name for name, entry in STUDY.sets.items() if "images" in entry]


def trained_sets():
    """Every set and mixture that a classifier is trained on."""
    return list(dict.fromkeys(run.training for run in STUDY.runs))


def exchanged_sets(wildcards):
    """The mixtures, and the sets that they are made of, as training sets."""
    mixed = {part["set"] for parts in STUDY.mixtures.values() for part in parts}
    return [name for name in trained_sets() if name in STUDY.mixtures or name in mixed]


def first_classifier():
    return next((run.classifier for run in STUDY.runs), None)


def classifier_figures():
    figures, trained = ["classifiers"], trained_sets()
    figures += ["training"] if trained else []
    figures += ["exchange"] if any(name in STUDY.mixtures for name in trained) else []
    figures += ["predictors"] if predicted_sets(None) else []
    return figures


def predicted_sets(wildcards):
    """The training sets whose accuracy the metrics may foretell: those that have metrics."""
    measured = STUDY.image_sets(STUDY.encoders[0]) if set_comparisons(wildcards) else []
    return [name for name in trained_sets() if name in measured]


def classifier_results(wildcards):
    if not STUDY.evaluations:
        return []
    tables = ["classifiers.csv", "classifier_means.csv", "shift_gaps.csv"]
    tables += ["predictors.csv"] if predicted_sets(wildcards) else []
    return [f"<results>/tables/{name}" for name in tables] + [
        f"<results>/figures/{name}.png" for name in classifier_figures()
    ]


# transfer and features


def transfer_inputs(wildcards):
    """What a transfer set is read from; nothing for what scikit-learn packages."""
    name = wildcards.transfer_set
    entry, sources = STUDY.transfer_sets[name], STUDY.transfer_files(name).values()
    roots = find_root(entry, f"transfer.sets.{name}") if "torchvision" in entry else []
    tables = [entry["classes"]] if "classes" in entry else []
    files = [path for one in sources for path in one["paths"] + one.get("labels", [])]
    return roots + tables + files


def transfer_recipe(wildcards):
    """What decides a transfer set's index."""
    return {
        "archive": STUDY.config["archive"],
        "on_undecodable": STUDY.config["on_undecodable"],
        "seed": STUDY.seed,
        "source": STUDY.transfer_sets[wildcards.transfer_set],
    }


def transfer_checked(wildcards):
    """A folder for what decoding a transfer set's images showed."""
    return f"results/{STUDY.name}/images/transfer/{wildcards.transfer_set}.checked"


def embed_transfer_recipe(wildcards):
    """Of a benchmark, every image that can be decoded."""
    return embed_recipe(wildcards) | {"exclude_flags": []}


def classifier_seeds(wildcards):
    """The seeds that a classifier was trained with; none where it came trained."""
    entry = STUDY.config["classifiers"][wildcards.classifier]
    return entry["seeds"] if entry["train"] else []


def extraction_options(wildcards):
    """Of a transfer set all images, of natural ones as many of the evaluation split as the config says."""
    if wildcards.featured.startswith("transfer/"):
        images = {"exclude_flags": [], "images_per_class": None}
        images["splits"] = [*SPLITS, VALIDATION]
    else:
        images = {
            "exclude_flags": sorted(STUDY.config["exclude_flags"]),
            "images_per_class": STUDY.config["features"]["images_per_class"],
            "splits": ["evaluation"],
        }
    return {
        "images": images | {"seed": STUDY.seed},
        "recipe": dict(sorted(STUDY.recipes[wildcards.classifier].items())),
        "seeds": classifier_seeds(wildcards),
    }


def transferred_features(wildcards):
    kind, _, name = wildcards.encoding.partition("/")
    if kind == "encoders":
        return f"<results>/embeddings/{name}/transfer/{wildcards.transfer_set}.parquet"
    return f"<results>/features/transfer/{wildcards.transfer_set}/{name}.parquet"


def encoding_seeds(wildcards):
    names = {name: of for of, name in name_encodings().items()}
    entry = STUDY.config["classifiers"].get(names[wildcards.encoding][0], {})
    classifier = wildcards.encoding.startswith("classifiers/")
    return entry["seeds"] if classifier and entry["train"] else []


def transfer_threads(wildcards):
    """One for scikit-learn's small set, whose regressions run side by side."""
    return 1 if "sklearn" in STUDY.transfer_sets[wildcards.transfer_set] else 8


def transfer_options(wildcards):
    options = STUDY.config["transfer"]
    keys = ("features", "max_iterations", "trials")
    return {key: options[key] for key in keys} | {"seed": STUDY.seed}


def transferred_encodings(wildcards):
    """What each file of predictions on a transfer set is of."""
    return [
        {"transfer_set": name, "encoder": encoder, "train_set": training}
        for name in STUDY.transfer_sets
        for encoder, training in name_encodings()
    ]


def transfer_files_of(ending):
    return [
        f"<results>/transfer/{name}/{encoding}{ending}"
        for name in STUDY.transfer_sets
        for encoding in name_encodings().values()
    ]


def transfer_predictions(wildcards):
    return transfer_files_of(".parquet")


def transfer_trials(wildcards):
    return transfer_files_of(".trials.parquet")


def measured_features(wildcards):
    folder = f"{wildcards.classifier}/{wildcards.training}"
    return f"<results>/features/natural/{STUDY.feature_set}/{folder}.parquet"


def statistics_options(wildcards):
    return {key: STUDY.config["features"][key] for key in ("eps", "threshold")}


def feature_statistics(wildcards):
    return [
        f"<results>/feature_statistics/{classifier}/{training}.parquet"
        for classifier, training in STUDY.evaluations
    ]


def plotted_transfer(wildcards):
    return ["<results>/tables/transfer_means.csv"] if STUDY.transfer_sets else []


def transfer_results(wildcards):
    results = []
    if STUDY.transfer_sets:
        results += ["tables/transfer.csv", "tables/transfer_means.csv"]
        results += ["figures/transfer.png"]
    if STUDY.feature_set is not None:
        results += ["tables/feature_statistics.csv", "figures/features.png"]
    return [f"<results>/{name}" for name in results]


# audit


def published_tables(wildcards):
    """The published tables that are audited, where the config names them; of the other study there are none."""
    asked = STUDY.config["published"] == "diversity_and_diffusion"
    names = [
        "sets.csv",
        "tables_1_2_classifier.csv",
        "tables_3_4_and_figure_9.csv",
        "table5_modalities.csv",
        "table6_experiments.csv",
        "table6_means.csv",
        "centroid_distance.csv",
    ]
    return paper_files(names) if asked else []


def compared_tables(wildcards):
    """The published tables that stand beside the study's own, where the config names their study."""
    if STUDY.config["published"] == "imagenet_sd":
        return paper_files(["imagenet_sd.csv"])
    return published_tables(wildcards)


def compared_means(wildcards):
    return ["<results>/tables/classifier_means.csv"] if STUDY.evaluations else []


def audited_distances(wildcards):
    return ["<results>/tables/centroid_distance.parquet"] if STUDY.image_sets() else []


def audited_classifiers(wildcards):
    return ["<results>/tables/classifiers.parquet"] if STUDY.evaluations else []


def prompts_of_sets(wildcards):
    return find_prompts_of(STUDY)


def repeated_sets(wildcards):
    return find_repeated(STUDY)


def listed_claims(wildcards):
    return paper_files(["claims.csv"])


def claim_roles(wildcards):
    return find_roles(STUDY)


def judged_metrics(wildcards):
    names = ["set_metrics", "set_metrics_per_class"] if STUDY.image_sets() else []
    return [f"<results>/tables/{name}.parquet" for name in names]


def judged_classifiers(wildcards):
    names = ["classifiers_per_class.parquet", "classifier_differences.csv"]
    return [f"<results>/tables/{name}" for name in names if STUDY.evaluations]


def judged_transfer(wildcards):
    return ["<results>/tables/transfer_means.csv"] if STUDY.transfer_sets else []


def judged_predictors(wildcards):
    return ["<results>/tables/predictors.csv"] if predicted_sets(wildcards) else []


# the report


def report_figures(wildcards):
    figures = (
        ["experiments", "centroid_distance"] if STUDY.image_sets() else ["experiments"]
    )
    figures += ["contact_sheet"] if STUDY.sheet_sets() else []
    figures += ["error_split"] if split_sets() else []
    figures += ["causes", "tradeoff"] if STUDY.diagnosed else []
    figures += ["evidence"] if evidence_sets(wildcards) else []
    figures += ["geometry"] if geometry_sets(wildcards) else []
    figures += ["probes"] if STUDY.probes else []
    return [f"<results>/figures/{name}.png" for name in figures]


def report_tables(wildcards):
    tables = ["experiments.csv", "per_class.parquet", "experiment_differences.csv"]
    tables += ["matrix_summary.csv", "embedding_classifiers.csv"]
    tables += ["set_metrics.csv"] if set_comparisons(wildcards) else []
    tables += ["centroid_distance.csv"] if STUDY.image_sets() else []
    tables += ["error_split.csv", "causes.csv"] if split_sets() else []
    tables += ["tradeoff.csv"] if STUDY.diagnosed else []
    tables += ["cures.csv"] if STUDY.config["cures"] else []
    tables += ["encoder_agreement.csv"] if len(STUDY.encoders) > 1 else []
    tables += ["probes.csv"] if STUDY.probes else []
    tables += ["prompt_checks.csv"] if STUDY.datasets or STUDY.probes else []
    tables += ["flags.csv"] if all_indices(wildcards) else []
    tables += ["audit.csv", "claims.csv"]
    tables += ["published.csv"] if compared_tables(wildcards) else []
    tables = [f"<results>/tables/{name}" for name in tables]
    tables += guidance_results(wildcards) + adherence_results(wildcards)
    tables += transfer_results(wildcards)
    return tables + classifier_results(wildcards)


def prompt_tables(wildcards):
    return [f"<results>/prompts/{name}.csv" for name in STUDY.datasets]


def summary_sources():
    """The tables that the summary tells of, by name."""
    names = ["experiments.csv", "experiment_differences.csv", "audit.csv", "claims.csv"]
    names += ["centroid_distance.csv"] if STUDY.image_sets() else []
    names += ["error_split.csv", "causes.parquet"] if split_sets() else []
    names += (
        ["classifier_means.csv", "classifier_differences.csv"] if STUDY.runs else []
    )
    names += ["transfer_means.csv"] if STUDY.transfer_sets else []
    return {name.rsplit(".", 1)[0]: f"<results>/tables/{name}" for name in names}


def summary_names(wildcards):
    return list(summary_sources())


def summary_tables(wildcards):
    return list(summary_sources().values())


BROWSED = {
    "3 Matrix": {
        "experiments": "A row a reference and query set, each figure with its 95 % interval.",
        "published": "Figures printed in the paper, with where they stand, and this study's own beside them.",
        "matrix_summary": "Means over parts of the matrix.",
        "embedding_classifiers": "The same matrix by classifiers that were trained on embeddings.",
    },
    "4 Diversity and shift": {
        "centroid_distance": "How varied each split of each set is.",
        "error_split": "What of a set's error against a reference its own spread makes, and what centroid-shift.",
        "tradeoff": "How varied each drawn set is, and how many of its images show something else or another visual domain.",
        "set_metrics": "Other figures of diversity and likeness, of each set alone and against natural images.",
    },
    "5 Classes": {
        "causes": "A row a set and class: why it falls short, and the figures that say so.",
        "cures": "What each cure changed for the classes that it is for, and for others.",
    },
    "6 Guidance and prompts": {
        "guidance_choice": "The guidance scale that each figure would choose, whole and class by class.",
        "probes": "A row a probed prompt.",
        "prompt_checks": "What is noteworthy of the prompts before anything is drawn.",
        "flags": "How many images are black, flat or flagged as unsafe.",
    },
    "8 Classifiers": {
        "classifier_means": "A row a training set and the set that its classifiers are tried on, over seeds.",
        "shift_gaps": "By how much training on natural images is ahead, on each evaluation set.",
        "transfer_means": "What each encoder's frozen features are worth on other sets, over seeds.",
        "feature_statistics": "What each classifier's features of natural images are like.",
        "predictors": "Which figures that are known before training foretell the accuracy of what is trained.",
    },
    "9 Claims, audit, cost": {
        "claims": "What two papers claim, tried on this study's sets.",
        "audit": "What must hold of the figures, and whether it does.",
    },
}
"""The tables that the report lets one browse, by its parts."""


def name_page(part):
    """A file's name for a part of the report: "4 Diversity and shift" is diversity_and_shift."""
    return re.sub(r"\W+", "_", part.partition(" ")[2].lower())


def browsed_tables(part):
    """The tables of a part that this study has, each with its description."""
    made = set(report_tables(None))
    return {
        name: words
        for name, words in BROWSED[part].items()
        if f"<results>/tables/{name}.csv" in made
    }


def part_of(wildcards):
    return next(part for part in BROWSED if name_page(part) == wildcards.part)


def page_tables(wildcards):
    return [
        f"<results>/tables/{name}.csv" for name in browsed_tables(part_of(wildcards))
    ]


def page_descriptions(wildcards):
    return browsed_tables(part_of(wildcards))


def report_pages(wildcards):
    """The summary, and the tables to browse."""
    parts = [name_page(part) for part in BROWSED if browsed_tables(part)]
    return ["<results>/summary.html"] + [
        f"<results>/tables/{part}.html" for part in parts
    ]


def report_results(wildcards):
    """All that a report shows of the study itself."""
    results = report_tables(wildcards) + report_figures(wildcards)
    return results + prompt_tables(wildcards) + report_pages(wildcards)


def sheet_layout(wildcards):
    """The contact sheet's columns, and its size."""
    options = STUDY.config["contact_sheets"]
    return {
        "classes": options["classes"],
        "columns": STUDY.sheet_sets(),
        "images": options["images"],
    }
