"""What all sessions of the app share: open catalogs, their stores and the encoders. Thread-safe and read-only."""

from pathlib import Path

import streamlit as st

from recsys.errors import CatalogError
from recsys.funnel import Funnel
from recsys.observe import Observer
from recsys.settings import Settings
from recsys.store import open_store
from recsys.version import Version, built_names, current_path, open_current
from recsys.wishes import Wishes

SETTINGS = Settings.from_env()


@st.cache_resource(show_spinner=False, max_entries=8)
def _funnel(path: str) -> Funnel:
    version = Version(Path(path))
    store = open_store(SETTINGS, version.shard, version.collection)
    return Funnel(version, store, Wishes(version), on_answer=_observer())


@st.cache_resource(show_spinner=False)
def _observer() -> Observer:
    """Writes down every request of this process, and serves the metrics."""
    observer = Observer(SETTINGS)
    observer.serve(SETTINGS.metrics)
    return observer


def funnel(name: str) -> Funnel:
    """The funnel of the catalog's current version; a new version is picked up at the next call.

    Raises:
        NotBuilt: the catalog is not built.
        StoreUnavailable: the store does not answer.
    """
    path = current_path(SETTINGS, name)
    return _funnel(str(path) if path is not None else str(open_current(SETTINGS, name).path))


def catalogs() -> list[str]:
    """Names of the catalogs that can be opened, the one to start with first.

    One that is damaged, or of another release, is as good as not built: it must not take the others down.
    """
    names = [name for name in built_names(SETTINGS) if label(name) is not None]
    return sorted(names, key=lambda name: (name != "clipart", name))


def label(name: str) -> str | None:
    """What a person reads for a built catalog; None where it cannot be opened. Reads its manifest only."""
    path = current_path(SETTINGS, name)
    return None if path is None else _label(str(path))


@st.cache_resource(show_spinner=False, max_entries=32)
def _label(path: str) -> str | None:
    try:
        return Version(Path(path)).manifest["label"]
    except CatalogError:
        return None
