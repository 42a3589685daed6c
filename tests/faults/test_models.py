"""Test broken, malicious and unsupported models: generators, encoders, classifiers, LoRA, safety checkers.

A model's folder is treated as data only: no pickle and no code in it is ever executed.
"""

import json
import os
import shutil

import pytest
import torch
from conftest import make_recipe, make_spec, make_timm_folder
from safetensors.torch import save_file
from traps import CALL, Trap
from workplace import DEMO

from synthdiv.classifiers.checkpoint import load_weights
from synthdiv.classifiers.recipes import build_model
from synthdiv.config.sets import Encoder
from synthdiv.core.errors import StudyError
from synthdiv.embeddings.loading import load_encoder
from synthdiv.embeddings.prompt_checks import load_generator_tokenizer
from synthdiv.generation.generator import Generator, SafetyChecker, fingerprint_generator

CPU = torch.device("cpu")
PICKLE = "its weights are a pickle that could run code, and were not loaded: use weights in a .safetensors file"
CODE = f"import os\nos.system('{CALL}')\nfrom transformers import CLIPTokenizer\nclass Evil(CLIPTokenizer):\n    pass\n"
TOKEN = "hf_" + "Zq7" * 11
UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in a temporary directory, and check afterwards that no trap was executed in it."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("executed"))


def test_the_trap_is_executed_if_it_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Trap()}, "weights.pt")
    torch.load("weights.pt", weights_only=False)["weight"].close()
    assert os.path.exists("executed")


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def generate(model, **changes):
    """Use a generator as a job does: fingerprint it, load it, and generate an image."""
    spec = make_spec(model, **changes)
    fingerprint_generator(spec)
    next(Generator(spec, CPU).generate_images(["a"], [1], 7.5))


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


def put_code(folder, **changes):
    (folder / "evil.py").write_text(CODE)
    (folder / "unet" / "evil.py").write_text(CODE)
    edit_json(folder / "model_index.json", **changes)


def put_pickle(folder):
    (folder / UNET).unlink()
    torch.save({"weight": Trap()}, folder / UNET.replace(".safetensors", ".bin"))


GENERATORS = {
    "a pickle for weights": (put_pickle, "no file named diffusion_pytorch_model.safetensors found"),
    "a component of its own code": (lambda f: put_code(f, unet=["evil", "Evil"]), "contains custom code in evil.py"),
    "a pipeline of its own code": (
        lambda f: put_code(f, _class_name=["evil", "Evil"]),
        "['evil', 'Evil'], which is not supported",
    ),
    "a component that is a function": (lambda f: put_code(f, unet=["os", "system"]), "cannot be loaded as it does not seem"),
    "truncated weights": (lambda f: truncate(f / UNET, 5000), "Unable to load weights from checkpoint file"),
    "empty weights": (lambda f: truncate(f / VAE, 0), "Unable to load weights from checkpoint file"),
    "no weights": (lambda f: (f / VAE).unlink(), "no file named diffusion_pytorch_model.safetensors found"),
    "another component's weights": (lambda f: shutil.copy(f / VAE, f / UNET), "are its files complete, and from one model?"),
    "another family's config": (lambda f: shutil.copy(f / "vae/config.json", f / "unet/config.json"), "expected shape"),
    "an empty config": (lambda f: (f / "unet/config.json").write_text("{}"), "expected shape"),
    "an invalid config": (lambda f: (f / "unet/config.json").write_text("none"), "unet/config.json cannot be read"),
    "an invalid index": (lambda f: (f / "model_index.json").write_text("{"), "model_index.json cannot be read"),
    "an index that is a list": (
        lambda f: (f / "model_index.json").write_text("[]"),
        "model_index.json is not a JSON object",
    ),
    "a deeply nested index": (
        lambda f: (f / "model_index.json").write_text("[" * 10**5),
        "model_index.json cannot be read",
    ),
    "no scheduler": (lambda f: shutil.rmtree(f / "scheduler"), "scheduler_config.json cannot be read: No such file"),
    "a scheduler that is not one": (
        lambda f: edit_json(f / "scheduler/scheduler_config.json", _class_name="UNet2DConditionModel"),
        "diffusers has no scheduler 'UNet2DConditionModel'",
    ),
}


