import pytest
import streamlit as st

from recsys.ui.events import Inbox, unheard
from recsys.ui.shelf import Event, items_shown, read_events


def data(**more):
    cards = {i: {"title": i, "score": 1.0} for i in "abcd"}
    stops = [[0, 1]] * 50 + [[0, 2]] * 51
    shelves = [{"key": "nearest", "list": ["a", "b"]}, {"key": "varied", "pool": list("abcde"), "stops": stops}]
    return {"cards": cards, "shelves": shelves} | more


def test_items_shown_are_those_of_lists_and_stops_only():
    assert items_shown(data()) == ["a", "b", "c"]


def test_an_item_without_a_card_is_refused():
    with pytest.raises(ValueError, match=r"got none for \['c'\]"):
        items_shown(data(cards={"a": {}, "b": {}}))


def test_another_number_of_stops_is_refused():
    with pytest.raises(ValueError, match="expected 101 stops, got 1"):
        items_shown({"cards": {}, "shelves": [{"key": "varied", "pool": [], "stops": [[]]}]})


def read(raw, after=0):
    return read_events(unheard(raw, after))


def test_events_are_read_once_and_in_order():
    raw = [{"n": 7, "do": "open", "id": "b"}, {"n": 5, "do": "like", "id": "a"}, {"n": 6, "do": "lam", "value": 0.25}]
    assert read(raw, after=5) == ([Event(6, "lam", value=0.25), Event(7, "open", "b")], [])


class Session(dict):
    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


def test_an_inbox_hears_each_event_once_and_says_that_a_component_spoke(monkeypatch):
    session = Session()
    monkeypatch.setattr(st, "session_state", session)
    inbox, heard = Inbox("shelf"), []
    for newest in (1, 2):
        session.shelf, session.heard = {"events": [{"n": n, "do": "like"} for n in range(1, newest + 1)]}, False
        inbox.receiver(heard.extend)()
        assert session.heard and inbox.stamp()["ack"] == newest
    assert [one["n"] for one in heard] == [1, 2]


def test_a_repeated_counter_counts_once():
    raw = [{"n": 1, "do": "like", "id": "a"}, {"n": 1, "do": "dislike", "id": "a"}]
    assert read(raw)[0] == [Event(1, "like", "a")]


def test_missing_pictures_are_no_event():
    assert read([{"n": 1, "do": "missing", "value": ["a", 3, "b"]}]) == ([], ["a", "b"])


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "like",
        {"n": "1", "do": "like", "id": "a"},
        {"n": True, "do": "like", "id": "a"},
        {"n": 1, "do": "rm -rf", "id": "a"},
        {"n": 1, "do": "like"},
        {"n": 1, "do": "like", "id": 5},
        {"n": 1, "do": "lam", "value": 7},
        {"n": 1, "do": "lam", "value": float("nan")},
        {"n": 1, "do": "lam", "value": True},
        {"n": 1, "do": "relax", "value": 3},
        {"n": 1, "do": "missing", "value": "a"},
    ],
)
def test_what_is_no_event_is_left_out(entry):
    assert read([entry]) == ([], [])


@pytest.mark.parametrize("raw", [None, {}, "[]", 5])
def test_what_is_no_list_holds_no_event(raw):
    assert read(raw) == ([], [])
