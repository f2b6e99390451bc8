"""The step cache: killed in the middle it goes on, and nothing is computed twice."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from recsys.cache import StepCache, key_of
from recsys.errors import CatalogError


@pytest.fixture
def cache(tmp_path) -> StepCache:
    return StepCache(tmp_path / "deep" / "steps.sqlite")


class Recorder:
    """Computes `key!` for each position, keeps what it was asked, and dies at the call `dies_at`."""

    def __init__(self, keys: list[str], dies_at: int | None = None) -> None:
        self.keys, self.dies_at = keys, dies_at
        self.calls: list[list[int]] = []

    def __call__(self, positions: list[int]) -> list[bytes]:
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(positions)
        return [f"{self.keys[i]}!".encode() for i in positions]


def test_keys_depend_on_content_and_borders():
    assert key_of("a", 1, b"x") == key_of("a", 1, b"x")
    assert len(key_of()) == 32
    different = [
        key_of("ab"),
        key_of("a", "b"),
        key_of("b", "a"),
        key_of(b"ab"),
        key_of(["ab"]),
        key_of(None),
        key_of(),
    ]
    assert len(set(different)) == len(different)
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})


def test_values_come_back_in_the_order_of_the_keys(cache):
    keys = [f"k{n}" for n in range(7)]
    compute = Recorder(keys)
    assert cache.through(keys, compute, 3) == [f"k{n}!".encode() for n in range(7)]
    assert compute.calls == [[0, 1, 2], [3, 4, 5], [6]]
    again = Recorder(keys)
    assert cache.through(keys[::-1], again, 3) == [f"k{n}!".encode() for n in range(6, -1, -1)]
    assert again.calls == []


def test_a_killed_step_goes_on_where_it_stopped(cache, tmp_path):
    keys = [f"k{n}" for n in range(10)]
    with pytest.raises(KeyboardInterrupt):
        cache.through(keys, Recorder(keys, dies_at=2), 3)
    compute = Recorder(keys)
    reopened = StepCache(tmp_path / "deep" / "steps.sqlite")
    assert reopened.through(keys, compute, 3) == [f"k{n}!".encode() for n in range(10)]
    assert compute.calls == [[6, 7, 8], [9]]


def test_only_what_changed_is_computed(cache):
    cache.through(["a", "b", "c"], Recorder(["a", "b", "c"]), 2)
    keys = ["c", "new", "a", "newer", "b"]
    compute = Recorder(keys)
    assert cache.through(keys, compute, 10) == [b"c!", b"new!", b"a!", b"newer!", b"b!"]
    assert compute.calls == [[1, 3]]


def test_equal_keys_are_computed_once(cache):
    keys = ["a", "b", "a", "a", "b", "c"]
    compute = Recorder(keys)
    assert cache.through(keys, compute, 2) == [b"a!", b"b!", b"a!", b"a!", b"b!", b"c!"]
    assert compute.calls == [[0, 1], [5]]


def test_progress_counts_what_is_there_already(cache):
    told = []
    cache.put({"a": b"", "b": b"x"})
    assert cache.through(list("abcde"), Recorder(list("abcde")), 2, lambda *now: told.append(now), "step")[0] == b""
    assert told == [(2, 5, "step"), (4, 5, "step"), (5, 5, "step")]


def test_nothing_to_do(cache):
    assert cache.through([], Recorder([]), 3) == []
    assert cache.get([]) == {}


def test_thousands_of_keys_at_once(cache):
    values = {f"k{n}": str(n).encode() for n in range(2_001)}
    cache.put(values)
    assert cache.get([*values, "absent"]) == values


def test_too_few_values_are_an_error_and_nothing_is_stored(cache):
    with pytest.raises(ValueError):
        cache.through(["a", "b"], lambda positions: [b"x"], 2)
    assert cache.get(["a", "b"]) == {}


def test_threads_share_a_file(tmp_path):
    keys = [f"k{n}" for n in range(40)]

    def run(_: int) -> list[bytes]:
        return StepCache(tmp_path / "steps.sqlite").through(keys, Recorder(keys), 4)

    with ThreadPoolExecutor(4) as pool:
        for values in pool.map(run, range(4)):
            assert values == [f"{key}!".encode() for key in keys]
    with sqlite3.connect(tmp_path / "steps.sqlite") as db:
        assert db.execute("SELECT count(*) FROM steps").fetchone() == (40,)


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "steps.sqlite"
    path.write_bytes(b"this is not a database, and long enough to be looked at. " * 100)
    with pytest.raises(CatalogError, match="delete steps.sqlite"):
        StepCache(path)


def test_a_file_that_broke_later_is_told_in_a_sentence(tmp_path):
    path = tmp_path / "steps.sqlite"
    cache = StepCache(path)
    for aside in tmp_path.glob("steps.sqlite*"):
        aside.write_bytes(b"garbage " * 1000)
    with pytest.raises(CatalogError):
        cache.get(["a"])
    with pytest.raises(CatalogError):
        cache.put({"a": b"x"})
