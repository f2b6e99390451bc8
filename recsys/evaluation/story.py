"""What records say, in sentences and in rows of tables. Pure functions; every sentence is computed from its record.

Sentences are plain text. Two models are called apart where the 95% interval of their paired difference leaves out 0.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from recsys.models import SPACES
from recsys.ranking import LABELS as RANKERS

NAMES = {
    "popularity": "Popularity",
    "content": "Content",
    "content-popularity": "Content + popularity",
    "item-knn": "Item kNN",
    "sar": "SAR",
    "ease": "EASE",
    "edlae": "EDLAE",
    "als": "ALS",
    "bpr": "BPR",
    "two-tower": "Two-tower",
    "ensemble": "Ensemble",
}
PUBLISHED = (
    ("BiVAE", 0.4687, 0.4082, 0.2209),
    ("BPR (Cornac)", 0.4450, 0.3887, 0.2166),
    ("LightGCN", 0.4164, 0.3592, 0.1960),
    ("SAR", 0.3938, 0.3406, 0.1854),
    ("NCF", 0.3686, 0.3269, 0.1632),
    ("SVD", 0.0944, 0.0891, 0.0301),
    ("ALS, explicit", 0.0332, 0.0385, 0.0134),
)
"""nDCG@10, P@10 and R@10 that Microsoft Recommenders' benchmark published for the split `ms-75-25`."""


SERVED, UNSERVED, SCORES = (
    "retrieves: its space is served here",
    "has a space, not served here",
    "scores only: can rank",
)


def name_of(model: str) -> str:
    """A model as a person reads it."""
    return NAMES.get(model, model)


def usable(record: object, protocol: str) -> dict | None:
    """The record where all that the pages show can be told from it; None where it is damaged, or measured no model."""
    try:
        if record["protocol"] != protocol or not record["models"] or not isinstance(record["data"]["hash"], str):
            return None
        for m in record["models"]:
            own = [m["auc"], m["new_recall@10"], m["ndcg@10"]] if protocol == "cold-items" else []
            own += [{"mean": point["ndcg@10"], **point} for point in m["curve"]] if protocol == "cold-users" else []
            if protocol == "ranking":
                own += [{"mean": one["ndcg@10"], **one} for one in (m, *m["ranked"])]
                own += [one["gain"] for one in m["ranked"]]
            elif protocol not in ("cold-items", "cold-users"):
                own += [{"mean": m["ndcg@10"], **m}, *({"mean": s["value"], **s} for s in m["segments"])]
            if not own or not all(one["low"] <= one["mean"] <= one["high"] for one in own):
                return None
        _ = _TELL[protocol](record)
    except (TypeError, KeyError, AttributeError, IndexError, ValueError):
        return None
    return record


def reach(model: Mapping) -> str:
    """How far a model gets: `SERVED`, `UNSERVED` or `SCORES`.

    Content learns no space of its own: its scores are cosines in the content space that every catalog is built with.
    """
    if model["model"] in ("content", *SPACES.values()):
        return SERVED
    return UNSERVED if model.get("space") else SCORES


def ranked(record: Mapping) -> list[dict]:
    """The record's models, the best first."""
    return sorted(record["models"], key=lambda m: -m["ndcg@10"])


def difference(one: Mapping, other: str) -> dict | None:
    """The paired difference of a model's nDCG@10 to another's: mean, low, high; None where it was not measured."""
    return one.get("against", {}).get(other)


def apart(paired: Mapping) -> bool:
    """Whether the 95% interval of a difference leaves out 0."""
    return paired["low"] > 0 or paired["high"] < 0


def told(paired: Mapping) -> str:
    """A difference and its interval, such as "+0.016 (95% interval +0.012 to +0.021)"."""
    return f"{_signed(paired['mean'])} (95% interval {_signed(paired['low'])} to {_signed(paired['high'])})"


def story(record: Mapping) -> list[str]:
    """Who makes the best lists, by how much, for whom, and what that costs: a sentence or two each."""
    best = ranked(record)[0]
    return [text for text in (_who(record, best), _for_whom(record, best), _rare(best), _cost(record, best)) if text]


