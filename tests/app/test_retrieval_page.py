"""The Retrieval page: values of records, nothing measured, damaged records, and a measurement of one's own."""

import json
import shutil
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
from engine_records import line, record, write

from recsys.errors import TastespaceError
from recsys.lessons.retrieval import records
from recsys.lessons.retrieval.measuring import Measuring
from recsys.retrieval import ENGINES
from recsys.settings import Settings
from recsys.ui import retrieval
from recsys.ui.link import View
from recsys.ui.retrieval import data, measuring
from recsys.ui.tour import MILLION, tries

GRAPH = [({"ef_search": 50}, 0.99, 0.5), ({"ef_search": 10}, 0.8, 0.1)]
CODES = [({"rescore": 16}, 1.0, 0.9), ({"rescore": 0}, 0.7, 0.6)]
SIZES = (1_000, 10_000, 1_000_000)


def grown() -> list[dict]:
    """Synthetic vectors of three numbers."""
    common = {"synthetic": True, "dims": 128}
    exhaustive = [record("exhaustive", [({}, 1.0, n / 20_000)], n=n, **common) for n in SIZES]
    return exhaustive + [record("hnswlib", GRAPH, n=n, build_s=n / 1e4, **common) for n in SIZES]


@pytest.fixture
def measured(app_on, shops, tmp_path, monkeypatch):
    """Opens the app on the two shops with these records as the project's own, and no others."""
    home = tmp_path / "data"
    shutil.copytree(shops, home, symlinks=True)
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "shipped")
    visit = app_on(home)

    def on(*found: dict, own: tuple[dict, ...] = ()):
        write(tmp_path / "shipped", *found)
        write(home / "measured" / "retrieval", *own)
        return visit

    return on


@pytest.fixture
def running(monkeypatch):
    """Replaces what "Measure here now" runs by a script."""

    def run(script: str) -> Measuring:
        one = Measuring([sys.executable, "-c", f"import sys, time\n{script}"])
        monkeypatch.setattr(measuring, "running", lambda: one)
        made.append(one)
        return one

    made: list[Measuring] = []
    yield run
    for one in made:
        one.stop()


def _said(screen) -> str:
    assert not screen.at.exception and not screen.at.error, screen.words
    return screen.words.replace("\\", "")


def _open(visit, **query):
    return visit().open("retrieval", {"catalog": "clipart", **query})


def test_the_story_and_the_figures_are_those_of_the_records(measured):
    screen = _open(
        measured(record("exhaustive"), record("hnswlib", GRAPH), record("faiss-pq", CODES)), data="clipart-text"
    )
    words = _said(screen)
    assert "Comparing with all 40 vectors takes 2 ms a query and misses nothing" in words
    assert "The fastest that finds 99 of 100 or more is hnswlib (ef_search = 50): 0.5 ms, 4.0 times as fast." in words
    assert "By codes alone it finds 70 of 100" in words
    assert "measured on 2026-11-25 (2 cores, a processor, 8.0 GB); another machine takes other times" in words
    table = screen.at.dataframe[0].value.set_index("engine")
    assert list(table.index[:3]) == ["hnswlib", "faiss-pq", "exhaustive"]  # the fastest first
    assert table.at["hnswlib", "recall"] == 0.99 and table.at["hnswlib", "of exhaustive"] == 0.25
    assert table.at["hnswlib", "what it does"] == "walks from neighbour to neighbour"
    assert table.at["exhaustive", "p50 ms"] == 2.0 and table.at["exhaustive", "library"] == "numpy 1.2.3"
    assert table.at["faiss-ivf", "what it does"].startswith("not measured: ")


def test_queries_that_were_foreseen_are_said_to_be(measured):
    screen = _open(measured(record("exhaustive"), record("precomputed", [({}, 1.0, 0.01)])), data="clipart-text")
    table = screen.at.dataframe[0].value.set_index("engine")
    assert table.at["precomputed", "what it does"] == "looks up lists that were made beforehand, for these queries"
    said = "precomputed made its lists for the very queries that it is asked"
    assert said in _said(screen)
    foreseen = record("precomputed", [({}, 1.0, 0.01)])
    screen = _open(measured(record("exhaustive"), foreseen, own=(foreseen,)), data="clipart-text")
    assert _said(screen).count(said) == 1  # the project's record and this machine's


