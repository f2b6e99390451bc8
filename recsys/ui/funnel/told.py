"""What the records say of the stages, in sentences: whether a ranker helps, and what a smaller stage costs."""

from collections.abc import Mapping, Sequence

import streamlit as st

from recsys.evaluation.records import SHIPPED, folder_of, read_records
from recsys.funnel import PLAIN_RANKING, Recommendation
from recsys.ui import resources
from recsys.ui.funnel import names
from recsys.version import Version

WORTH = "funnel"
UNHEARD = (
    "It does not rank here. Rankers learned from likes alone: a wish, a picture or a category is nothing that they "
    "have heard of, and of nobody they know nothing. So the order of retrieval is kept."
)
KEYS = {
    "retrieve": ("space", "size", "recall", "low", "high"),
    "rank": ("space", "ranker", "size", "ndcg@10", "low", "high"),
    "gain": ("space", "ranker", "mean", "low", "high"),
    "diversify": ("method", "lam", "ndcg@10", "ild"),
}


def record_of(version: Version) -> dict | None:
    """What each stage was measured to be worth on a catalog; None where it was not, or the record is damaged."""
    files = [folder / f"{version.name}-{WORTH}.json" for folder in (folder_of(resources.SETTINGS), SHIPPED)]
    changed = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return _record(version.name, str(resources.SETTINGS.data), changed)


@st.cache_resource(max_entries=8, show_spinner=False)
def _record(catalog: str, data: str, changed: tuple[int, ...]) -> dict | None:
    """The record as long as its files stay as they are: they are read with those of all other protocols."""
    return usable(read_records(resources.SETTINGS, catalog).get(WORTH))


def usable(record: object) -> dict | None:
    """A record of what stages are worth, or None where it is none or is damaged."""
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return None
    for part, keys in KEYS.items():
        rows = record.get(part)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and set(keys) <= row.keys() for row in rows):
            return None
        for row in rows:
            figures = [row[key] for key in keys if key not in ("space", "ranker", "method")]
            if not all(type(figure) in (int, float) for figure in figures):
                return None
    return record if record["retrieve"] else None


def ranker(version: Version, name: str | None, answer: Recommendation) -> str:
    """What is known of a ranker: from whom it learned, and whether it helps what this tower retrieves."""
    if name in (None, PLAIN_RANKING):
        return "The order of retrieval is kept."
    if answer.ranked is None and answer.request.ranker != PLAIN_RANKING and not answer.trace.degraded:
        return UNHEARD
    about = version.rankers.get(name, {})
    if about.get("simulated"):
        return "Learned from simulated people: it shows how a ranker works, and nothing about real taste."
    record = record_of(version)
    gain = None if record is None else gain_of(record, answer.space, name)
    return "Learned from the ratings." if gain is None else gain_words(gain)


def gain_of(record: Mapping, space: str, name: str) -> dict | None:
    """The measured gain of a ranker over no ranker on what a tower retrieves; None where it was not measured."""
    return next((g for g in record["gain"] if g["space"] == space and g["ranker"] == name), None)


def gain_words(gain: Mapping) -> str:
    """Whether a ranker helps: its gain in nDCG@10 with the interval."""
    name, space = names.RANKERS.get(gain["ranker"], gain["ranker"]), names.space(gain["space"])
    figures = f"{gain['mean']:+.3f} nDCG@10 (95%: {gain['low']:+.3f} to {gain['high']:+.3f})"
    if gain["low"] > 0:
        return f"{name} improves what {space} retrieves: {figures}."
    if gain["high"] < 0:
        return f"{name} makes what {space} retrieves worse: {figures}."
    return f"{name} does not help what {space} retrieves: {figures}, and the interval holds 0."


def at(rows: Sequence[Mapping], size: int, figure: str) -> float | None:
    """A figure at a size: that of the largest measured one that is not above it, or of the least."""
    ordered = sorted(rows, key=lambda row: row["size"])
    if not ordered:
        return None
    below = [row for row in ordered if row["size"] <= size]
    return float((below or ordered[:1])[-1][figure])


def cost(record: Mapping, space: str, sizes: tuple[int, int, int], name: str) -> list[str]:
    """What the present sizes cost against the largest that were measured: a sentence each."""
    sentences = []
    rows = [row for row in record["retrieve"] if row["space"] == space]
    if rows:
        here, most = at(rows, sizes[0], "recall"), max(rows, key=lambda row: row["size"])
        lost = most["recall"] - here
        sentences.append(
            f"Of what people later rated, {here:.0%} is among the first {sizes[0]:,} of {names.space(space)}"
            + (f"; {most['size']:,} would hold {most['recall']:.0%}." if lost > 0.005 else ".")
        )
    rows = [row for row in record["rank"] if row["space"] == space and row["ranker"] == name]
    if rows:
        here, best = at(rows, sizes[1], "ndcg@10"), max(rows, key=lambda row: row["ndcg@10"])
        lost = best["ndcg@10"] - here
        what = "relevance" if name == PLAIN_RANKING else names.RANKERS.get(name, name)
        sentences.append(
            f"With {sizes[1]:,} for it to order, {what} reaches nDCG@10 {here:.3f}"
            + (f", {lost:.3f} less than with {best['size']:,}." if lost > 0.0005 else ", as much as with any size.")
        )
    return sentences