def _who(record: Mapping, best: Mapping) -> str:
    rows = {m["model"]: m for m in record["models"]}
    lead = (
        f"{name_of(best['model'])} makes the best lists: nDCG@10 is {best['ndcg@10']:.3f} over "
        f"{record['people']:,} people."
    )
    against = []
    ease = difference(best, "ease")
    if ease is not None and "ease" in rows:
        lead_over = f"EASE ({rows['ease']['ndcg@10']:.3f})"
        against.append(
            f"Against {lead_over} the difference is {told(ease)}"
            if apart(ease)
            else f"It and {lead_over} cannot be told apart: the difference is {told(ease)}, and that interval holds 0"
        )
    elif best["model"] == "ease" and len(rows) > 1:
        second = ranked(record)[1]
        behind = difference(second, "ease")
        if behind is not None:
            against.append(
                f"{name_of(second['model'])}, the second, is behind it by {told(behind)}"
                if apart(behind)
                else f"{name_of(second['model'])}, the second, cannot be told apart from it: {told(behind)}"
            )
    popular = difference(best, "popularity")
    if popular is not None and "popularity" in rows:
        word = "to" if against else "To"
        against.append(
            f"{word} the list that shows everybody the most rated items ({rows['popularity']['ndcg@10']:.3f}) "
            f"it is {told(popular)}" + ("" if apart(popular) else ", which may be nothing")
        )
    return " ".join([lead, *([f"{'; '.join(against)}."] if against else [])])


def _for_whom(record: Mapping, best: Mapping) -> str:
    own = [s for s in best["segments"] if s["kind"] == "history"]
    if len(own) < 2:
        return ""
    light, heavy = own[0], own[-1]
    text = (
        f"For whom: for people with {light['segment']} nDCG@10 is {light['value']:.3f}, for those with "
        f"{heavy['segment']} it is {heavy['value']:.3f}"
    )
    popular = next((m for m in record["models"] if m["model"] == "popularity"), None)
    if popular is None or best["model"] == "popularity":
        return f"{text}."
    base = {s["segment"]: s["value"] for s in popular["segments"] if s["kind"] == "history"}
    if light["segment"] not in base or heavy["segment"] not in base:
        return f"{text}."
    few, many = light["value"] - base[light["segment"]], heavy["value"] - base[heavy["segment"]]
    return (
        f"{text}; over popularity that is {_signed(few)} and {_signed(many)}. (Who rated more also has more to be "
        "found, which lifts every model.)"
    )


def _rare(best: Mapping) -> str:
    popular, rare = ([s for s in best["segments"] if s["kind"] == "items"] + [None, None])[:2]
    if popular is None or rare is None:
        return ""
    return (
        f"Rare items are the weak side: of what was held back among {popular['segment']} of the items it finds "
        f"{popular['value']:.1%}, among {rare['segment']} {rare['value']:.1%}."
        if rare["value"] < popular["value"]
        else f"Rare items are found as well as known ones: {rare['value']:.1%} against {popular['value']:.1%}."
    )


def _cost(record: Mapping, best: Mapping) -> str:
    if best.get("train_s") is None:
        return ""
    text = f"What it costs: {seconds(best['train_s'])} of learning"
    ease = next((m for m in record["models"] if m["model"] == "ease"), None)
    if ease is not None and best["model"] != "ease" and ease.get("train_s") is not None:
        text += f", where EASE takes {seconds(ease['train_s'])}"
    if reach(best) == SERVED:
        return f"{text}. Its items lie in a space, so it can also retrieve."
    why = "it has scores only" if reach(best) == SCORES else "its space is not served here"
    text += f"; and {why}, so it can rank but not retrieve"
    served = [m for m in ranked(record) if reach(m) == SERVED]
    if not served:
        return f"{text}."
    return f"{text}. The best that can is {name_of(served[0]['model'])}, {served[0]['ndcg@10']:.3f}."


def board(record: Mapping) -> list[dict]:
    """The leaderboard as rows of a table, the best first, with the published models where they are of this split."""
    rows = [
        {
            "model": name_of(m["model"]),
            "space": _space(m),
            "nDCG@10": m["ndcg@10"],
            "P@10": m.get("precision@10"),
            "R@10": m.get("recall@10"),
            "against EASE": _cell(difference(m, "ease")) if m["model"] != "ease" else "",
            "train s": m.get("train_s"),
            "train MB": m.get("train_mb"),
            "query ms": (m.get("query_ms") or {}).get("p50_ms"),
        }
        for m in record["models"]
    ]
    if record["protocol"] == "ms-75-25":
        rows += [
            {"model": f"{name}, published", "space": "", "nDCG@10": ndcg, "P@10": p, "R@10": r, "against EASE": ""}
            for name, ndcg, p, r in PUBLISHED
        ]
    return sorted(rows, key=lambda row: -row["nDCG@10"])


