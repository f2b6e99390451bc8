"""Building, with a source and encoders of its own: what serves, what is computed again, and what a failure leaves."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL.Image import Image
from standin import serving

from recsys import build as building
from recsys.build import build, build_all, fingerprint, is_current, overview
from recsys.catalog import Catalog
from recsys.errors import CatalogError, InvalidInput, StoreUnavailable, TastespaceError, UnknownItem
from recsys.funnel import Funnel, Request
from recsys.personas import WISHES
from recsys.profile import Profile
from recsys.progress import Progress, progress_path, read_progress
from recsys.settings import Settings
from recsys.sources import Source
from recsys.store import client as client_module
from recsys.store import open_store
from recsys.store.edge import write_shard
from recsys.version import Version, current_path, open_current
from recsys.wishes import Wishes

COLOURS = {"apple": "red", "pear": "lime", "cat": "gray", "dog": "brown", "chair": "orange"}


class Words:
    """Encodes texts of one word each: the letters' counts, as a unit vector. Dies in its call number `dies_at`."""

    name, dim = "words@1", 26

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.dies_at: int | None = None
        self._calls = 0

    def encode_items(self, texts) -> np.ndarray:
        self._calls += 1
        if self._calls == self.dies_at:
            raise CatalogError("The model has run away.")
        self.encoded += texts
        return self.encode_queries(texts)

    def encode_queries(self, texts) -> np.ndarray:
        counts = np.array([[text.lower().count(chr(97 + c)) for c in range(26)] for text in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class Eyes:
    """Encodes pictures by their mean colour: (26,), so that words of `Words` can be in the same space."""

    name, dim = "eyes@1", 26

    def __init__(self, text_name: str) -> None:
        self.text_name = text_name
        self.seen = 0

    def encode_items(self, pictures: list[Image]) -> np.ndarray:
        self.seen += len(pictures)
        vectors = np.zeros((len(pictures), 26), dtype=np.float32)
        vectors[:, :3] = [np.asarray(picture.convert("RGB")).mean(axis=(0, 1)) for picture in pictures]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_queries(self, texts) -> np.ndarray:
        return np.roll(Words().encode_queries(texts), 1, axis=1)


class Threads(ThreadPoolExecutor):
    """Draws in this process: starting others takes a second. One test draws as a build does."""

    def __init__(self, mp_context, initializer, initargs) -> None:
        super().__init__(1)

    def map(self, *arguments, chunksize):
        return super().map(*arguments)


class Clock(datetime):
    """Each look at it is a second later than the one before: versions are named by the second."""

    ticks = 0

    @classmethod
    def now(cls, tz=None):
        cls.ticks += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=cls.ticks)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(building, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(building, "datetime", Clock)
    monkeypatch.setattr(building, "write_shard", lambda path, *arguments: path.mkdir())
    monkeypatch.setattr(building, "TEXT_BATCH", 2)
    monkeypatch.setattr(client_module, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setitem(WISHES, "tiny", ("tea",))


@pytest.fixture
def shards(monkeypatch) -> None:
    """Lets builds write real shards, for tests that ask one; the others save its time."""
    monkeypatch.setattr(building, "write_shard", write_shard)


@pytest.fixture
def words(monkeypatch) -> Words:
    encoder = Words()
    monkeypatch.setattr(building, "load_text_encoder", lambda name: encoder)
    monkeypatch.setattr("recsys.wishes.load_query_encoder", lambda name: encoder)
    return encoder


@pytest.fixture
def eyes(monkeypatch, words) -> Eyes:
    encoder = Eyes(words.name)
    monkeypatch.setattr(building, "load_image_encoder", lambda name: encoder)
    monkeypatch.setattr("recsys.wishes.load_image_encoder", lambda name: encoder)
    return encoder


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path / "data", text_encoder="words", image_encoder="eyes")


@pytest.fixture
def source(tiny_catalog, monkeypatch, words) -> Source:
    """The tiny catalog without pictures, as the only source."""
    return use(monkeypatch, source_of(tiny_catalog))


@pytest.fixture
def drawn(tiny_catalog, monkeypatch, eyes) -> Source:
    """The tiny catalog with a picture each, but for the riddle's, which cannot be drawn; the only source."""
    return use(monkeypatch, replace(source_of(tiny_catalog), picture_reader=lambda settings: read_svg))


def source_of(catalog: Catalog, name: str = "tiny", **texts: str) -> Source:
    items = catalog.items.copy()
    items["text"] = [texts.get(item_id, item_id) for item_id in items.index]
    items["image"] = [f"{item_id}.svg" for item_id in items.index]
    catalog = replace(catalog, name=name, items=items)
    return Source(name, catalog.label, catalog.about, lambda settings, progress=None: catalog, (1, *texts.items()))


def use(monkeypatch, *sources: Source) -> Source:
    known = {source.name: source for source in sources}
    monkeypatch.setattr(building, "sources", lambda settings: known)
    return sources[0]


def read_svg(path: str) -> bytes:
    colour = COLOURS.get(path.removesuffix(".svg"))
    if colour is None:
        return b"<svg"
    square = f'<rect width="8" height="8" fill="{colour}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">{square}</svg>'.encode()


def quietly(settings: Settings, name: str = "tiny", force: bool = False) -> Version:
    return build(settings, name, Progress(console=False), force)


def left(settings: Settings, name: str = "tiny") -> set[str]:
    """What lies in a catalog's folder."""
    return {path.name for path in (settings.catalogs / name).iterdir()}


def answers(settings: Settings, version: Version) -> list[str]:
    """The list for somebody who likes the pear and wishes for tea."""
    funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
    answer = funnel.recommend(Request(Profile(likes=("pear",), wish="tea"), space="text", k=3, lam=1.0))
    return version.item_ids[answer.candidates[answer.picks]].tolist()


def test_what_is_built_opens_and_answers(settings, shards, source, words):
    version = quietly(settings)
    assert version.path == current_path(settings, "tiny") and version.id.startswith("20260101-0000")
    assert version.item_ids.tolist() == ["apple", "pear", "cat", "dog", "chair", "riddle"]
    np.testing.assert_array_equal(version.spaces["text"], words.encode_queries(list(version.item_ids)))
    assert version.manifest["spaces"] == {"text": {"dim": 26, "items": 6}} and version.default_space == "text"
    assert version.manifest["encoders"] == {"text": "words@1", "image": None, "image_text": None}
    assert version.manifest["rates"]["embed texts"]["items"] == 6
    assert version.map("text", 2).shape == (6, 2) and version.map("text", 3).shape == (6, 3)
    np.testing.assert_array_equal(version.known_wish("tea")["text"], words.encode_queries(["tea"])[0])
    assert version.thumbnail(0) is None
    # unit(pear + unit(tea)): pear's letters are half of a tea (e, a), and so is what is nearest.
    vectors, (pear, tea) = version.spaces["text"], words.encode_queries(["pear", "tea"])
    relevance = vectors @ (pear + tea)
    expected = [i for i in np.argsort(-relevance, kind="stable") if version.item_ids[i] != "pear"][:3]
    assert answers(settings, version) == version.item_ids[expected].tolist()
    assert left(settings) == {".lock", "current", "versions"}


def test_related_items_are_made_once_and_anew_where_vectors_changed(
    settings, shards, tiny_catalog, source, words, monkeypatch
):
    version = quietly(settings)
    vectors = version.spaces["text"].astype(np.float64)  # of unit length
    funnel = Funnel(version, None, dict)
    for row, item_id in enumerate(version.item_ids):
        cosines = np.round(vectors @ vectors[row], 6)
        expected = [i for i in np.lexsort((np.arange(6), -cosines)) if i != row][:3]
        rows, scores = funnel.related(item_id, "text", 3)
        assert rows.tolist() == expected
        np.testing.assert_allclose(scores, cosines[expected], atol=1e-6)
    with pytest.raises(UnknownItem):
        funnel.related("unicorn", "text", 3)
    assert "related items by text" in version.manifest["rates"]
    assert "related items by text" not in quietly(settings, force=True).manifest["rates"]
    use(monkeypatch, source_of(tiny_catalog, apple="lemon"))
    changed = quietly(settings)
    assert "related items by text" in changed.manifest["rates"]
    first = int(np.argmax(np.delete(changed.spaces["text"] @ changed.spaces["text"][0], 0))) + 1
    assert Funnel(changed, None, dict).related("apple", "text", 1)[0].tolist() == [first]


def test_a_second_build_does_nothing(settings, source, words):
    assert not is_current(settings, "tiny")
    first = quietly(settings)
    assert is_current(settings, "tiny")
    words.encoded.clear()
    assert quietly(settings).id == first.id
    assert words.encoded == []


def test_what_makes_a_build_necessary(settings, tiny_catalog, source, monkeypatch):
    before = fingerprint(settings, "tiny")
    assert fingerprint(settings, "tiny") == before
    assert fingerprint(replace(settings, data=settings.data / "elsewhere"), "tiny") == before
    assert fingerprint(replace(settings, image_encoder="other"), "tiny") == before  # there are no pictures
    assert fingerprint(replace(settings, text_encoder="other"), "tiny") != before
    with monkeypatch.context() as changed:
        changed.setitem(WISHES, "tiny", ("tea", "coffee"))
        assert fingerprint(settings, "tiny") != before
    use(monkeypatch, source_of(tiny_catalog, cat="lion"))
    assert fingerprint(settings, "tiny") != before
    use(monkeypatch, replace(source, picture_reader=lambda settings: read_svg))
    pictured = fingerprint(settings, "tiny")
    assert fingerprint(replace(settings, image_encoder="other"), "tiny") != pictured != before


def test_a_head_learned_anew_makes_a_build_necessary(settings, source, monkeypatch, tmp_path):
    use(monkeypatch, replace(source, picture_reader=lambda settings: read_svg))
    packaged, head = Settings(data=settings.data), tmp_path / "head"
    monkeypatch.setattr(building, "HEAD_FILE", head)
    head.write_bytes(b"one")
    before = fingerprint(packaged, "tiny")
    head.write_bytes(b"two")
    assert fingerprint(packaged, "tiny") != before


def test_force_builds_what_is_built_already(settings, shards, source, words):
    first = quietly(settings)
    words.encoded.clear()
    second = quietly(settings, force=True)
    assert second.id != first.id and current_path(settings, "tiny") == second.path
    assert words.encoded == [] and second.manifest["rates"] == {}  # all of it from the cache
    np.testing.assert_array_equal(second.spaces["text"], first.spaces["text"])
    assert second.manifest["fingerprint"] == first.manifest["fingerprint"]
    assert answers(settings, first) == answers(settings, second)  # a reader of the old version goes on reading


def test_a_version_that_cannot_be_read_is_built_anew(settings, source):
    first = quietly(settings)
    (first.path / "manifest.json").write_text("{")
    assert not is_current(settings, "tiny")
    assert quietly(settings).id != first.id


def test_a_build_that_fails_half_way_goes_on_where_it_stopped(
    settings, shards, tiny_catalog, source, words, monkeypatch
):
    old = quietly(settings)
    listed = answers(settings, old)
    use(monkeypatch, source_of(tiny_catalog, apple="lemon", pear="melon", cat="lion", dog="wolf", chair="stool"))
    words.encoded.clear()
    words.dies_at = words._calls + 3
    with pytest.raises(CatalogError, match="run away"):
        quietly(settings)
    assert words.encoded == ["lemon", "melon", "lion", "wolf"]
    assert current_path(settings, "tiny") == old.path and answers(settings, open_current(settings, "tiny")) == listed
    assert left(settings) == {".lock", "current", "versions"}

    words.encoded.clear()
    new = quietly(settings)
    assert words.encoded == ["stool"]  # the riddle is as before
    assert new.id != old.id and new.manifest["rates"]["embed texts"]["items"] == 1
    np.testing.assert_array_equal(
        new.spaces["text"], words.encode_queries(["lemon", "melon", "lion", "wolf", "stool", "riddle"])
    )


@pytest.mark.parametrize("step", ["write_tables", "_project", "_write_wishes", "write_shard", "publish"])
def test_a_step_that_fails_leaves_the_old_version(settings, source, monkeypatch, step):
    old = quietly(settings)

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(building, step, fail)
        with pytest.raises(KeyboardInterrupt):
            quietly(settings, force=True)
    assert open_current(settings, "tiny").id == old.id
    assert left(settings) == {".lock", "current", "versions"}
    assert {path.name for path in (settings.catalogs / "tiny" / "versions").iterdir()} == {old.id}
    assert quietly(settings, force=True).id != old.id


def test_what_a_killed_build_left_is_cleared_away(settings, source):
    home = settings.catalogs / "tiny"
    (home / ".building-1" / "shard").mkdir(parents=True)
    (home / ".current-1").symlink_to("versions/gone")
    quietly(settings)
    assert left(settings) == {".lock", "current", "versions"}


def test_pictures_are_drawn_and_seen(settings, drawn, eyes):
    version = quietly(settings)
    image, text, blend = (version.spaces[space] for space in ("image", "text", "blend"))
    assert version.default_space == "blend" and eyes.seen == 5
    assert version.manifest["spaces"]["image"] == {"dim": 26, "items": 5}
    assert version.manifest["spaces"]["blend"] == {"dim": 52, "items": 6}
    assert version.manifest["encoders"] == {"text": "words@1", "image": "eyes@1", "image_text": "words@1"}
    red, green, blue = image[0, :3]
    assert red > 2 * green and abs(green - blue) < 0.05  # an apple is red, but for the white margin
    np.testing.assert_allclose(np.linalg.norm(image[:5], axis=1), 1, atol=1e-6)
    assert version.picture(0)[:4] == version.thumbnail(0)[:4] == b"RIFF"
    np.testing.assert_array_equal(blend[:5], np.hstack([text[:5], image[:5]]))
    assert version.map("blend", 3).shape == (6, 3) and version.map("image", 2).shape == (6, 2)


def test_a_picture_that_cannot_be_drawn(settings, drawn):
    version = quietly(settings)
    assert version.picture(5) is None and version.thumbnail(5) is None
    assert not version.spaces["image"][5].any()
    assert np.isnan(version.map("image", 2)[5]).all() and np.isfinite(version.map("blend", 2)).all()
    # Words and pictures share one space here: the text vector stands in for the picture.
    np.testing.assert_array_equal(version.spaces["blend"][5], np.tile(version.spaces["text"][5], 2))


def test_a_missing_picture_is_told_in_words_to_an_encoder_of_another_space(settings, drawn, eyes):
    eyes.text_name = "other@1"
    version = quietly(settings)
    assert not version.spaces["image"][5].any()
    np.testing.assert_array_equal(version.spaces["blend"][5, :26], version.spaces["text"][5])
    np.testing.assert_array_equal(version.spaces["blend"][5, 26:], eyes.encode_queries(["riddle"])[0])
    np.testing.assert_array_equal(version.known_wish("tea")["image"], eyes.encode_queries(["tea"])[0])


def test_drawing_in_other_processes(settings, drawn, monkeypatch):
    from concurrent.futures import ProcessPoolExecutor

    here = quietly(settings)
    monkeypatch.setattr(building, "ProcessPoolExecutor", ProcessPoolExecutor)
    there = quietly(replace(settings, data=settings.data / "elsewhere"))
    assert [there.picture(row) for row in range(6)] == [here.picture(row) for row in range(6)]


def test_a_catalog_that_fails_does_not_keep_the_others(settings, tiny_catalog, words, monkeypatch, capsys):
    def offline(settings, progress=None):
        raise CatalogError("There is no network.", "Plug it in.")

    bad = replace(source_of(tiny_catalog, "bad"), load=offline)
    use(monkeypatch, bad, source_of(tiny_catalog))
    rows = {row["catalog"]: row for row in build_all(settings)}
    assert rows["tiny"]["built"] and rows["tiny"]["items"] == 6
    assert rows["bad"] == {"catalog": "bad", "built": False, "build": "python -m recsys build --catalog bad"}
    assert "bad: There is no network. Plug it in.\n" in capsys.readouterr().err
    assert read_progress(settings, "tiny") == {"state": "finished"}
    assert read_progress(settings, "bad") == {
        "state": "failed",
        "what": "There is no network.",
        "way_out": "Plug it in.",
    }

    with pytest.raises(CatalogError, match="no network"):  # asked for by name
        build_all(settings, ["bad"])
    use(monkeypatch, bad)
    with pytest.raises(CatalogError, match="no network"):  # and nothing else to serve
        build_all(replace(settings, data=settings.data / "empty"))


def test_only_what_is_asked_for_is_built(settings, tiny_catalog, words, monkeypatch):
    use(monkeypatch, source_of(tiny_catalog), source_of(tiny_catalog, "other"))
    assert [row["catalog"] for row in build_all(settings, ["other"])] == ["other"]
    assert [row["built"] for row in overview(settings)] == [False, True]
    with pytest.raises(InvalidInput, match="no catalog nothing .* Known: tiny, other"):
        build_all(settings, ["tiny", "nothing"])
    assert current_path(settings, "tiny") is None  # validated before anything is built


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError("26 requested and 12 written")]
)
@pytest.mark.parametrize("step", ["write_tables", "write_shard"])
def test_a_full_disk_is_told_in_a_sentence(settings, source, monkeypatch, step, error):
    def full(*arguments):
        raise error

    old = quietly(settings)
    monkeypatch.setattr(building, step, full)
    with pytest.raises(CatalogError, match="cannot write to the data folder.*What served before goes on serving"):
        quietly(settings, force=True)
    assert open_current(settings, "tiny").id == old.id
    assert left(settings) == {".lock", "current", "versions"}


