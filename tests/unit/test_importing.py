"""Imports from the file to what serves: what is embedded again, what a failure leaves, two at once, and removal."""

import errno
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from recsys import build as building
from recsys import importing
from recsys.__main__ import main
from recsys.errors import CatalogError, InvalidInput
from recsys.funnel import Funnel, Request
from recsys.importing import offered, remove, report_csv_of, report_of, run, sweep
from recsys.profile import Profile
from recsys.progress import Progress, progress_path, read_progress
from recsys.settings import ROOT, Settings
from recsys.sources import sources
from recsys.sources.imported.check import Offer
from recsys.store import open_store
from recsys.version import current_path, open_current
from recsys.where import Where
from recsys.wishes import Wishes

ROWS = 20


class Counting:
    """Encodes a text as a vector of its own, the same each time, and remembers what it was given."""

    name, dim = "counting@1", 8

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.fails = False

    def encode_items(self, texts) -> np.ndarray:
        if self.fails:
            raise KeyboardInterrupt
        self.encoded += texts
        return self.encode_queries(texts)

    def encode_queries(self, texts) -> np.ndarray:
        rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


@pytest.fixture
def encoder(monkeypatch) -> Counting:
    encoder = Counting()
    monkeypatch.setattr(building, "load_text_encoder", lambda name: encoder)
    monkeypatch.setattr("recsys.wishes.load_query_encoder", lambda name: encoder)
    monkeypatch.setattr("recsys.learning.SIMULATED_PEOPLE", 5)
    return encoder


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def offer(tmp_path):
    """`offer(row 3's title, ...)`: a table of twenty things, two kinds of them."""

    def make(third: str = "thing 3", rows: int = ROWS, **more) -> Offer:
        path = tmp_path / "items.csv"
        titles = [third if i == 3 else f"thing {i}" for i in range(rows)]
        path.write_text("id,title,kind,price\n" + "".join(f"i{i},{t},k{i % 2},{i}\n" for i, t in enumerate(titles)))
        return Offer("mine", path, **more)

    return make


def quietly(settings: Settings, offer: Offer) -> dict:
    return run(settings, offer, Progress(progress_path(settings, offer.name), console=False))


def funnel_of(settings: Settings) -> Funnel:
    version = open_current(settings, "mine")
    return Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))


def files(folder: Path) -> set[str]:
    """Everything below a folder but what a build remembers for the next one."""
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*")}
    return {name for name in found if not name.startswith(("steps.sqlite", "rates.json", "progress-"))}


def test_what_is_imported_serves_like_any_other(settings, offer, encoder):
    document = quietly(settings, offer())
    assert document["taken"] == len(encoder.encoded) == ROWS and document["built"]["embedded"] == {"embed texts": ROWS}
    assert report_csv_of(settings, "mine").startswith("table,row,reason")
    assert report_of(settings, "mine") == document and list(sources(settings))[-1] == "mine"
    funnel = funnel_of(settings)
    where = Where.parse(["price>=10", "category=k1"], funnel.version.catalog)
    answer = funnel.recommend(Request(Profile(likes=("i3",), wish="anything"), where=where, k=20))
    assert sorted(answer.hits(funnel.version).ids) == ["i11", "i13", "i15", "i17", "i19"]
    assert len(funnel.related("i3", "text", 5)[0]) == 5
    assert funnel.version.popularity is None and funnel.version.catalog.facet("price").simulated is False


def test_importing_again_embeds_what_changed_and_nothing_else(settings, offer, encoder):
    first = quietly(settings, offer())["built"]
    encoder.encoded.clear()
    same = quietly(settings, offer())["built"]
    assert encoder.encoded == [] and same["version"] == first["version"] and not same["anew"]
    other = quietly(settings, offer("another thing"))["built"]
    assert encoder.encoded == ["another thing. k1"] and other["embedded"] == {"embed texts": 1} and other["anew"]
    assert open_current(settings, "mine").catalog.items.loc["i3", "title"] == "another thing"
    homes = [path for path in (settings.imports / "mine").iterdir() if not path.is_symlink()]
    assert len(homes) == 1  # the older files are gone


