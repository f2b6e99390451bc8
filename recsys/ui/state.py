"""The session: the view a visitor looks at, its history, and its place in the URL.

The view is the only truth. Widgets are shown from it (`shown`) and change it through callbacks (`change`), so undo,
links, personas and the tour need nothing but another view. Call `begin` before any widget and `end` after the page.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from recsys.errors import TastespaceError, quoted
from recsys.funnel import Recommendation, Request
from recsys.profile import Profile
from recsys.ui import resources
from recsys.ui.link import View, from_query, to_query

_HISTORY = 50
LAG_S = 0.5
"""For so long after it was written the URL may not have reached the browser, and nobody goes back so soon."""


def begin() -> None:
    """Adopts the URL where it says something new, before any widget is drawn.

    A bare URL in a running session is a click in the navigation: the session's view is kept. A URL that lags behind is
    older than the view, and is left alone: see `_lags`.
    """
    session = st.session_state
    session.pipelined, session.telling, session.asked = False, False, None
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    if "view" not in session:
        session.view, session.problems = _read(query)
        session.history, session.note = [], ""
        session.written, session.synced = query, session.view  # `end` may never come: the store may be down
        session.overwritten = []
    elif query == session.written:
        session.overwritten = []
    elif query and not _lags(query):
        view, problems = _read(query)
        remember("You followed a link.")
        session.view, session.problems = view, problems
    session.heard = False
    session.problems = [*session.problems, *_check_catalog()]


def _lags(query: dict[str, list[str]]) -> bool:
    """Whether the browser sent its URL before it heard of the one that was written last.

    It did where the view changed in this very run, and where one of our components speaks: they do so by themselves,
    while the end of the last run is still on its way. What anybody else sends lags for a moment at most.
    """
    session = st.session_state
    if session.view is not session.synced or session.heard:
        return True
    return query in session.overwritten and time.monotonic() - session.written_at < LAG_S


def hear() -> None:
    """One of our components speaks in this run, which nobody started by following a link therefore."""
    st.session_state.heard = True


def end() -> None:
    """Writes the view into the URL, after the page was drawn."""
    session = st.session_state
    query = to_query(session.view)
    if query != session.written:
        session.overwritten = [*session.overwritten, session.written]
    session.written, session.synced, session.written_at = query, session.view, time.monotonic()
    st.query_params.from_dict(query)


def view() -> View:
    """What this visitor looks at."""
    if "view" not in st.session_state:
        # The first visitor of a server who opens a page by its address: before `app.py` has run once, Streamlit takes
        # the folder `pages` for the whole app and runs the page alone. Calling st.navigation ends that.
        PagesManager.uses_pages_directory = False
        st.rerun()
    return st.session_state.view


def profile() -> Profile:
    """Who the list is for."""
    return st.session_state.view.profile


def go(target: View, note: str) -> None:
    """Moves to another view; the one before can be had back with `undo`."""
    if target != st.session_state.view:
        remember(note)
        st.session_state.view = target


def change(note: str, **fields) -> None:
    """Changes some fields of the view (`profile`, `lam`, `where`, ...)."""
    go(replace(view(), **fields), note)


def remember(note: str) -> None:
    """Keeps the present view for `undo` and says what is about to happen."""
    session = st.session_state
    session.history = [*session.history[-_HISTORY:], (session.view, session.note)]
    session.note = note


def open_item(item_id: str) -> None:
    """Opens an item's panel. Looking at something is no change: undo passes over it."""
    st.session_state.view = replace(view(), item=item_id)


def look(**fields) -> None:
    """Looks at another part of what is shown. As with an item's panel, undo passes over it."""
    st.session_state.view = replace(view(), **fields)


def close_item() -> None:
    """Closes the item's panel."""
    st.session_state.view = replace(view(), item=None)


def switch_catalog(name: str) -> None:
    """Goes to another catalog, as this visitor left it."""
    session = st.session_state
    session.left = {**session.get("left", {}), session.view.catalog: session.view}
    label = resources.label(name)
    now = session.view
    there = session.left.get(name, View(name, story=() if now.story == () else None))  # nobody stays nobody
    kept = {name: getattr(now, name) for name in ("tour", "part", "engine", "knobs", "build", "inside", "probes")}
    go(replace(there, item=None, pipeline=now.pipeline.elsewhere(), **kept), f"You went to {label}.")


def request(of: View) -> Request:
    """What a view asks of the funnel: in the space it names, or in the one that measured best for its profile."""
    space = of.space or resources.funnel(of.catalog).best_space(of.profile)
    return Request(of.profile, space, of.blend, of.lam, of.where, of.k)


def requested() -> Request:
    """What the page that is shown asks of the funnel: on the Funnel page through its own pipeline."""
    if st.session_state.get("asked") is not None:
        return st.session_state.asked
    found = request(view())
    return view().pipeline.request(found) if st.session_state.get("pipelined") else found


def through_pipeline() -> None:
    """The page that is being drawn asks through its own pipeline; see `requested`."""
    st.session_state.pipelined = True


