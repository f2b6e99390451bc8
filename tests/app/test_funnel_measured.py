"""The Funnel page's measured parts: what stages are worth and what load does, with records and without any."""

import json
import shutil
import time
from dataclasses import replace

import pytest

from recsys.evaluation import records
from recsys.settings import Settings
from recsys.ui import resources
from recsys.ui.funnel import load, vectors
from recsys.ui.funnel.replaying import Replaying, Told
from recsys.version import open_current


def times(p50: float, p95: float, p99: float) -> dict:
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": p99}


def clients(n: int, p99: float, throughput: float) -> dict:
    stages = {"user": times(1, 2, 3), "retrieve": times(10, 20, 45), "rank": times(15, 40, 90)}
    counts = {"clients": n, "requests": 1000, "errors": {}, "degraded": 0, "short": 0, "throughput": throughput}
    return {**counts, "covered": 0.99, "total": times(30, 80, p99), "stages": stages}


def replay(data_hash: str, **more) -> dict:
    return {
        "catalog": "movies",
        "protocol": "replay",
        "data": {"hash": data_hash, "from": "12 ratings", "simulated": False},
        "sizes": [1000, 200, 20, 10],
        "ranker": "gbdt",
        "clients": [clients(1, 150.0, 25.0), clients(16, 480.0, 61.0)],
        "soak": None,
        "measured_at": "2026-11-25T04:49:55+00:00",
        "machine": {"cpu": "a processor", "cores": 2, "load_1min": 15.4},
        **more,
    }


def worth(data_hash: str, **more) -> dict:
    def gain(ranker: str, mean: float) -> dict:
        return {"space": "text", "ranker": ranker, "size": 200, "mean": mean, "low": mean - 0.004, "high": mean + 0.004}

    recall = {50: 0.3, 1000: 0.9}
    ndcg = {"none": {20: 0.30, 200: 0.31}, "gbdt": {20: 0.32, 200: 0.35}}
    return {
        "catalog": "movies",
        "protocol": "funnel",
        "data": {"hash": data_hash, "from": "12 ratings", "simulated": False, "ratings": 12},
        "people": 12,
        "test": 3,
        "lead": "text",
        "retrieve": [
            {"space": "text", "size": size, "recall": r, "low": r - 0.01, "high": r + 0.01}
            for size, r in recall.items()
        ],
        "rank": [
            {"space": "text", "ranker": ranker, "size": size, "ndcg@10": q, "low": q - 0.01, "high": q + 0.01}
            for ranker, own in ndcg.items()
            for size, q in own.items()
        ],
        "gain": [gain("gbdt", 0.04), gain("dnn", 0.001)],
        "diversify": [
            {"method": "mmr", "ranker": "gbdt", "size": size, "lam": lam, "ndcg@10": 0.3, "ild": 0.7 - lam / 2}
            for size in (10, 20)
            for lam in (0.0, 0.85, 1.0)
        ],
        "measured_at": "2026-11-25T05:00:00+00:00",
        **more,
    }


@pytest.fixture
def measured(app_on, shops, tmp_path, monkeypatch):
    """Opens the app on the two shops with these records on this machine, and none from the project."""
    home = tmp_path / "data"
    shutil.copytree(shops, home, symlinks=True)
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "shipped")
    visit = app_on(home)

    def on(*found: dict):
        for one in found:
            records.write_record(home / "measured", one)
        return visit

    on.hash = open_current(Settings(data=home), "movies").ratings.fingerprint()
    return on


@pytest.fixture(autouse=True)
def nobody_replays(monkeypatch):
    """Each test begins with a process in which nobody has replayed anything."""
    one = Replaying()
    monkeypatch.setattr(load, "running", lambda: one)
    yield one
    one.stop()


def _said(screen) -> str:
    assert not screen.at.exception and not screen.at.error, screen.words
    return screen.words.replace("\\", "")


def _open(visit, part: str, catalog: str = "movies", **query):
    return visit().open("funnel", {"catalog": catalog, "part": part, **query})


def test_the_figures_under_load_are_those_of_the_record(measured):
    words = _said(_open(measured(replay(measured.hash)), "load"))
    assert "99 of 100 requests are answered in 150 ms or less: within the budget of 200 ms" in words
    assert "At the 99th percentile over budget: Retrieve (45 ms of 30)." in words
    assert "One client gets 25 answers a second, 16 get 61 together" in words
    assert "None of 2,000 requests failed" in words
    assert "15 processes wanted its 2 cores" in words
    assert "a funnel of 1,000 / 200 / 20 / 10, ranked by LambdaRank. Measured 2026-11-25 on 2 cores" in words
    assert "measured on other ratings" not in words


def test_the_budgets_of_the_link_count(measured):
    visit = measured(replay(measured.hash))
    words = _said(_open(visit, "load", budget=["total:100", "retrieve:50"]))
    assert "over the budget of 100 ms" in words and "Every stage is within its budget" in words


