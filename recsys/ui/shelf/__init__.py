"""The shelf: one to three lists of cards, and the "varied" slider, drawn by one component in the browser.

Python says what is on the shelves for all 101 stops of the slider at once; the browser re-lays the cards while somebody
drags and reports the value on release. Likes are shown at once and confirmed by Python's next data.

What the data hold (every text is plain text; the browser never reads it as HTML):

    catalog    str, pictures are remembered under it
    cards      {id: Card}, one for each id that a list or a pool names
    shelves    [Shelf], the first one without `stops` is what the others are compared with
    aspect     "square" or "poster" (2:3); default "square"
    layout     "row" (scrolls sideways; rows scroll together) or "grid"; default "row"
    dense      True: small cards without buttons, so that whole lists can be compared; may be absent
    slider     "top": above all shelves instead of beside a title; may be absent
    help       str, told when one points at the slider's words; may be absent
    message    Message or None: what keeps the lists short or empty, and the conditions to relax

    Card       title, subtitle   str
               score             float or None, what `why` adds up to
               why               [{"label": str, "value": float, "kind": str}]; kinds: like, wish, category, popular,
                                 model, words, picture, and dislike (negative)
               reason            str, one short sentence ("because you liked Red apple, .81")
               state             "liked", "disliked" or ""
    Shelf      key, title, note  str; note may be empty
               list              [id], best first; or, for the slider:
               pool              [id], the candidates that `stops` refers to
               stops             101 lists of indices into pool; stop j is the list for lam = j / 100
               penalty           101 lists of floats >= 0, what MMR took off each card; may be absent
               rivals            101 lists of indices into pool (-1 for none), the chosen card that each penalty is due
                                 to; may be absent
               lam               float in [0, 1], where the slider stands
               slider             False: moved by the slider of the first shelf with stops; may be absent
               notes              101 str, what is said of the list of each stop; may be absent
               before             [id], what the cards are marked against instead of the first list; may be absent
               wanted            int, the k that was asked for; a shorter list says so; may be absent
    Message    text              str
               relax             [{"label": str, "value": str}], each a button; may be absent

The browser marks what it has painted, for tests and benchmarks: on the root `.shelves` the attribute `data-painted-seq`
(pictures decoded, two frames later); on each `section[data-shelf]` `data-order` (the ids, as JSON) and, with a slider,
`data-lam` and `data-painted-lam`. Each stop is a User Timing measure called `shelf:stop`, from the input event to the
second frame after it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from recsys.ui.events import Inbox

STOPS = 101
ACTIONS = ("like", "dislike", "unrate", "open", "lam", "relax")
_MEMORY = "_shelf_pictures"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Event:
    """What somebody did to a shelf.

    Attributes:
        n: grows with each event of a browser page.
        do: one of `ACTIONS`.
        id: the item; empty for `lam` and `relax`.
        value: the new lambda for `lam`, the condition for `relax`, else None.
    """

    n: int
    do: str
    id: str = ""
    value: float | str | None = None


def shelf(
    data: Mapping[str, Any],
    *,
    key: str,
    pictures: Callable[[Sequence[str]], Mapping[str, str]],
    on_event: Callable[[Event], None],
) -> None:
    """Draws the shelves.

    Args:
        data: see the module's docstring. `seq`, `ack` and `pictures` are added here.
        key: the component's name on this page.
        pictures: gives data URIs for ids; asked once a session for each id, or again where a browser lost them.
        on_event: called for each event, once and in order, before the script (or fragment) runs again.

    Raises:
        ValueError: where a shelf names an item that has no card, or has another number of stops than 101.
    """
    shown = items_shown(data)
    inbox = Inbox(key)
    sent = st.session_state.setdefault(_MEMORY, set())
    catalog = str(data.get("catalog", ""))
    unseen = [i for i in shown if (catalog, i) not in sent]
    sent.update((catalog, i) for i in unseen)

    def handle(entries: list[dict]) -> None:
        events, missing = read_events(entries)
        sent.difference_update((catalog, i) for i in missing)
        for event in events:
            on_event(event)

    full = {**data, **inbox.stamp(), "pictures": dict(pictures(unseen)) if unseen else {}}
    _component()(key=key, data=full, on_events_change=inbox.receiver(handle))


def items_shown(data: Mapping[str, Any]) -> list[str]:
    """The ids of all items that any list or stop of the data shows, in the order of first appearance.

    Raises:
        ValueError: see `shelf`.
    """
    ids: dict[str, None] = {}
    for one in data["shelves"]:
        if "stops" in one:
            if len(one["stops"]) != STOPS:
                raise ValueError(f"expected {STOPS} stops, got {len(one['stops'])}")
            rows = dict.fromkeys(row for stop in reversed(one["stops"]) for row in stop)
            ids.update((one["pool"][row], None) for row in rows)
        else:
            ids.update((i, None) for i in one["list"])
    absent = [i for i in ids if i not in data["cards"]]
    if absent:
        raise ValueError(f"expected a card for each item, got none for {absent[:5]}")
    return list(ids)


def read_events(entries: Sequence[Mapping[str, Any]]) -> tuple[list[Event], list[str]]:
    """Reads what a browser sent, which is untrusted: what cannot be an event is left out.

    Args:
        entries: see `recsys.ui.events.unheard`.

    Returns:
        The events, and the ids whose pictures the browser lacks.
    """
    events, missing = [], []
    for one in entries:
        n, do, item, value = one["n"], one.get("do"), one.get("id", ""), one.get("value")
        if do == "missing" and isinstance(value, list):
            missing += [v for v in value if isinstance(v, str)]
        elif do in ("like", "dislike", "unrate", "open") and isinstance(item, str) and item:
            events.append(Event(n, do, item))
        elif do == "lam" and _is_share(value):
            events.append(Event(n, do, value=float(value)))
        elif do == "relax" and isinstance(value, str):
            events.append(Event(n, do, value=value))
    return events, missing


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


@cache
def _component():
    """The component, registered once a process."""
    return st.components.v2.component(
        "tastespace.shelf",
        css=(_HERE / "shelf.css").read_text(encoding="utf-8"),
        js=(_HERE / "shelf.js").read_text(encoding="utf-8"),
    )
