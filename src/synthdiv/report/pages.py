"""What every page in HTML has: a head, with its title and style, and a body; nothing from elsewhere."""

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
    """A page in HTML.

    Parameters
    ----------
    title : str
        Text, which is escaped.
    style : str
        CSS.
    body : str
        HTML.
    """
    return PAGE.format(title=escape(title), style=style, body=body)
