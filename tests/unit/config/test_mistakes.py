"""Mistakes that people make in a config, and all that they read about each: where it is, and what to write instead."""

import pytest
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from synthdiv.core.errors import StudyError
from synthdiv.plan.loading import load_study

STUDY = """study: birds
classes: classes.csv
seed: 7
generators:
  sd15:
    model: stable-diffusion-v1-5/stable-diffusion-v1-5
    variant: fp16
    steps: 50
    width: 512
    height: 384
encoders:
  clip:
    model: ViT-L-14-quickgelu
    pretrained: openai
datasets:
  synset:
    builder: lemmas
    guidance_scales: [2.5, 7.5]
  clarified:
    builder: overrides
    base: synset
    overrides: clarified.csv
images_per_class:
  train: 100
  evaluation: 50
exclude_flags: [black]
sets:
  Natural:
    kind: image
    images:
      train: natural/train
      evaluation: natural/val
  Synset:
    kind: image
    dataset: synset
    guidance_scale: 2.5
  Prompts:
    kind: prompt
    dataset: clarified
mixtures:
  Both:
    parts:
      - set: Natural
        classes: [n01]
      - set: Synset
prompt_probes:
  cranes:
    class: n01
    prompts: [crane, crane bird]
    guidance_scale: 7.5
    reference: Natural
classifiers:
  resnet:
    recipe:
      model: resnet50
      epochs: 10
      optimizer: {opt: sgd, lr: 0.1}
    train: [Synset, Both]
    evaluate: [Natural]
    seeds: [0, 1]
  filed:
    recipe: recipe.yaml
    train: [Natural]
    evaluate: [Natural, Synset]
"""
RECIPE = """model: resnet18
steps: 100
batch_size: 64
"""
CLASSES = """class_id,key,name,lemmas
0,n01,crane,crane
1,n02,jay,"jay, bird"
2,n03,nail,nail
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "classes.csv").write_text(CLASSES)
    (tmp_path / "folder").mkdir()
    (tmp_path / "clarified.csv").write_text("key,prompt\nn01,crane bird\n")
    return tmp_path


def load(*files, **given):
    """Load a study from config files and the values of --config, as the workflow does."""
    config = {}
    for file in files:
        update_config(config, load_configfile(file))
    update_config(config, given)
    return load_study(config, files=map(str, files))


def refusal(*files, **given):
    with pytest.raises(StudyError) as caught:
        load(*files, **given)
    return str(caught.value)


def change(path, *edits):
    """Replace texts, each of which the file has once."""
    text = path.read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def test_the_config_without_a_mistake_is_accepted():
    assert load("study.yaml").name == "birds"


NAME = "a name of letters, digits, '_', '.' and '-', which starts with a letter or a digit and has at most 100 characters"
MISTAKES = {
    "a typo in a key at the top": (
        "seed: 7",
        "sede: 7",
        "line 3: sede: there is no such key; did you mean seed?",
    ),
    "a key that is like no other": (
        "seed: 7",
        "colour: blue",
        "line 3: colour: there is no such key; config/README.md lists the keys",
    ),
    "a typo in a key of a set": (
        "guidance_scale: 2.5",
        "guidance: 2.5",
        "line 36: sets.Synset.guidance: there is no such key; did you mean guidance_scale?",
    ),
    "a typo in a key of a recipe": (
        "epochs: 10",
        "epoch: 10",
        "line 56: classifiers.resnet.recipe.epoch: there is no such key; did you mean epochs?",
    ),
    "a typo in a key of a location": (
        "natural/val",
        "{path: natural/val, lables: val.txt}",
        "line 32: sets.Natural.images.evaluation.lables: there is no such key; did you mean labels?",
    ),
    "a list for text": (
        "dataset: synset",
        "dataset: [synset]",
        "line 35: sets.Synset.dataset is ['synset']: write text, not a list",
    ),
    "a list for a number": (
        "guidance_scale: 2.5",
        "guidance_scale: [2.5, 7.5]",
        "line 36: sets.Synset.guidance_scale is [2.5, 7.5]: write a number, not a list",
    ),
    "a number for a list": (
        "guidance_scales: [2.5, 7.5]",
        "guidance_scales: 7.5",
        "line 18: datasets.synset.guidance_scales is 7.5: write a list of numbers from 0 to 1000, such as [7.5]",
    ),
    "text for a list": (
        "train: [Synset, Both]",
        "train: Synset, Both",
        "line 58: classifiers.resnet.train is 'Synset, Both': write a list of texts, such as [Synset, Both]",
    ),
    "a path for a mapping": (
        "images:\n      train: natural/train\n      evaluation: natural/val",
        "images: natural",
        "line 30: sets.Natural.images is 'natural': write a mapping with the keys train, evaluation, selection",
    ),
    "a list for a mapping": (
        "      model: resnet50\n      epochs: 10\n      optimizer:",
        "      - model: resnet50\n      - epochs: 10\n      - optimizer:",
        "line 54: classifiers.resnet.recipe is a list: write a mapping with keys such as model, model_options, pretrained, "
        "image_size, evaluation_size, crop_pct (config/README.md has all) or text, without dashes",
    ),
    "text for a number": (
        "steps: 50",
        "steps: fifty",
        "line 8: generators.sd15.steps is 'fifty': write an integer from 1 to 1000",
    ),
    "a number in quotes": (
        "steps: 50",
        "steps: '50'",
        "line 8: generators.sd15.steps is '50': write an integer from 1 to 1000, without quotes",
    ),
    "a fraction for an integer": (
        "steps: 50",
        "steps: 50.0",
        "line 8: generators.sd15.steps is 50.0: write an integer from 1 to 1000",
    ),
    "1e6, which YAML reads as text": (
        "seed: 7",
        "seed: 1e6",
        "line 3: seed is '1e6': YAML reads this as text; write 1000000",
    ),
    "1e-4 in the arguments of a library": (
        "lr: 0.1",
        "lr: 1e-4",
        "line 57: classifiers.resnet.recipe.optimizer.lr: YAML reads 1e-4 as text; write 1.0e-4",
    ),
    "yes for text": (
        "pretrained: openai",
        "pretrained: yes",
        "line 14: encoders.clip.pretrained is true: write text, in quotes (YAML reads yes, no, on and off as true or false)",
    ),
    "yes in quotes": (
        "seed: 7",
        "embedding_classifiers: {density: 'yes'}",
        "line 3: embedding_classifiers.density is 'yes': write true or false, without quotes",
    ),
    "a number as a class key": (
        "class: n01",
        "class: 101",
        "line 48: prompt_probes.cranes.class is 101: write text, in quotes",
    ),
    "a key without the value that it needs": (
        "steps: 50",
        "steps:",
        "line 8: generators.sd15.steps: the key has no value: write an integer from 1 to 1000",
    ),
    "a key without the value that it may have": (
        "guidance_scale: 2.5",
        "guidance_scale:",
        "line 36: sets.Synset.guidance_scale: the key has no value: remove it, or write a number",
    ),
    "a key whose entries are all commented out": (
        "encoders:\n  clip:\n    model: ViT-L-14-quickgelu\n    pretrained: openai",
        "encoders:",
        "line 11: encoders: the key has no value: remove it, or indent below it a mapping of names of your choice",
    ),
    "a missing key": (
        "    steps: 50\n",
        "",
        "line 5: generators.sd15: the key steps is missing (Denoising steps)",
    ),
    "a missing evaluation split": (
        "      evaluation: natural/val\n",
        "",
        "line 30: sets.Natural.images: the key evaluation is missing (The evaluation split)",
    ),
    "an unknown set": (
        "evaluate: [Natural]",
        "evaluate: [Naturel]",
        "line 59: classifiers.resnet.evaluate[0]: there is no set 'Naturel'; did you mean 'Natural'?",
    ),
    "an unknown dataset": (
        "dataset: synset",
        "dataset: augmented",
        "line 35: sets.Synset.dataset: there is no dataset 'augmented'; there are synset, clarified",
    ),
    "an unknown generator": (
        "builder: lemmas",
        "builder: lemmas\n    generator: sdxl",
        "line 18: datasets.synset.generator: there is no generator 'sdxl'; there is only 'sd15'",
    ),
    "an unknown classifier": (
        "seeds: [0, 1]",
        "init_from: {classifier: resnets, train: Natural}",
        "line 60: classifiers.resnet.init_from.classifier: there is no classifier 'resnets'; did you mean 'resnet'?",
    ),
    "a seed that no library takes": (
        "seeds: [0, 1]",
        "seeds: [0, 4294967296]",
        "line 60: classifiers.resnet.seeds[1] is 4294967296: write an integer from 0 to 4,294,967,295",
    ),
    "a study's seed that no library takes": (
        "seed: 7",
        "seed: 9223372036854775808",
        "line 3: seed is 9223372036854775808: write an integer from 0 to 4,294,967,295",
    ),
    "epochs without an end": (
        "epochs: 10",
        "epochs: 1.0e+300",
        "line 56: classifiers.resnet.recipe.epochs is 1e+300: write a number above 0 and up to 1,000,000",
    ),
    "steps without an end": (
        "epochs: 10",
        "steps: 1000000000000",
        "line 56: classifiers.resnet.recipe.steps is 1000000000000: write an integer from 1 to 1,000,000,000",
    ),
    "more steps than a diffusion model has": (
        "steps: 50",
        "steps: 1000000000000",
        "line 8: generators.sd15.steps is 1000000000000: write an integer from 1 to 1000",
    ),
    "a revision of a folder": (
        "    model: stable-diffusion-v1-5/stable-diffusion-v1-5\n",
        "    model: folder\n    revision: main\n",
        "line 7: generators.sd15.revision: it would have no effect, since the model is a folder: remove it",
    ),
    "pretrained weights of a folder with its own": (
        "    model: ViT-L-14-quickgelu\n",
        "    model: folder\n",
        "line 14: encoders.clip.pretrained: open_clip ignores it, since folder includes its weights: remove it",
    ),
    "pretrained weights of a model of the hub with its own": (
        "    model: ViT-L-14-quickgelu\n",
        "    model: hf-hub:a/b\n",
        "line 14: encoders.clip.pretrained: open_clip ignores it, since hf-hub:a/b includes its weights: remove it",
    ),
    "weights to start from twice": (
        "      epochs: 10\n      optimizer: {opt: sgd, lr: 0.1}\n    train: [Synset, Both]\n    evaluate: [Natural]\n"
        "    seeds: [0, 1]\n",
        "      epochs: 10\n      pretrained: true\n    train: [Synset, Both]\n    evaluate: [Natural]\n"
        "    init_from: {classifier: filed, train: Natural}\n",
        "line 57: classifiers.resnet.recipe.pretrained: it would have no effect with init_from, which replaces all weights: "
        "remove one of the two",
    ),
    "seeds of weights that are not trained": (
        "      epochs: 10\n      optimizer: {opt: sgd, lr: 0.1}\n    train: [Synset, Both]\n",
        "      pretrained: true\n    trained_on: ImageNet\n",
        "line 59: classifiers.resnet.seeds: it would have no effect, since the classifier is not trained: remove it, or "
        "list sets in `train`",
    ),
    "an optimizer of weights that are not trained": (
        "      epochs: 10\n      optimizer: {opt: sgd, lr: 0.1}\n    train: [Synset, Both]\n    evaluate: [Natural]\n"
        "    seeds: [0, 1]\n",
        "      pretrained: true\n      optimizer: {opt: sgd, lr: 0.1}\n    trained_on: ImageNet\n    evaluate: [Natural]\n",
        "line 57: classifiers.resnet.recipe.optimizer: it would have no effect, since the classifier is not trained: remove "
        "it, or list sets in `train`",
    ),
    "a checkpoint of one file": (
        "    model: stable-diffusion-v1-5/stable-diffusion-v1-5\n",
        "    model: classes.csv\n",
        "line 6: generators.sd15.model: classes.csv is one file, and the pipeline must be a folder: convert it with "
        "diffusers, as in StableDiffusionPipeline.from_single_file('classes.csv').save_pretrained('<folder>'), and name the "
        "folder",
    ),
    "a folder of a generator that does not exist": (
        "    model: stable-diffusion-v1-5/stable-diffusion-v1-5\n",
        "    model: /models/sd\n",
        "line 6: generators.sd15.model: /models/sd does not exist (WHERE)",
    ),
    "a LoRA that does not exist": (
        "    steps: 50\n",
        "    steps: 50\n    lora: /loras/style.safetensors\n",
        "line 9: generators.sd15.lora: /loras/style.safetensors does not exist (WHERE)",
    ),
    "a safety checker that does not exist": (
        "    steps: 50\n",
        "    steps: 50\n    safety_checker: models/safety/checker\n",
        "line 9: generators.sd15.safety_checker: models/safety/checker does not exist (WHERE)",
    ),
    "an encoder that does not exist": (
        "    model: ViT-L-14-quickgelu\n",
        "    model: ./clip\n",
        "line 13: encoders.clip.model: ./clip does not exist (WHERE)",
    ),
    "weights of an encoder that do not exist": (
        "    pretrained: openai\n",
        "    pretrained: clip.safetensors\n",
        "line 14: encoders.clip.pretrained: clip.safetensors does not exist (WHERE)",
    ),
    "the folder of a classifier that does not exist": (
        "      model: resnet50\n",
        "      model: /models/resnet\n",
        "line 55: classifiers.resnet.recipe.model: /models/resnet does not exist (WHERE)",
    ),
    "an empty folder of the archive": (
        "seed: 7",
        "archive: ''",
        "line 3: archive is '': write text that is not empty",
    ),
    "an unknown class": (
        "classes: [n01]",
        "classes: [n01, n4]",
        "line 44: mixtures.Both.parts[0].classes[1]: there is no class with the key 'n4'; there are n01, n02, n03",
    ),
    "the name of a class for its key": (
        "class: n01",
        "class: crane",
        "line 48: prompt_probes.cranes.class is 'crane': write the key of this class, n01",
    ),
    "an unknown base": (
        "base: synset",
        "base: synsets",
        "line 21: datasets.clarified.base: there is no dataset 'synsets'; did you mean 'synset'?",
    ),
    "an unknown kind": (
        "kind: prompt",
        "kind: text",
        "line 38: sets.Prompts.kind is 'text': write one of image, prompt",
    ),
    "an unknown flag": (
        "exclude_flags: [black]",
        "exclude_flags: [black, dark]",
        "line 26: exclude_flags[1] is 'dark': write one of black, uniform, nsfw, undecodable",
    ),
    "a negative count": (
        "train: 100",
        "train: -1",
        "line 24: images_per_class.train is -1: write an integer from 1 to 10,000,000",
    ),
    "too large a width": (
        "width: 512",
        "width: 51200",
        "line 9: generators.sd15.width is 51200: write an integer from 8 to 16384, a multiple of 8",
    ),
    "a width that no model can have": (
        "width: 512",
        "width: 500",
        "line 9: generators.sd15.width is 500: write an integer from 8 to 16384, a multiple of 8",
    ),
    "an empty list": (
        "evaluate: [Natural]",
        "evaluate: []",
        "line 59: classifiers.resnet.evaluate is []: write a list of one or more texts",
    ),
    "a seed that is listed twice": (
        "seeds: [0, 1]",
        "seeds: [0, 1, 0]",
        "line 60: classifiers.resnet.seeds: 0 is listed twice: remove one",
    ),
    "a set with two sources": (
        "guidance_scale: 2.5",
        "guidance_scale: 2.5\n    embeddings: mine.parquet",
        "line 33: sets.Synset: it needs one source, images, dataset or embeddings; it has dataset and embeddings",
    ),
    "a set without a source": (
        "    dataset: clarified\n",
        "",
        "line 37: sets.Prompts: it needs one source, images, dataset or embeddings; it has none of them",
    ),
    "a guidance scale that the dataset lacks": (
        "guidance_scale: 2.5",
        "guidance_scale: 5",
        "line 36: sets.Synset.guidance_scale is 5: dataset 'synset' is generated at 2.5, 7.5; write one of these, or add it "
        "to its guidance_scales",
    ),
    "a missing guidance scale": (
        "    guidance_scale: 2.5\n",
        "",
        "line 33: sets.Synset: the key guidance_scale is missing; dataset 'synset' is generated at 2.5, 7.5",
    ),
    "images of a dataset that is not generated": (
        "dataset: synset",
        "dataset: clarified",
        "line 35: sets.Synset.dataset: dataset 'clarified' is not generated: list guidance scales in its guidance_scales",
    ),
    "a guidance scale of prompts": (
        "dataset: clarified",
        "dataset: clarified\n    guidance_scale: 2.5",
        "line 40: sets.Prompts.guidance_scale: a set of kind prompt takes none: remove it",
    ),
    "a builder without its key": (
        "    overrides: clarified.csv\n",
        "",
        "line 19: datasets.clarified: the builder overrides needs the key overrides",
    ),
    "a builder with the key of another": (
        "builder: lemmas",
        "builder: lemmas\n    base: clarified",
        "line 18: datasets.synset.base: the builder lemmas does not use it: remove it",
    ),
    "a name with a slash": (
        "  Prompts:",
        "  Prompts/7.5:",
        f"line 37: sets.Prompts/7.5: write {NAME}, because files are named after it",
    ),
    "a study's name with a space": (
        "study: birds",
        "study: my birds",
        f"line 1: study is 'my birds': write {NAME}",
    ),
    "a name that YAML reads as a number": (
        "  Prompts:",
        "  2024:",
        "line 37: sets.2024: YAML reads this key as a number: put it in quotes",
    ),
    "a name that YAML reads as false": (
        "  Prompts:",
        "  No:",
        "line 37: sets.False: YAML reads this key as true or false (as it does yes, no, on and off): put it in quotes",
    ),
    "a key that slid into the key above it": (
        "encoders:\n  clip:\n    model: ViT-L-14-quickgelu\n    pretrained: openai",
        "  encoders:\n    clip:\n      model: ViT-L-14-quickgelu\n      pretrained: openai",
        "line 11: generators.encoders: encoders is a key of the config itself, not of generators: indent it less",
    ),
    "a key that slid into the recipe above it": (
        "      optimizer: {opt: sgd, lr: 0.1}\n    train: [Synset, Both]",
        "      optimizer: {opt: sgd, lr: 0.1}\n      train: [Synset, Both]",
        "line 58: classifiers.resnet.recipe.train: train is a key of classifiers.resnet, not of classifiers.resnet.recipe: "
        "indent it less",
    ),
    "a set that slid into the set above it": (
        "  Prompts:\n    kind: prompt\n    dataset: clarified",
        "    Prompts:\n      kind: prompt\n      dataset: clarified",
        "line 37: sets.Synset.Prompts: there is no such key; the keys here are kind, images, class_subset, "
        "ignore_other_classes, real_labels, images_per_class, dataset, guidance_scale, embeddings, settings; if it is "
        "another of sets, indent it less",
    ),
    "a set that slid out of the sets": (
        "  Prompts:\n    kind: prompt\n    dataset: clarified",
        "Prompts:\n  kind: prompt\n  dataset: clarified",
        "line 37: Prompts: there is no such key; config/README.md lists the keys; if it is part of another key, indent it "
        "more",
    ),
    "both epochs and steps": (
        "epochs: 10",
        "epochs: 10\n      steps: 500",
        "line 54: classifiers.resnet.recipe: a recipe needs one of epochs and steps, the one that is equal for every set; "
        "this has both",
    ),
    "neither epochs nor steps": (
        "      epochs: 10\n",
        "",
        "line 54: classifiers.resnet.recipe: a recipe needs one of epochs and steps, the one that is equal for every set; "
        "this has neither",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place_and_what_to_write_instead(folder, old, new, message):
    change(folder / "study.yaml", (old, new))
    message = message.replace("WHERE", f"relative paths start at the working directory, {folder}")
    assert refusal("study.yaml") == f"study.yaml, {message}"


RECIPE_MISTAKES = {
    "a typo in a key": (
        "batch_size",
        "batchsize",
        "recipe.yaml, line 3: batchsize: there is no such key; did you mean batch_size?",
    ),
    "a number in quotes": ("64", "'64'", "recipe.yaml, line 3: batch_size is '64': write an integer from 1, without quotes"),
    "a missing model": (
        "model: resnet18",
        "mixup: {}",
        "recipe.yaml: the key model is missing (A timm model name, hf-hub:<name>, or a folder that timm loads)",
    ),
    "neither epochs nor steps": (
        "steps: 100",
        "warmup: 0.1",
        "recipe.yaml: a recipe needs one of epochs and steps, the one that is equal for every set; this has neither",
    ),
    "a learning rate of zero": (
        "batch_size: 64",
        "optimizer:\n  opt: sgd\n  lr: 0",
        "recipe.yaml, line 5: optimizer.lr is 0: no weight would change; write a number above 0",
    ),
    "several": (
        "steps: 100\nbatch_size: 64",
        "step: 100\nbatch_size: none",
        "the config has 2 mistakes:\n"
        "  recipe.yaml, line 2: step: there is no such key; did you mean steps?\n"
        "  recipe.yaml, line 3: batch_size is 'none': write an integer from 1",
    ),
    "a model that does not exist": (
        "model: resnet18",
        "model: ./resnet",
        "recipe.yaml, line 1: model: ./resnet does not exist (WHERE)",
    ),
    "weights that do not exist": (
        "steps: 100",
        "steps: 100\npretrained: weights",
        "recipe.yaml, line 3: pretrained: the weights file weights does not exist (WHERE)",
    ),
    "a batch that its processes cannot share": (
        "batch_size: 64",
        "batch_size: 64\ndevice_batch_size: 10",
        "recipe.yaml, line 3: batch_size is 64: write a multiple of 10, the number of processes x device_batch_size",
    ),
}


def test_a_default_that_does_not_fit_is_named_with_the_file_that_should_have_another(folder):
    change(folder / "recipe.yaml", ("batch_size: 64\n", ""))
    change(folder / "study.yaml", ("recipe: recipe.yaml", "recipe: recipe.yaml\n    processes: 3"))
    assert refusal("study.yaml") == "recipe.yaml: batch_size is 256: write a multiple of 3, the number of processes"


@pytest.mark.parametrize("name", ["classes", "features", "sets"])
def test_a_dataset_may_be_named_like_a_key(folder, name):
    """What is wrong in it is then not explained by the indentation."""
    change(folder / "study.yaml", ("images_per_class:\n", f"  {name}:\n    builder: lemma\nimages_per_class:\n"))
    assert refusal("study.yaml") == (
        f"study.yaml, line 24: datasets.{name}.builder is 'lemma': write one of lemmas, template, overrides, grammar, table"
    )
    change(folder / "study.yaml", ("builder: lemma\n", "builder: lemmas\n"))
    load("study.yaml")


@pytest.mark.parametrize(("old", "new", "message"), RECIPE_MISTAKES.values(), ids=RECIPE_MISTAKES)
def test_a_mistake_in_the_file_of_a_recipe_is_named_with_its_place_there(folder, old, new, message):
    change(folder / "recipe.yaml", (old, new))
    message = message.replace("WHERE", f"relative paths start at the working directory, {folder}")
    assert refusal("study.yaml") == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "classes: classes.csv",
            "classes: class.csv",
            "study.yaml, line 2: classes: the class table class.csv does not exist",
        ),
        (
            "overrides: clarified.csv",
            "overrides: clear.csv",
            "study.yaml, line 22: datasets.clarified.overrides: the prompt overrides clear.csv does not exist",
        ),
        (
            "recipe: recipe.yaml",
            "recipe: resnet.yaml",
            "study.yaml, line 62: classifiers.filed.recipe: the recipe resnet.yaml does not exist",
        ),
    ],
)
def test_a_file_that_does_not_exist_is_named(folder, old, new, message):
    change(folder / "study.yaml", (old, new))
    assert refusal("study.yaml") == f"{message} (relative paths start at the working directory, {folder})"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "overrides: clarified.csv",
            "overrides: latin.csv",
            "study.yaml, line 22: datasets.clarified.overrides: the prompt overrides latin.csv is not UTF-8 text: ",
        ),
        (
            "recipe: recipe.yaml",
            "recipe: natural",
            "study.yaml, line 62: classifiers.filed.recipe: the recipe natural cannot be read: Is a directory",
        ),
        (
            "recipe: recipe.yaml",
            "recipe: broken.yaml",
            "study.yaml, line 62: classifiers.filed.recipe: the recipe broken.yaml is not valid YAML: while parsing a flow",
        ),
        (
            "recipe: recipe.yaml",
            "recipe: word.yaml",
            "study.yaml, line 62: classifiers.filed.recipe: word.yaml must be a mapping, such as `model: resnet50`; it is",
        ),
    ],
    ids=["another encoding", "a folder", "broken YAML", "a word"],
)
def test_a_file_that_is_something_else_is_named(folder, old, new, message):
    (folder / "natural").mkdir()
    (folder / "latin.csv").write_bytes("key,prompt\nn01,grün\n".encode("latin-1"))
    (folder / "broken.yaml").write_text("model: [a\nsteps: 3\n")
    (folder / "word.yaml").write_text("resnet50\n")
    change(folder / "study.yaml", (old, new))
    assert refusal("study.yaml").startswith(message)


def test_all_mistakes_are_listed_in_the_order_of_the_file(folder):
    edits = [
        ("seed: 7", "seeds: 7"),
        ("steps: 50", "steps: fifty"),
        ("kind: prompt", "kind: text"),
        ("epochs: 10", "epochs: ten"),
    ]
    change(folder / "study.yaml", *edits, ("width: 512", "width: 500"), ("study: birds\n", ""))
    assert refusal("study.yaml").splitlines() == [
        "the config has 6 mistakes:",
        "  study.yaml: the key study is missing (The study's name; all its results are in results/<study>/)",
        "  study.yaml, line 2: seeds: there is no such key; did you mean seed?",
        "  study.yaml, line 7: generators.sd15.steps is 'fifty': write an integer from 1 to 1000",
        "  study.yaml, line 8: generators.sd15.width is 500: write an integer from 8 to 16384, a multiple of 8",
        "  study.yaml, line 37: sets.Prompts.kind is 'text': write one of image, prompt",
        "  study.yaml, line 55: classifiers.resnet.recipe.epochs is 'ten': write a number above 0 and up to 1,000,000",
    ]


def test_all_unknown_names_are_listed(folder):
    change(folder / "study.yaml", ("dataset: synset", "dataset: synst"), ("[Natural, Synset]", "[Nature, Synst]"))
    change(folder / "study.yaml", ("class: n01", "class: n1"), ("base: synset", "base: lemmas"))
    assert refusal("study.yaml").splitlines() == [
        "the config has 5 mistakes:",
        "  study.yaml, line 21: datasets.clarified.base: there is no dataset 'lemmas'; there are synset, clarified",
        "  study.yaml, line 35: sets.Synset.dataset: there is no dataset 'synst'; did you mean 'synset'?",
        "  study.yaml, line 48: prompt_probes.cranes.class: there is no class with the key 'n1'; did you mean 'n01'?",
        "  study.yaml, line 64: classifiers.filed.evaluate[0]: there is no set 'Nature'; did you mean 'Natural'?",
        "  study.yaml, line 64: classifiers.filed.evaluate[1]: there is no set 'Synst'; did you mean 'Synset'?",
    ]


def test_of_very_many_names_only_some_are_listed(folder):
    (folder / "classes.csv").write_text("class_id,key,name,lemmas\n" + "".join(f"{n},n{n:02},x{n},x\n" for n in range(100)))
    change(folder / "study.yaml", ("class: n01", "class: crane"))
    assert refusal("study.yaml") == (
        "study.yaml, line 48: prompt_probes.cranes.class: there is no class with the key 'crane'; there are 100, such as "
        "n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11"
    )


def test_a_second_file_that_overrides_a_value_is_named(folder):
    (folder / "more.yaml").write_text(
        "seed: 8\n\ngenerators:\n  sd15:\n    steps: none\nsets: {Synset: {guidance_scale: 3}}\n"
    )
    message = "more.yaml, line 5: generators.sd15.steps is 'none': write an integer from 1 to 1000"
    assert refusal("study.yaml", "more.yaml") == message
    change(folder / "more.yaml", ("steps: none", "steps: 20"))
    assert refusal("study.yaml", "more.yaml").startswith(
        "more.yaml, line 6: sets.Synset.guidance_scale is 3: dataset 'synset'"
    )
    change(folder / "more.yaml", ("3", "7.5"))
    assert load("study.yaml", "more.yaml").config.generators["sd15"].steps == 20


def test_a_second_file_that_does_not_have_the_mistake_is_not_named(folder):
    (folder / "more.yaml").write_text("generators:\n  sd15:\n    variant: fp32\n")
    change(folder / "study.yaml", ("steps: 50", "steps: none"))
    message = "study.yaml, line 8: generators.sd15.steps is 'none': write an integer from 1 to 1000"
    assert refusal("study.yaml", "more.yaml") == message


def test_a_value_of_the_command_line_is_of_no_file():
    """Neither if a file has the key, but with another value."""
    assert refusal("study.yaml", seed="x") == "config: seed is 'x': write an integer from 0 to 4,294,967,295"
    assert refusal("study.yaml", sede=3) == "config: sede: there is no such key; did you mean seed?"
    assert refusal("study.yaml", generators={"sd15": {"width": 5}}) == (
        "config: generators.sd15.width is 5: write an integer from 8 to 16384, a multiple of 8"
    )
    assert refusal("study.yaml", exclude_flags=["black", "dark"]) == (
        "config: exclude_flags[1] is 'dark': write one of black, uniform, nsfw, undecodable"
    )


def test_a_file_in_another_folder_is_named_with_its_whole_path(folder, monkeypatch):
    change(folder / "study.yaml", ("seed: 7", "seed: x"))
    (folder / "inner").mkdir()
    assert refusal(str(folder / "study.yaml")) == "study.yaml, line 3: seed is 'x': write an integer from 0 to 4,294,967,295"
    monkeypatch.chdir(folder / "inner")
    assert (
        refusal(str(folder / "study.yaml"))
        == f"{folder}/study.yaml, line 3: seed is 'x': write an integer from 0 to 4,294,967,295"
    )


def test_a_mistake_in_a_mapping_that_is_used_twice_is_named_where_it_is_written(folder):
    change(folder / "study.yaml", ("  sd15:\n", "  sd15: &sd\n"), ("steps: 50", "steps: none"))
    change(folder / "study.yaml", ("encoders:\n", "  fast:\n    <<: *sd\n    width: 256\nencoders:\n"))
    assert refusal("study.yaml").splitlines() == [
        "the config has 2 mistakes:",
        "  study.yaml, line 8: generators.sd15.steps is 'none': write an integer from 1 to 1000",
        "  study.yaml, line 8: generators.fast.steps is 'none': write an integer from 1 to 1000",
    ]


@pytest.mark.parametrize(("scales", "is_refused"), [([1.0], True), ([1.0, 2.5], False), ([], False)])
def test_a_negative_prompt_without_guidance_is_refused(scales, is_refused):
    generator = {"model": "sd/plain", "steps": 4, "width": 64, "height": 64, "negative_prompt": "blur"}
    dataset = {"builder": "lemmas", "generator": "plain", "guidance_scales": scales}
    if not is_refused:
        load("study.yaml", generators={"plain": generator}, datasets={"plain": dataset})
        return
    message = refusal("study.yaml", generators={"plain": generator}, datasets={"plain": dataset})
    assert "generators.plain.negative_prompt: it would have no effect: at guidance scales of 1 and below" in message
