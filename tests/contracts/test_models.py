"""One suite for every model: what it must recover, and what must not change anything.

The checkerboard (after `implicit`'s tests): even people rate even items and odd ones odd items, all but the one on the
diagonal. Whoever has learned the pattern puts exactly that one first.
"""

import io

import numpy as np
import pandas as pd
import pytest

from recsys.errors import CatalogError, InvalidInput
from recsys.evaluation.measures import top_lists, worth
from recsys.evaluation.splits import by_item
from recsys.models import MODELS, SPACES, Side, create, load_model, model_bytes
from recsys.ratings import Ratings, one_person

SIZE = 24
SMALL = {
    "als": {"factors": 6, "regularization": 0.1, "iterations": 20},
    "bpr": {"factors": 4, "iterations": 300, "learning_rate": 0.1, "regularization": 0.01},
    "ease": {"lam": 1.0},
    "edlae": {"lam": 1.0, "dropout": 0.3},
    "item-knn": {"neighbours": SIZE, "shrinkage": 0.0},
    "two-tower": {
        "steps": 200,
        "dim": 16,
        "hidden": 16,
        "rows": 32,
        "targets": 4,
        "lr": 0.01,
        "weight_decay": 0.01,
        "keep": 0.5,
    },
    "ensemble": {},
}
"""Settings for two dozen items; the defaults are for a thousand."""
LEARNS = [name for name in MODELS if name not in ("popularity",)]
SPACE_MODELS = [*SPACES.values(), "bpr"]


def side(n: int = SIZE, people: int = SIZE) -> Side:
    """Content that says even or odd, people of two ages."""
    content = np.zeros((n, 4), dtype=np.float32)
    content[np.arange(n), np.arange(n) % 2] = 1
    links = np.empty(n, dtype=object)
    links[:] = [("actor:even",) if i % 2 == 0 else ("actor:odd",) for i in range(n)]
    users = pd.DataFrame(
        {"age": np.where(np.arange(people) % 2, 20.0, 60.0), "gender": "F"},
        index=pd.Index([f"p{j}" for j in range(people)], name="user_id"),
    )
    ids = np.array([f"i{j:02}" for j in range(n)], dtype=object)
    return Side(ids, content, content[:, :2] > 0, 1950.0 + np.arange(n), links, users)


def ratings(pairs, n: int = SIZE, people: int = SIZE) -> Ratings:
    users, items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    names = np.array([f"p{j}" for j in range(people)], dtype=object)
    times = 880_000_000 + 1000 * np.arange(len(users), dtype=np.int64)
    return Ratings(names, n, users, items, np.full(len(users), 4.0), times)


def checkerboard() -> Ratings:
    return ratings([(u, i) for u in range(SIZE) for i in range(SIZE) if u % 2 == i % 2 and u != i])


@pytest.fixture(scope="module")
def fitted():
    """Each model after learning the checkerboard, taught once."""
    taught = {}

    def get(name: str):
        if name not in taught:
            taught[name] = create(name, **SMALL.get(name, {})).fit(checkerboard(), side())
        return taught[name]

    return get


