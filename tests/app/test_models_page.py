"""The Models page and Cold start's measured part: values of a record, nothing measured, and damaged records."""

import shutil

import numpy as np
import pytest

from recsys.evaluation import records
from recsys.evaluation.splits import by_item
from recsys.ui import resources
from recsys.ui.models import person
from recsys.ui.tour import tries


def _figure(mean, low, high):
    return {"mean": mean, "low": low, "high": high}


def _model(name, ndcg, space=None, **more):
    segments = [
        {"kind": kind, "segment": text, "measure": measure, "n": 3, "value": ndcg, "low": ndcg, "high": ndcg}
        for kind, text, measure in (
            ("history", "up to 9 ratings", "ndcg@10"),
            ("history", "more than 9", "ndcg@10"),
            ("items", "the most rated fifth", "recall@10"),
            ("items", "all others", "recall@10"),
        )
    ]
    return {
        "model": name,
        "space": space,
        "settings": {"lam": 7.0},
        "ndcg@10": ndcg,
        "precision@10": 0.1,
        "recall@10": 0.2,
        "low": ndcg - 0.01,
        "high": ndcg + 0.01,
        "train_s": 1.5,
        "train_mb": None,
        "query_ms": {"p50_ms": 0.5, "p95_ms": 1.0, "n": 12},
        "curve": [],
        "segments": segments,
        "tuning": None,
        "against": {},
        **more,
    }


def _record(protocol, data_hash, **more):
    models = [
        _model("ease", 0.45),
        _model("popularity", 0.2, against={"ease": _figure(-0.25, -0.3, -0.2)}),
        _model(
            "two-tower",
            0.47,
            "two_tower",
            against={"ease": _figure(0.02, -0.01, 0.05)},
            curve=[{"step": 100, "loss": 2.0}, {"step": 200, "loss": 1.5}],
            tuning={
                "grid": {"lam": [1, 7]},
                "validation": [{"settings": {"lam": 7}, "ndcg@10": 0.4}],
                "chosen": {"lam": 7},
            },
        ),
    ]
    return {
        "catalog": "movies",
        "protocol": protocol,
        "data": {"hash": data_hash, "from": "12 ratings of 12 people", "simulated": False},
        "measured_at": "2026-11-24T20:19:11+00:00",
        "seconds": 3.0,
        "people": 12,
        "models": models,
        "overlap": {"models": ["ease", "popularity", "two-tower"], "matrix": np.eye(3).tolist()},
        "machine": {"cores": 2, "cpu": "a processor", "memory_gb": 8.0},
        "versions": {"python": "3.11", "implicit": None},
        **more,
    }


def _newcomers(data_hash):
    def curve(values):
        return [
            {"order": order, "m": m, "ndcg@10": v, "low": v, "high": v}
            for order in ("random", "chronological")
            for m, v in zip((0, 1, 20), values, strict=True)
        ]

    models = [
        {
            "model": "popularity",
            "passes_popularity": dict.fromkeys(("random", "chronological")),
            "curve": curve([0.3] * 3),
        },
        {"model": "ease", "passes_popularity": {"random": 20, "chronological": None}, "curve": curve([0.1, 0.2, 0.5])},
    ]
    return {**_record("cold-users", data_hash), "seeds": [0, 1], "people": [5, 5], "models": models}


def _items(data_hash):
    three = _figure(0.02, 0.01, 0.03)
    models = [
        {
            "model": name,
            "auc": _figure(auc, auc - 0.01, auc + 0.01),
            "ndcg@10": three,
            "new_recall@10": three,
            "auc_against": {} if name != "two-tower" else {"content": _figure(0.05, -0.01, 0.11)},
        }
        for name, auc in (("two-tower", 0.7), ("content", 0.65), ("als", 0.5))
    ]
    return {**_record("cold-items", data_hash), "seeds": [0, 1], "models": models}


@pytest.fixture
def measured(app_on, shops, tmp_path, monkeypatch):
    """Opens the app on the two shops with these records in its data folder and no shipped ones."""

    def on(*found: dict | str):
        monkeypatch.setattr(records, "SHIPPED", tmp_path / "none")
        data = tmp_path / "data"
        shutil.copytree(shops, data, symlinks=True)
        for one in found:
            if isinstance(one, str):
                (data / "measured").mkdir(exist_ok=True)
                (data / "measured" / "movies-ms-75-25.json").write_text(one)
            else:
                records.write_record(data / "measured", one)
        return app_on(data)

    return on


@pytest.fixture
def made(monkeypatch):
    """Lists of the shop's own split without any learning; tells which models were asked for."""
    asked = []

    def lists(settings, version, name, progress=None):
        asked.append(name)
        task = by_item(version.ratings)
        return task, np.tile(np.arange(10), (len(task.histories.people), 1))

    monkeypatch.setattr("recsys.learning.lists_on_split", lists)
    monkeypatch.setattr("recsys.learning.has_lists_on_split", lambda settings, version, name: False)
    person._lists.clear()
    person._on_disk.clear()
    yield asked
    person._lists.clear()
    person._on_disk.clear()


