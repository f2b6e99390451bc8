"""Builds from inside the app: progress while one goes on, and how to get what is missing."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from recsys.progress import progress_path, read_progress
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
    states = [told(name)["state"] for name in SOURCES]
    if "running" not in states and not resources.SETTINGS.public:
        st.button("Build both", type="primary", icon=":material/build:", on_click=start, args=tuple(SOURCES))
    _watch(states)


def missing() -> None:
    """What is not built, while the rest serves: one line in the sidebar, with progress or the way to get it."""
    names = absent()
    if names:
        with st.sidebar:
            _watch([told(name)["state"] for name in names])


def absent() -> dict[str, Source]:
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
    built = len(resources.catalogs())
    if st.session_state.setdefault("built", built) != built:
        st.session_state.built = built
        st.rerun()
    for name, source in absent().items():
        way_to_get(name, source.label, "sidebar")


def way_to_get(name: str, label: str, place: str, problem: str = "") -> None:
    """A catalog that is not there: how far its build is, else why it is missing and how to get it.

    Args:
        name: the catalog.
        label: what a person reads.
        place: tells its button apart from those elsewhere.
        problem: why what was built cannot be opened; empty where nothing was built.
    """
    now, shown = told(name), plain(label)
    if now["state"] == "running":
        bar(shown, now)
        return
    if now["state"] == "failed":
        st.warning(
            f"{shown} cannot be built here. {plain(now['what'])} {plain(now['way_out'])}", icon=":material/cloud_off:"
        )
    elif problem:
        st.warning(f"{shown} cannot be opened. {plain(problem)}", icon=":material/broken_image:")
    elif now["state"] == "killed":
        st.warning(f"The build of {shown} was stopped. It goes on where it was.", icon=":material/pause:")
    else:
        st.info(f"{shown} is not built.", icon=":material/inventory_2:")
    if not resources.SETTINGS.public:
        if st.button(f"Build {shown}", key=f"build-{name}-{place}", icon=":material/build:"):
            start(name)
            st.rerun()
        st.caption(f"Or: `python -m recsys build --catalog {name}`, or `unpack` a file that another machine packed.")


def bar(label: str, now: dict) -> None:
    """How far a build is that runs."""
    eta = f", about {now['eta_s']:.0f} s more" if now.get("eta_s") else ""
    share = min(now["done"] / max(now["total"], 1), 1.0)
    st.progress(share, f"{label}: {now['step']}, {now['done']:,} of {now['total']:,}{eta}")


class Builds:
    """The builds that this app started, one of a catalog at a time. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: dict[str, tuple[subprocess.Popen, int]] = {}  # and when its progress was written before that

    def start(self, names: Sequence[str], force: bool) -> bool:
        """Builds those catalogs that are not being built already; whether there are any."""
        with self._lock:
            idle = [name for name in names if self.told(name)["state"] != "running"]
            if idle:
                written = {name: self._written(name) for name in idle}
                process = subprocess.Popen(
                    command(idle, force),
                    cwd=ROOT,
                    env=os.environ.copy(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                self._started |= {name: (process, written[name]) for name in idle}
        return bool(idle)

    def told(self, name: str) -> dict:
        """As `read_progress`, but a build that has only just been started runs, whatever the one before told."""
        now, (process, before) = read_progress(resources.SETTINGS, name), self._started.get(name, (None, 0))
        if process is None or self._written(name) != before:
            return now
        if process.poll() is None:
            return {"state": "running", "step": "start", "done": 0, "total": 1, "eta_s": None}
        return {"state": "killed", "step": "start"}  # before it could say anything

    def _written(self, name: str) -> int:
        with suppress(OSError):
            return progress_path(resources.SETTINGS, name).stat().st_mtime_ns
        return 0


@st.cache_resource(show_spinner=False)
def builds() -> Builds:
    """The builds of this app."""
    return Builds()


def start(*names: str, force: bool = False) -> bool:
    """Builds catalogs; `force` builds what has not changed, too. `told` tells how far it is.

    Returns:
        Whether one was started: what is being built already is left alone.
    """
    return builds().start(names, force)


def told(name: str) -> dict:
    """What a catalog's build told last; see `recsys.progress.read_progress`."""
    return builds().told(name)


def command(names: Sequence[str], force: bool) -> list[str]:
    """A build as a process of its own: it outlives this page, and what it imports never weighs on the app."""
    chosen = [word for name in names for word in ("--catalog", name)]
    return [sys.executable, "-m", "recsys", "build", *chosen, *(["--force"] if force else [])]
