"""Figures as SVG inside a page: text as text, ids that no other figure has, and colours that follow the page's theme."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib.figure import Figure

SPACE = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"
THEME = {"#000000": "var(--ink, #000000)", "#ffffff": "var(--paper, #ffffff)"}
"""What black and white become on a page with a dark theme; elsewhere they stay."""
MOST = 40
"""Characters of a label, at most."""


def shorten(name: str, most: int = MOST) -> str:
    """Return a name as a label: printable, in one line, and not too long."""
    text = " ".join("".join(one if one.isprintable() else " " for one in name).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def to_inline_svg(figure: Figure, key: str, description: str) -> Markup:
    """Return a figure as an SVG element.

    Parameters
    ----------
    figure : Figure
    key : str
        A word that no other figure of the page has: the element's id, and the beginning of all ids in it.
    description : str
        The alternative text.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    ElementTree.register_namespace("", SPACE)
    ElementTree.register_namespace("xlink", LINK)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SPACE}}}metadata", f"{{{SPACE}}}style"):  # a style would be that of the whole page
                parent.remove(child)
    for element in root.iter():
        for name, value in element.attrib.items():
            element.set(name, _rewrite(name, value, key))
    root.attrib.update(
        {
            "id": key,
            "role": "img",
            "aria-label": description,
            "style": f"stroke-linejoin: round; stroke-linecap: butt; fill: {THEME['#000000']}",
        }
    )
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _rewrite(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name == f"{{{LINK}}}href":
        return value.replace("#", f"#{key}-", 1)
    value = value.replace("url(#", f"url(#{key}-")
    return re.sub("#000000|#ffffff", lambda found: THEME[found[0]], value) if name == "style" else value