def test_a_check_writes_nothing_and_knows_what_is_new(settings, offer, encoder):
    checked = offered(settings, offer())
    assert not settings.data.exists() and encoder.encoded == []
    assert {s["step"]: s["items"] for s in checked.report.estimate["steps"]}["embed texts"] == ROWS
    encoder.name = "all-MiniLM-L6-v2@53aa51172d14"  # as the settings call it
    quietly(settings, offer())
    again = offered(settings, offer("another thing")).report.estimate
    assert {s["step"]: s["items"] for s in again["steps"]}["embed texts"] == 1
    assert again["seconds"] > 0 and again["bytes"] > 0


@pytest.mark.parametrize("step", ["keep", "source_in", "switch"])
def test_a_step_that_is_cancelled_leaves_what_served(settings, offer, encoder, monkeypatch, step):
    before = quietly(settings, offer())
    there = files(settings.data)

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(importing, step, stop)
        with pytest.raises(KeyboardInterrupt):
            quietly(settings, offer("another thing"))
    assert files(settings.data) == there and report_of(settings, "mine") == before
    assert open_current(settings, "mine").id == before["built"]["version"]
    assert read_progress(settings, "mine")["state"] == "none"
    encoder.fails = True
    with pytest.raises(KeyboardInterrupt):
        quietly(settings, offer("yet another thing"))
    encoder.fails = False
    assert files(settings.data) == there
    assert quietly(settings, offer("another thing"))["built"]["anew"]


def test_a_first_import_that_fails_leaves_nothing(settings, offer, encoder):
    encoder.fails = True
    with pytest.raises(KeyboardInterrupt):
        quietly(settings, offer())
    assert files(settings.data) == {"catalogs", "imports"}
    with pytest.raises(InvalidInput, match="no column"):
        quietly(settings, offer(mapping={"title": "titel"}))
    assert files(settings.data) == {"catalogs", "imports"}
    assert "no column" in read_progress(settings, "mine")["what"]


@pytest.mark.parametrize("step", ["keep", "build_alone"])
def test_a_full_disk_is_told_and_leaves_what_served(settings, offer, encoder, monkeypatch, step):
    before = quietly(settings, offer())
    there = files(settings.data)

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importing, step, full)
    with pytest.raises(CatalogError, match="cannot write to the data folder.*What served before goes on serving"):
        quietly(settings, offer("another thing"))
    assert files(settings.data) == there and report_of(settings, "mine") == before


def test_too_little_room_is_told_before_anything_is_written(settings, offer, encoder, monkeypatch):
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(CatalogError, match="needs about .* MB; the disk has 0 MB left"):
        quietly(settings, offer())
    assert encoder.encoded == [] and files(settings.data) == {"catalogs"}


def test_what_a_killed_import_left_is_swept(settings, offer, encoder):
    quietly(settings, offer())
    there = files(settings.data)
    (settings.imports / "mine" / ".incoming-x").mkdir()
    (settings.catalogs / "mine" / ".building-1").mkdir()
    (settings.imports / "other" / ".incoming-y").mkdir(parents=True)
    (settings.catalogs / "other").mkdir()
    (settings.catalogs / "other" / ".lock").touch()
    with importing.alone(settings, "mine"):  # somebody works on it
        assert sweep(settings) == ["other"]
    assert sweep(settings) == ["mine"] and files(settings.data) == there and sweep(settings) == []


def test_two_imports_of_one_name_come_one_after_the_other(settings, offer, encoder, tmp_path):
    offers = [replace(offer(f"version {i}"), items=tmp_path / f"{i}.csv") for i in range(4)]
    for i, own in enumerate(offers):
        own.items.write_text(offer(f"version {i}").items.read_text())
    failures: list[BaseException] = []

    def work(own: Offer) -> None:
        try:
            quietly(settings, own)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(own,)) for own in offers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    version, report = open_current(settings, "mine"), report_of(settings, "mine")
    kept = sources(settings)["mine"].load(settings)
    assert kept.items["title"].tolist() == version.catalog.items["title"].tolist()
    assert report["built"]["version"] == version.id and building.is_current(settings, "mine")
    assert not [name for name in files(settings.data) if ".incoming" in name or ".building" in name]
    assert len([p for p in (settings.imports / "mine").iterdir() if not p.is_symlink()]) == 1


