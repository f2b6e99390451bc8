"""How an index of links works: a layered graph of near neighbours (Malkov & Yashunin 2018), walked from the top down.

The graph is the one that FAISS builds. It is built in a process of its own, which runs this file as a script, and is
read out as arrays; the walk through it is done here, step by step, so that it can be watched.
"""

import heapq
import os
import subprocess
import sys
import tempfile
from bisect import insort
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import MissingExtra, TastespaceError
from recsys.retrieval.base import missing
from recsys.retrieval.faiss_common import load_faiss
from recsys.retrieval.similarity import on_sphere
from recsys.settings import ROOT

LINKS = 8
"""Links of an item on the upper layers, twice as many at the bottom: few, so that they can be drawn."""
EF_CONSTRUCTION = 100
BUILD_S = 180.0
NICENESS = 10
_MISSING = 3
"""How the script ends where the library is not installed."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A layered graph over n vectors.

    Attributes:
        levels: (n,) int64, the highest layer that each is on; all are on layer 0.
        neighbours: a layer each, the bottom first: (n, links) int32, -1 where there is no link.
        entry: where every walk begins, on the highest layer.
        vectors: (n, d) float32, on the unit sphere; see `recsys.retrieval.similarity.on_sphere`.
    """

    levels: np.ndarray
    neighbours: list[np.ndarray]
    entry: int
    vectors: np.ndarray


@dataclass(frozen=True)
class Step:
    """One step of a walk: the links of one item are followed.

    Attributes:
        layer: on which layer, 0 at the bottom.
        node: whose links are followed; at the first step, where the walk begins.
        compared: what the query is compared with for the first time.
        beam: the best so far, best first: one on the upper layers, up to `ef` at the bottom.
        total: how many the query was compared with up to here; an item counts once.
    """

    layer: int
    node: int
    compared: tuple[int, ...]
    beam: tuple[int, ...]
    total: int


def walk(
    levels: np.ndarray,
    neighbours: list[np.ndarray],
    vectors: np.ndarray,
    query: np.ndarray,
    ef: int,
    entry: int | None = None,
) -> list[Step]:
    """Walks from the top layer to the bottom, towards a query.

    On the upper layers it goes to the best neighbour for as long as one is better. At the bottom it keeps the `ef` best
    that it has seen and follows the links of the best of them that it has not followed yet, until the best one left is
    worse than all it keeps.

    Args:
        levels: see `Graph`.
        neighbours: see `Graph`.
        vectors: (n, d) float.
        query: (d,) float; the larger the dot product, the nearer.
        ef: how many are kept, 1 or more.
        entry: where to begin; None takes the first of the highest layer.

    Returns:
        The steps. What the search finds is the last one's beam.

    Raises:
        ValueError: ef below 1.
    """
    if ef < 1:
        raise ValueError(f"expected ef of 1 or more, got {ef}")
    at = int(np.argmax(levels)) if entry is None else entry
    near: dict[int, float] = {}

    def look(nodes: list[int]) -> tuple[int, ...]:
        """Compares with those that were not compared yet; says which."""
        fresh = [node for node in nodes if node not in near]
        near.update(zip(fresh, (vectors[fresh].astype(np.float64) @ query).tolist(), strict=True))
        return tuple(fresh)

    def linked(layer: int, node: int) -> list[int]:
        return [other for other in dict.fromkeys(neighbours[layer][node].tolist()) if other >= 0]

    steps = [Step(int(levels[at]), at, look([at]), (at,), 1)]
    for layer in range(int(levels[at]), 0, -1):
        while True:
            node, others = at, linked(layer, at)
            fresh = look(others)
            at = min([at, *others], key=lambda other: (-near[other], other))
            steps.append(Step(layer, node, fresh, (at,), len(near)))
            if near[at] <= near[node]:
                at = node
                break
    # Both by (-nearness, item), so that the best stands first and of equals the lower row.
    seen, beam, waiting = {at}, [(-near[at], at)], [(-near[at], at)]
    while waiting:
        best = heapq.heappop(waiting)
        if len(beam) == ef and best > beam[-1]:
            break
        others = [other for other in linked(0, best[1]) if other not in seen]
        seen.update(others)
        fresh = look(others)
        for one in ((-near[other], other) for other in others):
            if len(beam) < ef or one < beam[-1]:
                heapq.heappush(waiting, one)
                insort(beam, one)
                del beam[ef:]
        steps.append(Step(0, best[1], fresh, tuple(other for _, other in beam), len(near)))
    return steps


