"""What the records say of the stages, in sentences: whether a ranker helps, and what a smaller stage costs."""

from collections.abc import Mapping, Sequence

import streamlit as st

from recsys.evaluation import story
from recsys.evaluation.records import SHIPPED, folder_of, read_records
from recsys.funnel import PLAIN_RANKING, Recommendation
from recsys.ui import resources
from recsys.ui.funnel import names
from recsys.version import Version

WORTH, RANKING = "funnel", "ranking"
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
    return usable(_found(version, WORTH))


def against_the_best(version: Version) -> list[str]:
    """What rankers are against the best model alone, whose scores they read: a sentence each, where it was measured."""
    record = story.usable(_found(version, RANKING), RANKING)
    return [] if record is None else [text for text in story.ranking_story(record) if "the ensemble" in text]


def _found(version: Version, protocol: str) -> dict | None:
    files = [folder / f"{version.name}-{protocol}.json" for folder in (folder_of(resources.SETTINGS), SHIPPED)]
    changed = tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
    return _record(version.name, str(resources.SETTINGS.data), protocol, changed)


@st.cache_resource(max_entries=8, show_spinner=False)
def _record(catalog: str, data: str, protocol: str, changed: tuple[int, ...]) -> dict | None:
    """The record as long as its files stay as they are: they are read with those of all other protocols."""
    return read_records(resources.SETTINGS, catalog).get(protocol)


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


def at(rows: Sequence[Mapping], size: int) -> Mapping | None:
    """The row of a size: that of the largest measured one that is not above it, or of the least."""
    ordered = sorted(rows, key=lambda row: row["size"])
    return next((row for row in reversed(ordered) if row["size"] <= size), ordered[0] if ordered else None)


def cost(record: Mapping, space: str, sizes: Sequence[int], name: str) -> list[str]:
    """What the present sizes cost against the best that were measured: a sentence each, at the next measured size."""
    sentences = []
    rows = [row for row in record["retrieve"] if row["space"] == space]
    if rows:
        here, most = at(rows, sizes[0]), max(rows, key=lambda row: row["size"])
        lost = most["recall"] - here["recall"]
        sentences.append(
            f"Of what people later rated, {here['recall']:.0%} is among the first {here['size']:,} of "
            f"{names.space(space)}" + (f"; {most['size']:,} would hold {most['recall']:.0%}." if lost > 0.005 else ".")
        )
    rows = [row for row in record["rank"] if row["space"] == space and row["ranker"] == name]
    if rows:
        here, best = at(rows, sizes[1]), max(rows, key=lambda row: row["ndcg@10"])
        lost = best["ndcg@10"] - here["ndcg@10"]
        sentences.append(
            f"With {here['size']:,} for it to order, {_within(name)} reaches nDCG@10 {here['ndcg@10']:.3f}"
            + (f", {lost:.3f} less than with {best['size']:,}." if lost > 0.0005 else ", as much as with any size.")
        )
    return sentences


def _within(name: str) -> str:
    """A ranker in the middle of a sentence."""
    words = "relevance" if name == PLAIN_RANKING else names.RANKERS.get(name, name)
    return words.replace("The ", "the ", 1)


def variety(record: Mapping, method: str, size: int, lam: float) -> list[str]:
    """What variety costs and brings at the present lambda, against relevance alone: a sentence, where it was measured.

    Args:
        record: what stages are worth.
        method: which picks.
        size: from how many; the next measured size counts.
        lam: lambda; the nearest measured one counts.
    """
    rows = [row for row in record["diversify"] if row["method"] == method]
    near = at(rows, size) if all("size" in row for row in rows) else None
    rows = rows if near is None else [row for row in rows if row["size"] == near["size"]]
    if not rows:
        return []
    plain, here = max(rows, key=lambda row: row["lam"]), min(rows, key=lambda row: abs(row["lam"] - lam))
    lost, won = plain["ndcg@10"] - here["ndcg@10"], here["ild"] - plain["ild"]
    of = "" if near is None else f" out of {near['size']:,}"
    cost = f"costs {lost:.3f}" if lost >= 0 else f"adds {-lost:.3f}"
    return [
        f"{names.METHODS.get(method, method)} at λ = {here['lam']:.2f}{of} {cost} nDCG@10 and brings {won:+.3f} "
        "intra-list distance."
    ]
