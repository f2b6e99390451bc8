"""Learning: from whom, kept where, and what is said of interactions that cannot be used."""

import pandas as pd
import pytest
from lesson_people import FRIDAY

from recsys.errors import InvalidInput
from recsys.evaluation.records import read_records
from recsys.learning import checkpoint, lesson_of, lists_on_split, measure, teach, train, trained
from recsys.models import load_model, read_about
from recsys.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path)


def test_from_real_people_and_from_simulated_ones(forty, nobody):
    real, made_up = lesson_of(forty), lesson_of(nobody)
    assert not real.simulated and "40 people" in real.about
    assert made_up.simulated and "simulated" in made_up.about
    assert real.key("als") != made_up.key("als") != made_up.key("two-tower")


def test_a_model_is_kept_and_taken_up_by_the_next_build(settings, forty):
    told = train(settings, forty, "als")
    assert told["space"] == "mf" and not told["continued"] and told["added"] == 0
    lesson = lesson_of(forty)
    kept = trained(settings, forty.name, "mf", lesson)
    assert kept == checkpoint(settings, forty.name, "mf").read_bytes()
    assert trained(settings, forty.name, "two_tower", lesson) is None


def test_more_interactions_and_a_report_of_those_that_cannot_be_used(settings, forty, tmp_path):
    table = tmp_path / "more.csv"
    pd.DataFrame(
        [("new", "cat", 5, FRIDAY), ("new", "unicorn", 5, FRIDAY), ("new", "dog", -3, FRIDAY)],
        columns=["user_id", "item_id", "rating", "timestamp"],
    ).to_csv(table, index=False)
    train(settings, forty, "als")
    told = train(settings, forty, "als", further=True, table=table)
    assert told["continued"] and told["added"] == 1
    assert told["dropped"] == {"unknown item": 1, "negative rating": 1}
    path = checkpoint(settings, forty.name, "mf")
    model = load_model(path, lesson_of(forty).side)
    assert model.look_up("new") is not None and "41 people" in read_about(path)["from"]
    assert trained(settings, forty.name, "mf", lesson_of(forty)) is not None  # it began with what the catalog has


def test_what_cannot_be_trained_says_why(settings, forty, nobody, tmp_path):
    with pytest.raises(InvalidInput, match="The model bpr's space is not served"):
        train(settings, forty, "bpr")
    with pytest.raises(InvalidInput, match="learns no space"):
        train(settings, forty, "ease")
    with pytest.raises(InvalidInput, match="no model"):
        train(settings, forty, "oracle")
    with pytest.raises(InvalidInput, match="nothing to go on from"):
        train(settings, forty, "als", further=True)
    with pytest.raises(InvalidInput, match="cannot be read"):
        train(settings, forty, "als", table=tmp_path / "absent.csv")
    with pytest.raises(InvalidInput, match="simulated"):
        train(settings, nobody, "als", table=tmp_path / "any.csv")


def test_a_model_as_a_build_makes_it(forty, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(teach(lesson_of(forty), "mf"))
    about = read_about(path)
    assert about["model"] == "als" and about["from"] == lesson_of(forty).about and about["simulated"] is False


def test_a_measurement_is_kept_where_all_models_were_asked_or_a_folder_was_named(settings, forty, tmp_path):
    record = measure(settings, forty, "ms-75-25", ["popularity", "content"])
    assert read_records(settings, forty.name) == {}
    measure(settings, forty, "chronological", ["popularity"], out=tmp_path / "measured")
    assert list(read_records(settings, forty.name)) == ["chronological"]
    assert record["data"]["hash"] == lesson_of(forty).ratings.fingerprint()
    assert {m["model"] for m in record["models"]} == {"popularity", "content"}


def test_lists_of_the_split_are_remembered(settings, forty, monkeypatch):
    task, lists = lists_on_split(settings, forty, "popularity")
    assert len(lists) == len(task.histories.people) and not (lists[:, 0] < 0).all()
    monkeypatch.setattr("recsys.learning.create", lambda *_: _Known())
    _, again = lists_on_split(settings, forty, "popularity")
    assert (again == lists).all()


class _Known:
    """A model that must not be taught: the lists are on disk."""

    settings: dict = {}

    def fit(self, *_):
        pytest.fail("it was taught again")
