"""What all sessions of the app share: open catalogs, their stores and the encoders. Thread-safe and read-only."""

from pathlib import Path

import streamlit as st

from recsys.funnel import Funnel
from recsys.settings import Settings
from recsys.store import open_store
from recsys.version import Version, built_names, current_path, open_current
from recsys.wishes import Wishes

SETTINGS = Settings.from_env()


@st.cache_resource(show_spinner=False, max_entries=8)
def _funnel(path: str) -> Funnel:
    version = Version(Path(path))
    return Funnel(version, open_store(SETTINGS, version.shard, version.collection), Wishes(version))


def funnel(name: str) -> Funnel:
    """The funnel of the catalog's current version; a new version is picked up at the next call.

    Raises:
        NotBuilt: the catalog is not built.
        StoreUnavailable: the store does not answer.
    """
    path = current_path(SETTINGS, name)
    return _funnel(str(path) if path is not None else str(open_current(SETTINGS, name).path))


def catalogs() -> list[str]:
    """Names of the catalogs that are built, the one to start with first."""
    names = built_names(SETTINGS)
    return sorted(names, key=lambda name: (name != "clipart", name))