def test_removal_leaves_nothing_and_can_be_repeated_by_an_import(settings, offer, encoder):
    quietly(settings, offer())
    quietly(settings, replace(offer(), name="mine-too"))
    (settings.data / "measured").mkdir()
    for name in ("mine", "mine-too"):
        (settings.data / "measured" / f"{name}-continue.json").write_text(json.dumps({"catalog": name}))
    told = remove(settings, "mine")
    assert told["removed"] and told["bytes"] > 0 and current_path(settings, "mine") is None
    assert not [name for name in files(settings.data) if name.split("/")[1:2] == ["mine"]]
    assert [p.name for p in (settings.data / "measured").iterdir()] == ["mine-too-continue.json"]
    assert "mine" not in sources(settings) and open_current(settings, "mine-too")
    with pytest.raises(InvalidInput, match="no catalog “mine” to remove"):
        remove(settings, "mine")
    with pytest.raises(InvalidInput, match="comes with the app"):
        remove(settings, "movies")
    with pytest.raises(InvalidInput, match="cannot be called"):
        remove(settings, "../data")
    assert quietly(settings, offer())["built"]["anew"]


def test_a_public_app_takes_and_gives_nothing(settings, offer, encoder):
    quietly(settings, offer())
    there, public = files(settings.data), replace(settings, public=True)
    for act in (
        lambda: quietly(public, offer("another thing")),
        lambda: remove(public, "mine"),
        lambda: building.build_all(public, ["mine"], force=True),
    ):
        with pytest.raises(InvalidInput, match="turned off here: this app is open to the public"):
            act()
    assert files(settings.data) == there
    assert offered(public, offer()).report.taken == ROWS  # looking is free
    assert [Settings.from_env({"TASTESPACE_PUBLIC": v}).public for v in ("", "0", "no", "1", "yes")] == [0, 0, 0, 1, 1]


def test_a_name_that_was_built_but_not_imported_is_left_alone(settings, offer, encoder, tiny_catalog, write_version):
    vectors = {"text": np.eye(6, dtype=np.float32)}
    home = settings.catalogs / "mine"
    write_version(home / "versions" / "one", replace(tiny_catalog, name="mine"), vectors, shard=False)
    (home / "current").symlink_to("versions/one")
    with pytest.raises(InvalidInput, match="was not imported"):
        quietly(settings, offer())
    assert open_current(settings, "mine").id == "one"


@pytest.fixture
def given(settings, offer, encoder, tmp_path) -> Funnel:
    """Twenty things on a circle, with vectors of their own and no encoder."""
    angles = np.linspace(0, 2 * np.pi, ROWS, endpoint=False)
    np.save(tmp_path / "v.npy", 7 * np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float16))
    document = quietly(settings, offer(vectors=tmp_path / "v.npy"))
    assert document["built"]["default_space"] == "given" and document["dims"] == 2 and encoder.encoded == []
    return funnel_of(settings)