def test_what_is_not_installed_says_so_and_how_to_get_it(measured, monkeypatch):
    monkeypatch.setattr(data, "version_of", lambda library: None if library == "scann" else "1")
    monkeypatch.delenv("PINECONE_API_KEY", raising=False)
    screen = _open(measured(record("exhaustive")), data="clipart-text")
    table = screen.at.dataframe[0].value.set_index("engine")
    assert table.at["scann", "what it does"] == "not measured: scann is not installed"
    assert table.at["hnswlib", "what it does"] == "not measured: no record on these vectors"
    assert (
        table.at["pinecone", "what it does"]
        == "not measured: a service that wants a key, and never run by this project"
    )
    assert "its way to a server (MILVUS_URI) was never run by this project" in _said(screen)
    assert "To measure scann: Install it: pip install -r requirements-engines.txt" in _said(screen)
    offered = screen.at.pills(key="measuring-engines").options
    assert "hnswlib" in offered and not {"scann", "pinecone", "exhaustive"} & set(offered)


def test_nothing_measured_shows_all_engines_and_which_can_run(measured, monkeypatch):
    monkeypatch.setattr(data, "version_of", lambda library: None if library in ("scann", "milvus-lite") else "1")
    monkeypatch.delenv("PINECONE_API_KEY", raising=False)
    monkeypatch.delenv("MILVUS_URI", raising=False)
    screen = _open(measured())
    table = pd.DataFrame(screen.at.dataframe[0].value).set_index("engine")
    assert tuple(table.index) == ENGINES and table.at["hnswlib", "runs here"] == "yes"
    assert table.at["scann", "runs here"] == "scann is not installed"
    assert table.at["milvus", "runs here"] == "milvus-lite is not installed"
    assert table.at["faiss-ivf", "what it does"] == "looks into the nearest cells only"
    assert "To measure scann, milvus: Install it: pip install -r requirements-engines.txt" in _said(screen)
    monkeypatch.setenv("MILVUS_URI", "http://localhost:1")
    assert data.cannot("milvus") is None


def test_other_vectors_are_chosen_and_go_into_the_link(measured):
    screen = _open(measured(record("exhaustive", space="blend"), *grown()))
    assert "Comparing with all 40 vectors" in _said(screen)  # the catalog's default space
    box = next(one for one in screen.at.selectbox if one.label == "Vectors")
    assert box.options[0].startswith("Clip art: words, 40 vectors of 8 dimensions")
    assert box.options[-1] == "Synthetic, 1,000,000 vectors of 128 dimensions, grown from Clip art: words"
    box.set_value("clipart-text-1000000x128").run()
    assert screen.view.data == "clipart-text-1000000x128"
    words = _said(screen)
    assert "Comparing with all 1,000,000 vectors takes 50 ms a query" in words
    assert "1,000,000 vectors are too many to measure while others look" in words
    assert "--catalog clipart --space text --synthetic 1000000,128 --minutes 3 --out" in words
    screen.click("Undo")
    assert screen.view.data is None


def test_other_work_on_the_machine_is_told(measured):
    visit = measured(record("exhaustive", load=3.3), record("hnswlib", GRAPH, load=16.1))
    words = _said(_open(visit, data="clipart-text"))
    assert "The machine had other work (3 to 16 processes wanted its 2 cores), so an idle one is faster." in words
    assert "other work" not in _said(_open(measured(record("exhaustive", load=1.5)), data="clipart-image"))


def test_when_to_choose_what_is_told_of_synthetic_vectors_and_says_so(measured):
    words = _said(_open(measured(*grown()), data="clipart-text-1000x128"))
    assert "Up to 10,000 vectors: compare with all of them. It takes 0.5 ms" in words
    assert "From synthetic vectors of 128 dimensions" in words


def test_a_picked_setting_is_told_and_can_be_tried(measured):
    visit = measured(record("exhaustive"), record("hnswlib", GRAPH))
    screen = _open(visit, data="clipart-text", engine="hnswlib", knob=["ef_search=10"])
    assert "**hnswlib** (ef_search = 10) finds 80 of 100 in 0.1 ms a query, 20 times as fast as exhaustive" in _said(
        screen
    )
    assert [b for b in screen.at.button if b.label == "Try it live"]
    usual = _open(visit, data="clipart-text", engine="hnswlib")
    assert "**hnswlib** (ef_search = 50) finds 99 of 100" in _said(usual)
    other = _open(visit, data="clipart-text", engine="hnswlib", knob=["ef_search=100"])  # not measured: nothing is told
    assert "**hnswlib**" not in _said(other)


def test_what_was_measured_here_stands_beside_what_is_stored(measured):
    own = (record("exhaustive", [({}, 1.0, 4.0)]), record("hnswlib", [({"ef_search": 50}, 0.99, 3.0)]))
    visit = measured(record("exhaustive"), record("hnswlib", GRAPH), record("faiss-pq", CODES), own=own)
    screen = _open(visit, data="clipart-text")
    assert "takes 2 ms a query" in _said(screen)  # the story is of one place
    table = screen.at.dataframe[0].value.set_index("engine")
    assert table.at["hnswlib", "of exhaustive"] == 0.25 and table.at["hnswlib, here", "of exhaustive"] == 0.75


