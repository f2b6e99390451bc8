"""Pictures for the browser: thumbnails of the items as data URIs, covers where an item has none."""

import base64
from collections.abc import Iterable
from urllib.parse import quote

import pandas as pd

from recsys.ui.covers import cover_svg
from recsys.version import Version


def thumbnails(version: Version, ids: Iterable[str]) -> dict[str, str]:
    """Small pictures, as data URIs by item id."""
    ids = list(ids)
    rows = version.rows(ids)
    return {i: as_uri(version.thumbnail(row)) or cover(version, row) for i, row in zip(ids, rows, strict=True)}


def picture(version: Version, item_id: str) -> str:
    """One large picture, as a data URI."""
    (row,) = version.rows([item_id])
    return as_uri(version.picture(row)) or cover(version, row)


def cover(version: Version, row: int) -> str:
    """The cover of an item without a picture, as a data URI."""
    title = version.catalog.cell(row, "title")
    svg = cover_svg(title, year_of(version, row), category_of(version, row), int(row))
    return svg_uri(svg)


def category_of(version: Version, row: int) -> str:
    """The item's first category; empty where it has none."""
    value = version.catalog.cell(row, version.catalog.categories)
    if isinstance(value, tuple):
        return value[0] if value else ""
    return "" if pd.isna(value) else str(value)


def year_of(version: Version, row: int) -> str:
    """The item's year; empty where it is unknown."""
    year = version.catalog.cell(row, "year") if "year" in version.catalog.items.columns else None
    return "" if pd.isna(year) else str(int(year))


def svg_uri(svg: str) -> str:
    """A drawing as a data URI."""
    return f"data:image/svg+xml,{quote(svg)}"


def as_uri(webp: bytes | None) -> str:
    """A WebP picture as a data URI; empty for none."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}" if webp else ""
