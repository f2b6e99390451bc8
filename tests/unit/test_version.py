"""Versions: what was written is read back, and the pointer moves from one whole version to another."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog
from recsys.errors import CatalogError, NotBuilt, UnknownItem
from recsys.settings import Settings
from recsys.version import (
    MANIFEST,
    BlobFile,
    Version,
    built_names,
    current_path,
    describe,
    is_name,
    open_current,
    publish,
)

TEXT = np.eye(6, 3, dtype=np.float32)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def build(settings, tiny_catalog, write_version):
    """Builds and publishes a version of the tiny catalog: `build("one")`."""

    def build(version_id: str):
        work = settings.catalogs / "tiny" / f".building-{version_id}"
        write_version(work, tiny_catalog, {"text": TEXT}, version_id=version_id, shard=False)
        return publish(settings, "tiny", work, version_id)

    return build


def test_the_catalog_comes_back(tiny_catalog, make_version):
    interactions = pd.DataFrame(
        {
            "user_id": ["u", "u", "v", "v"],
            "item_id": ["cat", "dog", "cat", "cat"],
            "rating": [1.0, 2.0, 3.0, 4.0],
            "timestamp": [1, 2, 3, 4],
        }
    )
    users = pd.DataFrame({"age": [30, 40]}, index=pd.Index(["u", "v"], name="user_id"))
    full = Catalog(**{**vars(tiny_catalog), "interactions": interactions, "users": users})
    version = make_version(full, {"text": TEXT}, version_id="v1")
    back = version.catalog
    assert (back.name, back.label, back.about, back.facets) == (full.name, full.label, full.about, full.facets)
    assert (back.categories, back.licence, back.citation) == (full.categories, full.licence, full.citation)
    assert back.items.index.equals(full.items.index)
    assert back.items["tags"].tolist() == full.items["tags"].tolist()
    assert [None if pd.isna(v) else v for v in back.items["in_stock"]] == [True, False, True, True, False, None]
    np.testing.assert_array_equal(back.items["year"], full.items["year"])
    pd.testing.assert_frame_equal(back.interactions, interactions, check_dtype=False)
    pd.testing.assert_frame_equal(back.users, users)
    assert version.popularity.tolist() == [0, 0, 2, 1, 0, 0]  # people, not ratings
    assert (version.name, version.id, version.default_space) == ("tiny", "v1", "text")
    assert version.collection == "tastespace_tiny_v1"


def test_a_catalog_without_people(tiny_catalog, make_version):
    version = make_version(tiny_catalog, {"text": TEXT}, shard=False)
    assert version.catalog.interactions is None and version.catalog.users is None and version.popularity is None


def test_rows_and_vectors(tiny_catalog, make_version):
    version = make_version(tiny_catalog, {"text": TEXT}, shard=False)
    assert version.rows(["dog", "apple", "dog"]).tolist() == [3, 0, 3]
    assert version.rows([]).dtype == np.int64
    assert "dog" in version and "wolf" not in version and None not in version
    np.testing.assert_array_equal(version.spaces["text"], TEXT)
    with pytest.raises(ValueError):
        version.spaces["text"][0] = 1
    with pytest.raises(UnknownItem, match="“wolf.*”") as told:
        version.rows(["dog", "wolf\x00" + "x" * 1000])
    assert len(str(told.value)) < 250 and "search --catalog tiny" in told.value.way_out


def test_maps(tiny_catalog, make_version):
    version = make_version(tiny_catalog, {"text": TEXT}, shard=False)
    assert version.map("text").shape == (6, 2) and version.map("text", 3).shape == (6, 3)
    assert np.isnan(version.map("text")[5]).all()
    for space, dims in (("text", 4), ("image", 2)):
        with pytest.raises(KeyError):
            version.map(space, dims)


def test_known_wishes(tiny_catalog, make_version):
    wishes = {"a tea": {"text": np.array([1, 2, 3.0])}, "größe": {"text": np.array([4, 5, 6.0])}}
    version = make_version(tiny_catalog, {"text": TEXT}, wishes=wishes, shard=False)
    assert version.known_wish("größe")["text"].tolist() == [4, 5, 6]
    assert version.known_wish("coffee") is None
    assert make_version(tiny_catalog, {"text": TEXT}, shard=False).known_wish("a tea") is None


def test_pictures(tiny_catalog, make_version):
    pictures = [b"one", None, b"three", b"", b"five", None]
    version = make_version(tiny_catalog, {"text": TEXT}, pictures=pictures, shard=False)
    assert [version.picture(row) for row in range(6)] == [b"one", None, b"three", None, b"five", None]
    assert version.thumbnail(2) == b"three"


def test_a_catalog_without_picture_files(tiny_catalog, make_version):
    version = make_version(tiny_catalog, {"text": TEXT}, shard=False)
    assert version.picture(0) is None and version.thumbnail(5) is None


@pytest.mark.parametrize("blobs", [[], [None], [None, b"", None], [b"x"], [b"", b"ab", None, b"c"]])
def test_blobs_come_back(tmp_path, blobs):
    BlobFile.write(tmp_path / "b.bin", blobs)
    file = BlobFile(tmp_path / "b.bin")
    assert [file[row] for row in range(len(blobs))] == [blob or None for blob in blobs]


def test_what_describe_says_can_be_written_down(tiny_catalog):
    told = json.loads(json.dumps(describe(tiny_catalog)))
    assert (told["items"], told["interactions"], told["users"]) == (6, 0, 0)
    assert told["facets"][3] == {
        "name": "in_stock",
        "label": "In stock",
        "kind": "flag",
        "simulated": True,
        "unit": "",
        "note": "",
    }


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", "{}", '{"format": 0, "name": "tiny"}', "\x80"])
def test_a_folder_that_is_no_version(tmp_path, manifest):
    if manifest is not None:
        (tmp_path / MANIFEST).write_bytes(manifest.encode("latin-1"))
    with pytest.raises(CatalogError, match="python -m recsys build"):
        Version(tmp_path)


def test_publishing_moves_the_pointer(settings, build):
    assert built_names(settings) == [] and current_path(settings, "tiny") is None
    build("one")
    assert open_current(settings, "tiny").id == "one"
    build("two")
    assert open_current(settings, "tiny").id == "two"
    pointer = settings.catalogs / "tiny" / "current"
    assert os.readlink(pointer) == "versions/two"  # relative: the data folder can be moved
    assert built_names(settings) == ["tiny"]
    assert not list((settings.catalogs / "tiny").glob(".current*"))


def test_a_reader_finds_a_whole_version_at_every_moment(settings, build, monkeypatch):
    build("one")
    seen = []

    def looking(do):
        def wrapped(*args, **kwargs):
            seen.append(open_current(settings, "tiny").id)
            result = do(*args, **kwargs)
            seen.append(open_current(settings, "tiny").id)
            return result

        return wrapped

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, looking(getattr(os, name)))
    build("two")
    assert seen == ["one", "one", "one", "two"]


def test_the_version_before_stays_and_older_ones_go(settings, build):
    paths = [build(name) for name in ("one", "two", "three")]
    assert [path.exists() for path in paths] == [False, True, True]


def test_a_version_that_is_being_read_is_not_removed(settings, build):
    build("one")
    reader = open_current(settings, "tiny")
    build("two")
    build("three")
    assert reader.path.exists()
    np.testing.assert_array_equal(reader.spaces["text"], TEXT)
    old = reader.path
    del reader
    build("four")
    assert not old.exists()


def test_publishing_the_same_version_again_changes_nothing(settings, build):
    path = build("one")
    assert build("one") == path
    assert open_current(settings, "tiny").id == "one"


def test_what_a_killed_build_left_is_no_version(settings, build, write_version, tiny_catalog):
    build("one")
    (settings.catalogs / "tiny" / "versions" / "half").mkdir()
    (settings.catalogs / "other" / "versions" / "half").mkdir(parents=True)
    (settings.catalogs / "README").write_text("not a catalog")
    assert built_names(settings) == ["tiny"]
    build("two")
    assert not (settings.catalogs / "tiny" / "versions" / "half").exists()


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "a\n", ".", "..", "-a", "a" * 42, "tiny/../tiny", "ä", "a\0"])
def test_unsafe_names_are_not_found(settings, build, name):
    build("one")
    assert not is_name(name)
    assert current_path(settings, name) is None
    with pytest.raises(NotBuilt) as told:
        open_current(settings, name)
    assert str(told.value).isprintable() and len(str(told.value)) < 200
    assert "There is tiny." in str(told.value)


def test_names():
    assert all(map(is_name, ("a", "clipart", "ml-100k", "20260101-000000-abc123", "a_b")))
    assert not is_name(None) and not is_name(7)


def test_a_catalog_that_is_not_built_names_the_command(settings):
    with pytest.raises(NotBuilt, match="python -m recsys build --catalog movies"):
        open_current(settings, "movies")
