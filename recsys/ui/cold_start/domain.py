"""A new domain: one wish, every shop."""

from dataclasses import replace

import streamlit as st

from recsys.errors import TastespaceError
from recsys.funnel import Funnel, Request
from recsys.ui import actions, resources, state
from recsys.ui.link import in_a_new_domain
from recsys.ui.lists import aspect, cards
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import Event, shelf
from recsys.ui.words import plain


def new_domain(funnel: Funnel) -> None:
    """The same wish in every catalog: the encoders carry over, the interactions do not."""
    view = state.view()
    asked = in_a_new_domain(view)
    words = asked.profile.wish
    state.asks(state.request(asked))
    key = state.shown("domain-wish", words)
    st.text_input(
        "One wish, every shop",
        key=key,
        on_change=state.changed(key, lambda w: state.change(f"Every shop: “{w}”.", profile=view.profile.wishing(w))),
    )
    st.caption(
        "The encoders know words and pictures of any shop on its first day. What people liked in one shop says nothing "
        "about the items of the other: that has to be collected anew."
    )
    names = resources.catalogs()
    for start in range(0, len(names), 2):  # side by side, where there is room
        for column, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
            with column:
                _shop(resources.funnel(name), state.request(replace(asked, catalog=name)))


def _shop(funnel: Funnel, request: Request) -> None:
    """What one catalog has for the wish, or why it has nothing."""
    version, name = funnel.version, funnel.version.name
    try:
        answer = funnel.recommend(request)
    except TastespaceError as error:
        st.info(f"**{plain(version.manifest['label'])}**: {plain(error)}", icon=":material/help:")
        return
    ids = [str(i) for i in version.item_ids[answer.candidates[answer.picks]]]
    real = version.catalog.interactions
    note = f"{len(version.item_ids):,} items, " + (
        "no interactions." if real is None else f"{len(real):,} ratings, of no use here."
    )
    data = {
        "catalog": name,
        "aspect": aspect(version),
        "layout": "grid",
        "cards": cards(funnel, answer, [int(p) for p in answer.picks]),
        "shelves": [{"key": f"domain-{name}", "title": version.manifest["label"], "note": note, "list": ids}],
        "message": None,
    }
    shelf(
        data,
        key=f"domain-{name}",
        pictures=lambda wanted: thumbnails(version, wanted),
        on_event=lambda event: _in_domain(event, name),
    )


def _in_domain(event: Event, name: str) -> None:
    if name != state.view().catalog:
        state.switch_catalog(name)
    actions.handle(event)