def test_vectors_of_ones_own_are_searched_without_any_model(given):
    lengths = np.linalg.norm(given.version.spaces["given"], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    answer = given.recommend(Request(Profile(likes=("i5",)), k=2, lam=1.0))
    assert sorted(answer.hits(given.version).ids) == ["i4", "i6"]
    given.encode_wish.warm_up()
    with pytest.raises(InvalidInput, match="a wish finds nothing in it"):
        given.recommend(Request(Profile(wish="a lamp")))


def test_pictures_that_only_the_build_finds_undrawable_are_told(settings, offer, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.sources.imported.check.LOOKED_THROUGH", 0)  # as of the 2,001st picture on
    np.save(tmp_path / "v.npy", np.eye(ROWS))
    whole = io.BytesIO()
    Image.effect_noise((99, 99), 50).convert("RGB").save(whole, "JPEG")
    (tmp_path / "pictures").mkdir()
    for name, data in (("i0", whole.getvalue()), ("i3", whole.getvalue()[:900])):
        (tmp_path / "pictures" / f"{name}.jpg").write_bytes(data)
    own = offer(vectors=tmp_path / "v.npy", images=tmp_path / "pictures")
    assert offered(settings, own).report.dropped == []
    document = quietly(settings, own)
    assert document["built"]["not_drawn"] == [5] and document["pictures"] == 1  # i3 stands in the fifth row
    (told,) = document["dropped"]
    assert told["what"] == "pictures" and told["rows"] == [5] and "incomplete or damaged" in told["reason"]
    assert f"pictures,5,{told['reason']}" in report_csv_of(settings, "mine") and report_of(settings, "mine") == document


def test_vectors_beside_words(settings, offer, encoder, tmp_path):
    np.save(tmp_path / "v.npy", np.eye(ROWS))
    quietly(settings, offer(vectors=tmp_path / "v.npy", text_encoder="counting"))
    funnel = funnel_of(settings)
    assert list(funnel.version.spaces) == ["given", "text"] and len(encoder.encoded) == ROWS
    assert funnel.best_space(Profile(wish="a lamp")) == "text" and funnel.best_space(Profile(likes=("i1",))) == "given"
    assert len(funnel.recommend(Request(Profile(wish="a lamp"), space="text")).picks) == 10
    with pytest.raises(InvalidInput, match="In the space given no wish can be understood.*Search another one: text"):
        funnel.recommend(Request(Profile(wish="a lamp"), space="given"))


def test_a_large_catalog_goes_without_lists_and_learned_spaces(settings, offer, encoder, monkeypatch, given):
    listed = [given.related(i, "given", 4) for i in given.version.item_ids]
    for bound in ("MAX_LISTED", "MAX_LEARNED", "MAX_RANKED"):
        monkeypatch.setattr(building, bound, ROWS - 1)
    monkeypatch.setattr(building, "MAP_SEED", 1)  # another version, even within the same second
    version = building.build(settings, "mine", Progress(console=False), force=True)
    assert not version.has_lists and not list(version.path.glob("related-*")) and version.learned == {}
    now = Funnel(version, None, dict)
    for item, (rows, cosines) in zip(version.item_ids, listed, strict=True):
        found = now.related(item, "given", 4)
        np.testing.assert_array_equal(found[0], rows)
        np.testing.assert_allclose(found[1], cosines, atol=2e-6)


def test_the_command_line(settings, offer, encoder, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TASTESPACE_DATA", str(settings.data))
    monkeypatch.delenv("TASTESPACE_PUBLIC", raising=False)
    words = ["import", "--name", "mine", "--items", str(offer().items), "--json"]
    assert main([*words, "--check", "--map", "title=kind", "--facet", "price=none"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["roles"]["title"] == "kind" and "price" not in {f["name"] for f in document["facets"]}
    assert not settings.data.exists()
    assert main(words) == 0 and json.loads(capsys.readouterr().out)["built"]["anew"]
    assert main(["remove", "--catalog", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] is True
    for wrong, told in (
        (["--map", "title"], "--map cannot be “title”"),
        (["--map", "title=kind", "--map", "title=id"], "names “title” twice"),
        (["--map", "title=kind", "--map", "tags=kind"], "both title and tags"),
    ):
        assert main([*words, *wrong]) == 2 and told in capsys.readouterr().err
    monkeypatch.setenv("TASTESPACE_PUBLIC", "1")
    assert main(words) == 2 and "open to the public" in capsys.readouterr().err


def test_the_words_of_an_offer_are_the_offer(offer, monkeypatch):
    whole = offer(mapping={"title": "-kind", "tags": ""}, facets={"a=b": "number"}, label="My own", text_encoder="m")
    seen: list[Offer] = []
    monkeypatch.setattr(importing, "run", lambda settings, own: seen.append(own))
    assert main(importing.words_of(whole)) == 0 and seen == [whole]


KILLED = """
import sys, time
from pathlib import Path
from recsys import importing
from recsys.progress import Progress
from recsys.settings import Settings
from recsys.sources.imported.check import Offer
def hang(*arguments, **more):
    print("there", flush=True)
    time.sleep(60)
importing.build_alone = hang
with importing.cancellable():
    importing.run(Settings(data=Path(sys.argv[1])), Offer("mine", Path(sys.argv[2])), Progress(console=False))
"""


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "cancelled"])
def test_an_import_that_is_ended_from_outside(settings, offer, encoder, kill):
    quietly(settings, offer())
    there, id_before = files(settings.data), open_current(settings, "mine").id
    command = [sys.executable, "-c", KILLED, str(settings.data), str(offer("another thing").items)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ)
    ) as p:
        assert p.stdout.readline() == b"there\n"
        p.kill() if kill else p.terminate()
    assert (files(settings.data) != there) == kill  # who is killed cannot tidy up
    sweep(settings)
    assert files(settings.data) == there and open_current(settings, "mine").id == id_before