def test_a_record_of_other_ratings_says_so(measured):
    visit = measured(replay("other"), worth("other"))
    for part in ("load", "worth"):
        assert "measured on other ratings" in _said(_open(visit, part))


@pytest.mark.parametrize(("part", "command"), [("load", "bench funnel"), ("worth", "evaluate")])
def test_nothing_measured_names_the_command(measured, part, command):
    words = _said(_open(measured(), part))
    assert f"python -m recsys {command} --catalog movies" in words


@pytest.mark.parametrize("broken", [{"clients": []}, {"clients": [{"clients": 1}]}, {"clients": "many"}])
def test_a_damaged_replay_is_as_good_as_none(measured, broken):
    assert "python -m recsys bench funnel" in _said(_open(measured(replay(measured.hash, **broken)), "load"))


@pytest.mark.parametrize(
    "broken", [{"retrieve": []}, {"rank": None}, {"gain": [{"space": "text"}]}, {"diversify": [3]}, {"retrieve": "x"}]
)
def test_a_damaged_record_of_worth_is_as_good_as_none(measured, broken):
    words = _said(_open(measured(worth(measured.hash, **broken)), "worth"))
    assert "python -m recsys evaluate --catalog movies --protocol funnel" in words


def test_nothing_is_claimed_of_clip_art(measured):
    screen = _open(measured(worth(measured.hash)), "worth", "clipart")
    words = _said(screen)
    assert "no quality is claimed here" in words and "nothing about taste" in words
    screen.click("See it on the movies")
    assert screen.view.catalog == "movies" and "Of what people later rated" in _said(screen)


def test_what_stages_are_worth_is_told_for_the_present_sizes(measured):
    visit = measured(worth(measured.hash))
    words = _said(_open(visit, "worth"))
    assert "Of what people later rated, 90% is among the first 1,000 of Words" in words
    words = _said(_open(visit, "worth", sizes="50,20,20", ranker="none"))
    assert "30% is among the first 50 of Words; 1,000 would hold 90%" in words
    assert "With 20 for it to order, relevance reaches nDCG@10 0.300, 0.010 less than with 200" in words


def test_a_ranker_that_does_not_help_is_said_to(measured):
    screen = _open(measured(worth(measured.hash)), "worth")
    words = _said(screen)
    assert "LambdaRank improves what Words retrieves: +0.040 nDCG@10 (95%: +0.036 to +0.044)" in words
    assert "The ranking network does not help what Words retrieves" in words
    table = screen.at.dataframe[0].value.set_index("ranked by")
    assert list(table["helps"]) == ["yes", "no"]


def test_a_smaller_stage_is_tried_beside_the_charts(measured):
    screen = _open(measured(worth(measured.hash)), "worth")
    assert "With 200 for it to order, relevance reaches nDCG@10 0.310" in _said(screen)
    slider = next(one for one in screen.at.select_slider if one.label == "Filter lets out")
    assert slider.options == ["20", "all"]  # of 30 films
    assert not [one for one in screen.at.select_slider if one.label == "Retrieve lets out"]  # it could only stay at all
    slider.set_value(20).run()
    assert screen.view.pipeline.sizes == (1000, 20, 20)
    assert "With 20 for it to order, relevance reaches nDCG@10 0.300, 0.010 less" in _said(screen)
    screen.click("Undo")
    assert screen.view.pipeline.sizes == (1000, 200, 20)


def test_a_stage_that_is_off_lets_all_out_and_has_no_size(measured):
    screen = _open(measured(worth(measured.hash)), "worth", sizes="20,20,20", without=["retrieve", "diversify"])
    words = _said(screen)
    assert "90% is among the first 1,000 of Words" not in words  # the shop has 30 films, and so little was measured
    assert "30% is among the first 50 of Words" in words and "MMR at" not in words
    (slider,) = (one for one in screen.at.select_slider if one.label == "Retrieve lets out")
    assert slider.disabled


def charts(screen) -> list[dict]:
    return [json.loads(one.proto.spec) for one in screen.at.get("plotly_chart")]


def test_every_chart_has_units(measured):
    visit = measured(worth(measured.hash), replay(measured.hash))
    for part, n in (("worth", 3), ("load", 3)):
        found = charts(_open(visit, part))
        assert len(found) == n
        for one in found:
            assert one["layout"]["xaxis"]["title"]["text"]
        assert all(one["layout"]["yaxis"].get("title", {}).get("text") for one in found[1:])


def test_the_charts_mark_where_the_funnel_is_set(measured):
    recall, ndcg, variety = charts(_open(measured(worth(measured.hash)), "worth", sizes="60,200,20", ranker="gbdt"))
    for chart, ring in ((recall, (50, 0.3)), (variety, (0.7 - 0.85 / 2, 0.3))):
        (mark,) = (t for t in chart["data"] if t["marker"].get("symbol") == "circle-open")
        assert (mark["x"][0], mark["y"][0]) == pytest.approx(ring)
    # This shop has no ranker, so the order of retrieval is what is marked.
    (mark,) = (t for t in ndcg["data"] if t["marker"].get("symbol") == "circle-open")
    assert (mark["x"][0], mark["y"][0]) == (200, 0.31)


