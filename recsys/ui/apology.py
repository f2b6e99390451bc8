"""Errors on screen: whatever goes wrong becomes a sentence and the way out, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from recsys.errors import TastespaceError
from recsys.ui.words import plain

_log = logging.getLogger("tastespace")


@contextmanager
def explained(part: str) -> Iterator[None]:
    """Runs a page, or a part that Streamlit reruns alone, and says in words what goes wrong in it.

    Args:
        part: names it; two parts of one screen may fail at once.
    """
    try:
        yield
    except TastespaceError as error:
        _apologise(part, error.what, error.way_out)
    except Exception:
        _log.exception("a page failed")
        _apologise(part, "Something went wrong here that we did not expect.", "Your choices are kept: try again.")


def _apologise(part: str, what: str, way_out: str) -> None:
    st.error(f"**{plain(what)}**  \n{plain(way_out)}", icon=":material/error:")
    with st.container(horizontal=True):
        st.button("Try again", icon=":material/refresh:", key=f"{part}-again")
        st.button("Start afresh", icon=":material/restart_alt:", key=f"{part}-afresh", on_click=_start_afresh)


def _start_afresh() -> None:
    for key in list(st.session_state):
        del st.session_state[key]
    st.query_params.clear()