def asks(asked: Request, story: bool = False) -> None:
    """The page that is being drawn lists something else than the view's profile would get; see `requested`.

    Args:
        asked: what it asks of the funnel.
        story: whether it tells a newcomer's story, so that a like is the next step of it and not the profile's.
    """
    st.session_state.asked, st.session_state.telling = asked, story


def profile_shown() -> Profile:
    """Whose likes and dislikes the cards are marked with: the newcomer's where a story is told, else the visitor's."""
    return requested().profile if st.session_state.get("telling") else profile()


def moved(answer: Recommendation) -> str:
    """How far the profile's point has moved with the last change, in words; empty where it was or is nowhere."""
    session, point = st.session_state, answer.query
    now = None if point is None else (answer.space, point.vector)
    if session.get("point_note") is not session.note:
        session.point_before, session.point_note = session.get("point_now"), session.note
    session.point_now = now
    before = session.get("point_before")
    if now is None or before is None or before[0] != now[0] or before[1].shape != now[1].shape:
        return ""
    distance = 1 - float(before[1] @ now[1] / (np.linalg.norm(before[1]) * np.linalg.norm(now[1])))
    return f"Your point moved by {distance:.2f} (1 − cosine)." if distance > 0.005 else ""


def undo() -> None:
    """Takes back the last change."""
    session = st.session_state
    if session.history:
        session.history, (session.view, _), undone = session.history[:-1], session.history[-1], session.note
        session.note = f"Taken back: {undone.removeprefix('Taken back: ')}"
        session.version = None  # the catalog may have been built anew since: read the view against what serves now


def shown(key: str, value: object) -> str:
    """Makes a widget show a value of the view; returns its key.

    Where the value was changed from elsewhere (a like, undo, another widget), the widget becomes another one, with a
    key of its own. What the browser sends before it has heard of the change still carries the old value, and would
    count as somebody's choice: of two quick likes the second would take the first one back.
    """
    session = st.session_state
    turns = session.setdefault("turns", {})
    now = f"{key}-{turns.get(key, 0)}"
    if now in session and session[now] != value:
        turns[key] = turns.get(key, 0) + 1
        now = f"{key}-{turns[key]}"
    if now not in session:
        session[now] = value
    return now


def changed(key: str, apply: Callable[[object], None]) -> Callable[[], None]:
    """A callback that hands a widget's new value to `apply`."""

    def run() -> None:
        try:
            apply(st.session_state[key])
        except TastespaceError as error:
            warn(str(error))

    return run


def effect(ids: Sequence[str], which: str = "nearest") -> str:
    """What the last change did to a list, in words.

    Args:
        ids: the list as it is now, best first.
        which: what its items are called.
    """
    session, now = st.session_state, (view().catalog, tuple(ids))
    if session.get("list_now") != now:
        session.list_before, session.list_now = session.get("list_now"), now
        session.list_note = session.note
    if session.list_before is None or session.list_before[0] != now[0] or session.list_note is not session.note:
        return ""
    entered = len(set(ids) - set(session.list_before[1]))
    if entered:
        return f"{entered} of the {len(ids)} {which} {'is' if entered == 1 else 'are'} new."
    if set(ids) != set(session.list_before[1]):
        return f"No others are {which}, only fewer." if ids else ""
    return f"The same items are {which}, in another order." if ids else ""


def list_before() -> tuple[str, ...] | None:
    """The ids of the list before the last change, where `effect` has told of it; None where it did not change."""
    session, before = st.session_state, st.session_state.get("list_before")
    told = before is not None and session.list_note is session.note and before[0] == view().catalog
    return before[1] if told else None


def warn(sentence: str) -> None:
    """Shows a sentence about what could not be used, once."""
    st.session_state.problems = [*st.session_state.problems, sentence]


def take_problems() -> list[str]:
    """The sentences about what could not be used, once."""
    problems, st.session_state.problems = st.session_state.problems, []
    return list(dict.fromkeys(problems))


def _read(query: dict[str, list[str]]) -> tuple[View, list[str]]:
    names, asked = resources.catalogs(), (query.get("catalog") or [None])[-1]
    name = asked if asked in names else names[0]
    problems = []
    if asked is not None and asked != name:
        label = resources.label(name)
        problems = [f"The link asks for a catalog that is not built here: {quoted(asked, 30)}. This is {label}."]
        query = {name: query[name] for name in ("wish", "blend", "lam", "k") if name in query}
    found, more = from_query(query, resources.funnel(name).version)
    return found, [*problems, *more]


def _check_catalog() -> list[str]:
    """Reads the view again where a new version of its catalog has come, since items may be gone."""
    session = st.session_state
    if session.view.catalog not in resources.catalogs():
        session.view, problems = _read(to_query(session.view))
        return problems
    funnel = resources.funnel(session.view.catalog)
    version = funnel.version
    if session.get("version") == version.id:
        return []
    session.version = version.id
    picture = session.view.profile.picture
    fresh, problems = from_query(to_query(session.view), version)
    if picture is not None and not funnel.encode_wish.knows(picture):
        problems.append("The catalog was built anew, so the picture of your wish is gone. Upload it again.")
        picture = None
    session.view = replace(fresh, profile=replace(fresh.profile, picture=picture))
    return problems
