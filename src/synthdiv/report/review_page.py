"""The page of a review: self-contained HTML with nothing but text and images."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any

import polars as pl
from PIL import Image

from synthdiv.images.archive import read_image
from synthdiv.images.flags import decode_image
from synthdiv.report.pages import make_page

SIDE = 96
"""Maximum length of an image's longer side, in pixels."""
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 74rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
section { border-top: 1px solid #ccc; padding: .6rem 0 1rem }
h2 { margin: .3rem 0; font-size: 1.25rem } h2 small { color: #777; font-weight: normal }
table { border-collapse: collapse } th, td { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top }
th { color: #777; font-weight: normal } code { background: #f3f3f0; padding: .15rem .4rem; user-select: all }
.images { display: flex; flex-wrap: wrap; gap: .35rem; margin-top: .6rem } figure { margin: 0; width: 5rem }
img { width: 5rem; height: 5rem; object-fit: contain; border: 3px solid #c33; box-sizing: border-box; background: #eee }
.right img { border-color: #3a3 } .unclassified img { border-color: #bbb }
figcaption { font-size: .7rem; text-align: center; overflow-wrap: anywhere; color: #555 }
"""
SECTION = Template("""<section id="$key">
<h2>$name <small>$key</small></h2>
<table>
$rows
</table>
<div class="images">
$images
</div>
</section>""")


def write_page(
    table: pl.DataFrame,
    before: pl.DataFrame,
    images: Mapping[int, Sequence[Mapping[str, Any]]],
    votes: pl.DataFrame,
    *,
    title: str,
    introduction: Sequence[str],
    shown: int,
    reviewed_by: str,
) -> str:
    """Write the page of a review.

    Parameters
    ----------
    table : polars.DataFrame
        From :func:`synthdiv.diagnosis.review.tabulate_classes`.
    before : polars.DataFrame
        From :func:`synthdiv.diagnosis.review.keep_history`: these classes come first, whatever their accuracy.
    images : mapping of class_id to index rows
        The images, at least of the classes that are shown.
    votes : polars.DataFrame
        From :func:`synthdiv.diagnosis.review.vote_seeds`.
    title : str
    introduction : sequence of str
        Paragraphs.
    shown : int
        Number of classes to show, those of lowest accuracy.
    reviewed_by : str
        The reviewer; earlier results by another one name it.

    Returns
    -------
    str
        HTML in which every text is escaped.
    """
    earlier = {row["key"]: row for row in before.iter_rows(named=True)}
    names = dict(table.select("class_id", "name").iter_rows())
    predicted = {(c, n): name for c, n, name in votes.select("class_id", "index", "predicted").iter_rows()}
    rows = table.to_dicts()
    changed = [row for row in rows if row["key"] in earlier]
    lowest = [row for row in rows[:shown] if row["key"] not in earlier]
    sections = []
    for row in changed + lowest:
        own = [(image, predicted.get((row["class_id"], image["index"]))) for image in images[row["class_id"]]]
        tiles = [_show_image(image, predicted, row["class_id"], names) for image, predicted in own]
        metadata = _describe_class(row, earlier.get(row["key"]), reviewed_by)
        sections.append(
            SECTION.substitute(
                key=escape(row["key"]),
                name=escape(row["name"]),
                rows="\n".join(f"<tr><th>{escape(head)}</th><td>{text}</td></tr>" for head, text in metadata),
                images="\n".join(tiles),
            )
        )
    body = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(text)}</p>" for text in introduction)]
    body += [_tabulate_changes(changed, earlier)] if changed else []
    return make_page(title, STYLE, "\n".join(body + sections))


def _describe_class(
    row: Mapping[str, Any], earlier: Mapping[str, Any] | None, reviewed_by: str
) -> Iterable[tuple[str, str]]:
    if earlier is not None:
        other = "" if earlier["reviewed_by"] == reviewed_by else f", reviewed by {earlier['reviewed_by']}"
        yield "before", f"{escape(repr(earlier['prompt']))}: {escape(_describe_metrics(earlier) + other)}"
    yield ("now" if earlier is not None else "accuracy"), escape(_describe_metrics(row))
    for name in ("prompt", "lemmas", "definition", "hypernym"):
        if row[name]:
            yield name, escape(row[name])
    if row["proposed_override"] is not None:
        yield "proposed override, unchecked", f"<code>{escape(row['proposed_override'])}</code>"


def _describe_metrics(row: Mapping[str, Any]) -> str:
    if row["accuracy"] is None:
        return "no image left: all have an excluded flag"
    interval = f"{row['accuracy']:.0%} [{row['accuracy_low']:.0%}, {row['accuracy_high']:.0%}] of {row['n_images']}"
    if row["predicted_class"] is None:
        return interval
    return f"{interval}; errors mostly classified as {row['predicted_class']} ({row['predicted_class_share']:.0%} of all)"


def _tabulate_changes(rows: Sequence[Mapping[str, Any]], earlier: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["<h2>Changed prompts</h2>", "<table>", "<tr><th>class</th><th>before</th><th></th><th>now</th><th></th></tr>"]
    for row in rows:
        was = earlier[row["key"]]
        cells = [row["name"], was["prompt"], _describe_interval(was), row["prompt"], _describe_interval(row)]
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _describe_interval(row: Mapping[str, Any]) -> str:
    if row["accuracy"] is None:
        return "no image left"
    return f"{row['accuracy']:.0%} [{row['accuracy_low']:.0%}, {row['accuracy_high']:.0%}]"


def _show_image(image: Mapping[str, Any], predicted_class: int | None, class_id: int, names: Mapping[int, str]) -> str:
    kind = "unclassified" if predicted_class is None else "right" if predicted_class == class_id else "wrong"
    caption = "excluded: " + ", ".join(image["flags"]) if predicted_class is None else names[predicted_class]
    source = make_data_uri(read_image(image["file"], image["offset"], image["size"], image["digest"]))
    return f'<figure class="{kind}"><img src="{source}" alt=""><figcaption>{escape(caption)}</figcaption></figure>'


def make_data_uri(data: bytes) -> str:
    """Return an encoded image as a small data URI."""
    image = decode_image(data)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=75)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