def test_nothing_measured_names_the_command(measured):
    visit = measured()
    words = _said(_open(visit))
    assert "Nothing was measured yet on these vectors" in words
    assert "python -m recsys bench retrieval --catalog clipart --space blend --minutes 3 --out" in words
    assert "bench retrieval --synthetic 1000,128 --sizes" in _said(_open(visit, part="growth"))
    assert "Search under conditions was not measured yet" in _said(_open(visit, part="conditions"))


@pytest.mark.parametrize("damaged", ["{", "[]", "null", '{"data": {}, "engine": {}}'])
@pytest.mark.parametrize("part", ["speed", "growth", "conditions"])
def test_damaged_records_are_as_good_as_none(measured, tmp_path, damaged, part):
    visit = measured()
    for name in ("clipart-blend-hnswlib.json", "conditions-clipart-blend.json"):
        (tmp_path / "shipped" / name).write_text(damaged)
    assert "measured yet" in _said(_open(visit, part=part))


def test_records_without_the_reference_are_shown_and_nothing_is_compared(measured):
    screen = _open(measured(record("hnswlib", GRAPH)), data="clipart-text")
    assert "Exhaustive search was not measured on these vectors, so nothing is compared." in _said(screen)
    assert screen.at.dataframe[0].value.set_index("engine").at["hnswlib", "p50 ms"] == 0.5


def test_growth_is_told_and_drawn(measured):
    screen = _open(measured(*grown()), part="growth")
    words = _said(screen)
    assert "exhaustive grows fastest, as N^1.00 ± 0.00: a hundred times the vectors take 100 times the time" in words
    assert "Synthetic vectors of 128 dimensions, 1,000 to 1,000,000 of them, grown from real ones" in words
    assert "Not measured on three numbers of vectors or more: faiss-flat, precomputed, faiss-hnsw" in words
    assert "bench retrieval --synthetic 1000,128 --sizes 1000,4000,16000,64000,100000 --out" in words
    rows = {row["engine"]: row for row in screen.at.dataframe[0].value.to_dict("records")}
    assert rows["hnswlib"]["Time to build"] == "1.00 ± 0.00" and rows["hnswlib"]["numbers of vectors"] == 3


def test_conditions_are_told_and_drawn(measured, tmp_path):
    lines = [line(share, "filter first", 1.0, share) for share in (0.5, 0.01)]
    lines += [line(share, "filter after, of 1 times as many", share, 0.1, "random") for share in (0.5, 0.01)]
    visit = measured()
    (tmp_path / "shipped" / "conditions-clipart-blend.json").write_text(json.dumps(lines))
    screen = _open(visit, part="conditions")
    words = _said(screen)
    assert "the fastest that finds 99 of 100 or more is “filter first”, whatever share is kept" in words
    assert "with 1% of the items kept, even “filter after, of 1 times as many” finds only 1 of 100" in words
    assert list(screen.at.dataframe[0].value["recall"]) == [1.0, 1.0, 0.5, 0.01]
    assert "Not measured for Clip art yet" not in words and "With " not in words


def test_more_vectors_under_conditions_stand_beside_the_catalogs_own(measured, tmp_path):
    visit = measured()

    def keep(name: str, n: int, way: str, **about) -> None:
        vectors = {"catalog": "clipart", "space": "blend", "n": n, "dims": 8, "synthetic": False, **about}
        kept = {"data": vectors, "lines": [line(0.5, way, 1.0, 0.2)], "machine": {"cores": 2, "load_1min": 7.7}}
        (tmp_path / "shipped" / f"conditions-{name}.json").write_text(json.dumps(kept))

    keep("clipart-blend", 40, "filter first")
    keep("clipart-text-100000x384", 100_000, "filter inside, FAISS", space="text", dims=384, synthetic=True)
    screen = _open(visit, part="conditions")
    words = _said(screen)
    assert "Of 40 vectors the conditions leave 10 down to 10" in words and "“filter first”" in words
    assert "8 processes wanted its 2 cores" in words
    assert "**With 100,000 vectors**" in words and "“filter inside, FAISS”" in words
    most = _said(_open(visit, part="conditions", data="clipart-text-100000x384"))
    assert "**With 100,000 vectors**" not in most and "“filter first”" not in most
    others = _said(_open(visit, part="conditions", catalog="movies"))
    assert "Not measured for" in others and "bench conditions --catalog movies --out" in others


