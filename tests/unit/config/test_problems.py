"""How what is wrong in a config is named, ordered and put into words."""

import datetime

import pytest

from synthdiv.config.problems import (
    ConfigError,
    Problem,
    check_name,
    list_unreadable,
    locate_problems,
    name_path,
    raise_problems,
    show,
    suggest_name,
)


def message_of(problems, files=()):
    with pytest.raises(ConfigError) as caught, locate_problems(files, None):
        raise_problems(problems)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ((), ""),
        (("seed",), "seed"),
        (("mixtures", "Both", "parts", 0, "classes", 2), "mixtures.Both.parts[0].classes[2]"),
        (("sets", "a b"), "sets.a b"),
        (("sets", "a\nb"), r"sets.'a\nb'"),
        (("sets", ""), "sets.''"),
    ],
)
def test_a_path_is_written_as_in_a_sentence(path, name):
    assert name_path(path) == name


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        ("fifty", "'fifty'"),
        ("50", "'50'"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        ([1, "x", True], "[1, 'x', true]"),
        ([], "[]"),
        (list(range(100)), "a list"),
        ([{"a": 1}], "a list"),
        ({"a": 1}, "a mapping"),
        ({}, "{}"),
    ],
)
def test_a_value_is_shown_as_in_yaml(value, words):
    assert show(value) == words


def test_a_long_value_is_cut():
    assert len(show("x" * 1000)) == 60
    assert len(name_path(["sets", "x" * 1000])) < 70


def test_problems_are_sorted_by_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text("a: 1\nb: 2\nc: 3\n")
    (tmp_path / "two.yaml").write_text("d: 4\nb: 2\n")
    (tmp_path / "recipe.yaml").write_text("model: x\nsteps: y\n")
    problems = [
        Problem(("nowhere",), "no file has it"),
        Problem(("steps",), "last", "'y'", file="recipe.yaml"),
        Problem(("b",), "the second file counts", "2"),
        Problem(("d",), "fourth"),
        Problem(("c",), "third"),
        Problem(("a",), "first"),
        Problem((), "the whole"),
        Problem((), "the whole recipe", file="recipe.yaml"),
    ]
    assert message_of(problems, ["one.yaml", "two.yaml"]).splitlines() == [
        "the config has 8 mistakes:",
        "  one.yaml, line 1: a: first",
        "  one.yaml, line 3: c: third",
        "  two.yaml: the whole",
        "  two.yaml, line 1: d: fourth",
        "  two.yaml, line 2: b is 2: the second file counts",
        "  recipe.yaml: the whole recipe",
        "  recipe.yaml, line 2: steps is 'y': last",
        "  config: nowhere: no file has it",
    ]


def test_without_problems_nothing_is_raised():
    raise_problems([])


def test_a_file_that_cannot_be_read_is_not_named():
    assert message_of([Problem(("a",), "wrong")], ["nowhere.yaml"]) == "config: a: wrong"


def test_of_very_many_problems_the_first_are_listed():
    lines = message_of([Problem((f"key{n:03}",), "wrong") for n in range(100)]).splitlines()
    assert (len(lines), lines[0], lines[1]) == (32, "the config has 100 mistakes:", "  config: key000: wrong")
    assert lines[-2:] == ["  config: key029: wrong", "  ... and 70 more"]


def test_keys_that_are_no_text_are_found_at_any_depth():
    given = {"a": [{2: "x"}], None: {True: 1}}
    assert [name_path(one.path) for one in list_unreadable(given)] == ["None", "None.True", "a[0].2"]
    assert list_unreadable({"a": [1, {"b": None}], "c": {}}) == []


def test_what_contains_itself_is_found():
    given = {"a": {"b": []}, "c": {}}
    given["a"]["b"].append(given["a"])
    assert list_unreadable(given) == [Problem(("a", "b", 0), "it contains itself")]
    shared = {"x": 1}
    assert list_unreadable({"a": shared, "b": {"c": shared}}) == []


def test_a_similar_name_is_suggested():
    assert suggest_name("Synset", ["Synset"], "set") is None
    assert suggest_name("Synste", ["Natural", "Synset"], "set") == "there is no set 'Synste'; did you mean 'Synset'?"
    assert suggest_name("x", ["Natural", "Synset"], "set") == "there is no set 'x'; there are Natural, Synset"
    assert suggest_name("x", ["Synset"], "set") == "there is no set 'x'; there is only 'Synset'"
    assert suggest_name("x", [], "set") == "there is no set 'x'; there are none"
    assert list(check_name("x", ["x"], ("review", "set"), "set")) == []
    problems = check_name("x", [], ("review", "set"), "set")
    assert message_of(problems) == "config: review.set: there is no set 'x'; there are none"