def test_a_replay_here_is_told_and_drawn(measured, nobody_replays):
    screen = _open(measured(), "load")
    screen.press("replay-start")
    for _ in range(1000):
        if nobody_replays.told().state != "running":
            break
        time.sleep(0.01)
    told = nobody_replays.told()
    assert told.state == "finished" and told.row["requests"] == 200 and told.row["errors"] == {}
    words = _said(screen.run())
    assert [one["pattern"] for one in told.row["cache"]] == ["recompute", "ttl", "incremental", "nightly"]
    assert "keeping points saves about" in words
    assert "in the production sizes 1,000 / 200 / 20 / 10, through" in words
    assert "200 answers" in screen.at.success[0].value and "99 of 100 requests are answered in" in words
    assert "No replay is stored" not in words
    assert "No replay is stored" in _said(_open(measured(), "load", "clipart"))  # these were the movies' requests


def test_a_replay_can_be_stopped_by_whoever_looks(measured, nobody_replays, monkeypatch):
    """Who started it may have loaded the page anew, and is somebody else then."""
    told, stopped = Told("running", "movies", 4, 50, 1000, 3.0), []
    monkeypatch.setattr(nobody_replays, "told", lambda: told)
    monkeypatch.setattr(nobody_replays, "stop", lambda: stopped.append(True))
    screen = _open(measured(replay(measured.hash)), "load")
    assert not [b for b in screen.at.button if b.label == "Replay now"]
    _said(screen.press("replay-stop"))
    assert stopped


def test_what_a_cache_saves_is_told_of_the_record_and_of_a_replay_here(measured, nobody_replays, monkeypatch):
    def kept(saved: float) -> list[dict]:
        return [
            {"pattern": name, "kept": 0.0 if name == "recompute" else 1.0, "p50_ms": 1.5, "saved": saved}
            for name in ("recompute", "ttl", "incremental", "nightly")
        ]

    visit = measured(replay(measured.hash, cache=kept(0.25)))
    screen = _open(visit, "load")
    assert "takes 1.5 ms of 30 ms in the median, so keeping points saves about 5.0%" in _said(screen)
    table = next(one.value for one in screen.at.dataframe if "saved of the stage" in one.value)
    assert list(table["the point is"])[:2] == ["made anew for each request", "kept for minutes"]
    assert set(table["saved of the stage"]) == {0.25}
    told = Told("finished", "movies", 1, 200, 200, 3.0, clients(1, 150.0, 25.0) | {"cache": kept(0.75)})
    monkeypatch.setattr(nobody_replays, "told", lambda: told)
    screen = _open(visit, "load")
    table = next(one.value for one in screen.at.dataframe if "saved of the stage" in one.value)
    assert set(table["saved of the stage"]) == {0.75}


def test_a_replay_that_failed_says_why(measured, nobody_replays, monkeypatch):
    screen = _open(measured(replay(measured.hash)), "load")
    told = Told("failed", "movies", problem="The store is gone.")
    monkeypatch.setattr(nobody_replays, "told", lambda: told)
    assert "The store is gone." in [w.value.replace("\\", "") for w in screen.run().at.warning]


def _opened(visit, catalog: str = "movies", **query):
    screen = visit()
    screen.at.session_state["user-vectors"] = True
    return screen.open("funnel", {"catalog": catalog, "part": "load", **query})


def test_keeping_the_users_vector_is_told_of_the_very_person(measured):
    screen = _opened(measured(), person="user-2")
    words = _said(screen)
    assert "The first one like or dislike of user user-2" in words
    assert "Moved on by each like: " in words and "the vector is always up to date" in words
    cosine, overlap = charts(screen)[-2:]
    for chart in (cosine, overlap):
        assert [t["name"] for t in chart["data"]] == ["anew", "kept", "moved on", "by night"]
        assert all(t["y"] == [1.0] for t in chart["data"])  # after one like every pattern has just made its vector
    assert "user-vectors --catalog movies --space text --user user-2" in words


def test_for_the_public_the_story_is_told_once(measured, monkeypatch):
    visit = measured()
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    words = _said(_opened(visit, person="user-2", space="text"))
    assert "this is computed once, for the usual settings" in words
    assert "The first one like or dislike of user 196" in words and "user-2," not in words


def test_a_made_up_person_is_said_to_be_one(measured):
    words = _said(_opened(measured(), "clipart"))
    assert "likes and dislikes of a simulated person" in words


def test_nothing_is_told_of_vectors_before_it_is_asked_for(measured, monkeypatch):
    monkeypatch.setattr(vectors, "tell", lambda *arguments: pytest.fail("nobody asked for it"))
    _said(_open(measured(), "load"))
