"""A recommendation as the data of the shelf component: cards with reasons, and the lists of all stops."""

from collections.abc import Mapping

import numpy as np

from recsys.candidates import RRF_OFFSET
from recsys.diversity import Sweep, cap_size
from recsys.explain import Reason, explain, shortfall
from recsys.funnel import STOPS, Funnel, Recommendation
from recsys.lessons.diversity import NAMES, SAID, Setting
from recsys.profile import Profile
from recsys.ui.controls import SPACES
from recsys.ui.pictures import category_of, year_of
from recsys.ui.words import WORDS
from recsys.version import Version

_KIND = {
    "likes": "like",
    "wish": "wish",
    "categories": "category",
    "dislikes": "dislike",
    "typical": "category",
    "prior": "popular",
    "everybody": "popular",
    "about": "category",
    "text": "words",
    "image": "picture",
    "blend": "picture",
    "mf": "model",
    "two_tower": "like",
}
_LABEL = {
    "likes": "Your likes",
    "wish": "Your wish",
    "categories": "Your categories",
    "dislikes": "Your dislikes",
    "popular": "How many people know it",
    "prior": "What people like",
    "everybody": "What everybody gets",
    "about": "What is known of you",
    "typical": "How many items its category has",
    **{space: f"Its place in the list of {words}" for space, words in SPACES.items()},
}


def two_shelves(funnel: Funnel, answer: Recommendation, sweep: Sweep) -> dict:
    """The nearest list, and the varied one with all its stops, as the data of `recsys.ui.shelf.shelf`."""
    version, request = funnel.version, answer.request
    shown = sorted({int(p) for p in sweep.picks.ravel()})
    nearest = {
        "key": "nearest",
        "title": "Nearest",
        "note": _nearest_note(version, answer),
        "list": [str(i) for i in version.item_ids[answer.candidates[sweep.picks[-1]]]],
        "wanted": request.k,
    }
    varied = {
        "key": "varied",
        "title": "Varied",
        "note": "Same candidates, but each pick must differ from those before it.",
        **_stops(version, answer, sweep, shown),
    }
    return {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": cards(funnel, answer, shown),
        "shelves": [nearest, varied],
        "help": WORDS["lam"],
        "message": _message(funnel, answer),
    }


def method_shelves(funnel: Funnel, answer: Recommendation, settings: Mapping[str, Setting]) -> dict:
    """The plain list, and under it what each method makes of the same candidates, all moved by one slider."""
    version, request = funnel.version, answer.request
    shown = sorted({int(p) for one in settings.values() for p in one.sweep.picks.ravel()})
    plain = {
        "key": "nearest",
        "title": "Plain",
        "note": _nearest_note(version, answer),
        "list": [str(i) for i in version.item_ids[answer.candidates[: request.k]]],
        "wanted": request.k,
    }
    varied = [
        {
            "key": method,
            "title": NAMES[method],
            "note": SAID[method],
            "notes": [
                _measured(*measures)
                + (f" · at most {cap_size(request.k, lam)} of one category" if method == "cap" else "")
                for lam, *measures in zip(STOPS, one.relevance, one.distance, one.overlap, strict=True)
            ],
            **_stops(version, answer, one.sweep, shown),
            "slider": place == 0,
        }
        for place, (method, one) in enumerate(settings.items())
    ]
    return {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": cards(funnel, answer, shown),
        "shelves": [plain, *varied],
        "slider": "top",
        "help": WORDS["lam_of_all"],
        "dense": True,
        "message": _message(funnel, answer),
    }


def _stops(version: Version, answer: Recommendation, sweep: Sweep, shown: list[int]) -> dict:
    """The lists of all stops as a shelf's data, over a pool of those of the candidates that are shown at any."""
    position_of = {p: j for j, p in enumerate(shown)}

    def compact(table) -> list[list[int]]:
        return [[position_of.get(int(p), -1) for p in stop] for stop in table]

    return {
        "pool": [str(i) for i in version.item_ids[answer.candidates[shown]]],
        "stops": compact(sweep.picks),
        "penalty": [[round(float(x), 3) for x in stop] for stop in sweep.penalties],
        "rivals": compact(sweep.rivals),
        "lam": answer.request.lam,
        "wanted": answer.request.k,
    }


