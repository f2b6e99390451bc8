"""Edge's folder: complete or absent, readable after it is moved, and a sentence for all that can go wrong."""

import os
import shutil
from collections import namedtuple
from functools import partial

import numpy as np
import pytest

from recsys.errors import NotBuilt, StoreUnavailable
from recsys.store import base
from recsys.store import edge as edge_module
from recsys.store.base import scans
from recsys.store.edge import EdgeStore, write_shard

SPACES = {"text": np.eye(6, 4, dtype=np.float32)}  # items 4 and 5 have no vector
QUERY = np.array([0.1, 0.4, 0.2, 0.3])


@pytest.fixture
def shard(tmp_path, tiny_catalog):
    path = tmp_path / "version" / "shard"
    write_shard(path, SPACES, tiny_catalog)
    return path


def test_tells_progress(tmp_path, tiny_catalog, monkeypatch):
    monkeypatch.setattr(edge_module, "BATCH", 4)
    told = []
    write_shard(tmp_path / "shard", SPACES, tiny_catalog, lambda *step: told.append(step))
    assert told == [(4, 6, "items stored"), (6, 6, "items stored"), (0, 1, "indexing"), (1, 1, "indexing")]


def test_large_catalogs_are_searched_through_the_graph(shard, tmp_path, tiny_catalog, monkeypatch):
    assert EdgeStore(shard).exact
    for module in (edge_module, base):
        monkeypatch.setattr(module, "EXACT_BELOW", 6)
    write_shard(tmp_path / "large", SPACES, tiny_catalog)
    store = EdgeStore(tmp_path / "large")
    assert not store.exact
    monkeypatch.setattr(base, "SCAN_FROM", 0.5)
    asked = []
    monkeypatch.setattr(edge_module.edge, "SearchParams", partial(_spied, edge_module.edge.SearchParams, asked))
    assert store.nearest("text", QUERY, 2)[0].tolist() == [1, 3]
    assert store.nearest("text", QUERY, 3)[0].tolist() == [1, 3, 2]
    assert store.nearest_diverse("text", QUERY, 2, 1.0, candidates=3).tolist() == [1, 3]
    assert asked == [{"exact": False}, {"exact": True}, {"exact": True}]


def _spied(made, asked: list, **given):
    asked.append(given)
    return made(**given)


@pytest.mark.parametrize(
    ("points", "asked", "wanted"),
    [(19_999, 1, True), (20_000, 199, False), (20_000, 200, True), (100_000, 1_032, True), (1_000_000, 1_032, False)],
)
def test_wide_searches_scan(points, asked, wanted):
    assert scans(points, asked) is wanted


@pytest.mark.parametrize("move", [lambda path: path.rename(path.with_name("old")), shutil.rmtree])
def test_an_open_shard_goes_on_answering_when_its_folder_goes(shard, move):
    store = EdgeStore(shard)
    move(shard.parent)
    assert store.nearest("text", QUERY, 4)[0].tolist() == [1, 3, 2, 0]
    assert store.nearest_diverse("text", QUERY, 2, 0.5, 4).tolist() == [1, 3]
    store.close()


def test_a_moved_shard_opens(shard):
    moved = shard.parent.rename(shard.parent.with_name("moved")) / "shard"
    assert EdgeStore(moved).nearest("text", QUERY, 1)[0].tolist() == [1]


def test_reading_changes_no_file(shard):
    def contents():
        return {path.relative_to(shard): path.read_bytes() for path in shard.rglob("*") if path.is_file()}

    before = contents()
    store = EdgeStore(shard)
    store.nearest("text", QUERY, 3)
    store.close()
    assert contents() == before


def test_an_interrupted_write_leaves_nothing_and_can_be_repeated(tmp_path, tiny_catalog):
    def interrupted(done, total, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path / "shard", SPACES, tiny_catalog, interrupted)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "shard.part").mkdir()
    (tmp_path / "shard.part" / "left over by a killed process").touch()
    write_shard(tmp_path / "shard", SPACES, tiny_catalog)
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    assert EdgeStore(tmp_path / "shard").count() == 6


def test_never_writes_where_something_is(shard, tiny_catalog):
    with pytest.raises(ValueError, match="expected a folder that does not exist yet"):
        write_shard(shard, SPACES, tiny_catalog)
    assert EdgeStore(shard).count() == 6


def test_a_full_disk_is_a_sentence(tmp_path, tiny_catalog, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 10, 2**20)
    monkeypatch.setattr(edge_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StoreUnavailable, match="needs 64 MB .* the disk has 1 MB left.*Free some room"):
        write_shard(tmp_path / "shard", SPACES, tiny_catalog)
    assert list(tmp_path.iterdir()) == []


def test_opening_on_a_full_disk_is_a_sentence(shard, monkeypatch):
    usage = namedtuple("usage", "total used free")(10, 10, 4096)
    monkeypatch.setattr(edge_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StoreUnavailable, match="needs 1 MB to be opened; the disk has 0 MB left.*Free some room"):
        EdgeStore(shard)


def test_nothing_built(tmp_path):
    with pytest.raises(NotBuilt, match="There is no index .* python -m recsys build"):
        EdgeStore(tmp_path / "nowhere")


def damage_config(shard):
    (shard / "edge_config.json").write_text("{")


def lose_segments(shard):
    shutil.rmtree(shard / "segments")
    (shard / "segments").write_text("")


def damage_flags(shard):
    """Makes Edge panic, which `except Exception` does not see."""
    for status in shard.rglob("has_values/status.dat"):
        os.truncate(status, 4)


@pytest.mark.parametrize("damage", [damage_config, lose_segments, damage_flags])
def test_a_damaged_index_is_a_sentence(shard, damage):
    damage(shard)
    with pytest.raises(NotBuilt, match=r"cannot be read .* python -m recsys build"):
        EdgeStore(shard)


def test_a_closed_store_is_a_sentence(shard):
    store = EdgeStore(shard)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="cannot be searched"):
        store.nearest("text", QUERY, 1)
    with pytest.raises(StoreUnavailable, match="cannot be searched"):
        store.count()
