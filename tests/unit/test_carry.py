"""Export, pack and unpack: what comes out is what was built, and nothing else is let in."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.carry import SUMS, export, pack, unpack
from recsys.errors import CatalogError, InvalidInput, TastespaceError
from recsys.settings import Settings
from recsys.store.edge import EdgeStore
from recsys.version import MANIFEST, current_path, open_current

SPACES = {"text": np.eye(6, dtype=np.float32), "image": np.eye(6, 4, dtype=np.float32)}


@pytest.fixture
def version(tiny_catalog, make_version):
    return make_version(tiny_catalog, SPACES, pictures=[b"one", None, b"three", None, None, b"six"], shard=False)


@pytest.fixture
def packed(version, tmp_path) -> Path:
    pack(version, tmp_path / "tiny.tar")
    return tmp_path / "tiny.tar"


@pytest.fixture
def elsewhere(tmp_path) -> Settings:
    return Settings(data=tmp_path / "elsewhere")


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def assert_nothing_changed(settings: Settings) -> None:
    assert current_path(settings, "tiny") is None
    assert not [p for p in settings.catalogs.rglob("*") if p.is_file()]


def test_export(version, tmp_path):
    told = export(version, tmp_path / "out")
    assert told["spaces"] == {"text": [6, 6], "image": [6, 4]} and told["items"] == 6
    table = pd.read_parquet(tmp_path / "out" / "items.parquet")
    assert table.columns[0] == "item_id"
    assert table["item_id"].tolist() == ["apple", "pear", "cat", "dog", "chair", "riddle"]
    for space, vectors in SPACES.items():
        np.testing.assert_array_equal(np.load(tmp_path / "out" / f"{space}.npy"), vectors)


def test_a_round_trip(version, packed, elsewhere):
    assert unpack(elsewhere, packed) == {"catalog": "tiny", "version": "one", "items": 6}
    arrived = open_current(elsewhere, "tiny")
    pd.testing.assert_frame_equal(arrived.catalog.items, version.catalog.items)
    assert [arrived.picture(row) for row in range(6)] == [b"one", None, b"three", None, None, b"six"]
    store = EdgeStore(arrived.shard)
    rows, scores = store.nearest("text", SPACES["text"][3], 1)
    assert (rows.tolist(), scores.tolist(), store.count()) == ([3], [1.0], 6)
    # What arrived can be packed again, and is the same.
    again = packed.with_name("again.tar")
    pack(arrived, again)
    assert members(again) == members(packed)


def test_the_manifest_comes_first_and_the_shard_stays_behind(packed):
    names = list(members(packed))
    assert names[:2] == [MANIFEST, SUMS]
    assert not [name for name in names if name.startswith("shard")]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6])
def test_a_truncated_file(packed, elsewhere, share):
    content = packed.read_bytes()
    packed.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidInput):
        unpack(elsewhere, packed)
    assert_nothing_changed(elsewhere)


def test_a_file_cut_between_two_members(packed, elsewhere, tmp_path):
    files = members(packed)
    files.popitem()
    with pytest.raises(InvalidInput, match="damaged"):
        unpack(elsewhere, write_tar(tmp_path / "cut.tar", files))
    assert_nothing_changed(elsewhere)


@pytest.mark.parametrize("name", ["text.npy", "items.parquet", "pictures.bin", MANIFEST])
def test_a_flipped_byte(packed, elsewhere, tmp_path, name):
    files = members(packed)
    content = bytearray(files[name])
    content[len(content) // 2] ^= 1
    with pytest.raises(InvalidInput, match="damaged"):
        unpack(elsewhere, write_tar(tmp_path / "flipped.tar", files | {name: bytes(content)}))
    assert_nothing_changed(elsewhere)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "extra.npy"])
def test_a_member_that_does_not_belong(packed, elsewhere, tmp_path, name):
    with pytest.raises(InvalidInput):
        unpack(elsewhere, write_tar(tmp_path / "more.tar", members(packed) | {name: b"x"}))
    assert_nothing_changed(elsewhere)
    assert not list(tmp_path.rglob("escaped"))


def resummed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with sums that fit them, as somebody who means harm would write them."""
    from hashlib import sha256

    rest = {name: content for name, content in files.items() if name != SUMS}
    sums = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in rest.items())
    return {MANIFEST: rest.pop(MANIFEST), SUMS: sums.encode(), **rest}


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../../etc"},
        {"id": "a/b"},
        {"name": 7},
        {"format": 99},
        {"spaces": {"../text": {}}},
        {"spaces": None},
        {"facets": [{"nonsense": 1}]},
        [],
    ],
)
def test_a_wrong_manifest(packed, elsewhere, tmp_path, changed):
    files = members(packed)
    manifest = json.loads(files[MANIFEST])
    files[MANIFEST] = json.dumps(manifest | changed if isinstance(changed, dict) else changed).encode()
    with pytest.raises(TastespaceError):
        unpack(elsewhere, write_tar(tmp_path / "wrong.tar", resummed(files)))
    assert_nothing_changed(elsewhere)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b" + bytes(100), bytes(20_000)])
def test_not_a_tar(elsewhere, tmp_path, content):
    path = tmp_path / "letter.tar"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="not a packed catalog"):
        unpack(elsewhere, path)
    assert_nothing_changed(elsewhere)


def test_places_that_cannot_be(version, elsewhere, tmp_path):
    with pytest.raises(InvalidInput, match="not a packed catalog"):
        unpack(elsewhere, tmp_path / "absent.tar")
    with pytest.raises(InvalidInput, match="not a packed catalog"):
        unpack(elsewhere, tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CatalogError):
        pack(version, file / "tiny.tar")
    with pytest.raises(CatalogError):
        export(version, file / "out")
