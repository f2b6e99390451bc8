"""How an index works: cells that are counted by hand, and walks along hand-built and real graphs."""

import numpy as np
import pytest

from recsys.errors import MissingExtra, TastespaceError
from recsys.lessons.retrieval import cells, graph
from recsys.retrieval.similarity import onto_sphere, unit

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.eye(4), 10, axis=0) + 0.05 * RNG.standard_normal((40, 4))


def test_cells_are_the_groups_that_there_are():
    found = cells.divide(GROUPS.astype(np.float32), 4, seed=1)
    assert all(len(set(found.of[start : start + 10])) == 1 for start in range(0, 40, 10))
    assert sorted(np.bincount(found.of)) == [10] * 4
    np.testing.assert_allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-6)
    again = cells.divide(GROUPS.astype(np.float32), 4, seed=1)
    assert (again.of == found.of).all() and (again.centres == found.centres).all()


def test_a_length_changes_no_cell():
    long = GROUPS * RNG.uniform(0.1, 10, (40, 1))
    one, other = (cells.divide(v.astype(np.float32), 4, seed=1).of for v in (GROUPS, long))
    assert (one == other).all()


def test_no_cell_stays_empty():
    same = np.vstack([np.tile([1.0, 0], (20, 1)), [[0, 1]], [[-1, 0]]]).astype(np.float32)
    for seed in range(5):
        found = cells.divide(same, 3, seed=seed)
        assert len(set(found.of)) == 3


def test_a_number_of_cells_that_there_cannot_be():
    for wrong in (0, 41):
        with pytest.raises(ValueError, match="expected 1 to 40 cells"):
            cells.divide(GROUPS.astype(np.float32), wrong)
    assert [cells.cells_of(n) for n in (1, 8, 96, 5000)] == [1, 2, 24, 24]


def test_looking_into_more_cells_costs_and_finds_more():
    divided = cells.Cells(np.eye(3, dtype=np.float32), np.array([0, 0, 0, 1, 1, 2]))
    query = np.array([0.1, 0.9, 0.5], dtype=np.float32)
    swept = cells.sweep(divided, query, np.array([3, 5, 0]))
    assert swept.order.tolist() == [1, 2, 0]
    assert swept.compared.tolist() == [2, 3, 6]
    assert swept.found.tolist() == [1, 2, 3]


# A line of five on the bottom, each linked to those beside it, and its two ends on layer 1.
LINE = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
LEVELS = np.array([1, 0, 0, 0, 1])
BOTTOM = np.array([[1, -1], [0, 2], [1, 3], [2, 4], [3, -1]])
UPPER = np.array([[4, -1], [-1, -1], [-1, -1], [-1, -1], [0, -1]])


def test_a_walk_step_by_step():
    steps = graph.walk(LEVELS, [BOTTOM, UPPER], LINE, np.ones(1), ef=2)
    assert steps == [
        graph.Step(1, 0, (0,), (0,), 1),
        graph.Step(1, 0, (4,), (4,), 2),
        graph.Step(1, 4, (), (4,), 2),
        graph.Step(0, 4, (3,), (4, 3), 3),
        graph.Step(0, 3, (2,), (4, 3), 4),
    ]
    came = graph.came_from(steps)
    assert came == {4: (0, 1), 3: (4, 0), 2: (3, 0)}
    assert graph.way(came, 2, 0, 1) == [(0, 1), (4, 1), (4, 0), (3, 0), (2, 0)]
    assert graph.way(came, 0, 1, 1) == [(0, 1)]
    assert graph.way(came, 0, 0, 1) == [(0, 1), (0, 0)]


def test_the_wrong_end_and_another_entrance():
    steps = graph.walk(LEVELS, [BOTTOM, UPPER], LINE, -np.ones(1), ef=1, entry=4)
    assert (steps[0].node, steps[-1].beam) == (4, (0,))
    assert len(graph.walk(np.zeros(5, dtype=int), [BOTTOM], LINE, np.ones(1), 1)) == 6  # the whole line, from its end


def test_ties_go_to_the_lower_row_and_too_few_are_kept_as_they_are():
    flat = np.zeros((3, 1))
    links = np.array([[1, 2], [0, 2], [0, 1]])
    assert graph.walk(np.zeros(3, dtype=int), [links], flat, np.ones(1), 2)[-1].beam == (0, 1)
    assert graph.walk(np.zeros(3, dtype=int), [links], flat, np.ones(1), 9)[-1].beam == (0, 1, 2)
    assert graph.walk(np.zeros(1, dtype=int), [np.array([[-1]])], flat[:1], np.ones(1), 1)[-1].beam == (0,)
    with pytest.raises(ValueError, match="ef of 1 or more"):
        graph.walk(np.zeros(3, dtype=int), [links], flat, np.ones(1), 0)


@pytest.mark.parametrize("seed", range(5))
def test_keeping_all_finds_the_exact_ten(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((80, 5))
    ring = (np.arange(80)[:, None] + [1, -1]) % 80
    links = np.hstack([ring, rng.integers(-1, 80, (80, 3))])
    levels = rng.integers(0, 3, 80)
    upper = [np.where(levels[links] >= layer, links, -1) for layer in (1, 2)]
    query = rng.standard_normal(5)
    steps = graph.walk(levels, [links, *upper], vectors, query, ef=80)
    assert list(steps[-1].beam[:10]) == np.argsort(-(vectors @ query), kind="stable")[:10].tolist()
    assert steps[-1].total == 80 == sum(len(step.compared) for step in steps)


def test_the_graph_of_faiss():
    pytest.importorskip("faiss")
    vectors = (RNG.standard_normal((400, 6)) * RNG.uniform(0.5, 2, (400, 1))).astype(np.float32)
    built = graph.build_graph(vectors)
    assert len(built.neighbours) == built.levels.max() + 1 and built.levels[built.entry] == built.levels.max()
    assert built.neighbours[0].shape == (400, 2 * graph.LINKS) and built.vectors.shape == (400, 7)
    for layer, links in enumerate(built.neighbours):
        rows, places = np.nonzero(links >= 0)
        assert (built.levels[rows] >= layer).all() and (built.levels[links[rows, places]] >= layer).all()
        assert not (links[rows, places] == rows).any()
    for query in RNG.standard_normal((5, 6)).astype(np.float32):
        inside = onto_sphere(query[None], 7)[0]
        steps = graph.walk(built.levels, built.neighbours, built.vectors, inside, 400, built.entry)
        assert list(steps[-1].beam[:10]) == np.argsort(-(vectors @ query), kind="stable")[:10].tolist()


@pytest.mark.parametrize(
    ("library", "kind", "says"),
    [
        ("raise ImportError", MissingExtra, "faiss-cpu is not installed"),
        ("import os; os._exit(9)", TastespaceError, "ended early"),
        ("import time; time.sleep(60)", TastespaceError, "too long"),
    ],
)
def test_a_graph_that_cannot_be_built_is_a_sentence(tmp_path, monkeypatch, library, kind, says):
    (tmp_path / "faiss.py").write_text(library)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(kind, match=says):
        graph.build_graph(unit(GROUPS), timeout=3)


def test_nowhere_to_build_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(TastespaceError, match="could not be built"):
        graph.build_graph(unit(GROUPS))