def test_another_trouble_of_the_system_is_not_told_as_a_full_disk(settings, source, monkeypatch):
    def gone(*arguments):
        raise FileNotFoundError(errno.ENOENT, "No such file")

    monkeypatch.setattr(building, "write_shard", gone)
    with pytest.raises(FileNotFoundError):
        quietly(settings)


def test_a_data_folder_that_is_a_file(settings, source):
    settings.data.write_text("in the way")
    with pytest.raises(CatalogError, match="cannot write to the data folder"):
        quietly(settings)


def test_the_server_has_the_collection_before_anybody_is_pointed_to_it(settings, shards, source):
    with serving() as server:
        remote = replace(settings, qdrant_url=server.url)
        served = []
        answer = server.answer

        def watched(method, path, body):
            served.append(current_path(remote, "tiny"))
            return answer(method, path, body)

        server.answer = watched
        first = quietly(remote)
        assert served and set(served) == {None}
        served.clear()
        second = quietly(remote, force=True)
        assert served and set(served) == {first.path} and second.id != first.id
        assert {f"PUT /collections/{v.collection}" for v in (first, second)} <= set(server.requests)
        assert answers(remote, second) == answers(remote, first) == answers(settings, second)


def test_a_server_that_does_not_answer_leaves_the_old_version(settings, shards, source):
    with serving() as server:
        remote = replace(settings, qdrant_url=server.url)
        old = quietly(remote)
        server.fail_next = 99
        with pytest.raises(StoreUnavailable, match="does not answer"):
            quietly(remote, force=True)
        assert open_current(remote, "tiny").id == old.id
        assert left(remote) == {".lock", "current", "versions"}
        server.fail_next = 0
        assert answers(remote, quietly(remote)) == answers(settings, old)


