"""Lists that were made beforehand: nothing is searched, they are looked up. So only what was foreseen is found."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from recsys.errors import NotBuilt
from recsys.retrieval.base import NOTHING, checked_knobs, checked_queries, checked_vectors, no_index, padded
from recsys.retrieval.exhaustive import nearest

LENGTH = 100
DECIMALS = 6
"""Scores of related items are rounded as the funnel's are, so that ties are the same."""
BLOCK = 2**23
"""Scores held at once: 64 MB of float64."""


class Precomputed:
    """See `Engine`. The top lists of known queries, made by comparing them with every vector.

    Exact for the queries it knows, to the bit. One that it does not know finds nothing, and no list is longer than
    `LENGTH`: that is the price of a look-up.
    """

    name, family, library, exact = "precomputed", "precomputed", "numpy", True
    knobs, defaults, builds = {}, {}, {}

    def __init__(self) -> None:
        self.arguments = {}

    def build(self, vectors: np.ndarray, folder: Path, known: np.ndarray | None = None) -> None:
        """See `Engine`.

        Args:
            vectors: see there.
            folder: see there.
            known: (q, d), the queries that lists are made for, such as users' vectors; None takes the items.

        Raises:
            ValueError: as there, or known queries of another shape or not finite.
        """
        vectors = checked_vectors(vectors)
        known = vectors if known is None else checked_queries(known, vectors.shape[1], LENGTH)
        lists = [nearest(known[block] @ vectors.T, LENGTH) for block in _blocks(len(known), len(vectors))]
        rows, scores = (np.concatenate(part) for part in zip(*lists, strict=True))
        np.save(folder / "keys.npy", np.array([np.frombuffer(_key(query), dtype=np.uint8) for query in known]))
        np.save(folder / "rows.npy", rows.astype(np.int32))
        np.save(folder / "scores.npy", scores)
        np.save(folder / "dims.npy", vectors.shape[1])
        self.open(folder)

    def open(self, folder: Path) -> None:
        """See `Engine`."""
        try:
            self._dims = int(np.load(folder / "dims.npy"))
            keys, self._rows, self._scores = (np.load(folder / f"{name}.npy") for name in ("keys", "rows", "scores"))
        except (OSError, ValueError, TypeError) as error:
            raise no_index(self, folder) from error
        self._place = {key.tobytes(): place for place, key in enumerate(keys)}

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        checked_knobs(self, knobs)
        queries = checked_queries(queries, self._dims, k)
        places = np.array([self._place.get(_key(query), NOTHING) for query in queries], dtype=np.int64)
        rows = np.where(places[:, None] == NOTHING, NOTHING, self._rows[places, :k])
        return padded(rows, self._scores[places, :k], k)

    def use_threads(self, n: int) -> None:
        """See `Engine`. A look-up has nothing to share out."""

    def close(self) -> None:
        """See `Engine`."""
        del self._rows, self._scores, self._place


def related_lists(vectors: np.ndarray, length: int = LENGTH) -> tuple[np.ndarray, np.ndarray]:
    """The items nearest to each item, itself left out, by (-score, row).

    Args:
        vectors: (n, d) float; a row of zeros means no vector. Its list is empty, and it is in nobody's.
        length: 1 or more.

    Returns:
        rows (n, length) int32, `NOTHING` where there are no more; and their dot products, computed in float64 and
        rounded to `DECIMALS`, (n, length) float64, -inf there.

    Raises:
        ValueError: vectors of another shape, none, or not finite, or a length below 1.
    """
    if length < 1:
        raise ValueError(f"expected a length of 1 or more, got {length}")
    wide = checked_vectors(vectors).astype(np.float64)
    without = ~wide.any(axis=1)
    rows = np.full((len(wide), length), NOTHING, dtype=np.int32)
    scores = np.full((len(wide), length), -np.inf)
    for block in _blocks(len(wide), len(wide)):
        products = np.round(wide[block] @ wide.T, DECIMALS)
        products[:, without] = products[without[block]] = -np.inf
        np.fill_diagonal(products[:, block.start :], -np.inf)
        found, values = nearest(products, length)
        rows[block, : found.shape[1]] = np.where(np.isneginf(values), NOTHING, found)
        scores[block, : found.shape[1]] = values
    return rows, scores


