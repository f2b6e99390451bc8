"""Builds from inside the app: progress while one goes on, and how to get what is missing."""

import os
import subprocess
import sys

import streamlit as st

from recsys.progress import read_progress
from recsys.settings import ROOT
from recsys.sources import SOURCES, Source, sources
from recsys.ui import resources
from recsys.ui.apology import explained
from recsys.ui.words import plain


def first_build() -> None:
    """The page before anything is built: offers to build, shows how far it is, and opens the app when it is done."""
    st.title("Tastespace")
    st.markdown(
        "Nothing is built yet. A build fetches two open catalogs, embeds them and draws their maps: a few minutes."
    )
    states = [read_progress(resources.SETTINGS, name)["state"] for name in SOURCES]
    if "running" not in states and not resources.SETTINGS.public:
        st.button("Build both", type="primary", icon=":material/build:", on_click=start, args=tuple(SOURCES))
    _watch(states)


def missing() -> None:
    """What is not built, while the rest serves: one line in the sidebar, with progress or the way to get it."""
    absent = _absent()
    if absent:
        with st.sidebar:
            _watch([read_progress(resources.SETTINGS, name)["state"] for name in absent])


def _absent() -> dict[str, Source]:
    """Catalogs that come with the app or were imported, and are not built."""
    there = resources.catalogs()
    return {name: source for name, source in sources(resources.SETTINGS).items() if name not in there}


def _watch(states: list[str]) -> None:
    """Shows builds, and follows them by itself; idly where none runs, since one may be started elsewhere."""
    st.fragment(_followed, run_every=1.0 if "running" in states else 10.0)()


def _followed() -> None:
    with explained("builds"):
        _show_builds()


def _show_builds() -> None:
    absent = _absent()
    built = len(resources.catalogs())
    if st.session_state.setdefault("built", built) != built:
        st.session_state.built = built
        st.rerun()
    for name, source in absent.items():
        told = read_progress(resources.SETTINGS, name)
        label = source.label
        if told["state"] == "running":
            share = told["done"] / max(told["total"], 1)
            eta = f", about {told['eta_s']:.0f} s more" if told.get("eta_s") else ""
            st.progress(min(share, 1.0), f"{label}: {told['step']}, {told['done']:,} of {told['total']:,}{eta}")
            continue
        if told["state"] == "failed":
            st.warning(
                f"{label} cannot be built here. {plain(told['what'])} {plain(told['way_out'])}",
                icon=":material/cloud_off:",
            )
        elif told["state"] == "killed":
            st.warning(f"The build of {label} was stopped. It goes on where it was.", icon=":material/pause:")
        else:
            st.info(f"{label} is not built.", icon=":material/inventory_2:")
        if resources.SETTINGS.public:
            continue
        st.button(f"Build {label}", key=f"build-{name}", on_click=start, args=(name,), icon=":material/build:")
        st.caption(f"Or: `python -m recsys build --catalog {name}`, or `unpack` a file that another machine packed.")


def start(*names: str, force: bool = False) -> None:
    """Builds catalogs; `force` builds what has not changed, too. `read_progress` tells how far it is."""
    # A process of its own: it outlives this page, and what it imports never weighs on the app.
    chosen = [word for name in names for word in ("--catalog", name)]
    subprocess.Popen(
        [sys.executable, "-m", "recsys", "build", *chosen, *(["--force"] if force else [])],
        cwd=ROOT,
        env=os.environ.copy(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