@pytest.mark.parametrize(("damage", "message"), GENERATORS.values(), ids=GENERATORS)
def test_a_broken_generator_gives_a_clear_error(place, tiny_pipeline, damage, message):
    folder = place / "model"
    shutil.copytree(tiny_pipeline, folder)
    damage(folder)
    with pytest.raises(StudyError) as caught:
        generate(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value) or "scheduler" in message


def test_a_pickle_next_to_the_weights_is_ignored(place, tiny_pipeline):
    shutil.copytree(tiny_pipeline, place / "model")
    torch.save({"weight": Trap()}, place / "model" / UNET.replace(".safetensors", ".bin"))
    generate(place / "model")


def test_a_tokenizers_own_code_is_ignored(place, tiny_pipeline):
    folder = place / "model"
    shutil.copytree(tiny_pipeline, folder)
    (folder / "tokenizer" / "evil.py").write_text(CODE)
    edit_json(folder / "tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]})
    tokenize, _ = load_generator_tokenizer(folder)
    assert len(tokenize(["a bag"])[0]) > 2


ENTRIES = {
    "an unknown argument": (
        {"arguments": {"guidance_rescal": 0.7}},
        "no argument of StableDiffusionPipeline 'guidance_rescal'; did",
    ),
    "an argument that another key determines": (
        {"arguments": {"height": 16}},
        "the generator's key height determines height; remove the argument",
    ),
    "an unknown scheduler": ({"scheduler": "os.system"}, "diffusers has no scheduler 'os.system'"),
    "an unknown option": (
        {"scheduler_options": {"beta_strat": 1}},
        "no option of PNDMScheduler 'beta_strat'; did you mean 'beta_st",
    ),
    "an option that is refused": (
        {"scheduler_options": {"beta_schedule": "steep"}},
        "diffusers refuses the scheduler PNDMScheduler",
    ),
    "a missing variant": ({"variant": "fp8"}, "no such modeling files are available"),
    "a LoRA of another kind": ({"lora": "lora.safetensors"}, "Invalid LoRA checkpoint"),
    "a LoRA that is a pickle": ({"lora": "lora.bin"}, "the LoRA 'lora.bin' must be a .safetensors file"),
    "a LoRA that is a folder with a pickle": (
        {"lora": "loras"},
        "the LoRA 'loras' must be a .safetensors file, or a folder with one",
    ),
    "a LoRA that is a pickle by another name": ({"lora": "pickle.safetensors"}, "Error while deserializing header"),
}


@pytest.mark.parametrize(("changes", "message"), ENTRIES.values(), ids=ENTRIES)
def test_invalid_settings_of_a_generator_give_a_clear_error(place, tiny_pipeline, changes, message):
    save_file({"weight": torch.zeros(2)}, place / "lora.safetensors")
    (place / "loras").mkdir()
    for name in ("lora.bin", "loras/pytorch_lora_weights.bin", "pickle.safetensors"):
        torch.save({"weight": Trap()}, place / name)
    with pytest.raises(StudyError) as caught:
        generate(tiny_pipeline, **changes)
    assert message in str(caught.value)


def encoder(**entry):
    return load_encoder(Encoder.model_validate(entry).to_dict(), CPU)


def pickle_clip(folder):
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"weight": Trap()}, folder / "open_clip_pytorch_model.bin")


def trust_remote_code(folder):
    """Let the model's own configuration allow its code to be run."""
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    (folder / "evil.py").write_text(CODE)
    changes = {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"}
    edit_json(folder / "tokenizer_config.json", **changes)


def map_code(folder):
    """Let the tokenizer name code of its own, which transformers would run if somebody said yes."""
    (folder / "evil.py").write_text(CODE)
    edit_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", None]}, tokenizer_class="Evil")


CLIPS = {
    "a tokenizer of code": (map_code, "contains custom code"),
    "a pickle for weights": (pickle_clip, PICKLE),
    "code of its own": (trust_remote_code, "requires code of its own to be run (trust_remote_code), which is not allowed"),
    "no weights, which random ones must not replace": (
        lambda f: (f / "open_clip_model.safetensors").unlink(),
        "Required pretrained weights",
    ),
    "truncated weights": (lambda f: truncate(f / "open_clip_model.safetensors", 3000), "Error while deserializing header"),
    "another model's weights": (
        lambda f: save_file({"weight": torch.zeros(2)}, f / "open_clip_model.safetensors"),
        "Error(s) in loading state_dict for CLIP: Missing key(s)",
    ),
    "an empty config": (lambda f: (f / "open_clip_config.json").write_text("{}"), "missing 'model_cfg'"),
    "a broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{"), "the tokenizer of the encoder"),
}


