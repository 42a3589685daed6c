"""Figures as files: each format is the same file each time, and text in vector graphics stays text."""

import pytest
from matplotlib.figure import Figure

from synthdiv.report.figures.style import save_figure


def draw():
    figure = Figure(figsize=(2, 1))
    figure.subplots().set_title("crane $1")
    return figure


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_figure_is_the_same_file_each_time(tmp_path, kind):
    paths = [tmp_path / f"{n}.{kind}" for n in range(2)]
    for path in paths:
        save_figure(draw(), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])
    assert kind != "svg" or b">crane $1</text>" in first