def related_now(vectors: np.ndarray, row: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What `related_lists` holds for one item, compared when it is asked for: for catalogs too large to be listed.

    A first pass in float32 leaves few to be computed exactly: a million of 64 dimensions take 0.1 s.

    Args:
        vectors: (n_items, d) float32 of any length; a row of zeros means no vector.
        row: the item.
        n: how many.

    Returns:
        rows (<=n,) int32 and cosines (<=n,) float64 rounded to `DECIMALS`, best first; ties by row.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    known = lengths > 0
    known[row] = False
    if not lengths[row] or not known.any():
        return np.empty(0, dtype=np.int32), np.empty(0)
    rough = vectors @ (vectors[row] / lengths[row])
    np.divide(rough, lengths, out=rough, where=known)
    rough[~known] = -np.inf
    n = min(n, int(known.sum()))
    rows = np.flatnonzero(rough >= np.partition(rough, len(rough) - n)[len(rough) - n] - 1e-5)
    wide = vectors[rows].astype(np.float64)
    query = vectors[row].astype(np.float64)
    cosines = np.round(wide @ query / (np.linalg.norm(wide, axis=1) * np.linalg.norm(query)), DECIMALS)
    order = np.lexsort((rows, -cosines))[:n]
    return rows[order].astype(np.int32), cosines[order]


class RelatedLists:
    """The lists of `related_lists`, on disk. A look-up reads one line of memory-mapped files.

    Args:
        rows: (n, length) int32.
        scores: (n, length) float64.
    """

    def __init__(self, rows: np.ndarray, scores: np.ndarray) -> None:
        self._rows, self._scores = rows, scores

    @classmethod
    def open(cls, folder: Path, space: str) -> "RelatedLists":
        """What `write` wrote there for a space.

        Raises:
            NotBuilt: there is nothing, or it cannot be read.
        """
        try:
            mapped = (np.load(folder / f"related-{space}-{name}.npy", mmap_mode="r") for name in ("rows", "scores"))
            # Plain arrays over the maps: slices of NumPy's own kind of map cost some microseconds more.
            return cls(*(array.view(np.ndarray) for array in mapped))
        except (OSError, ValueError) as error:
            raise NotBuilt(
                f"There are no lists of related items in {folder.name}.", "Build them: python -m recsys build"
            ) from error

    def write(self, folder: Path, space: str) -> None:
        """Writes the lists into a folder that is there."""
        np.save(folder / f"related-{space}-rows.npy", self._rows)
        np.save(folder / f"related-{space}-scores.npy", self._scores)

    @classmethod
    def from_bytes(cls, content: bytes, n: int) -> "RelatedLists":
        """The lists of n items that `to_bytes` gave."""
        length = len(content) // (n * (4 + 8))
        rows = np.frombuffer(content, dtype=np.int32, count=n * length).reshape(n, length)
        scores = np.frombuffer(content, dtype=np.float64, offset=rows.nbytes).reshape(n, length)
        return cls(rows, scores)

    def to_bytes(self) -> bytes:
        """The lists as a step of a build remembers them."""
        return self._rows.tobytes() + self._scores.tobytes()

    def of(self, row: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The n most related items, or as many as there are: rows (m,) int32 and scores (m,) float64, best first.

        Raises:
            ValueError: n below 1.
            IndexError: there is no such item.
        """
        if n < 1:
            raise ValueError(f"expected n of 1 or more, got {n}")
        if not 0 <= row < len(self._rows):
            raise IndexError(f"expected a row from 0 to {len(self._rows) - 1}, got {row}")
        rows = self._rows[row, :n]
        there = int(np.count_nonzero(rows != NOTHING))
        return rows[:there], self._scores[row, :there]


def _blocks(queries: int, n: int) -> Iterator[slice]:
    """Slices of the queries, few enough for their scores to fit."""
    step = max(1, BLOCK // n)
    return (slice(start, min(start + step, queries)) for start in range(0, queries, step))


def _key(query: np.ndarray) -> bytes:
    """What a query is looked up by. Adding zero makes one of the two zeros that floats have."""
    return blake2b((query + np.float32(0)).tobytes(), digest_size=16).digest()