def _hash(shops) -> str:
    from recsys.version import Version

    return Version(shops / "catalogs" / "movies" / "current").ratings.fingerprint()


def _said(screen) -> str:
    return screen.words.replace("\\", "")


def test_the_story_and_the_figures_are_those_of_the_record(measured, made, shops):
    screen = measured(_record("ms-75-25", _hash(shops)))().open("models", {"catalog": "movies"})
    assert not screen.at.exception and not screen.at.error and not screen.at.warning
    words = _said(screen)
    assert "Two-tower makes the best lists: nDCG@10 is 0.470 over 12 people." in words
    assert "cannot be told apart" in words and "+0.020 (95% interval -0.010".replace("-", "−") in words
    table = screen.at.dataframe[0].value
    assert list(table["model"][:3]) == ["Two-tower", "BiVAE, published", "EASE"]
    assert table.set_index("model").at["EASE", "nDCG@10"] == 0.45
    assert table.set_index("model").at["LightGCN, published", "nDCG@10"] == 0.4164
    assert "These are the very ratings" in words and "2026-11-24 20:19 UTC" in words
    assert "python -m recsys evaluate --catalog movies --protocol ms-75-25 --json --tune" in words
    assert "Seeds: 42 of the split" in words.replace("*", "")
    assert "The models' settings were chosen on a validation part of what is learned from." in words


def test_the_protocol_is_switched_and_goes_into_the_link(measured, made, shops):
    own = _hash(shops)
    later = _record("chronological", own, models=[_model("als", 0.19, "mf"), _model("popularity", 0.11)])
    screen = measured(_record("ms-75-25", own), later)().open("models", {"catalog": "movies"})
    switch = next(one for one in screen.at.segmented_control if one.label == "What is to be found")
    switch.set_value("chronological").run()
    assert screen.view.protocol == "chronological"
    assert "ALS makes the best lists: nDCG@10 is 0.190" in _said(screen)
    assert "No settings were chosen for this question: the models have their defaults" in _said(screen)
    assert "Seeds: none of the split, which goes by time" in _said(screen).replace("*", "")
    assert "--protocol chronological --json" in _said(screen) and "--tune" not in _said(screen)
    assert not [m for m in screen.at.dataframe[0].value["model"] if "published" in m]
    screen.click("Undo")
    assert screen.view.protocol is None


def test_a_record_of_other_ratings_is_shown_and_says_so(measured, made):
    screen = measured(_record("ms-75-25", "0" * 16))().open("models", {"catalog": "movies"})
    assert "measured on other ratings" in screen.at.warning[0].value
    assert "This catalog has other ratings" in _said(screen)


def test_two_models_stand_side_by_side_and_slow_ones_wait_to_be_asked(measured, made, shops):
    visit = measured(_record("ms-75-25", _hash(shops)))
    query = {"catalog": "movies", "model": ["ease", "popularity"], "user": "user-2"}
    screen = visit().open("models", query)
    assert made == ["ease", "popularity"]
    assert "Here EASE and Popularity have the default settings, which differ from those chosen" in _said(screen)
    data = screen.shelves["side-by-side"]
    assert [one["key"] for one in data["shelves"]] == ["known", "list-ease", "list-popularity", "held"]
    assert "user user-2" in data["shelves"][0]["title"]
    assert "10 also on the other list" in data["shelves"][1]["note"]
    held = set(data["shelves"][3]["list"])
    for item in data["shelves"][1]["list"]:
        assert data["cards"][item]["reason"].startswith("✓ held back: rated 4") == (item in held)

    made.clear()
    slow = visit().open("models", {**query, "model": ["two-tower", "ease"]})
    assert "two-tower" not in made and "list-two-tower" not in str(slow.shelves)
    slow.click("Compute Two-tower now (about a minute, once)")
    assert made == ["two-tower"]
    assert "list-two-tower" in [one["key"] for one in slow.shelves["side-by-side"]["shelves"]]


def test_choosing_a_model_and_a_person_changes_the_view(measured, made, shops):
    visit = measured(_record("ms-75-25", _hash(shops)))
    screen = visit().open("models", {"catalog": "movies", "model": ["ease", "popularity"]})
    boxes = {one.label: one for one in screen.at.selectbox}
    boxes["A real person"].set_value("user-3").run()
    assert screen.view.user == "user-3"
    next(one for one in screen.at.selectbox if one.label == "One model").set_value("popularity").run()
    assert screen.view.models == ("popularity", "ease")


def test_new_users_stand_beside_the_others(measured, made, shops):
    own = _hash(shops)
    screen = measured(_record("ms-75-25", own), _newcomers(own))().open("models", {"catalog": "movies"})
    assert "with 20 ratings known EASE is best, nDCG@10 0.500 (popularity 0.300)" in _said(screen)
    screen.click("See new users")
    assert screen.view.part == "measured" and "EASE is above popularity from 20 revealed ratings on" in _said(screen)


