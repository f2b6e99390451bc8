"""The funnel, drawn by one component in the browser: a taper each stage, its switch, its size and its time.

What the data hold (every text is plain text; the browser never reads it as HTML):

    whole      int, how many items the catalog has: the width of the drawing
    stages     [Stage], in order
    total      {"ms", "budget", "timed", "runs", "note"}, of all of them together

    Stage      key, title, note, help   str; help is shown on hover
               in, out       int, how many items went in and came out
               flows         str, what stands in place of the numbers; for `user`
               ms            float, what it took
               timed, runs   (median, 95th percentile) of so many runs; None and 0 where it was not timed
               budget        int, milliseconds
               on            whether it does anything; None where it cannot be switched
               size          {"value", "stops", "all"} or None: how many it may let out, what the slider offers, and
                             from which number on that is all
               dropped       [[reason, count]]
               open          whether it is looked into
               reason        which of its reasons is looked at, or None
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from recsys.funnel import STAGES
from recsys.ui.events import Inbox
from recsys.ui.pipeline import BUDGETS, MAX_BUDGET, MAX_SIZE, SIZED, SWITCHED

LAST = STAGES[-1]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Event:
    """What somebody did to the funnel.

    Attributes:
        do: `size`, `switch`, `budget` or `open`.
        stage: to which stage; for a budget also `total`.
        value: the size, whether it is on, the milliseconds; for `open` the reason, empty for the first, None to close.
    """

    do: str
    stage: str
    value: int | bool | str | None


def stages(data: Mapping[str, Any], *, key: str, on_event: Callable[[Event], None]) -> None:
    """Draws the funnel.

    Args:
        data: see the module's docstring. `seq` and `ack` are added here.
        key: the component's name on this page.
        on_event: called for each event, once and in order, before the script runs again.
    """
    inbox = Inbox(key)

    def handle(entries: list[dict]) -> None:
        for event in read_events(entries):
            on_event(event)

    _component()(key=key, data={**data, **inbox.stamp()}, on_events_change=inbox.receiver(handle))


def read_events(entries: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Reads what a browser sent, which is untrusted: what cannot be an event is left out.

    Args:
        entries: see `recsys.ui.events.unheard`.
    """
    found = []
    for one in entries:
        do, stage, value = one.get("do"), one.get("stage"), one.get("value")
        shut = do == "open" and one.get("shut") is True
        if isinstance(stage, str) and _is_event(do, stage, value):
            found.append(Event(do, stage, None if shut else value))
    return found


def _is_event(do: object, stage: str, value: object) -> bool:
    whole = type(value) is int
    return {
        "size": stage in (*SIZED, LAST) and whole and 1 <= value <= MAX_SIZE,
        "switch": stage in SWITCHED and isinstance(value, bool),
        "budget": stage in BUDGETS and whole and 1 <= value <= MAX_BUDGET,
        "open": stage in SWITCHED and isinstance(value, str),
    }.get(do if isinstance(do, str) else "", False)


@cache
def _component():
    """The component, registered once a process."""
    return st.components.v2.component(
        "tastespace.stages",
        css=(_HERE / "stages.css").read_text(encoding="utf-8"),
        js=(_HERE / "stages.js").read_text(encoding="utf-8"),
    )