def test_what_is_built_already_is_uploaded_to_a_new_server(settings, shards, source, words):
    version = quietly(settings)
    words.encoded.clear()
    with serving() as server:
        remote = replace(settings, qdrant_url=server.url)
        assert quietly(remote).id == version.id and words.encoded == []
        assert answers(remote, version) == answers(settings, version)
        server.requests.clear()
        quietly(remote)
        assert not [request for request in server.requests if request.startswith("PUT")]


def test_progress_tells_of_every_step(settings, drawn):
    told = []

    class Ear(Progress):
        def __call__(self, done, total, step):
            super().__call__(done, total, step)
            told.append(step)
            assert json.loads(progress_path(settings, "tiny").read_text())["state"] == "running"
            assert read_progress(settings, "tiny")["state"] == "running"  # the lock is held

    build(settings, "tiny", Ear(progress_path(settings, "tiny"), console=False))
    steps = list(dict.fromkeys(told))
    assert steps[:3] == ["draw pictures", "embed texts", "embed pictures"]
    assert {"map of text in 2D", "map of image in 2D", "map of blend in 2D", "map of blend in 3D"} <= set(steps)


def test_overview_of_what_is_built(settings, source):
    assert overview(settings) == [{"catalog": "tiny", "built": False, "build": "python -m recsys build --catalog tiny"}]
    version = quietly(settings)
    (row,) = overview(settings)
    assert row["version"] == version.id and row["built"] is True and row["items"] == 6
    assert row["bytes"] > 0 and row["spaces"] == {"text": {"dim": 26, "items": 6}}


def test_an_encoder_that_cannot_be_loaded(settings, source, monkeypatch):
    def missing(name):
        raise TastespaceError(f"There is no model {name}.")

    monkeypatch.setattr(building, "load_text_encoder", missing)
    with pytest.raises(TastespaceError, match="no model words"):
        build_all(settings, ["tiny"])
    assert read_progress(settings, "tiny")["what"] == "There is no model words."
