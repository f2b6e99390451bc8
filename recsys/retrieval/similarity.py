"""Three measures of nearness, and how each becomes a dot product.

    dot        q . v                      as it is
    cosine     q . v / (|q| |v|)          of unit vectors
    euclidean  -|q - v|^2 = 2 q . v - |v|^2 - |q|^2, and |q|^2 is the same for all items: [2 q ; -1] . [v ; |v|^2]

The other way round, for graphs, which walk along distances: with one dimension more all items lie on a sphere, and
there the nearest by Euclid is the nearest by dot product (Bachrach et al., RecSys 2014).

    item [v ; sqrt(M^2 - |v|^2)] / M, M the longest item's length;   query [q ; 0]
"""

import numpy as np

SIMILARITIES = ("dot", "cosine", "euclidean")
UNIT = 1e-4
"""How far from each other lengths may be to count as equal."""
BLOCK = 2**12
"""Vectors that are measured at once."""


def as_dot(vectors: np.ndarray, similarity: str) -> np.ndarray:
    """Items such that the dot product with `query_as_dot` orders them by the similarity: (n, d) -> (n, d or d + 1)."""
    if similarity == "dot":
        return np.asarray(vectors, dtype=np.float32)
    if similarity == "cosine":
        return unit(vectors)
    if similarity == "euclidean":
        squares = np.vecdot(vectors, vectors)[:, None]
        return np.hstack([vectors, squares]).astype(np.float32)
    raise ValueError(f"expected one of {', '.join(SIMILARITIES)}, got {similarity}")


def query_as_dot(queries: np.ndarray, similarity: str) -> np.ndarray:
    """Queries for `as_dot`: (q, d) -> (q, d or d + 1). Lengths of queries change no order and are left alone."""
    if similarity == "euclidean":
        return np.hstack([2 * queries, np.full((len(queries), 1), -1.0)]).astype(np.float32)
    if similarity in SIMILARITIES:
        return np.asarray(queries, dtype=np.float32)
    raise ValueError(f"expected one of {', '.join(SIMILARITIES)}, got {similarity}")


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32; zero rows stay zero."""
    lengths = np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def lengths_of(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors (n, d): (n,) float64. In float64 all at once, the vectors would take twice their memory."""
    parts = np.array_split(vectors, -(-len(vectors) // BLOCK))
    return np.concatenate([np.linalg.norm(part.astype(np.float64), axis=1) for part in parts])


def on_sphere(vectors: np.ndarray) -> np.ndarray:
    """Items on the unit sphere, in the same order for every query of `onto_sphere`: (n, d) -> (n, d or d + 1) float32.

    Where all are equally long already, no dimension is added.
    """
    lengths = lengths_of(vectors)
    longest = float(lengths.max(initial=0)) or 1.0
    if lengths.min(initial=longest) >= longest * (1 - UNIT):
        return (vectors / longest).astype(np.float32)
    rest = np.sqrt(np.maximum(longest**2 - lengths**2, 0))[:, None]
    return (np.hstack([vectors, rest]) / longest).astype(np.float32)


def onto_sphere(queries: np.ndarray, dims: int) -> np.ndarray:
    """Unit queries with as many dimensions as the items of `on_sphere` have: (q, d) -> (q, dims) float32."""
    return unit(np.pad(queries, ((0, 0), (0, dims - queries.shape[1]))))