def _measured(relevance: float, distance: float, overlap: float) -> str:
    if np.isnan(relevance):
        return ""
    apart = "" if np.isnan(distance) else f" · distance {distance:.2f}"
    return f"relevance {relevance:.2f}{apart} · {overlap:.0%} of the plain order (RBO)"


def cards(funnel: Funnel, answer: Recommendation, positions: list[int]) -> dict[str, dict]:
    """A card for each of a recommendation's candidates at those positions, by item id."""
    version = funnel.version
    # Scores of a learned space or of fused ranks have a scale of their own, which tells nobody anything: shown as a
    # share of the best.
    unscaled = answer.query is not None and (answer.space in version.learned or answer.fused)
    best = float(answer.relevance.max(initial=0)) if unscaled else 1.0
    scale = 1 / best if best > 0 else 1.0
    found = {}
    for position, reasons in zip(positions, explain(funnel, answer, positions), strict=True):
        row = int(answer.candidates[position])
        card = plain_card(version, row, answer.request.profile)
        card["score"] = round(scale * float(answer.relevance[position]), 4)
        card["why"] = [
            {
                "label": _LABEL.get(r.signal, r.signal),
                "value": round(scale * r.value, 4),
                "kind": _KIND.get(r.signal, r.signal),
            }
            for r in reasons
        ]
        card["reason"] = _sentence(version, answer, row, reasons[0])
        found[str(version.item_ids[row])] = card
    return found


def plain_card(version: Version, row: int, profile: Profile) -> dict:
    """A card without a score: what the item is, and whether it is liked."""
    item_id = version.item_ids[row]  # a row of the table as a Series would cost as much as all the rest of the list
    state = "liked" if item_id in profile.likes else "disliked" if item_id in profile.dislikes else ""
    return {
        "title": version.catalog.cell(row, "title"),
        "subtitle": subtitle(version, row),
        "score": None,
        "why": [],
        "reason": "",
        "state": state,
    }


def subtitle(version: Version, row: int) -> str:
    """What stands under an item's title: its year where it has one that matters, and its category."""
    if version.popularity is not None:
        genres = version.catalog.cell(row, version.catalog.categories)
        return " · ".join(part for part in (year_of(version, row), ", ".join(genres[:2])) if part)
    return category_of(version, row)


def aspect(version: Version) -> str:
    """The cards' shape: posters where the items have covers, squares where they have pictures."""
    return "square" if "image" in version.spaces else "poster"


def _sentence(version: Version, answer: Recommendation, row: int, strongest: Reason) -> str:
    if strongest.item_id is not None and strongest.signal == "likes":
        title = version.catalog.items.at[strongest.item_id, "title"]
        if answer.space in version.learned:
            return f"rated together with {title}"
        return f"similar to {title}, {strongest.similarity:.2f}"
    if answer.fused:
        return f"number {round(1 / strongest.value - RRF_OFFSET):,} in {SPACES.get(strongest.signal, strongest.signal)}"
    if strongest.signal == "popular":
        return f"{int(version.popularity[row]):,} people rated it"
    if strongest.signal == "typical":
        return "typical of its category"
    return {
        "wish": "near your wish",
        "categories": "near your categories",
        "likes": "near your likes",
        "dislikes": "far from what you dislike",
        "prior": "many people like it",
        "everybody": "many people rate it",
        "about": "people like you rate it",
    }[strongest.signal]


def _nearest_note(version: Version, answer: Recommendation) -> str:
    if answer.starting and answer.request.profile:
        return "What you said points nowhere in this space, so this is the list that everybody starts with."
    if answer.starting == "popular":
        return "A starting list: nothing is known about you yet, so these are the most rated items."
    if answer.starting == "medoids":
        return "A starting list: nothing is known about you yet, so this is one typical item of each category."
    if answer.space in version.learned:
        made_up = " of simulated people" if version.learned[answer.space]["simulated"] else ""
        return f"Closest to your point in a space learned from the ratings{made_up}; scores as a share of the best."
    return "Relevance alone: the items closest to your point."


def _message(funnel: Funnel, answer: Recommendation) -> dict | None:
    text = shortfall(funnel, answer)
    if text is None:
        return None
    return {"text": text, "relax": [{"label": str(c), "value": str(c)} for c in answer.request.where]}
