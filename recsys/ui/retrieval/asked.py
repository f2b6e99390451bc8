"""What the live parts of the page ask: in which space, and for whom."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from recsys.funnel import Funnel
from recsys.lessons.retrieval import queries
from recsys.lessons.retrieval.live import true_nearest
from recsys.lessons.retrieval.queries import Asked, Searched
from recsys.projection import place
from recsys.ui import controls, state
from recsys.ui.lists import aspect, plain_card
from recsys.ui.words import WORDS, plain
from recsys.version import Version

MANY = 200
"""Profiles that are asked to count how often an engine misses."""
CLOSEST = 0.16
"""Half of the narrowest part of a map that is shown; the whole is 2 wide."""
HUSHED = "#8a857c"
"""For words in charts: read on the light and on the dark background."""


def choose_space(version: Version) -> str:
    """Lets a visitor choose the space that is searched; the page's other parts follow."""
    space, spaces = _space(version), list(version.spaces)
    if len(spaces) > 1:
        key = state.shown("live-space", space)

        def apply(chosen: str) -> None:
            note = f"Searching by {controls.SPACES.get(chosen, chosen).lower()}."
            state.change(note, data=f"{version.name}-{chosen}")

        st.pills(
            "Space",
            spaces,
            key=key,
            required=True,
            format_func=lambda s: controls.SPACES.get(s, s),
            on_change=state.changed(key, apply),
            help=WORDS["space"],
        )
    return space


def learned_space(version: Version) -> str:
    """A learned space: the one that is searched, or else the first there is; call it only where there is one."""
    space = _space(version)
    return space if space in version.learned else next(iter(version.learned))


def who(funnel: Funnel, among: Searched) -> Asked:
    """Lets a visitor say for whom is asked, and says who it is."""
    version = funnel.version
    if among.space in version.content_spaces:
        controls.wish(version)
    with st.sidebar:
        controls.somebody(version)
        controls.rated(version)
    asked = query(funnel, among)
    st.caption(told(version, asked))
    return asked


def told(version: Version, asked: Asked) -> str:
    """Who is asked for, in a sentence."""
    if asked.item is None:
        return (
            "Asked: what is nearest to your point. What you like is near it too: an engine knows vectors, not "
            "profiles, and the funnel takes out later what you know."
        )
    title = plain(version.catalog.items["title"].iat[asked.item])
    return (
        f"Asked: more like **{title}**, for you said nothing yet that this space hears. Open an item and "
        "like it, and it is you."
    )


def searched(version: Version, space: str) -> Searched:
    """What is searched."""
    return _searched(version, f"{version.name}@{version.id}", space)


def foreseen(funnel: Funnel, among: Searched) -> Searched:
    """The same for an engine that only looks lists up: known people have theirs."""
    return _foreseen(funnel, among, among.name) if funnel.version.people else among


def query(funnel: Funnel, among: Searched) -> Asked:
    """The profile's point in the space, or a ready item's."""
    return queries.asked(funnel, replace(state.request(state.view()), space=among.space), among)


def many(funnel: Funnel, among: Searched) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The points of many people, and what is truly nearest to each."""
    return _many(funnel, among, among.name)


def position(version: Version, among: Searched, asked: Asked) -> np.ndarray:
    """Where a query lies on the map of its space: (2,) float32."""
    coords = version.map(among.space)
    if asked.item is not None:
        return np.asarray(coords[asked.item])
    return place(asked.vector[None], version.spaces[among.space], coords)[0]


def around(figure: Any, coords: np.ndarray) -> None:
    """Zooms a flat map to where some positions (m, 2) lie, without ever coming too near."""
    there = coords[np.isfinite(coords).all(axis=1)]
    if not len(there):
        return
    low, high = there.min(axis=0), there.max(axis=0)
    half, middle = max(float((high - low).max()) * 0.65, CLOSEST), (low + high) / 2
    for axis, at in zip((figure.update_xaxes, figure.update_yaxes), middle, strict=True):
        axis(range=[float(at - half), float(at + half)])


def shelves(version: Version, lists: list[dict], marks: dict[int, str] | None = None) -> dict:
    """Lists of catalog rows as the data of `recsys.ui.shelf.shelf`, in small cards.

    Args:
        version: the built catalog.
        lists: shelves whose `list`, and `before` where they have one, hold rows.
        marks: what stands before an item's title, by row; a small card has no room for a sentence.
    """
    profile, marks = state.profile(), marks or {}
    rows = dict.fromkeys(int(row) for one in lists for row in one["list"])
    cards = {}
    for row in rows:
        card = plain_card(version, row, profile)
        cards[str(version.item_ids[row])] = card | {"title": f"{marks.get(row, '')}{card['title']}"}

    def named(one: dict) -> dict:
        return one | {part: [str(i) for i in version.item_ids[one[part]]] for part in ("list", "before") if part in one}

    return {
        "catalog": version.name,
        "aspect": aspect(version),
        "dense": True,
        "cards": cards,
        "shelves": [named(one) for one in lists],
        "message": None,
    }


def _space(version: Version) -> str:
    """The space of the vectors that the page looks at where they are the catalog's own; else the visitor's."""
    view = state.view()
    catalog, _, space = (view.data or "").rpartition("-")
    if catalog == version.name and space in version.spaces:
        return space
    return view.space or version.default_space


@st.cache_resource(max_entries=8, show_spinner=False)
def _searched(_version: Version, version_id: str, space: str) -> Searched:
    return queries.searched(_version, space)


@st.cache_resource(max_entries=8, show_spinner=False)
def _foreseen(_funnel: Funnel, _among: Searched, name: str) -> Searched:
    return queries.with_people(_funnel, _among)


@st.cache_resource(max_entries=8, show_spinner=False)
def _many(_funnel: Funnel, _among: Searched, name: str) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    found = queries.profile_queries(_funnel, _among.space, MANY)
    return found, true_nearest(_among, found)
