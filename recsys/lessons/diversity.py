"""The diversity laboratory: one profile's candidates, several methods, and what each setting costs and brings.

Diversity of one list (its intra-list distance) and of the whole shop (coverage and Gini over everybody's lists) are two
things: a method can make every list varied and still show all people the same few items.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.diversity import Step, Sweep, diversify, watch
from recsys.errors import InvalidInput
from recsys.evaluation.metrics import (
    calibration,
    coverage,
    exposures,
    gini,
    mrr,
    ndcg,
    novelty,
    rbo,
    serendipity,
)
from recsys.funnel import STOPS, Funnel, Recommendation, Request
from recsys.profile import Profile
from recsys.ratings import LIKE
from recsys.towers import heard
from recsys.version import Version

NAMES = {
    "plain": "Plain",
    "mmr": "MMR",
    "dpp": "DPP",
    "cap": "Category cap",
}
SAID = {
    "mmr": "Each pick maximises λ × relevance − (1 − λ) × likeness to the most alike pick before it.",
    "dpp": "Each pick maximises λ × relevance + (1 − λ) × log of the volume that it adds to the list.",
    "cap": "A business rule: by relevance, but only so many of one category; the slider sets how many.",
}
READY = {"clipart": Profile(likes=("flag-of-brazil",)), "movies": Profile(likes=("222", "228"))}
"""A profile for which relevance alone brings near-duplicates."""
SHOP_LAMS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3, 0.0)
SHOP_USERS = 200
SHOP_LIKES = 6


def ready(version: Version, profile: Profile, space: str | None) -> tuple[Profile, str | None]:
    """The catalog's ready example for whom nothing is known of, where there is one; else what was given.

    It is for the space of content: a series of near-copies is what variety has to be tried on.
    """
    if profile or version.name not in READY:
        return profile, space
    return READY[version.name], space or version.default_space


@dataclass(frozen=True, eq=False)
class Setting:
    """What one method makes of one profile at each stop of the slider.

    Attributes:
        sweep: the lists.
        relevance: (101,) mean relevance of each list.
        distance: (101,) its intra-list distance, the mean of 1 - cosine over all pairs; NaN under two items.
        overlap: (101,) rank-biased overlap with the plain list, 1 = the same.
    """

    sweep: Sweep
    relevance: np.ndarray
    distance: np.ndarray
    overlap: np.ndarray


def settings(funnel: Funnel, answer: Recommendation, methods: Sequence[str]) -> dict[str, Setting]:
    """What each method makes of a recommendation's candidates at all 101 stops.

    Args:
        funnel: the funnel that answered.
        answer: its answer.
        methods: of `recsys.diversity.METHODS`.
    """
    vectors = funnel.tower(answer.request).similarity_vectors(answer.candidates)
    groups, k = _categories(funnel.version, answer.candidates), answer.request.k
    distances = 1 - (vectors @ vectors.T).astype(np.float64)
    found = {}
    for method in methods:
        sweep = diversify(method, answer.merit, vectors, groups, k, STOPS)
        found[method] = Setting(
            sweep=sweep,
            relevance=answer.relevance[sweep.picks].mean(axis=1) if sweep.picks.size else np.full(len(STOPS), np.nan),
            distance=_mean_distances(distances, sweep.picks),
            overlap=_overlaps(sweep.picks),
        )
    return found


def _categories(version: Version, rows: np.ndarray) -> np.ndarray:
    """The categories of items, as the cap counts them: (len(rows), categories) bool."""
    return version.facets.members(version.catalog.categories, rows)


def _mean_distances(distances: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """The intra-list distance of each list: (L,) float64."""
    k = picks.shape[1]
    if k < 2:
        return np.full(len(picks), np.nan)
    pairs = distances[picks[:, :, None], picks[:, None, :]]
    upper = np.triu_indices(k, 1)
    return pairs[:, upper[0], upper[1]].mean(axis=1)


def _overlaps(picks: np.ndarray) -> np.ndarray:
    """Rank-biased overlap of each list with the plain one, which is the candidates' own order: (L,)."""
    plain = list(range(picks.shape[1]))
    known: dict[bytes, float] = {}  # neighbouring stops mostly give the same list
    for row in picks:
        known.setdefault(row.tobytes(), rbo(row.tolist(), plain))
    return np.array([known[row.tobytes()] for row in picks])


