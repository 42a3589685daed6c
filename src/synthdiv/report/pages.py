"""The frame of the HTML pages of tables and reviews: a head with title and style, and a body; no external resources."""

from __future__ import annotations

from html import escape

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def make_page(title: str, style: str, body: str) -> str:
    """Return an HTML page.

    Parameters
    ----------
    title : str
        Text; it is escaped.
    style : str
        CSS.
    body : str
        HTML.
    """
    return PAGE.format(title=escape(title), style=style, body=body)
