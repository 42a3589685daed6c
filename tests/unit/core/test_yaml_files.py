"""Where a key stands in a YAML file."""

import pytest
import yaml

from synthdiv.core.yaml_files import find_line

TEXT = """study: s
sets:
  A:
    kind: image
  "B": {kind: prompt,
    dataset: d, list: [1, {x: 2},
      3]}
  2024: {}
  no: {}
parts:
  - set: A
    classes: [a, b]
  -
    set: B
base: &base
  steps: 5
  inner: {deep: 1}
more: &more {width: 8}
one:
  <<: *base
  height: 9
two:
  <<: [*more, *base]
same: *base
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "study.yaml").write_text(TEXT)
    return tmp_path / "study.yaml"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ([], 1),
        (["study"], 1),
        (["sets"], 2),
        (["sets", "A", "kind"], 4),
        (["sets", "B", "kind"], 5),
        (["sets", "B", "dataset"], 6),
        (["sets", "B", "list", 1, "x"], 6),
        (["sets", "B", "list", 2], 7),
        (["sets", "2024"], 8),
        (["sets", "no"], 9),
        (["sets", "False"], 9),
        (["parts", 0], 11),
        (["parts", 0, "classes", 1], 12),
        (["parts", 1, "set"], 14),
        (["one", "height"], 21),
        (["one", "steps"], 16),
        (["two", "width"], 18),
        (["two", "inner", "deep"], 17),
        (["same", "steps"], 16),
        (["sets", "C"], None),
        (["sets", "A", "kind", "x"], None),
        (["parts", 2], None),
        (["parts", "set"], None),
        (["study", 0], None),
    ],
)
def test_a_key_is_found_in_every_style(path, keys, line):
    assert find_line(path, keys) == line


def test_a_line_counts_only_if_its_value_was_not_replaced(path):
    read = yaml.safe_load(TEXT)
    for keys in (["study"], ["sets", "B", "list", 2], ["parts"], ["one", "steps"], ["sets", "2024"], []):
        assert find_line(path, keys, read) == find_line(path, keys)
    changed = read | {"study": "other", "parts": [{"set": "A"}, {"set": "C"}], "base": 5, "one": {"steps": {}}}
    for keys in (["study"], ["parts"], ["parts", 1, "set"], ["base"], ["one", "steps"]):
        assert find_line(path, keys, changed) is None
    assert find_line(path, ["parts", 0, "set"], changed) == 11


@pytest.mark.parametrize(
    "content", [None, b"", b"a: [", b"\xff", b"- 1"], ids=["missing", "empty", "broken", "no text", "list"]
)
def test_another_file_has_no_key(tmp_path, content):
    if content is not None:
        (tmp_path / "study.yaml").write_bytes(content)
    assert find_line(tmp_path / "study.yaml", ["a"]) is None


def test_an_edited_file_is_read_again(path):
    assert find_line(path, ["study"]) == 1
    path.write_text("\n" + TEXT)
    assert find_line(path, ["study"]) == 2
