"""The records that the page shows, and the vectors they were measured on."""

import os
from pathlib import Path

import streamlit as st

from recsys.errors import quoted
from recsys.lessons.retrieval import records
from recsys.lessons.retrieval.records import Conditions, Record
from recsys.retrieval import engine_class, missing, pinecone, version_of
from recsys.ui import resources, state
from recsys.ui.funnel.loaded import busy
from recsys.ui.words import plain
from recsys.version import Version

WORDS = {
    "text": "words",
    "image": "pictures",
    "blend": "words and pictures",
    "mf": "factors",
    "two_tower": "two towers",
}


UNTRIED = {
    "milvus": "Milvus was measured by the project as Milvus Lite; its way to a server (MILVUS_URI) was never run by "
    "this project.",
    "pinecone": "Pinecone was never run by this project, for want of an account: it is written by its client's "
    "documentation.",
}
"""What is there and was not tried."""


def all_records() -> list[Record]:
    """Every record: the project's, and what this machine measured."""
    own = records.folder_of(resources.SETTINGS)
    return _records(str(own), str(records.SHIPPED), records.signature(own, records.SHIPPED))


def all_conditions() -> dict[str, Conditions]:
    """Search under conditions, by the name of the vectors."""
    own = records.folder_of(resources.SETTINGS)
    return _conditions(str(own), str(records.SHIPPED), records.signature(own, records.SHIPPED))


@st.cache_resource(max_entries=2, show_spinner=False)
def _records(own: str, shipped: str, signature: tuple) -> list[Record]:
    return records.read_records(Path(own), Path(shipped))


@st.cache_resource(max_entries=2, show_spinner=False)
def _conditions(own: str, shipped: str, signature: tuple) -> dict[str, Conditions]:
    return records.read_conditions(Path(own), Path(shipped))


def default_label(version: Version) -> str:
    """The name of the vectors that are shown where the link names none."""
    return f"{version.name}-{version.default_space}"


def choose(version: Version, found: list[Record]) -> str:
    """Lets a visitor choose the vectors: the catalog's spaces, and synthetic ones that were measured.

    Returns:
        the name of those that are shown.
    """
    texts = _choices(version, found)
    asked, usual = state.view().data, default_label(version)
    if asked is not None and asked not in texts:
        st.info(
            f"Nothing is known of the vectors {plain(quoted(asked, 40))} here; these are {plain(texts[usual])}.",
            icon=":material/info:",
        )
    label = asked if asked in texts else usual
    offer(texts, label, "Engines on")
    return label


def offer(texts: dict[str, str], label: str, said: str) -> None:
    """A choice of vectors, by name in words; what is chosen goes into the link."""
    key = state.shown("data", label)
    st.selectbox(
        "Vectors",
        list(texts),
        key=key,
        format_func=texts.get,
        on_change=state.changed(key, lambda name: state.change(f"{said}: {texts[name]}.", data=name)),
        help="The catalog's own spaces, and synthetic vectors: grown from real ones, to see what many more would do.",
    )


def synthetic_words(data: dict) -> str:
    """Synthetic vectors in words."""
    space = WORDS.get(data["space"], data["space"])
    catalog = resources.label(data["catalog"]) or data["catalog"]
    return f"Synthetic, {data['n']:,} vectors of {data['dims']} dimensions, grown from {catalog}: {space}"


def cannot(engine: str) -> tuple[str, str] | None:
    """Why an engine cannot be measured here, in a few words, and the way out; None where it can."""
    libraries = [engine_class(engine).library]
    if engine == "milvus" and not os.environ.get("MILVUS_URI"):
        libraries.append("milvus-lite")
    for library in libraries:
        if version_of(library) is None:
            return f"{library} is not installed", missing(library).way_out
    if engine == "pinecone" and not os.environ.get(pinecone.KEY):
        return (
            "a service that wants a key, and never run by this project",
            f"Put a key of your account into {pinecone.KEY}.",
        )
    return None


def origin(found: list[Record]) -> str:
    """When and where records were measured, in a sentence or two; of one place."""
    if not found:
        return ""
    first, last = (pick(str(r.row.get("measured_at", ""))[:10] for r in found) for pick in (min, max))
    when = f"on {first}" if first == last else f"from {first} to {last}"
    machine = found[0].machine
    parts = [f"{machine['cores']} cores" if machine.get("cores") else "", machine.get("cpu") or ""]
    parts += [f"{machine['memory_gb']} GB" if machine.get("memory_gb") else ""]
    where = ", ".join(part for part in parts if part) or "an unknown machine"
    other_work = busy(*({"machine": r.machine} for r in found))
    if found[0].here:
        return f"Measured on this machine {when} ({where}). {other_work}".rstrip()
    return (
        f"Stored with the project, measured {when} ({where}); another machine takes other times. {other_work}".rstrip()
    )


def doubt(found: list[Record], version: Version) -> str:
    """Says so where a space was measured when the catalog had another number of items; empty otherwise."""
    if not found or found[0].data["synthetic"]:
        return ""
    about, vectors = found[0].data, version.spaces.get(found[0].data["space"])
    then = about["n"] + about.get("left_out", 0)
    if vectors is None or len(vectors) == then:
        return ""
    return f"The catalog had {then:,} items then and has {len(vectors):,} now."


def _choices(version: Version, found: list[Record]) -> dict[str, str]:
    """The vectors to choose from, in words by name."""
    texts = {}
    for space, vectors in version.spaces.items():
        words = WORDS.get(space, space)
        count = next((r.n for r in found if r.label == f"{version.name}-{space}"), len(vectors))
        texts[f"{version.name}-{space}"] = (
            f"{version.manifest['label']}: {words}, {count:,} vectors of {vectors.shape[1]} dimensions"
        )
    grown = {r.label: r.data for r in found if r.data["synthetic"]}
    for label, data in sorted(grown.items(), key=lambda one: (one[1]["catalog"], one[1]["dims"], one[1]["n"])):
        texts[label] = synthetic_words(data)
    return texts
