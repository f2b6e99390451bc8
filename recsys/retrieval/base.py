"""What every engine is: a way to find the nearest vectors. Engines know row numbers and vectors, and nothing else.

There is one measure of nearness here, the dot product. Cosine is the dot product of unit vectors, and Euclidean
distance becomes one too; see `recsys.retrieval.similarity`.
"""

from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol

import numpy as np

from recsys.errors import MissingExtra, NotBuilt

EXTRA = "pip install -r requirements-engines.txt"
NOTHING = -1
"""The row of a place that stayed empty, since fewer were found than were asked for."""

FAMILIES = {
    "flat": "compares with every vector",
    "precomputed": "looks up lists that were made beforehand",
    "graph": "walks from neighbour to neighbour",
    "cells": "looks into the nearest cells only",
    "codes": "compares with compressed vectors",
    "cells + codes": "looks into the nearest cells, at compressed vectors",
}
"""What the engines do, in words for the page."""


@dataclass(frozen=True)
class Knob:
    """An argument as a slider offers it.

    Attributes:
        values: what the slider stops at, ascending; also the sweep of a frontier.
        says: what more of it does, in one sentence.
    """

    values: tuple[int, ...]
    says: str


LINKS = Knob((8, 16, 32, 64), "Gives each vector more links.")
EFFORT = Knob((50, 100, 200, 400), "Compares with more candidates before it links.")


class Engine(Protocol):
    """One approximate or exact search over n vectors of d dimensions; the larger the dot product, the nearer.

    The constructor takes the build-time arguments by name, with defaults that are stated in the record. An engine is
    made ready by `build` or by `open`, once.

    Attributes:
        name: as the command line and the page call it.
        family: a key of `FAMILIES`.
        library: the distribution that does the work, whose version goes into the record.
        exact: whether it finds the nearest by construction.
        knobs: query-time arguments by name. What `search` is given must be among them.
        defaults: their values where nothing is said. Rescoring (`rescore`: how many times k candidates are compared
            again in full precision, 0 for none) is one of them where vectors are compressed.
        builds: the build-time arguments that are numbers, by name, and what they may be set to on the page.
        arguments: the build-time arguments in use.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    library: ClassVar[str]
    exact: ClassVar[bool]
    knobs: ClassVar[dict[str, Knob]]
    defaults: ClassVar[dict[str, int]]
    builds: ClassVar[dict[str, Knob]]
    arguments: dict[str, Any]

    def build(self, vectors: np.ndarray, folder: Path) -> None:
        """Indexes the vectors and writes the index to disk; it can be searched afterwards.

        Args:
            vectors: (n, d) float, n of 1 or more; their rows are the ids.
            folder: an empty folder; all that `open` needs is written there.

        Raises:
            ValueError: vectors of another shape, none, or not finite.
            MissingExtra: the library is not installed; the way out names the pip command.
            OSError: the folder cannot be written.
        """
        ...

    def open(self, folder: Path) -> None:
        """Makes ready what `build` wrote there, with the same build-time arguments.

        Raises:
            NotBuilt: there is no such index, or it cannot be read.
            MissingExtra: as `build`.
        """
        ...

    def search(self, queries: np.ndarray, k: int, **knobs: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of each query, best first.

        Args:
            queries: (q, d) float, of any length, zero included.
            k: 1 or more; places beyond n stay empty.
            knobs: query-time arguments, see `knobs`.

        Returns:
            rows (q, k) int64, `NOTHING` where a place stayed empty, always at the end; and what the engine takes for
            their dot products (q, k) float32, -inf there. Whoever measures computes these anew.

        Raises:
            ValueError: queries of another shape or not finite, k below 1, or a knob the engine does not have.
        """
        ...

    def use_threads(self, n: int) -> None:
        """How many threads a search of many queries may use."""
        ...

    def close(self) -> None:
        """Lets go of files and threads; it cannot be searched afterwards."""
        ...


def checked_vectors(vectors: np.ndarray) -> np.ndarray:
    """The vectors as engines take them: (n, d) float32, contiguous.

    Raises:
        ValueError: another shape, none, or values that are not finite.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"expected vectors of shape (n, d) with at least one, got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("expected finite vectors, got NaN or infinity")
    return vectors


def checked_queries(queries: np.ndarray, dims: int, k: int) -> np.ndarray:
    """The queries as engines take them: (q, d) float32, contiguous.

    Raises:
        ValueError: another shape, values that are not finite, or k below 1.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if queries.ndim != 2 or queries.shape[1] != dims:
        raise ValueError(f"expected queries of shape (q, {dims}), got {queries.shape}")
    if not np.isfinite(queries).all():
        raise ValueError("expected finite queries, got NaN or infinity")
    if k < 1:
        raise ValueError(f"expected k of 1 or more, got {k}")
    return queries


def checked_knobs(engine: Engine, knobs: dict[str, int]) -> dict[str, int]:
    """The engine's query-time arguments: its defaults, overridden by what was given.

    Raises:
        ValueError: a knob it does not have, or a negative value.
    """
    for name, value in knobs.items():
        if name not in engine.knobs:
            known = ", ".join(engine.knobs) or "none"
            raise ValueError(f"expected a query-time argument of {engine.name} ({known}), got {name}")
        if value < 0:
            raise ValueError(f"expected {name} of 0 or more, got {value}")
    return engine.defaults | knobs


def at_least(least: int, **arguments: int | None) -> None:
    """Refuses build-time arguments below a number that a library takes for granted; None stands for a default.

    Raises:
        ValueError: one is too small.
    """
    for name, value in arguments.items():
        if value is not None and value < least:
            raise ValueError(f"expected {name} of {least} or more, got {value}")


def padded(rows: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """An answer of `search`: as wide as k, empty places at the end; rows below 0 are empty."""
    rows, scores = np.asarray(rows, dtype=np.int64), np.asarray(scores, dtype=np.float32)
    wide = np.full((len(rows), k), NOTHING), np.full((len(rows), k), -np.inf, dtype=np.float32)
    wide[0][:, : rows.shape[1]], wide[1][:, : rows.shape[1]] = rows, scores
    empty = wide[0] < 0
    wide[0][empty], wide[1][empty] = NOTHING, -np.inf
    return wide


def no_index(engine: Engine, folder: Path) -> NotBuilt:
    """What `open` raises where a folder holds no index of the engine, or one that cannot be read."""
    return NotBuilt(f"There is no index of {engine.name} in {folder.name}.", "Build it first.")


def imported(module: str, library: str, needs: str = "") -> ModuleType:
    """An engine's library.

    Args:
        module: what is imported.
        library: the distribution it comes with.
        needs: what else has to be there for it, for the sentence.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(library, needs) from error


def missing(library: str, needs: str = "") -> MissingExtra:
    """What to raise where an engine's library cannot be imported."""
    return MissingExtra(f"{library} is not installed{f' ({needs})' if needs else ''}.", f"Install it: {EXTRA}")


def version_of(library: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