def came_from(steps: list[Step]) -> dict[int, tuple[int, int]]:
    """For each item that was compared, by whose link and on which layer it was come upon: (item, layer).

    The first one of all is absent.
    """
    return {node: (step.node, step.layer) for step in steps[1:] for node in step.compared}


def way(came: dict[int, tuple[int, int]], node: int, layer: int, top: int) -> list[tuple[int, int]]:
    """How the walk got to an item on a layer: (item, layer) each, along links and straight down.

    Args:
        came: see `came_from`.
        node: the item.
        layer: the layer that it is looked at on.
        top: the highest layer, where the walk began.
    """
    back = [(node, layer)]
    while node in came:
        before, height = came[node]
        if height > layer:
            back.append((node, height))
        back.append((before, height))
        node, layer = before, height
    return ([(node, top)] if layer < top else []) + back[::-1]


def build_graph(vectors: np.ndarray, links: int = LINKS, timeout: float = BUILD_S) -> Graph:
    """The graph that FAISS makes of some vectors, built in a process of its own.

    Args:
        vectors: (n, d) float32.
        links: see `LINKS`.
        timeout: seconds until it is given up.

    Raises:
        MissingExtra: FAISS is not installed.
        TastespaceError: the graph cannot be built.
    """
    items = on_sphere(vectors)
    try:
        with tempfile.TemporaryDirectory(prefix="tastespace-graph-", ignore_cleanup_errors=True) as home:
            given, made = Path(home) / "vectors.npy", Path(home) / "graph.npz"
            np.save(given, items)
            path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
            ended = subprocess.run(
                [sys.executable, "-m", __name__, str(given), str(made), str(links)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                timeout=timeout,
            )
            if ended.returncode == _MISSING:
                raise missing("faiss-cpu")
            if ended.returncode:
                raise TastespaceError("The graph could not be built: its process ended early.", "Try again.")
            with np.load(made) as read:
                layers = [read[f"layer-{layer}"] for layer in range(int(read["levels"].max()) + 1)]
                return Graph(read["levels"], layers, int(read["entry"]), items)
    except subprocess.TimeoutExpired as error:
        raise TastespaceError(
            "The graph took too long to build.", "Choose another space or a smaller catalog."
        ) from error
    except OSError as error:
        what = f"The graph could not be built: {error.strerror or type(error).__name__}."
        raise TastespaceError(what, "Make room on the disk and try again.") from error


# From here on: the process itself.


def main(given: Path, made: Path, links: int) -> int:
    """Builds the graph of the vectors in one file, and writes it into another; returns the exit code."""
    os.nice(NICENESS)
    try:
        faiss = load_faiss()
    except MissingExtra:
        return _MISSING
    faiss.omp_set_num_threads(1)
    vectors = np.load(given)
    index = faiss.IndexHNSWFlat(vectors.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.add(vectors)
    levels, layers = _read_out(faiss, index.hnsw)
    np.savez(
        made, levels=levels, entry=index.hnsw.entry_point, **{f"layer-{j}": links for j, links in enumerate(layers)}
    )
    return 0


def _read_out(faiss: Any, hnsw: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """FAISS keeps all links in one array: an item's from `offsets[item]` on, layer after layer."""
    levels = faiss.vector_to_array(hnsw.levels).astype(np.int64) - 1
    offsets = faiss.vector_to_array(hnsw.offsets).astype(np.int64)
    links, starts = faiss.vector_to_array(hnsw.neighbors), faiss.vector_to_array(hnsw.cum_nneighbor_per_level)
    layers = []
    for layer in range(int(levels.max()) + 1):
        rows, width = np.flatnonzero(levels >= layer), starts[layer + 1] - starts[layer]
        dense = np.full((len(levels), width), -1, dtype=np.int32)
        dense[rows] = links[offsets[rows][:, None] + starts[layer] + np.arange(width)]
        layers.append(dense)
    return levels, layers


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
