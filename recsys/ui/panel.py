"""The item panel: one drawer, opened from any card or dot."""

import html
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from recsys.errors import NotBuilt
from recsys.explain import why
from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.settings import DEFAULT_BLEND
from recsys.towers import heard
from recsys.ui import actions, resources, state, telling
from recsys.ui.apology import explained
from recsys.ui.facts import fact
from recsys.ui.link import View
from recsys.ui.lists import aspect, plain_card
from recsys.ui.pictures import picture, thumbnails
from recsys.ui.shelf import Event, shelf
from recsys.ui.words import WORDS, plain
from recsys.version import Version

RELATED = 8
_CSS = """
.facts { display: grid; grid-template-columns: auto 1fr; gap: 0.35rem 1.2rem; margin: 0; font-size: 0.9rem; }
.facts dt { opacity: 0.65; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts i { font-size: 0.75rem; border: 1px solid currentColor; border-radius: 4px; padding: 0 0.3em; }
"""


def show(item_id: str) -> None:
    """Opens the drawer of an item."""
    funnel = resources.funnel(state.view().catalog)
    title = funnel.version.catalog.items.at[item_id, "title"]
    st.dialog(plain(title), position="right", on_dismiss=state.close_item)(_panel)(funnel, item_id, state.view())


def _panel(funnel: Funnel, item_id: str, opened_in: View) -> None:
    with explained("panel"):  # Streamlit reruns a dialog alone
        _body(funnel, item_id, opened_in)


def _body(funnel: Funnel, item_id: str, opened_in: View) -> None:
    if state.view() is not opened_in:
        st.rerun()  # a click in here runs this drawer alone, but the page behind it and the address follow too
    version, profile = funnel.version, state.profile_shown()
    item = version.catalog.items.loc[item_id]
    st.image(picture(version, item_id), width=300 if aspect(version) == "square" else 220)
    if item["description"]:
        st.text(item["description"])
    with st.container(horizontal=True):
        liked, disliked = item_id in profile.likes, item_id in profile.dislikes
        st.button(
            "Liked" if liked else "Like",
            icon=":material/favorite:",
            type="primary" if liked else "secondary",
            on_click=telling.handle,
            args=(Event(0, "unrate" if liked else "like", item_id),),
        )
        st.button(
            "Disliked" if disliked else "Dislike",
            icon=":material/thumb_down:",
            type="primary" if disliked else "secondary",
            on_click=telling.handle,
            args=(Event(0, "unrate" if disliked else "dislike", item_id),),
        )
        if st.button("Show on the map", icon=":material/scatter_plot:"):
            told = st.session_state.get("telling")
            view = telling.on_the_map(state.view(), version) if told else state.view()
            actions.goto("map", view, f"{item['title']} on the map.")
    _why(funnel, item_id)
    st.markdown("**Nearest to it**")
    _related(funnel, item_id)
    _facts(version, item)


def _why(funnel: Funnel, item_id: str) -> None:
    """Why it is in the list, or why it is not."""
    current = state.view()
    if st.session_state.get("pipelined"):
        from recsys.ui.funnel import asked  # the page's own: it is loaded

        fate = why(funnel, asked.quietly(funnel, state.requested()), item_id)
        st.info(plain(fate.detail), icon=":material/help:")
        _through_the_funnel(current, item_id)
        return
    asked = state.requested()
    answer = funnel.unobserved().recommend(asked)  # the page has asked it
    ids = list(funnel.version.item_ids[answer.candidates])
    (row,) = funnel.version.rows([item_id])
    if row in heard(funnel.version, asked.profile).rated:
        text = "Not in the list: you have already said what you think of it."
    elif not funnel.version.facets.mask(asked.where)[row]:
        text = f"Not in the list: it does not satisfy {' and '.join(asked.where.texts())}."
    elif item_id not in ids:
        text = f"Not in the list: it is not among the {len(ids)} candidates nearest to you."
    else:
        place = ids.index(item_id)
        picked = place in answer.picks
        text = f"Number {place + 1} of {len(ids)} candidates by relevance ({answer.relevance[place]:.2f}). " + (
            f"Number {list(answer.picks).index(place) + 1} of the varied list."
            if picked
            else "Not in the varied list: other picks were more relevant or more different."
        )
    st.info(plain(text), icon=":material/help:")
    if st.session_state.get("asked") is None:  # the funnel's page asks for the view's profile, and no other
        _through_the_funnel(current, item_id)


def _through_the_funnel(current: View, item_id: str) -> None:
    """A way to the page that tells at which stage of a whole production system an item falls."""
    if st.button("Through the whole funnel", icon=":material/filter_alt:", key="panel-funnel", type="tertiary"):
        pipeline = replace(current.pipeline, asked=item_id)
        actions.goto(
            "funnel", replace(current, item=None, part="why", pipeline=pipeline), "At which stage does it fall?"
        )


def _facts(version: Version, item: pd.Series) -> None:
    made_up = f' <i title="{html.escape(WORDS["simulated"])}">simulated</i>'
    rows = "".join(
        f"<dt>{html.escape(facet.label)}{made_up if facet.simulated else ''}</dt>"
        f"<dd>{html.escape(fact(facet, item[facet.name]))}</dd>"
        for facet in version.catalog.facets
    )
    st.html(f"<style>{_CSS}</style><dl class='facts'>{rows}</dl>")


def _related(funnel: Funnel, item_id: str) -> None:
    version = funnel.version
    rows, scores = _nearest(funnel, item_id)
    ids = [str(i) for i in version.item_ids[rows]]
    data = {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": {
            i: plain_card(version, int(row), state.profile_shown()) | {"score": round(float(score), 4)}
            for i, row, score in zip(ids, rows, scores, strict=True)
        },
        "shelves": [{"key": "related", "title": "", "note": "", "list": ids}],
        "message": None,
    }
    shelf(data, key="related", pictures=lambda wanted: thumbnails(version, wanted), on_event=telling.handle)


def _nearest(funnel: Funnel, item_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and cosines of what is most alike: looked up, unless the visitor weighs words and picture otherwise."""
    view = state.view()
    asked = st.session_state.get("asked") or state.request(view)
    space = asked.space or funnel.version.default_space
    if space != "blend" or view.blend == DEFAULT_BLEND:
        with suppress(NotBuilt):  # by an earlier release: search instead
            return funnel.related(item_id, space, RELATED)
    request = Request(Profile(likes=(item_id,)), space=space, blend=view.blend, lam=1.0, k=RELATED)
    answer = funnel.unobserved().recommend(request)
    return answer.candidates[answer.picks], answer.relevance[answer.picks]
