"""Tables as aligned text."""

import polars as pl


def render_table(table: pl.DataFrame) -> str:
    """Return a whole table as text, with "?" for numbers that are not known yet."""
    columns = []
    for name, values in table.to_dict(as_series=False).items():
        numeric = table[name].dtype.is_numeric()
        form = ",.1f" if table[name].dtype.is_float() else "," if numeric else ""
        cells = [name.replace("_", " "), *("?" if value is None else format(value, form) for value in values)]
        width = max(map(len, cells))
        columns.append([cell.rjust(width) if numeric else cell.ljust(width) for cell in cells])
    return "\n".join("  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True))
