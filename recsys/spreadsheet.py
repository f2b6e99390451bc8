"""CSV that a spreadsheet can open safely: no cell of it is taken for a formula."""

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that some spreadsheet would compute; the wide forms count in East Asian ones."""


def as_cell(value: object) -> object:
    """A value as a cell: several values joined by commas; an apostrophe before what would be taken for a formula."""
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA_STARTS) else text


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV, its header and its cells safe to open; the index is left out, missing values stay empty."""
    return table.map(as_cell, na_action="ignore").rename(columns=as_cell).to_csv(index=False)