@pytest.mark.parametrize(("damage", "message"), CLIPS.values(), ids=CLIPS)
def test_a_broken_encoder_gives_a_clear_error(place, damage, message):
    folder = place / "clip"
    shutil.copytree(DEMO / "models" / "clip", folder)
    damage(folder)
    with pytest.raises(StudyError) as caught:
        encoder(model=str(folder))
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "fetch_models" not in str(caught.value)


@pytest.mark.parametrize(
    "entry", [{"model": "RN50"}, {"model": "test_resnet", "library": "timm"}], ids=["open_clip", "timm"]
)
def test_a_pickle_for_an_encoders_weights_is_not_loaded(place, entry):
    torch.save({"state_dict": {"weight": Trap()}}, place / "weights.pt")
    with pytest.raises(StudyError) as caught:
        encoder(pretrained="weights.pt", **entry)
    assert PICKLE in str(caught.value)


def test_a_timm_folder_with_a_pickle_is_not_loaded(place):
    make_timm_folder(place / "timm")
    (place / "timm" / "model.safetensors").unlink()
    torch.save({"weight": Trap()}, place / "timm" / "pytorch_model.bin")
    for load in (
        lambda: encoder(model=str(place / "timm"), library="timm"),
        lambda: build_model(make_recipe(model=str(place / "timm"), model_options={}, pretrained=True), None),
    ):
        with pytest.raises(StudyError, match="its weights are a pickle that could run code"):
            load()


def test_a_pickle_for_a_classifiers_weights_is_not_loaded(place):
    torch.save({"state_dict": {"weight": Trap()}}, place / "weights.pth")
    with pytest.raises(StudyError) as caught:
        build_model(make_recipe(pretrained="weights.pth"), 3)
    assert PICKLE in str(caught.value)


def test_a_pickle_for_a_trained_classifier_is_not_loaded(place):
    torch.save({"weight": Trap()}, place / "model.safetensors")
    with pytest.raises(StudyError, match=r"model\.safetensors is not a classifier that this workflow trained"):
        load_weights(build_model(make_recipe(), 3), "model.safetensors")


def test_a_safety_checker_of_pickles_is_not_loaded(place):
    (place / "checker").mkdir()
    (place / "checker" / "config.json").write_text('{"model_type": "clip"}')
    (place / "checker" / "preprocessor_config.json").write_text("{}")
    torch.save({"weight": Trap()}, place / "checker" / "pytorch_model.bin")
    with pytest.raises(
        StudyError, match=r"the safety checker 'checker' could not be loaded: Error no file named model\.safetensors"
    ):
        SafetyChecker("checker", CPU)


@pytest.mark.parametrize("variable", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
def test_a_token_is_in_no_message_about_a_missing_model(place, monkeypatch, variable, caplog):
    monkeypatch.setenv(variable, TOKEN)
    for load in (
        lambda: generate("nobody/nothing-at-all"),
        lambda: encoder(model="hf-hub:nobody/nothing-at-all"),
        lambda: encoder(model="hf-hub:nobody/nothing-at-all", library="timm"),
        lambda: build_model(make_recipe(model="hf-hub:nobody/nothing-at-all", model_options={}, pretrained=True), None),
    ):
        with pytest.raises(StudyError) as caught:
            load()
        assert "nobody/nothing-at-all" in str(caught.value)
        assert "fetch_models" in str(caught.value)
        error = caught.value
        while error is not None:
            assert TOKEN not in str(error)
            error = error.__cause__ or error.__context__
    assert TOKEN not in caplog.text
    assert os.environ[variable] == TOKEN