@pytest.mark.parametrize("name", LEARNS)
def test_the_checkerboard(fitted, name):
    board = checkerboard()
    scores = fitted(name).scores(board)
    assert scores.shape == (SIZE, SIZE) and scores.dtype == np.float64
    first = top_lists(scores, ~board.seen(), side().item_ids, 1)[:, 0]
    assert first.tolist() == list(range(SIZE))


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_gives_what_its_members_give(fitted, name):
    board, model = checkerboard(), fitted(name)
    batch = model.scores(board)
    for person in (0, 7, SIZE - 1):
        alone = model.scores(board.of(np.array([person])))
        np.testing.assert_allclose(alone[0], batch[person], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_saved_loaded_and_asked_again(fitted, name, tmp_path):
    model, file = fitted(name), tmp_path / "model.npz"
    file.write_bytes(model_bytes(model, note="here"))
    again = load_model(file, side())
    assert again.name == name and again.settings == model.settings
    np.testing.assert_array_equal(again.scores(checkerboard()), model.scores(checkerboard()))


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_learns_the_same(fitted, name):
    again = create(name, **SMALL.get(name, {})).fit(checkerboard(), side())
    np.testing.assert_array_equal(again.scores(checkerboard()), fitted(name).scores(checkerboard()))


@pytest.mark.parametrize("name", MODELS)
def test_somebody_unknown(fitted, name):
    """Nobody of that id, with a history and without: finite scores, and the pattern where there is one."""
    model = fitted(name)
    nobody = model.scores(one_person([], SIZE, name="nobody"))
    assert nobody.shape == (1, SIZE) and np.isfinite(nobody).all()
    if name in LEARNS:
        history = one_person([0, 2, 4, 6, 8], SIZE, moment=880_100_000, name="nobody")
        scores = model.scores(history)
        assert np.isfinite(scores).all()
        first = top_lists(scores, ~history.seen(), side().item_ids, 3)[0]
        assert (first % 2 == 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_somebody_who_has_seen_everything(fitted, name):
    all_seen = one_person(range(SIZE), SIZE, moment=880_100_000)
    scores = fitted(name).scores(all_seen)
    assert np.isfinite(scores).all()
    assert (top_lists(scores, ~all_seen.seen(), side().item_ids) == -1).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_single_rating_is_enough_to_be_taught(name):
    one = ratings([(0, 3)])
    model = create(name, **SMALL.get(name, {})).fit(one, side())
    assert np.isfinite(model.scores(one)).all()


@pytest.mark.parametrize("name", MODELS)
def test_no_test_rating_enters(name):
    """The test ratings are exchanged for others; what was learned stays the same to the last bit."""
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(SIZE) for i in rng.permutation(SIZE)[:12]]
    table = ratings(pairs)
    task = by_item(table)
    poisoned = Ratings(table.people, SIZE, table.users, table.items, table.values.copy(), table.times.copy())
    held = ~np.isin(table.users * SIZE + table.items, task.train.users * SIZE + task.train.items)
    poisoned.values[held] = 1.0
    poisoned.times[held] = 999_999_999
    states = [
        create(name, **SMALL.get(name, {})).fit(by_item(told).train, side()).state() for told in (table, poisoned)
    ]
    for key, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][key])


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("als", "bpr", "two-tower", "ensemble")])
def test_no_figure_depends_on_the_order_of_rows(name):
    """Items in another order and ratings too: the same lists by id, and so the same figures."""
    rng = np.random.default_rng(1)
    table = ratings([(u, i) for u in range(SIZE) for i in rng.permutation(SIZE)[:10]])
    order = rng.permutation(SIZE)
    place = np.argsort(order)
    shuffled = rng.permutation(len(table))
    moved = table.part(shuffled)
    moved = Ratings(moved.people, SIZE, moved.users, place[moved.items], moved.values, moved.times)
    figures = []
    for told, known in ((table, side()), (moved, side().reordered(order))):
        model = create(name, **SMALL.get(name, {})).fit(told, known)
        lists = top_lists(model.scores(told), ~told.seen(), known.item_ids)
        figures.append(known.item_ids[lists])
    np.testing.assert_array_equal(figures[0], figures[1])


@pytest.mark.parametrize("name", SPACE_MODELS)
def test_scores_are_dot_products(fitted, name):
    model, board = fitted(name), checkerboard()
    dots = model.queries(board) @ model.vectors.astype(np.float64).T
    np.testing.assert_allclose(model.scores(board), dots, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SPACES.values())
def test_going_on_keeps_what_was_learned_and_takes_up_new_people(fitted, name):
    more = ratings(
        [*((u, i) for u, i in zip(checkerboard().users, checkerboard().items, strict=True)), (24, 1), (24, 3)],
        people=25,
    )
    model = create(name, **SMALL.get(name, {})).fit(checkerboard(), side())
    further = model.fit_further(more, side())
    first = top_lists(further.scores(checkerboard()), ~checkerboard().seen(), side().item_ids, 1)[:, 0]
    assert (first == np.arange(SIZE)).mean() > 0.9


def test_an_unknown_model_and_an_unknown_setting():
    with pytest.raises(InvalidInput, match="no model"):
        create("crystal-ball")
    with pytest.raises(InvalidInput, match="does not take"):
        create("ease", wisdom=3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", io.BytesIO().getvalue() + b"no"])
def test_a_damaged_file_is_a_sentence(tmp_path, content):
    file = tmp_path / "model.npz"
    file.write_bytes(content)
    with pytest.raises(CatalogError, match="cannot be read"):
        load_model(file, side())


def test_worth_by_hand():
    """One of two wanted items in second place of three: DCG 1/log2(3), ideal 1 + 1/log2(3)."""
    found = worth(
        np.array([[4, 1, 0], [2, -1, -1], [0, 1, 2]]), np.array([[0, 1, 0, 1, 0], [0, 0, 1, 0, 0], [0] * 5]) > 0, 3
    )
    discount = 1 / np.log2(3)
    np.testing.assert_allclose(found.ndcg, [discount / (1 + discount), 1, np.nan])
    np.testing.assert_allclose(found.recall, [0.5, 1, np.nan])
    np.testing.assert_allclose(found.precision, [1 / 3, 1 / 3, np.nan])
