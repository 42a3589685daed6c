"""Test the PromptAug grammar: prompts without repetition, in a stable order."""

import hashlib

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.core.errors import StudyError
from synthdiv.prompts.grammar import Grammar, tidy_prompt

PROMPTAUG = REPOSITORY / "resources" / "prompts" / "promptaug.yaml"
TRAIN, EVALUATION = 1200, 50  # the paper's counts


@pytest.fixture(scope="module")
def promptaug():
    return Grammar(PROMPTAUG)


@pytest.fixture
def make(tmp_path):
    def make_grammar(template, **modifiers):
        path = tmp_path / "grammar.yaml"
        lists = {name: {"published": values} for name, values in modifiers.items()}
        path.write_text(yaml.safe_dump({"template": template, "modifiers": lists}))
        return Grammar(path)

    return make_grammar


def prompts(grammar, split, count, *, seed=0, class_key="n01806567", class_text="quail"):
    return [
        grammar.prompt(seed=seed, class_key=class_key, class_text=class_text, split=split, index=index)
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("old,  common,  small quail, centered. Hyper-sharp.", "old, common, small quail, centered. Hyper-sharp."),
        (",  common,  small quail", "common, small quail"),
        ("old,  ,  small quail", "old, small quail"),
        ("old, , , quail", "old, quail"),
        ("small quail, . Hyper-sharp.", "small quail. Hyper-sharp."),
        ("small quail, centered. .", "small quail, centered."),
        ("small quail, . .", "small quail."),
        ("quail. , Overexposed.", "quail. Overexposed."),
        ("  small\tquail ,\n centered .", "small quail, centered."),
        ("", ""),
    ],
)
def test_spaces_and_commas_of_empty_values_are_removed(text, tidied):
    assert tidy_prompt(text) == tidied
    assert tidy_prompt(tidied) == tidied


@pytest.mark.parametrize(
    "printed",
    [
        "beautiful, common, extremely small quail, with many other objects visible. Hyper-sharp.",
        "old, common, extremely large quail, centered in the image. Typical snapshot.",
        "ugly, extremely uncommon, slightly small quail, centered in the image. Hyper-sharp.",
    ],
)
def test_the_grammar_contains_the_prompts_of_figure_10(promptaug, printed):
    """As printed, apart from a doubled "other" and the word "size" that two of the three have."""
    assert printed in prompts(promptaug, "train", len(promptaug.templates))


def test_a_class_has_a_prompt_for_every_combination(promptaug):
    assert len(promptaug.templates) == 3 * 4 * 3 * 4 * 2 * 4 * 5


def test_no_prompt_of_a_class_is_repeated(promptaug):
    texts = prompts(promptaug, "train", TRAIN) + prompts(promptaug, "evaluation", EVALUATION)
    assert len(set(texts)) == TRAIN + EVALUATION
    assert not [text for text in texts if "  " in text or ", ," in text or ",." in text or "{" in text]


def test_evaluation_uses_the_permutation_from_its_end(make):
    grammar = make("{a} {b} {class}", a=list("uvw"), b=list("xyz"))
    whole = prompts(grammar, "train", 9)
    assert sorted(whole) == sorted(f"{a} {b} quail" for a in "uvw" for b in "xyz")
    assert prompts(grammar, "evaluation", 9) == whole[::-1]


def test_the_order_is_a_keyed_hash_of_the_combination(make):
    """The rule implemented again: by SHA-256 of seed, class and number, independently of any library's shuffle."""
    grammar = make("{a} {b} {class}", a=list("uvw"), b=list("xyz"))
    texts = [f"{a} {b} quail" for a in "uvw" for b in "xyz"]
    ranks = [hashlib.sha256(b"grammar 3 n01" + bytes([0, 0, 0, number])).hexdigest() for number in range(9)]
    expected = [text for _, text in sorted(zip(ranks, texts, strict=True))]
    assert prompts(grammar, "train", 9, seed=3, class_key="n01") == expected


def test_the_order_depends_on_seed_and_class_but_not_on_wording(promptaug):
    first = prompts(promptaug, "train", 20)
    assert prompts(promptaug, "train", 20, seed=1) != first
    assert prompts(promptaug, "train", 20, class_key="n02012849") != first
    crane = prompts(promptaug, "train", 20, class_text="crane bird")
    assert crane == [text.replace("quail", "crane bird") for text in first]


