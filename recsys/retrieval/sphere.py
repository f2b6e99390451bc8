"""What engines over `on_sphere` have to know besides: how to get dot products back, and in which order graphs grow."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from recsys.retrieval.similarity import lengths_of

FILE = "sphere.json"


@dataclass(frozen=True)
class Sphere:
    """The vectors that an index was built of, as far as its answers depend on them.

    Attributes:
        dims: how many dimensions they have, and queries must have.
        longest: the longest one's length, 1 where all are zero; `on_sphere` divides by it.
    """

    dims: int
    longest: float

    @classmethod
    def around(cls, vectors: np.ndarray) -> "Sphere":
        """The sphere of vectors (n, d)."""
        return cls(vectors.shape[1], float(lengths_of(vectors).max()) or 1.0)

    def dot(self, cosines: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Dot products with the vectors as they were given.

        Args:
            cosines: (q, k), dot products of `onto_sphere` with `on_sphere`; what is no cosine is cut off.
            queries: (q, dims) as they were asked.

        Returns:
            (q, k) float32.
        """
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        return (np.clip(cosines, -1, 1) * lengths * self.longest).astype(np.float32)

    def write(self, folder: Path) -> None:
        """Writes it beside the index."""
        (folder / FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Sphere":
        """What `write` wrote.

        Raises:
            OSError, ValueError, TypeError: there is none, or it cannot be read.
        """
        return cls(**json.loads((folder / FILE).read_text()))


def far_first(items: np.ndarray) -> np.ndarray:
    """The rows of items on the sphere, those farthest from their middle first: (n,) int64.

    A graph that grows in this order keeps ways to outlying items. Grown in the order of the catalog, the links of most
    items are soon taken by the crowd around them: of 3,224 items of matrix factorisation, hnswlib with 160 candidates
    missed a sixth of the nearest in random directions, and now none. The price: among 20,000 grown texts, queries like
    the items find .9992 of the nearest instead of .9999 with 80 candidates, and .9998 with 200.
    """
    return np.argsort(items @ items.mean(axis=0, dtype=np.float64).astype(np.float32), kind="stable")
