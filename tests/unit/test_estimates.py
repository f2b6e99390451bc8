"""Estimates: every step by what builds measured, an encoder by its own rate, and what will be built, in sentences."""

import json

import numpy as np
import pytest

from recsys import build as building
from recsys import estimates
from recsys.importing import offered, run
from recsys.progress import Progress
from recsys.rates import REFERENCE, embedding
from recsys.settings import Settings
from recsys.sources.imported.check import Offer

ROWS = 60


class Quick:
    """Encodes a text as a vector of its own."""

    name, dim = "quick@53aa51172d14", 8

    def encode_items(self, texts) -> np.ndarray:
        rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)

    encode_queries = encode_items


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def offer(tmp_path):
    """`offer(...)`: a table of sixty things."""

    def make(rows: int = ROWS, **more) -> Offer:
        path = tmp_path / f"items-{rows}.csv"
        path.write_text("id,title,kind\n" + "".join(f"i{i},thing {i},k{i % 2}\n" for i in range(rows)))
        return Offer("mine", path, **more)

    return make


def by_step(told: dict) -> dict[str, dict]:
    return {step["step"]: step for step in told["steps"]}


def interactions(tmp_path, people: int):
    path = tmp_path / f"interactions-{people}.csv"
    lines = [f"p{p},i{(p * 7 + 3 * j) % ROWS},{1 + j % 5}\n" for p in range(people) for j in range(12)]
    path.write_text("user_id,item_id,rating\n" + "".join(lines))
    return path


def test_every_step_goes_by_a_rate_that_a_build_measured(settings, offer, monkeypatch, tmp_path):
    """A build measures each rate that an estimate of the same offer goes by: none keeps its reference forever."""
    monkeypatch.setattr(building, "load_text_encoder", lambda name: Quick())
    monkeypatch.setattr("recsys.wishes.load_query_encoder", lambda name: Quick())
    monkeypatch.setattr("recsys.rates.ENOUGH", 0)
    monkeypatch.setattr("recsys.rates.ENOUGH_S", 0)
    monkeypatch.setattr(building, "teach", lambda lesson, space, progress: learn(lesson, space))
    monkeypatch.setattr(building, "teach_rankers", lambda lesson, progress: [b"x"] * len(building.RANKING_FILES))
    monkeypatch.setattr(building, "about_ranker", lambda path: {})
    monkeypatch.setattr(building, "MAX_FIT", 50)
    monkeypatch.setattr(estimates, "MAX_FIT", 50)
    monkeypatch.setattr(
        building, "fit_map", lambda *a: (a[3] or print)(0, 1, "place points") or np.zeros((ROWS, a[1]), "f4")
    )
    own = offer(text_encoder="quick", interactions=interactions(tmp_path, 30))
    before = offered(settings, own).report.estimate
    assert [step["step"] for step in before["steps"] if step["measured"]] == ["check rows"]
    run(settings, own, Progress(console=False))
    after = by_step(offered(settings, offer(rows=ROWS, **kept(own))).report.estimate)
    measured = {step for step in after if after[step]["measured"]}
    assert measured == set(after) and {"learn items", "rank items", "place points", "relate items"} <= measured
    assert embedding("characters", "quick") in json.loads((settings.data / "rates.json").read_text())


def kept(offer: Offer) -> dict:
    return {"text_encoder": offer.text_encoder, "interactions": offer.interactions}


def learn(lesson, space: str) -> bytes:
    from recsys.models import SPACES, create, model_bytes

    little = {"als": {"factors": 4, "iterations": 1}, "two-tower": {"steps": 2, "dim": 4, "hidden": 4}}[SPACES[space]]
    model = create(SPACES[space], **little).fit(lesson.ratings, lesson.side)
    return model_bytes(model, lesson="", **{"from": lesson.about}, simulated=False, seconds=0.1)


def test_an_encoder_that_was_never_measured_makes_a_guess(settings, offer):
    usual = offered(settings, offer()).report.estimate
    assert usual["guessed"] == [] and usual["spaces"][0] == {"space": "text", "dim": 384, "by": "all-MiniLM-L6-v2"}
    settings.data.mkdir()
    slow = {embedding("characters", "slow"): 10.0, embedding("characters", "all-MiniLM-L6-v2"): 22_000.0}
    (settings.data / "rates.json").write_text(json.dumps(slow))
    strange = offered(settings, offer(text_encoder="strange")).report.estimate
    assert "strange is here is not measured yet" in strange["guessed"][0] and strange["spaces"][0]["dim"] is None
    assert not by_step(strange)["embed texts"]["measured"] and strange["bytes"] > usual["bytes"]
    told = offered(settings, offer(text_encoder="slow")).report.estimate
    characters = sum(len(f"thing {i}. k{i % 2}") for i in range(ROWS))
    assert by_step(told)["embed texts"] == {
        "step": "embed texts",
        "items": ROWS,
        "seconds": round(characters / 10, 1),
        "measured": True,
    }
    assert told["guessed"] == [] and by_step(offered(settings, offer()).report.estimate)["embed texts"]["seconds"] < 1


def test_learning_takes_about_what_the_built_catalogs_took():
    """Their manifests: 12.7 and 9.7 s of learning spaces, 38.5 and 35.2 s of rankers, for 3,224 and 1,682 items."""
    for step, seconds in {"learn items": (12.7, 9.7), "rank items": (38.5, 35.2)}.items():
        for n, took in zip((3224, 1682), seconds, strict=True):
            assert (n + estimates.ALWAYS[step]) / REFERENCE[step] == pytest.approx(took, rel=0.05)


def test_what_will_be_built_is_told_in_sentences(settings, offer, tmp_path):
    plan = offered(settings, offer()).report.estimate["plan"]
    assert plan[0] == "Spaces: words (384 dimensions, by all-MiniLM-L6-v2)."
    assert "factors (32 dimensions, by als); two towers (128 dimensions, by two-tower)" in plan[1]
    assert "1,000 simulated people" in plan[1] and plan[2] == "Rankers: none."
    few = offered(settings, offer(interactions=interactions(tmp_path, 19))).report.estimate
    assert few["plan"][1] == "Learned spaces: none." and "learn items" not in by_step(few)
    assert any("Fewer than 20 people" in sentence for sentence in few["skipped"])
    enough = offered(settings, offer(interactions=interactions(tmp_path, 20))).report.estimate
    assert "240 interactions of 20 people, who came along" in enough["plan"][1] and "two" in enough["plan"][2]
    np.save(tmp_path / "v.npy", np.eye(ROWS))
    given = offered(settings, offer(vectors=tmp_path / "v.npy")).report.estimate
    assert given["plan"][0] == f"Spaces: own vectors ({ROWS} dimensions, by whoever brought them)."
    assert given["plan"][-1] == "Maps: each space in 2D; own vectors in 3D, too."
