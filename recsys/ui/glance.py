"""The catalogs and the personas at a glance."""

import html
from collections.abc import Callable

import numpy as np
import streamlit as st

from recsys.encoders.packaged import head_report
from recsys.personas import PERSONAS, Persona
from recsys.settings import DEFAULT_IMAGE_ENCODER
from recsys.ui import actions, resources, state
from recsys.ui.controls import SPACES
from recsys.ui.link import View
from recsys.ui.lists import aspect
from recsys.ui.pictures import thumbnails
from recsys.ui.words import plain
from recsys.version import Version, bytes_on_disk

MOSAIC = 24
DEPLOYMENTS = {"edge": "inside this process (Edge)", "server": "on a server", "memory": "in memory, for tests"}
_CSS = """
.mosaic { display: flex; flex-wrap: wrap; gap: 6px; overflow: hidden; --side: 76px; max-height: var(--side); }
.mosaic.small { --side: 56px; }
.mosaic.poster { max-height: calc(var(--side) * 1.5); }
.mosaic img { width: var(--side); aspect-ratio: 1; object-fit: cover; border-radius: 6px; }
.mosaic.poster img { aspect-ratio: 2 / 3; }
"""


def present() -> list[Persona]:
    """The ready-made visitors of the catalogs that are built."""
    built = resources.catalogs()
    return [persona for persona in PERSONAS if persona.catalog in built]


def personas() -> None:
    """The ready-made visitors; each opens Recommend filled in."""
    st.html(f"<style>{_CSS}</style>")
    there = present()
    for column, persona in zip(st.columns(max(len(there), 1)), there, strict=False):
        version = resources.funnel(persona.catalog).version
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{persona.name}**  \n:gray[{plain(version.manifest['label'])}]")
            shown = [i for i in persona.profile.likes if i in version][:3]
            if shown:
                st.html(_mosaic(version, shown, small=True))
            if persona.profile.wish:
                st.markdown(f"*“{persona.profile.wish}”*")
            st.caption(persona.about)
            if st.button("Step in", key=f"persona-{persona.name}", width="stretch"):
                view = View(persona.catalog, persona.profile, persona.space, lam=persona.lam)
                actions.goto("recommend", view, f"You are now: {persona.name}. Look: {persona.about}")


def catalogs(more: Callable[[Version], None] | None = None) -> None:
    """All catalogs, two in a row; see `catalog`."""
    names = resources.catalogs()
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
            with column:
                catalog(name, more)


def catalog(name: str, more: Callable[[Version], None] | None = None) -> None:
    """One catalog: pictures, counts, what is built, licence; below it `more` shows what can be done with it."""
    version = resources.funnel(name).version
    m = version.manifest
    with st.container(border=True, height="stretch"):
        st.html(f"<style>{_CSS}</style>{_mosaic(version, _sample(version))}")
        people = f"{m['users']:,} people, " if m["users"] else ""
        ratings = f"{m['interactions']:,} ratings" if m["interactions"] else "no ratings"
        st.markdown(f"**{plain(m['label'])}** · {m['items']:,} items · {people}{ratings}")
        st.caption(plain(m["about"]))
        if st.button(f"Open {m['label']}", key=f"open-{name}", icon=":material/arrow_forward:"):
            state.switch_catalog(name)
            actions.goto("recommend", state.view(), f"You went to {m['label']}.")
        with st.expander("What is built, and the licence"):
            st.markdown(_built(version))
        if more is not None:
            more(version)


def _built(version: Version) -> str:
    m = version.manifest
    spaces = ", ".join(f"{SPACES.get(s, s).lower()} ({v['dim']} dimensions)" for s, v in m["spaces"].items())
    encoders = " and ".join(name.split("@")[0] for name in (m["encoders"]["text"], m["encoders"]["image"]) if name)
    simulated = ", ".join(facet["label"].lower() for facet in m["facets"] if facet["simulated"])
    took, size = f"{m['seconds']:.0f} s", f"{_bytes(version.name, version.id) / 1e6:,.0f} MB"
    lines = [
        f"**Spaces**: {spaces}",
        f"**Encoders**: {encoders or 'none: the vectors were brought along'}",
        *_words_find_pictures(m["encoders"]["image"]),
        f"**Store**: Qdrant, {DEPLOYMENTS[resources.funnel(version.name).store.deployment]}",
        *([f"**Simulated**: {simulated}"] if simulated else []),
        f"**Built**: {m['built_at'][:10]}, in {took}; {size} on disk",
        f"**Licence**: {plain(m['licence'])}",
        *([f"**Please cite**: {plain(m['citation'])}"] if m["citation"] else []),
    ]
    return "  \n".join(lines)


def _words_find_pictures(encoder: str | None) -> list[str]:
    """How well captions find pictures by the encoder whose head was learned here; nothing of another one."""
    if not (encoder or "").startswith(DEFAULT_IMAGE_ENCODER):
        return []
    report = head_report()
    return [
        f"**Words find pictures**: of {report['held_out_groups']:,} clip-art captions that {DEFAULT_IMAGE_ENCODER} "
        f"never learned from, {report['recall@10']:.1%} find a picture of theirs among the ten nearest of "
        f"{report['held_out']:,} (by chance {report['chance@10']:.1%})"
    ]


@st.cache_data(max_entries=64, show_spinner=False, ttl=60)
def _bytes(name: str, version_id: str) -> int:
    """What deleting a catalog would free: all that was built of it, and what was brought."""
    return sum(bytes_on_disk(folder / name) for folder in (resources.SETTINGS.catalogs, resources.SETTINGS.imports))


def _sample(version: Version) -> list[str]:
    """Some items that show the breadth of a catalog: the best known, or every so many."""
    popularity = version.popularity
    if popularity is not None:
        rows = np.argsort(-popularity, kind="stable")[:MOSAIC]
    else:
        rows = np.linspace(0, len(version.item_ids) - 1, MOSAIC).astype(int)
    return [str(i) for i in version.item_ids[rows]]


@st.cache_data(max_entries=64, show_spinner=False)
def _pictures(_version: Version, version_id: str, ids: tuple[str, ...]) -> dict[str, str]:
    return thumbnails(_version, ids)


def _mosaic(version: Version, ids: list[str], small: bool = False) -> str:
    titles = version.catalog.items["title"]
    pictures = _pictures(version, f"{version.name}@{version.id}", tuple(ids))
    tiles = "".join(
        f'<img src="{pictures[i]}" alt="{html.escape(titles[i])}" title="{html.escape(titles[i])}" loading="lazy">'
        for i in ids
    )
    return f'<div class="mosaic {aspect(version)} {"small" if small else ""}">{tiles}</div>'