def _space(model: Mapping) -> str:
    if model["model"] == "content":
        return "the catalog's content space"
    return f"{model['space']}, not served here" if reach(model) == UNSERVED else model.get("space") or SCORES


def _cell(paired: Mapping | None) -> str:
    if paired is None:
        return ""
    return f"{_signed(paired['mean'])} [{_signed(paired['low'])}, {_signed(paired['high'])}]"


def defaults(record: Mapping) -> list[str]:
    """The models that a chart shows at first: the two best, and the two that everything is held against."""
    names = [m["model"] for m in ranked(record)]
    return list(dict.fromkeys([*names[:2], *(n for n in ("popularity", "content") if n in names)]))


def alike(record: Mapping) -> str:
    """What the overlap of the lists says: the two most alike models and the loneliest one."""
    names, matrix = record["overlap"]["models"], record["overlap"]["matrix"]
    pairs = [(matrix[i][j], names[i], names[j]) for i in range(len(names)) for j in range(i + 1, len(names))]
    if not pairs:
        return ""
    share, one, other = max(pairs)
    nearest = {n: max(m for j, m in enumerate(matrix[i]) if j != i) for i, n in enumerate(names)}
    lonely = min(nearest, key=nearest.get)
    text = f"Most alike: {name_of(one)} and {name_of(other)}, which share {10 * share:.1f} of 10 items."
    if lonely in (one, other):
        return text
    return f"{text} {name_of(lonely)} goes its own way: at most {10 * nearest[lonely]:.1f} of 10 with any other."


def passing(record: Mapping, order: str) -> list[str]:
    """From how many revealed ratings on each model beats popularity for good: a sentence for each number."""
    first: dict[int | None, list[str]] = {}
    for m in record["models"]:
        if m["model"] != "popularity":
            first.setdefault(m["passes_popularity"].get(order), []).append(name_of(m["model"]))
    sentences = []
    for m in sorted(m for m in first if m is not None):
        when = "before anything is revealed" if m == 0 else f"from {m} revealed rating{'' if m == 1 else 's'} on"
        one = len(first[m]) == 1
        sentences.append(f"{_and(first[m])} {'is' if one else 'are'} above popularity {when}, for good.")
    if None in first:
        most = max((point["m"] for m in record["models"] for point in m["curve"]), default=0)
        verb = "does" if len(first[None]) == 1 else "do"
        sentences.append(f"{_and(first[None])} {verb} not pass popularity for good, up to {most} ratings.")
    return sentences


def crossings(record: Mapping, order: str, models: Sequence[str]) -> list[str]:
    """Who leads where, among some models: one sentence for each stretch of m."""
    curves = {
        m["model"]: {p["m"]: p["ndcg@10"] for p in m["curve"] if p["order"] == order}
        for m in record["models"]
        if m["model"] in models
    }
    counts = sorted({m for curve in curves.values() for m in curve})
    leaders = [max((name for name in curves if m in curves[name]), key=lambda name: curves[name][m]) for m in counts]
    starts = [0, *(j for j, (a, b) in enumerate(pairwise(leaders), 1) if a != b)]
    if not counts:
        return []
    parts = []
    for j, start in enumerate(starts):
        end = starts[j + 1] - 1 if j + 1 < len(starts) else len(counts) - 1
        at = f"at {counts[start]}" if start == end else f"from {counts[start]} to {counts[end]}"
        parts.append(f"{at} {name_of(leaders[start])}")
    return [f"The best line by number of revealed ratings: {', '.join(parts)}."]


