"""What a click does, wherever it was made: go to a page, follow the tour, like, dislike, open, relax."""

from dataclasses import replace

import streamlit as st

from recsys.errors import TastespaceError
from recsys.ui import resources, state
from recsys.ui.link import View, to_query
from recsys.ui.shelf import Event
from recsys.ui.tour import tour
from recsys.where import Where


def goto(page: str, view: View, note: str) -> None:
    """Goes to another page with another view. Call it from the page's body, not from a callback."""
    state.go(view, note)
    st.switch_page(f"pages/{page}.py", query_params=to_query(view))


def goto_tour(step: int) -> None:
    """Goes to a step of the tour: its page and its view."""
    stop = tour(resources.catalogs())[step - 1]
    goto(stop.page, replace(stop.view, tour=step), f"The tour: {stop.label}.")


def handle(event: Event) -> None:
    """Does what somebody did to a shelf."""
    try:
        _handle(event)
    except TastespaceError as error:  # the store went away between the list and the click
        state.warn(str(error))


def _handle(event: Event) -> None:
    current, version = state.view(), resources.funnel(state.view().catalog).version
    profile = current.profile
    if event.id and event.id not in version:
        return  # the catalog was built anew under an open page
    title = version.catalog.items.at[event.id, "title"] if event.id else ""
    if event.do == "like":
        state.change(f"You liked {title}.", profile=profile.liking(event.id))
    elif event.do == "dislike":
        state.change(f"You disliked {title}.", profile=profile.disliking(event.id))
    elif event.do == "unrate":
        state.change(f"You took back what you said of {title}.", profile=profile.without(event.id))
    elif event.do == "open":
        state.open_item(event.id)
    elif event.do == "lam":
        state.change(f"λ is now {event.value:.2f}.", lam=round(float(event.value), 2))
    elif event.do == "relax":
        relax(str(event.value))


def relax(condition: str) -> None:
    """Drops one condition."""
    where = state.view().where
    state.change(f"Relaxed: {condition}.", where=Where(tuple(c for c in where if str(c) != condition)))
