"""What a visitor brought and has not imported yet: it waits through other pages, errors and an import that failed."""

import shutil
from pathlib import Path
from uuid import uuid4

import streamlit as st

from recsys.ui import resources
from recsys.ui.catalogs.running import upload_folder


def folder() -> Path:
    """Where this visitor's files wait. Another one for each import: it takes its own away with it."""
    if "uploads" not in st.session_state:
        st.session_state.uploads = uuid4().hex
    return upload_folder(resources.SETTINGS, st.session_state.uploads)


def turn() -> int:
    """Counts the forms of this visitor: an emptied one has widgets of its own."""
    return st.session_state.get("uploads_turn", 0)


def files() -> dict[str, Path]:
    """The files that wait, by kind."""
    kept: dict[str, Path] = st.session_state.setdefault("uploads_kept", {})
    for kind in [kind for kind, path in kept.items() if not path.exists()]:
        kept.pop(kind)
    return kept


def put(kind: str, stamp: str, name: str) -> Path:
    """Where to write a file that has just come; the one before it goes.

    Args:
        kind: what the file is for.
        stamp: tells it from others of the same name.
        name: of the file, safe already.
    """
    drop(kind)
    path = folder() / kind / stamp / name
    path.parent.mkdir(parents=True)
    files()[kind] = path
    return path


def drop(kind: str) -> None:
    """Forgets a file, and removes it."""
    shutil.rmtree(folder() / kind, ignore_errors=True)
    st.session_state.get("uploads_kept", {}).pop(kind, None)


def hand_over(name: str) -> None:
    """Empties the form: its files belong to the import of that name now."""
    st.session_state.setdefault("uploads_sent", {})[name] = st.session_state.uploads, files()
    _anew()


def was_ours(name: str) -> bool:
    """Whether this visitor started the import of that name."""
    return name in st.session_state.get("uploads_sent", {})


def take_back(name: str) -> None:
    """Fills the form, which has no files, with those of an import that failed."""
    uploads, kept = st.session_state.uploads_sent.pop(name)
    _anew()
    st.session_state.uploads, st.session_state.uploads_kept = uploads, kept


def _anew() -> None:
    for key in ("uploads", "uploads_kept", "checked", "checked_for"):
        st.session_state.pop(key, None)
    st.session_state.uploads_turn = turn() + 1