def newcomers(record: Mapping) -> str:
    """Who makes the best lists for new users by a record of cold-users, from nothing known to the most."""
    curves = {
        m["model"]: {p["m"]: p["ndcg@10"] for p in m["curve"] if p["order"] == "random"} for m in record["models"]
    }
    counts = sorted({m for curve in curves.values() for m in curve})
    parts = []
    for m in dict.fromkeys([*counts[:1], *counts[len(counts) // 2 :][:1], *counts[-1:]]):
        values = {name: curve[m] for name, curve in curves.items() if m in curve}
        best = max(values, key=values.get)
        told = f"with {m} rating{'' if m == 1 else 's'} known {name_of(best)} is best, nDCG@10 {values[best]:.3f}"
        beside = best != "popularity" and "popularity" in values
        parts.append(f"{told} (popularity {values['popularity']:.3f})" if beside else told)
    return f"New users are asked about in a protocol of their own: {'; '.join(parts)}." if parts else ""


def new_items(record: Mapping) -> list[str]:
    """Whether the two-tower network, or content where there is none, knows a good new item from another."""
    rows = {m["model"]: m for m in record["models"]}
    sentences = []
    if "two-tower" in rows:
        own = rows["two-tower"]
        sentences.append(f"The two-tower network reaches an AUC of {own['auc']['mean']:.3f} among new items.")
        for other, name in (("content", "content alone"), ("als", "matrix factorisation (ALS)")):
            paired = own["auc_against"].get(other)
            if paired is not None:
                sentences.append(_beats(name, paired))
    elif "content" in rows:
        own = rows["content"]
        sentences.append(f"Content reaches an AUC of {own['auc']['mean']:.3f} among new items.")
        paired = own["auc_against"].get("als")
        if paired is not None:
            sentences.append(_beats("matrix factorisation (ALS)", paired))
    blind = [name_of(m["model"]) for m in record["models"] if abs(m["auc"]["mean"] - 0.5) < 1e-6]
    if blind:
        verb = "gives" if len(blind) == 1 else "give"
        sentences.append(
            f"{_and(blind)} {verb} all new items the same score, for want of ratings: AUC .5, which is chance."
        )
    return sentences


def _beats(other: str, paired: Mapping) -> str:
    if paired["low"] > 0:
        return f"It beats {other} by {told(paired)}."
    if paired["high"] < 0:
        return f"It is behind {other}: {told(paired)}."
    return f"It cannot be told apart from {other}: {told(paired)}."


def seconds(value: float) -> str:
    """A time in words: "0.7 s", "12 s", "3 min"."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def _signed(value: float) -> str:
    # What rounds to nothing has no sign.
    text = f"{value:+.3f}"
    return "0.000" if text in ("-0.000", "+0.000") else text.replace("-", "−")


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _tell_known(record: Mapping) -> list:
    return [*story(record), *board(record), alike(record) if "overlap" in record else ""]


def _tell_newcomers(record: Mapping) -> list:
    orders = dict.fromkeys(p["order"] for m in record["models"] for p in m["curve"])
    names = [m["model"] for m in record["models"]]
    return [newcomers(record), *(passing(record, order) + crossings(record, order, names) for order in orders)]


def ranking_story(record: Mapping) -> list[str]:
    """Whether ranking helps what each tower retrieves, and whether a ranker is better than the best model alone."""
    sentences = []
    for row in record["models"]:
        for own in row["ranked"]:
            if own["by"] not in RANKERS:
                continue
            what = f"{RANKERS[own['by']]} %s the best {row['size']:,} of {name_of(row['model'])}"
            figures = f"nDCG@10 {own['ndcg@10']:.3f} against {row['ndcg@10']:.3f}, {told(own['gain'])}."
            verdict = "does not help" if not apart(own["gain"]) else "improves" if own["gain"]["low"] > 0 else "worsens"
            sentences.append(f"{what % verdict}: {figures}")
    return sentences + [text for text in (_over_the_ensemble(record["models"], by) for by in RANKERS) if text]


def _over_the_ensemble(rows: Sequence[Mapping], by: str) -> str:
    """A ranker against the ensemble's order of the same candidates, over all lists that were measured."""
    found = [own["over_ensemble"] for row in rows for own in row["ranked"] if own["by"] == by]
    if not found:
        return ""
    better, worse = (sum(apart(one) and sign * one["mean"] > 0 for one in found) for sign in (1, -1))
    if not better and not worse:
        return f"{RANKERS[by]} cannot be told from the ensemble, whose scores it reads: the rest adds nothing to them."
    return (
        f"{RANKERS[by]} is better than the ensemble, whose scores it reads, on {better} of {len(found)} lists, "
        f"and worse on {worse}."
    )


_TELL = {
    "ms-75-25": _tell_known,
    "chronological": _tell_known,
    "cold-users": _tell_newcomers,
    "cold-items": new_items,
    "ranking": ranking_story,
}
"""What the pages say of a record of each protocol."""
