"""Jobs as plain data, which Snakemake records and compares."""

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from synthdiv.core.job import Job, Part


class Image(Part):
    path: str
    size: tuple[int, int] | None = None


class Text(Part):
    words: tuple[str, ...]


class Show(Job):
    shown: tuple[Image | Text, ...]
    scale: float
    counts: dict[str, int | dict[str, int]]
    named: tuple[tuple[str, Image | None], ...]
    title: str | None
    entry: dict[str, Any]


SHOW = Show(
    shown=(Text(words=("a", "b")), Image(path="x.png", size=(3, 4)), Image(path="y.png")),
    scale=1,
    counts={"train": 3, "evaluation": {"n02": 1, "n01": 2}},
    named=(("second", None), ("first", Image(path="z.png"))),
    title=None,
    entry={"steps": 50, "model": {"revision": None, "name": "sd", "safe": True, "sizes": [0.5, 2]}},
)


def list_keys(value):
    """List the keys of every dict in plain values."""
    if isinstance(value, dict):
        return [list(value)] + [keys for one in value.values() for keys in list_keys(one)]
    return [keys for one in value for keys in list_keys(one)] if isinstance(value, list) else []


def test_params_are_plain_values_with_sorted_keys():
    params = SHOW.to_params()
    assert params == {
        "counts": {"evaluation": {"n01": 2, "n02": 1}, "train": 3},
        "entry": {"model": {"name": "sd", "revision": None, "safe": True, "sizes": [0.5, 2]}, "steps": 50},
        "named": [["second", None], ["first", {"path": "z.png", "size": None}]],
        "scale": 1.0,
        "shown": [{"words": ["a", "b"]}, {"path": "x.png", "size": [3, 4]}, {"path": "y.png", "size": None}],
        "title": None,
    }
    keys = list_keys(params)
    assert len(keys) == 9
    assert keys == [sorted(one) for one in keys]
    assert isinstance(params["scale"], float)


def test_equal_jobs_have_the_same_params():
    """Whatever the order of the keys; a list is a tuple, and an integer a float."""
    given = {"title": None, "named": [["second", None], ["first", {"path": "z.png"}]], "scale": 1.0}
    given |= {"counts": {"evaluation": {"n01": 2, "n02": 1}, "train": 3}, "shown": SHOW.to_params()["shown"]}
    given |= {"entry": {"model": {"sizes": [0.5, 2], "safe": True, "name": "sd", "revision": None}, "steps": 50}}
    assert json.dumps(Show.model_validate(given).to_params()) == json.dumps(SHOW.to_params())


def test_a_job_is_the_same_after_a_round_trip():
    again = Show.from_params(json.loads(json.dumps(SHOW.to_params())))
    assert again == SHOW
    assert [type(one) for one in again.shown] == [Text, Image, Image]
    assert isinstance(again.shown[1].size, tuple)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"named": [["first", {"path": "z.png", "unknown": None}]]},
        {"shown": [{"path": "x.png", "words": ["a"]}]},
    ],
    ids=["of the job", "of a part", "of neither part"],
)
def test_unknown_keys_are_refused(change):
    with pytest.raises(ValidationError):
        Show.from_params(SHOW.to_params() | change)


@pytest.mark.parametrize("name", ["shown", "title"])
def test_missing_keys_are_refused(name):
    params = {key: value for key, value in SHOW.to_params().items() if key != name}
    with pytest.raises(ValidationError, match=name):
        Show.from_params(params)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_lacks_are_refused(value):
    """Params with NaN would differ from themselves; a null would be another job."""
    for change in ({"scale": value}, {"entry": {"lr": [value]}}):
        job = SHOW.model_copy(update=change)
        with pytest.raises(ValueError, match="JSON"):
            job.to_params()


def test_a_job_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        SHOW.scale = 2.0
