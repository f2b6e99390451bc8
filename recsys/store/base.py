"""What every deployment of Qdrant has in common: the protocol, and the checks before anything is asked."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import numpy as np

from recsys.where import Where

Deployment = Literal["edge", "server", "memory"]
Progress = Callable[[int, int, str], None]
"""Called as `progress(done, total, what)` with `what` in words a visitor reads."""

EVERYTHING = Where()

EXACT_BELOW = 20_000
"""Catalogs with fewer items are searched exactly: a full scan takes well under a millisecond there, and is right."""
SCAN_FROM = 1 / 100
"""Share of the items from which a search for so many scans them all, and misses none. In Edge, by the graph and by a
scan: 1,032 of 100,000 took 10.1 and 7.8 ms, with a condition 15.1 and 6.9; 200 of 20,000 took 0.9 and 1.4 ms."""


class Store(Protocol):
    """The spaces and facets of one built catalog. Knows row numbers only; item ids belong to the facade above.

    One object serves all threads and is never written to. An item without a vector in a space is never found there.

    Attributes:
        deployment: what really runs: "edge" (Qdrant Edge in this process), "server" (Qdrant over HTTP) or
            "memory" (qdrant-client's own re-implementation, for tests and reference).
        spaces: dimension of each space.
        exact: whether all searches scan everything (fewer than `EXACT_BELOW` items); else narrow ones walk the HNSW
            graph, see `scans`.
    """

    deployment: Deployment
    spaces: Mapping[str, int]
    exact: bool

    def nearest(
        self, space: str, query: np.ndarray, n: int, where: Where = EVERYTHING
    ) -> tuple[np.ndarray, np.ndarray]:
        """The items with the highest dot product, under conditions.

        Args:
            space: one of `spaces`.
            query: (d,) float, finite, of the space's dimension; any length.
            n: how many at most, 1 or more; more than there are is fine.
            where: conditions every item must satisfy.

        Returns:
            Rows (<=n,) int64 and dot products (<=n,) float32, best first; the order of ties is arbitrary.

        Raises:
            ValueError: an argument outside what is said above.
            NotBuilt: the collection is gone from the server.
            StoreUnavailable: the store does not answer, or refuses us.
        """
        ...

    def nearest_diverse(
        self, space: str, query: np.ndarray, k: int, lam: float, candidates: int, where: Where = EVERYTHING
    ) -> np.ndarray:
        """Qdrant's own MMR (Carbonell & Goldstein 1998) over the nearest candidates; similarity is the dot product.

        Args:
            space: one of `spaces`.
            query: (d,) float, finite, of the space's dimension.
            k: list length at most, 1 or more.
            lam: 1 = pure relevance, 0 = pure novelty.
            candidates: how many of the nearest to choose from, `k` or more.
            where: conditions every item must satisfy.

        Returns:
            Rows (<=k,) int64 in the order they were picked.

        Raises:
            ValueError, NotBuilt, StoreUnavailable: see `nearest`.
        """
        ...

    def count(self, where: Where = EVERYTHING) -> int:
        """How many items satisfy the conditions, with or without vectors.

        Raises:
            NotBuilt, StoreUnavailable: see `nearest`.
        """
        ...

    def close(self) -> None:
        """Gives back what the store holds; it cannot be asked afterwards. Closing twice is fine."""
        ...


def scans(points: int, asked: int) -> bool:
    """Whether a search for so many of a store's points compares them all, and is exact therefore."""
    return points < EXACT_BELOW or asked >= SCAN_FROM * points


def no_progress(done: int, total: int, what: str) -> None:
    """Progress that nobody watches."""


def checked_query(spaces: Mapping[str, int], space: str, query: np.ndarray) -> list[float]:
    """The query as Qdrant takes it; Qdrant itself answers a NaN with an empty list and no word.

    Raises:
        ValueError: unknown space, wrong dimension, NaN or infinity.
    """
    if space not in spaces:
        raise ValueError(f"expected a space among {', '.join(spaces)}, got {space!r}")
    query = np.asarray(query, dtype=np.float32)
    if query.shape != (spaces[space],):
        raise ValueError(f"expected a query of shape ({spaces[space]},) in the space {space}, got {query.shape}")
    if not np.isfinite(query).all():
        raise ValueError("expected a query of finite numbers, got NaN or infinity")
    return query.tolist()


def check_size(name: str, size: int, at_least: int = 1) -> None:
    """Checks a number of items.

    Raises:
        ValueError: too small.
    """
    if size < at_least:
        raise ValueError(f"expected {name} of {at_least} or more, got {size}")


def check_lam(lam: float) -> None:
    """Checks MMR's lambda; Qdrant Edge itself takes any number silently.

    Raises:
        ValueError: outside [0, 1], or NaN.
    """
    if not 0 <= lam <= 1:
        raise ValueError(f"expected lam within [0, 1], got {lam}")


def rows_of(points) -> np.ndarray:
    """Rows of Qdrant's answer: (m,) int64."""
    return np.array([point.id for point in points], dtype=np.int64)


def scores_of(points) -> np.ndarray:
    """Scores of Qdrant's answer: (m,) float32."""
    return np.array([point.score for point in points], dtype=np.float32)
