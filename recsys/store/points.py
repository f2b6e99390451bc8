"""A catalog and its spaces as Qdrant's points: id = row, one named vector a space, facets as payload."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet, FacetKind
from recsys.errors import CatalogError

INDEX_KINDS: dict[FacetKind, str] = {"category": "keyword", "tags": "keyword", "number": "float", "flag": "integer"}
"""Qdrant's payload index for each kind of facet. A flag is an integer: Edge's booleans match the wrong items."""


class Batch(NamedTuple):
    """Some consecutive points: their rows, the vectors each has, by space, and what each has of facets."""

    rows: range
    vectors: list[dict[str, list[float]]]
    payloads: list[dict[str, Any]]


def checked_spaces(spaces: Mapping[str, np.ndarray], n: int) -> dict[str, int]:
    """The dimension of each space.

    Args:
        spaces: (n, d) float32 by name, finite; a row of zeros means that the item has no vector there.
        n: how many items there are.

    Raises:
        ValueError: no space, another shape, NaN or infinity.
    """
    if not spaces:
        raise ValueError("expected at least one space, got none")
    for name, vectors in spaces.items():
        if vectors.ndim != 2 or len(vectors) != n or vectors.shape[1] == 0:
            raise ValueError(f"expected vectors of shape ({n}, d) in the space {name}, got {vectors.shape}")
        if not np.isfinite(vectors).all():
            raise ValueError(f"expected finite vectors in the space {name}, got NaN or infinity")
    return {name: vectors.shape[1] for name, vectors in spaces.items()}


def index_kinds(catalog: Catalog) -> dict[str, str]:
    """Qdrant's kind of index for each facet: "keyword", "float" or "integer"."""
    return {facet.name: INDEX_KINDS[facet.kind] for facet in catalog.facets}


def batches(spaces: Mapping[str, np.ndarray], catalog: Catalog, size: int) -> Iterator[Batch]:
    """The catalog's points, `size` at a time. What an item lacks, a vector or a facet's value, is left out.

    Raises:
        CatalogError: an infinite number, which Qdrant cannot store.
    """
    columns = {facet.name: _values(catalog.items[facet.name], facet) for facet in catalog.facets}
    for start in range(0, len(catalog), size):
        rows = range(start, min(start + size, len(catalog)))
        vectors: list[dict[str, list[float]]] = [{} for _ in rows]
        for name, matrix in spaces.items():
            chunk = np.asarray(matrix[rows.start : rows.stop], dtype=np.float32)
            for i in np.flatnonzero(chunk.any(axis=1)):
                vectors[i][name] = chunk[i].tolist()
        payloads = [{name: column[row] for name, column in columns.items() if column[row] is not None} for row in rows]
        yield Batch(rows, vectors, payloads)


def _values(column: pd.Series, facet: Facet) -> list:
    """A facet's values in JSON's types, None where unknown."""
    if facet.kind == "number":
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            raise CatalogError(f"{facet.label} has an infinite value, which cannot be stored.", "Leave it empty.")
        return [None if np.isnan(x) else x for x in numbers.tolist()]
    if facet.kind == "tags":
        return [[str(tag) for tag in tags] or None for tags in column]
    convert = int if facet.kind == "flag" else str
    return [None if pd.isna(value) else convert(value) for value in column]
