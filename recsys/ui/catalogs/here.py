"""What is here: each catalog with its pictures, what was built of it, and what can be done with it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from recsys.build import overview
from recsys.errors import TastespaceError
from recsys.importing import remove
from recsys.sources import Source
from recsys.ui import building, controls, glance, resources
from recsys.ui.apology import explained
from recsys.ui.words import plain
from recsys.version import Version


def show() -> None:
    """A card for each catalog, and the command that lists the same."""
    glance.catalogs(_can_be_done)
    _absent()
    st.caption("The same on the command line: `python -m recsys catalogs`")


def _absent() -> None:
    """What is not built or cannot be opened: a card each, with what is missing and how to get it."""
    there = resources.catalogs()
    missing = [row for row in overview(resources.SETTINGS) if row["catalog"] not in there]
    known = building.absent()
    if missing:
        st.markdown("#### Not here yet")
        running = any(building.told(row["catalog"])["state"] == "running" for row in missing)
        st.fragment(_show_absent, run_every=1.0 if running else 10.0)(missing, known)


def _show_absent(missing: list[dict], known: dict[str, Source]) -> None:
    with explained("missing catalogs"):
        for row in missing:
            name = row["catalog"]
            with st.container(border=True):
                label = known[name].label if name in known else name
                about = known[name].about if name in known else "Its files are gone: import it or unpack it again."
                st.markdown(f"**{plain(label)}**  \n:gray[{plain(about)}]")
                building.way_to_get(name, label, "page", row.get("problem", ""))
                if not resources.SETTINGS.public and (resources.SETTINGS.imports / name).exists():
                    _delete(name, label)


def _can_be_done(version: Version) -> None:
    with st.container(horizontal=True):
        _downloads(version)
        if not resources.SETTINGS.public:
            _rebuild(version)
            if (resources.SETTINGS.imports / version.name).exists():
                _delete(version.name, version.manifest["label"])
    if not resources.SETTINGS.public:
        _ended(version)


def _downloads(version: Version) -> None:
    with st.popover("Download", icon=":material/download:", key=f"download-{version.name}"):
        st.caption("Made when you ask for it. A packed catalog opens elsewhere with `python -m recsys unpack`.")
        rows = np.arange(len(version.item_ids))
        _download(version, "Items, CSV", "items.csv", "text/csv", lambda: controls.as_csv(version, rows))
        for space in version.spaces:
            name = f"Vectors, {controls.SPACES.get(space, space).lower()}, NumPy"
            _download(
                version, name, f"{space}.npy", "application/octet-stream", (version.path / f"{space}.npy").read_bytes
            )
        _download(version, "All of it, packed", "catalog.tar", "application/x-tar", lambda: packed(version))


def _download(version: Version, label: str, file: str, mime: str, data: Callable[[], str | bytes]) -> None:
    st.download_button(
        label,
        data,
        f"{version.name}-{file}",
        mime,
        key=f"download-{version.name}-{file}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def packed(version: Version) -> bytes:
    """A version in one file, as `python -m recsys pack` writes it."""
    from recsys.carry import pack

    with tempfile.TemporaryDirectory(prefix="tastespace-pack-") as folder:
        path = Path(folder) / "catalog.tar"
        pack(version, path)
        return path.read_bytes()


REBUILT = "Embed, project and store everything again; what was embedded before comes from the cache."


def _rebuild(version: Version) -> None:
    if building.told(version.name)["state"] == "running":
        st.fragment(_watched, run_every=1.0)(version.name)
    elif st.button("Rebuild", icon=":material/build:", key=f"rebuild-{version.name}", help=REBUILT):
        building.start(version.name, force=True)
        st.toast(f"{plain(version.manifest['label'])} is built anew. What serves now serves on until then.")
        st.rerun()


def _watched(name: str) -> None:
    with explained("rebuild"):
        now = building.told(name)
        if now["state"] != "running":
            st.rerun()
        building.bar("Being built", now)


def _ended(version: Version) -> None:
    """How the last build ended, where it gave no version."""
    now = building.told(version.name)
    if now["state"] == "failed":
        st.warning(
            f"**The last build failed; the version before it serves on.** {plain(now['what'])} {plain(now['way_out'])}",
            icon=":material/error:",
        )
    elif now["state"] == "killed":
        st.warning(
            "**The last build was stopped; the version before it serves on.** Rebuild goes on where it was.",
            icon=":material/pause:",
        )


def _delete(name: str, label: str) -> None:
    with st.popover("Delete", icon=":material/delete:", key=f"delete-{name}"):
        st.markdown(f"Delete **{plain(label)}** with all that was brought, built and learned of it? There is no undo.")
        if st.button("Delete for good", type="primary", key=f"delete-sure-{name}"):
            try:
                freed = remove(resources.SETTINGS, name)["bytes"]
            except TastespaceError as error:
                st.warning(plain(str(error)), icon=":material/error:")
            else:
                st.toast(f"{plain(label)} is deleted; {freed / 1e6:,.0f} MB are free again.")
                st.rerun()