def steps(funnel: Funnel, answer: Recommendation, method: str, lam: float) -> list[Step]:
    """How a method chooses, pick by pick, over a recommendation's candidates."""
    vectors = funnel.tower(answer.request).similarity_vectors(answer.candidates)
    groups = _categories(funnel.version, answer.candidates)
    return watch(method, answer.merit, vectors, groups, answer.request.k, lam)


def shoppers(version: Version, users: int = SHOP_USERS, seed: int = 0) -> tuple[list[Profile], list[frozenset[str]]]:
    """The people that a shop's diversity is measured over, and what each of them liked beyond what is told.

    Real users who like `SHOP_LIKES` items or more: half of their likes are told, at most 20, the rest is held out.
    Where there are none, simulated ones, of one to three liked items each around a random item.
    """
    draw = np.random.default_rng(seed)
    by_user = _likes_of(version)
    if not by_user:
        return _simulated(version, users, draw), [frozenset()] * users
    names = np.array(sorted(by_user))
    profiles, held = [], []
    for user in draw.choice(names, min(users, len(names)), replace=False):
        own = [str(i) for i in draw.permutation(by_user[user])]
        told = min(len(own) // 2, 20)
        profiles.append(Profile(likes=tuple(own[:told])))
        held.append(frozenset(own[told:]))
    return profiles, held


def _likes_of(version: Version) -> dict[str, list[str]]:
    """The liked items of everybody who likes enough of them."""
    interactions = version.catalog.interactions
    if interactions is None:
        return {}
    liked = interactions[interactions["rating"] >= LIKE]
    return {
        user: own.tolist() for user, own in liked.groupby("user_id", sort=True)["item_id"] if len(own) >= SHOP_LIKES
    }


def _simulated(version: Version, users: int, draw: np.random.Generator) -> list[Profile]:
    vectors = version.spaces[version.default_space]
    profiles = []
    for row in draw.choice(len(vectors), users, replace=len(vectors) < users):
        near = np.argsort(-(vectors @ vectors[row]), kind="stable")[: draw.integers(1, 4)]
        profiles.append(Profile(likes=tuple(str(i) for i in version.item_ids[near])))
    return profiles


def with_setting(lam: float) -> tuple[float, ...]:
    """The settings of a shop, and one more: descending."""
    return tuple(sorted({*SHOP_LAMS, lam}, reverse=True))


def shop(funnel: Funnel, methods: Sequence[str], lams: Sequence[float] = SHOP_LAMS, **request) -> dict:
    """What each setting does to the lists of many people at once: the JSON of the command line.

    Held-out likes are looked for in content spaces alone: learned spaces were taught with all ratings, these too.

    Args:
        funnel: of the catalog.
        methods: of `recsys.diversity.METHODS`.
        lams: the settings.
        **request: more of the request (`space`, `blend`, `k`).

    Returns:
        For each method and lambda: mean relevance and intra-list distance, coverage (the share of the catalog that is
        on anybody's list), Gini (0 = all items are shown equally often), calibration to the told likes' categories,
        novelty where real people rated, and on held-out likes, where the space has not seen them, nDCG and MRR at k
        and serendipity. See `recsys.evaluation.metrics`.

    Raises:
        InvalidInput: an unknown method or space, or a lambda outside [0, 1].
    """
    for lam in lams:
        if not 0 <= lam <= 1:
            raise InvalidInput(f"Lambda lies between 0 and 1; {lam:g} does not.", "1 is relevance alone.")
    version, funnel = funnel.version, funnel.unobserved()
    asked = Request(Profile(), lam=1.0, **request)
    space = version.has_space(asked.space or version.default_space)
    profiles, held = shoppers(version)
    sums = {m: [_Shop() for _ in lams] for m in methods}
    for profile, hidden in zip(profiles, held, strict=True):
        answer = funnel.recommend(replace(asked, profile=profile))
        tower, known = funnel.tower(answer.request), version.rows(profile.likes)
        vectors, groups = tower.similarity_vectors(answer.candidates), _categories(version, answer.candidates)
        distances = 1 - (vectors @ vectors.T).astype(np.float64)
        liked, taste = tower.similarity_vectors(known), _categories(version, known)
        wanted = frozenset() if space in version.learned else frozenset(version.rows(sorted(hidden)).tolist())
        hits = np.isin(answer.candidates, list(wanted))
        for method in methods:
            sweep = diversify(method, answer.merit, vectors, groups, asked.k, lams)
            far = _mean_distances(distances, sweep.picks)
            for one, picks, distance in zip(sums[method], sweep.picks, far, strict=True):
                rows = answer.candidates[picks].tolist()
                one.lists.append(rows)
                one.means["relevance"].append(answer.relevance[picks].mean())
                one.means["ild"].append(distance)
                one.means["calibration"].append(calibration(taste, groups[picks]))
                one.means["novelty"].append(_novelty(version, rows))
                if wanted:
                    one.means["ndcg"].append(ndcg(rows, wanted, asked.k))
                    one.means["mrr"].append(mrr([rows], [wanted], asked.k))
                    one.means["serendipity"].append(serendipity(vectors[picks], hits[picks], liked))
    return {
        "catalog": version.name,
        "space": space,
        "k": asked.k,
        "users": len(profiles),
        "simulated": not any(held),
        "methods": {
            method: [{"lam": lam, **one.figures(len(version.item_ids))} for lam, one in zip(lams, found, strict=True)]
            for method, found in sums.items()
        },
    }


class _Shop:
    """What is counted of one setting over all people."""

    def __init__(self) -> None:
        self.lists: list[list[int]] = []
        self.means: dict[str, list[float]] = defaultdict(list)

    def figures(self, n: int) -> dict:
        shown = exposures(self.lists, n)
        return {
            **{name: _mean(values) for name, values in self.means.items()},
            "coverage": _rounded(coverage(shown)),
            "gini": _rounded(gini(shown)),
        }


def _mean(values: Sequence[float]) -> float | None:
    """The mean of those that are a number; None of none."""
    known = [value for value in values if not np.isnan(value)]
    return _rounded(np.mean(known)) if known else None


def _novelty(version: Version, rows: Sequence[int]) -> float:
    """How little known a list is, in bits; NaN where nobody rated anything."""
    popularity = version.popularity
    return np.nan if popularity is None else novelty(popularity[rows], len(version.people))


def compared(funnel: Funnel, request: Request, methods: Sequence[str]) -> dict:
    """One profile's lists by several methods, as the JSON of the command line."""
    answer = funnel.recommend(request)
    version, rows, at = funnel.version, answer.candidates, round(request.lam * 100)
    taste = _categories(version, heard(version, request.profile).likes)
    return {
        "catalog": version.name,
        "space": answer.space,
        "lam": request.lam,
        "methods": {
            method: {
                "items": [str(i) for i in version.item_ids[rows[one.sweep.picks[at]]]],
                "relevance": _rounded(one.relevance[at]),
                "ild": _rounded(one.distance[at]),
                "rbo": _rounded(one.overlap[at]),
                "novelty": _rounded(_novelty(version, rows[one.sweep.picks[at]])),
                "calibration": _rounded(calibration(taste, _categories(version, rows[one.sweep.picks[at]]))),
            }
            for method, one in settings(funnel, answer, methods).items()
        },
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