def test_the_class_text_is_inserted_unchanged(make):
    grammar = make("{a} {class}", a=["old"])
    assert prompts(grammar, "train", 1, class_text="crane, {a} 50%") == ["old crane, {a} 50%"]


def test_combinations_with_the_same_text_are_one_prompt(make):
    grammar = make("{a} {b} {class}", a=["very", ""], b=["very", ""])
    assert sorted(prompts(grammar, "train", len(grammar.templates))) == ["quail", "very quail", "very very quail"]


def test_a_prompt_is_rendered_from_its_chosen_values(promptaug):
    for split in ("train", "evaluation"):
        for index in (0, 1, 40):
            at = {"seed": 3, "class_key": "n01", "split": split, "index": index}
            values = promptaug.choose(**at)
            assert list(values) == list(promptaug.modifiers)
            assert all(value in promptaug.modifiers[name] for name, value in values.items())
            assert promptaug.render(values, "quail") == promptaug.prompt(**at, class_text="quail")


def test_every_prompt_is_chosen_once_with_its_first_combination(make):
    grammar = make("{a} {b} {class}", a=["very", ""], b=["very", ""])
    found = [grammar.choose(seed=0, class_key="k", split="train", index=index) for index in range(len(grammar.templates))]
    assert sorted(tuple(values.values()) for values in found) == [("", ""), ("very", ""), ("very", "very")]


def test_a_class_that_looks_like_a_slot_is_rendered_unchanged(make):
    assert make("{a} {class}", a=["old", "new"]).render({"a": "new"}, "crane {a}") == "new crane {a}"


def test_published_values_come_before_added_ones(tmp_path):
    path = tmp_path / "grammar.yaml"
    path.write_text("template: '{a} {class}'\nmodifiers: {a: {added: [new], published: [old]}}\n")
    assert Grammar(path).templates == ["old {class}", "new {class}"]


BAD = {
    "broken YAML": ("template: [", ["not valid YAML"]),
    "no mapping": ("- old\n- new\n", ["`template`", "`modifiers`"]),
    "no template": ("modifiers: {a: {published: [old]}}", ["`template`"]),
    "value twice": ("template: '{a} {class}'\nmodifiers: {a: {published: [old], added: [old]}}", ["'a'", "'old' twice"]),
    "unknown slot": ("template: '{a} {size} {class}'\nmodifiers: {a: {published: [old]}}", ["'size'", "['a']"]),
    "unused modifier": ("template: '{class}'\nmodifiers: {a: {published: [old]}}", ["['class']", "['a']"]),
    "no class": ("template: '{a}'\nmodifiers: {a: {published: [old]}}", ["['a']", "`class`"]),
    "empty lists": ("template: '{a} {class}'\nmodifiers: {a: {published: []}}", ["'a'", "list of texts"]),
    "bare list": ("template: '{a} {class}'\nmodifiers: {a: [old]}", ["'a'", "`published` or `added`"]),
    "YAML's no": ("template: '{a} {class}'\nmodifiers: {a: {published: [no]}}", ["'a'", "list of texts"]),
    "a text": ("template: '{a} {class}'\nmodifiers: {a: {published: old}}", ["'a'", "list of texts"]),
    "a number": ("template: '{a} {class}'\nmodifiers: {a: {published: 5}}", ["'a'", "list of texts"]),
    "modifiers as a list": ("template: '{a} {class}'\nmodifiers: [a]", ["`modifiers`"]),
    "too many": (
        "template: '{a} {b} {class}'\nmodifiers: {a: {added: &v ["
        + ", ".join(f"v{n}" for n in range(1001))
        + "]}, b: {added: *v}}",
        ["1,002,001 combinations", "1,000,000", "shorten"],
    ),
}


@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_an_invalid_grammar_is_rejected(tmp_path, text, fragments):
    path = tmp_path / "grammar.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as caught:
        Grammar(path)
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)


def test_a_missing_grammar_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"nothing\.yaml does not exist"):
        Grammar(tmp_path / "nothing.yaml")
