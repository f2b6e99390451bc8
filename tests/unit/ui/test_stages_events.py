"""What the drawn funnel sends back: untrusted, so what cannot be an event is left out."""

import pytest

from recsys.ui.stages import Event, read_events


@pytest.mark.parametrize(
    ("entry", "event"),
    [
        ({"do": "size", "stage": "rank", "value": 50}, Event("size", "rank", 50)),
        ({"do": "size", "stage": "diversify", "value": 5}, Event("size", "diversify", 5)),
        ({"do": "switch", "stage": "filter", "value": False}, Event("switch", "filter", False)),
        ({"do": "budget", "stage": "total", "value": 150}, Event("budget", "total", 150)),
        ({"do": "open", "stage": "rank", "value": "ranked too low"}, Event("open", "rank", "ranked too low")),
        ({"do": "open", "stage": "rank", "value": "", "shut": True}, Event("open", "rank", None)),
    ],
)
def test_each_event_is_read(entry, event):
    assert read_events([{"n": 1, **entry}]) == [event]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"do": "size", "stage": "user", "value": 5},
        {"do": "size", "stage": "rank", "value": 0},
        {"do": "size", "stage": "rank", "value": True},
        {"do": "size", "stage": "rank", "value": 1e9},
        {"do": "size", "stage": "rank", "value": 2_000_000},
        {"do": "switch", "stage": "user", "value": False},
        {"do": "switch", "stage": "rank", "value": 1},
        {"do": "budget", "stage": "lunch", "value": 5},
        {"do": "budget", "stage": "rank", "value": "5"},
        {"do": "budget", "stage": ["rank"], "value": 5},
        {"do": ["open"], "stage": "rank", "value": ""},
        {"do": "open", "stage": "rank", "value": None},
        {"do": "drop", "stage": "rank", "value": ""},
    ],
)
def test_what_is_none_is_left_out(entry):
    assert read_events([{"n": 1, **entry}]) == []