def test_how_settings_were_chosen_can_be_opened(measured, made, shops, monkeypatch):
    from recsys.ui import models

    shown = []
    monkeypatch.setattr(models.st, "dataframe", lambda rows, **more: shown.append(rows))
    one = _record("ms-75-25", _hash(shops))
    models._tuning(one, {})
    assert shown == [[{"lam": 7, "nDCG@10": 0.4}]]

    untuned = _record("chronological", _hash(shops))
    untuned["models"] = [_model("ease", 0.45), _model("als", 0.4), _model("sar", 0.3), _model("popularity", 0.2)]
    published = {"ease": {"chosen": {"lam": 7.0}}, "als": {"chosen": {"lam": 9.0}}, "sar": {"chosen": {}}}
    models._tuning(untuned, published)
    assert [(row["settings"], row["chosen there"]) for row in shown[1]] == [
        ("lam = 7.0", "the same"),
        ("lam = 7.0", "lam = 9.0"),
        ("lam = 7.0", "nothing to choose"),
        ("lam = 7.0", "never searched"),
    ]
    models._tuning(untuned, {})
    assert "chosen there" not in shown[2][0]


@pytest.mark.parametrize(
    "damaged", ["{", "[]", "null", '{"models": 3, "data": {}}', '{"models": [{}], "data": {"hash": 1}}']
)
def test_a_damaged_record_is_as_good_as_none(measured, damaged):
    screen = measured(damaged)().open("models", {"catalog": "movies"})
    assert not screen.at.exception and not screen.at.error
    assert "Nothing was measured yet on Movies" in _said(screen)
    assert "python -m recsys evaluate --catalog movies --protocol ms-75-25 --json" in _said(screen)


def test_where_nobody_is_known_no_quality_is_claimed(measured):
    screen = measured()().open("models", {"catalog": "clipart"})
    assert not screen.at.exception and not screen.at.error
    assert "Nobody's interactions are known in Clip art" in _said(screen)
    assert "simulated people" in _said(screen) and "Words" in _said(screen) and "Pictures" in _said(screen)
    assert "nDCG" not in _said(screen)


def test_hostile_links_become_sentences(measured, made, shops):
    query = {
        "catalog": "movies",
        "protocol": "<b>x</b>",
        "model": ["magic", "ease"],
        "user": "../../etc",
        "order": "up",
    }
    screen = measured(_record("ms-75-25", _hash(shops)))().open("models", query)
    assert not screen.at.exception and not screen.at.error
    told = " ".join(one.value for one in screen.at.warning).replace("\\", "")
    assert "magic" in told and "protocol" in told and "There is no user “../../etc”" in told and "the order" in told
    assert screen.view.models == ("ease",) and screen.view.protocol is None


@pytest.mark.parametrize("catalog", ["clipart", "movies"])
def test_each_thing_to_try_can_be_pressed(measured, made, shops, catalog):
    visit = measured(_record("ms-75-25", _hash(shops)))
    assert len(tries("models", catalog)) == 3
    for one in tries("models", catalog):
        screen = visit().open("models", {"catalog": catalog}).click(one.label)
        assert not screen.at.exception and not screen.at.error
        assert screen.view.catalog == one.view.catalog and screen.view.models == one.view.models


def test_cold_start_tells_what_was_measured(measured, shops):
    own = _hash(shops)
    visit = measured(_newcomers(own), _items(own))
    screen = visit().open("cold_start", {"catalog": "movies", "part": "measured"})
    assert not screen.at.exception and not screen.at.error and not screen.at.warning
    words = _said(screen)
    assert "EASE is above popularity from 20 revealed ratings on, for good." in words
    assert (
        "The two-tower network reaches an AUC of 0.700 among new items. It cannot be told apart from content alone"
        in words
    )
    next(one for one in screen.at.segmented_control if one.label.startswith("Their ratings")).set_value(
        "chronological"
    ).run()
    assert screen.view.order == "chronological"
    assert "EASE does not pass popularity for good, up to 20 ratings." in _said(screen)


def test_cold_start_without_a_record_names_the_commands_and_without_people_the_movies(measured):
    visit = measured("{")
    films = visit().open("cold_start", {"catalog": "movies", "part": "measured"})
    assert "python -m recsys cold-start users --catalog movies --json" in films.words
    drawings = visit().open("cold_start", {"catalog": "clipart", "part": "measured"})
    assert "Only real people can tell" in drawings.words
    drawings.click("Go to the movies")
    assert drawings.view.catalog == "movies" and drawings.view.part == "measured"


def test_nothing_of_the_pages_asks_for_the_shipped_records_of_another_catalog(measured):
    measured()
    assert records.read_records(resources.SETTINGS, "clipart") == {}
