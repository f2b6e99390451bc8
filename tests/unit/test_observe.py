"""What is written down of a request: figures, and nothing of who asked for what."""

import json
import socket
import urllib.request
from dataclasses import replace

import numpy as np
import pytest

from recsys.funnel import Funnel, Request
from recsys.observe import Observer, kinds, line
from recsys.profile import Profile
from recsys.settings import Settings
from recsys.store import memory_store
from recsys.where import Where

TEXT = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.6, 0.8], [-1, 0], [0, -1]], dtype=np.float32)


@pytest.fixture
def version(make_version, tiny_catalog):
    return make_version(tiny_catalog, {"text": TEXT}, shard=False)


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path, log=tmp_path / "logs" / "requests.jsonl")


def observed(version, observer) -> Funnel:
    store = memory_store(version.spaces, version.catalog)
    return Funnel(version, store, lambda p: {"text": TEXT[2]}, on_answer=observer)


def private(version) -> Request:
    item = str(version.item_ids[0])
    facet = version.catalog.facets[0]
    value = next(iter(version.facets.counts(facet.name)))
    return Request(
        Profile(likes=(item,), wish="a secret wish"), where=Where.parse([f"{facet.name}={value}"], version.catalog)
    )


def test_nobody_is_told_of_an_unobserved_funnel(version, settings):
    observer = Observer(settings)
    funnel = observed(version, observer)
    quiet, told = funnel.unobserved().recommend(Request(Profile())), funnel.recommend(Request(Profile()))
    assert quiet.picks.tolist() == told.picks.tolist()
    observer.close()
    assert len(settings.log.read_text().splitlines()) == 1


def test_a_line_a_request_and_nothing_private(version, settings):
    observer = Observer(settings)
    funnel = observed(version, observer)
    answers = [funnel.recommend(private(version)), funnel.recommend(Request(Profile()))]
    observer.close()
    text = settings.log.read_text()
    lines = [json.loads(row) for row in text.splitlines()]
    assert len(lines) == 2 and lines[0]["request"] != lines[1]["request"]
    first, answer = lines[0], answers[0]
    assert (first["catalog"], first["likes"], first["conditions"], first["ranker"]) == ("tiny", 1, 1, "none")
    assert first["shown"] == len(answer.picks) and first["total_ms"] == pytest.approx(answer.trace.total_ms, abs=1e-3)
    for stage, told in zip(answer.trace.stages, first["stages"], strict=True):
        assert (told["stage"], told["in"], told["out"]) == (stage.stage, stage.n_in, stage.n_out)
        assert sum(told["dropped"].values()) == sum(stage.dropped.values())
    assert "breaks a condition" in first["stages"][1]["dropped"]
    condition = str(next(iter(answer.request.where)))
    for secret in ("secret", str(version.item_ids[0]), condition, condition.split("=")[1]):
        assert secret not in text


def test_profiles_where_they_are_asked_for(version, settings):
    observer = Observer(replace(settings, log_profiles=True))
    observed(version, observer).recommend(private(version))
    observer.close()
    told = json.loads(settings.log.read_text())
    assert told["profile"]["wish"] == ["a secret wish"] or told["profile"]["wish"] == "a secret wish"
    assert told["where"] and told["items"]


def test_reasons_lose_what_somebody_asked_for():
    dropped = {"breaks year>=1990": 3, "breaks tags=red": 4, "too far away": 5}
    assert kinds(dropped) == {"breaks a condition": 7, "too far away": 5}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_metrics_over_http(version, settings):
    observer, port = Observer(settings), free_port()
    assert observer.serve(port)
    funnel = observed(version, observer)
    for _ in range(3):
        answer = funnel.recommend(private(version))
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    found = dict(row.rsplit(" ", 1) for row in page.splitlines() if not row.startswith("#"))
    assert float(found['tastespace_requests_total{catalog="tiny",ranker="none",space="text"}']) == 3
    assert float(found['tastespace_request_milliseconds_count{catalog="tiny"}']) == 3
    assert float(found['tastespace_stage_milliseconds_count{catalog="tiny",stage="diversify"}']) == 3
    broken = 'tastespace_dropped_items_total{catalog="tiny",reason="breaks a condition",stage="retrieve"}'
    expected = sum(n for reason, n in answer.trace.stages[1].dropped.items() if reason.startswith("breaks"))
    assert float(found[broken]) == 3 * expected > 0
    second = Observer(replace(settings, log=None))
    assert not second.serve(port)  # taken: no error
    second.close()
    observer.close()


def test_failures_are_counted_and_told(version, settings):
    observer = Observer(settings)
    funnel = observed(version, observer)
    funnel.store.nearest = lambda *_: 1 / 0
    funnel.recommend(Request(Profile(likes=(str(version.item_ids[0]),))))
    observer.close()
    assert json.loads(settings.log.read_text())["degraded"] == [
        "The stage retrieve failed (ZeroDivisionError). So every item was compared in NumPy instead."
    ]
    assert observer.registry.get_sample_value("tastespace_degraded_total", {"catalog": "tiny"}) == 1


def test_a_log_that_cannot_be_written_stops_no_request(version, tmp_path):
    (tmp_path / "file").write_text("")
    observer = Observer(Settings(data=tmp_path, log=tmp_path / "file" / "requests.jsonl"))
    assert len(observed(version, observer).recommend(private(version)).picks)
    full = Observer(Settings(data=tmp_path, log=tmp_path / "folder"))
    (tmp_path / "folder").mkdir()
    assert len(observed(version, full).recommend(private(version)).picks)


def test_an_observer_that_fails_stops_no_request(version, settings, monkeypatch):
    observer = Observer(settings)
    monkeypatch.setattr("recsys.observe.line", lambda *_: 1 / 0)
    assert len(observed(version, observer).recommend(private(version)).picks)
    observer.close()


def test_the_environment(tmp_path):
    usual = Settings.from_env({"TASTESPACE_DATA": str(tmp_path)})
    assert (usual.log, usual.log_profiles, usual.metrics) == (tmp_path / "logs" / "requests.jsonl", False, 9464)
    env = {"TASTESPACE_LOG": "off", "TASTESPACE_METRICS": "off", "TASTESPACE_LOG_PROFILES": "1"}
    off = Settings.from_env(env)
    assert (off.log, off.log_profiles, off.metrics) == (None, True, None)
    assert Settings.from_env({"TASTESPACE_METRICS": "9000"}).metrics == 9000
    assert Settings.from_env({"TASTESPACE_METRICS": "99999999"}).metrics is None


def test_what_the_readme_names_is_there(version):
    answer = Funnel(version, memory_store(version.spaces, version.catalog), lambda p: {}).recommend(Request(Profile()))
    assert {"time", "request", "catalog", "stages", "total_ms", "degraded"} <= line(version, answer).keys()
