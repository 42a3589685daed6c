"""The texts that describe a class."""

import pytest

from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.class_texts import DOMAINS, list_texts
from synthdiv.prompts.datasets import Dataset

CLASSES = [ClassRow(n, f"k{n}", f"name{n}", f"lemma{n}", f"definition{n}", f"hypernym{n}") for n in range(5)]


def test_the_texts_of_a_class():
    dataset = Dataset("x", CLASSES, 1, [row.lemmas for row in CLASSES], {"train": 30, "evaluation": 5})
    texts = list_texts(CLASSES, {"x": dataset})
    own = {kind: text for class_id, kind, text in texts if class_id == 2}
    assert own["prompt of x"] == "lemma2"
    assert own["name"] == "name2"
    assert own["name, hypernym"] == "name2, hypernym2"
    assert own["name, definition"] == "name2, definition2"
    assert own["domain photograph"] == "a photograph of a name2"
    assert len(own) == 4 + len(DOMAINS)
    bare = [ClassRow(0, "k", "name", "lemma", "", "")]
    assert {kind for _, kind, _ in list_texts(bare, {})} == {"name"} | {f"domain {name}" for name in DOMAINS}


@pytest.mark.parametrize(("train", "count"), [(30, 20), (3, 3)])
def test_at_most_twenty_prompts_of_a_class_are_used(train, count):
    images = {(n, "train", index): f"prompt {n} {index}" for n in range(5) for index in range(train)}
    dataset = Dataset("x", CLASSES, 1, [], {"train": train}, images=images)
    texts = [text for class_id, kind, text in list_texts(CLASSES, {"x": dataset}) if (class_id, kind) == (3, "prompt of x")]
    assert texts == [f"prompt 3 {index}" for index in range(count)]
