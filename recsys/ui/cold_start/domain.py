"""A new domain: one wish, every shop."""

import streamlit as st

from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.ui import actions, resources, state
from recsys.ui.link import DOMAIN_WISH
from recsys.ui.lists import aspect, cards
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import Event, shelf


def new_domain(funnel: Funnel) -> None:
    """The same wish in every catalog: the encoders carry over, the interactions do not."""
    view = state.view()
    words = view.profile.wish or DOMAIN_WISH
    key = state.shown("domain-wish", words)
    st.text_input(
        "One wish, two shops",
        key=key,
        on_change=state.changed(key, lambda w: state.change(f"Both shops: “{w}”.", profile=view.profile.wishing(w))),
    )
    st.caption(
        "The encoders know words and pictures of any shop on its first day. What people liked in one shop says nothing "
        "about the items of the other: that has to be collected anew."
    )
    names = resources.catalogs()
    for start in range(0, len(names), 2):  # side by side, where there is room
        for column, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
            with column:
                _shop(name, words, view.lam)


def _shop(name: str, words: str, lam: float) -> None:
    """What one shop has for the wish."""
    other = resources.funnel(name)
    answer = other.recommend(Request(Profile(wish=words), lam=lam))
    ids = [str(i) for i in other.version.item_ids[answer.candidates[answer.picks]]]
    real = other.version.catalog.interactions
    note = f"{len(other.version.item_ids):,} items, " + (
        "no interactions." if real is None else f"{len(real):,} ratings, of no use here."
    )
    data = {
        "catalog": name,
        "aspect": aspect(other.version),
        "layout": "grid",
        "cards": cards(other, answer, [int(p) for p in answer.picks]),
        "shelves": [{"key": f"domain-{name}", "title": other.version.manifest["label"], "note": note, "list": ids}],
        "message": None,
    }
    shelf(
        data,
        key=f"domain-{name}",
        pictures=lambda wanted: thumbnails(other.version, wanted),
        on_event=lambda event: _in_domain(event, name),
    )


def _in_domain(event: Event, name: str) -> None:
    if name != state.view().catalog:
        state.switch_catalog(name)
    actions.handle(event)