def test_the_copied_command_keeps_its_records_where_the_page_finds_them(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring.resources, "SETTINGS", Settings(data=tmp_path))
    out = f"--out {tmp_path / 'measured' / 'retrieval'}"
    for part, kind in (("speed", "retrieval"), ("conditions", "conditions")):
        command = retrieval.command(View("clipart", part=part))
        assert command == f"python -m recsys bench {kind} --catalog clipart {out}"


def test_hostile_links_become_sentences(measured):
    query = {"data": "clipart-nothing", "engine": "<b>x</b>", "knob": ["a=1"], "part": "all", "probes": "many"}
    screen = _open(measured(record("exhaustive", space="blend")), **query)
    told = " ".join(one.value for one in screen.at.warning).replace("\\", "")
    assert "an engine that there is not: “<b>x</b>”" in told and "the part “all”" in told
    assert "Nothing is known of the vectors “clipart-nothing” here" in _said(screen)


def test_a_part_of_another_page_is_the_first_one(measured):
    visit = measured(record("exhaustive", space="blend"))
    assert "Comparing with all 40 vectors" in _said(_open(visit, part="population"))
    lesson = visit().open("cold_start", {"catalog": "clipart", "part": "growth"})
    assert not lesson.at.exception and not lesson.at.error


def test_what_goes_wrong_is_a_sentence(measured, monkeypatch):
    def broken():
        raise TastespaceError("The records cannot be read.", "Look at the disk.")

    monkeypatch.setattr(data, "all_records", broken)
    screen = _open(measured())
    assert not screen.at.exception
    assert "The records cannot be read" in screen.at.error[0].value


def test_measuring_here_and_now(measured, running, monkeypatch):
    visit = measured(record("exhaustive", space="blend"))
    one = running(
        "sys.stderr.write('clipart-blend: hnswlib:  50%|##  | 1/2 [00:00<?]'); sys.stderr.flush(); time.sleep(60)"
    )
    screen = _open(visit)
    start = screen.at.button(key="measuring-start")
    assert start.disabled  # nothing is chosen yet
    screen.at.pills(key="measuring-engines").set_value(["hnswlib"]).run()
    assert "--engine hnswlib --anew --minutes 3 --out" in _said(screen)
    screen.press("measuring-start")
    told = one.told()
    assert told.state == "running" and told.label == "clipart-blend" and told.engines == ("exhaustive", "hnswlib")
    options = one._process.args[3:]
    assert (
        options[:6] == ["--catalog", "clipart", "--space", "blend", "--engine", "hnswlib"] and options[-1] == "--json"
    )

    with monkeypatch.context() as public:
        public.setattr(measuring.resources, "SETTINGS", replace(measuring.resources.SETTINGS, public=True))
        other = _open(visit)
        assert not [b for b in other.at.button if b.key in ("measuring-stop", "measuring-start")]
    assert one.told().state == "running"
    screen.press("measuring-stop")
    assert one.told().state == "stopped" and "What was finished is kept" in _said(screen)
    assert "What was finished is kept" not in _said(_open(visit))


def test_after_a_reload_a_measurement_can_still_be_stopped(measured, running):
    visit = measured(record("exhaustive", space="blend"))
    one = running("time.sleep(60)")
    screen = _open(visit)
    screen.at.pills(key="measuring-engines").set_value(["hnswlib"]).run()
    screen.press("measuring-start")
    again = _open(visit)  # a new session: it does not know that it was its own
    again.press("measuring-stop")
    assert one.told().state == "stopped"


def test_what_could_not_be_measured_is_told_to_whoever_asked(measured, running):
    document = {"runs": [{"engines": [{"engine": "hnswlib", "error": "hnswlib is not installed."}]}]}
    one = running(f"print('''{json.dumps(document)}''')")
    visit = measured(record("exhaustive", space="blend"))
    screen = _open(visit)
    screen.at.pills(key="measuring-engines").set_value(["hnswlib"]).run()
    screen.press("measuring-start")
    for _ in range(500):
        if one.told().state != "running":
            break
        time.sleep(0.01)
    screen.run()
    assert "hnswlib is not installed" in screen.at.warning[0].value


@pytest.mark.parametrize("catalog", ["clipart", "movies"])
def test_the_million_can_be_tried(measured, catalog):
    first = tries("retrieval", catalog)[0]
    screen = measured(*grown())().open("retrieval", {"catalog": catalog}).click(first.label)
    assert "Comparing with all 1,000,000 vectors takes 50 ms a query" in _said(screen)
    assert len(tries("retrieval", catalog)) == 3
    assert {one.view.part for one in tries("retrieval", catalog)} == {"speed", "engine", "inside"}


@pytest.mark.skipif(not records.SHIPPED.is_dir(), reason="the project has no records yet")
def test_the_million_is_among_what_the_project_ships(tmp_path):
    assert MILLION in {r.label for r in records.read_records(tmp_path)}
