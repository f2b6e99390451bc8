"""The lesson of the simulated population: how much of the best possible list somebody gets after m likes.

The people are drawn by `recsys.population`, which says how; nobody here is real.

Regret: somebody reveals their first m likes, and the content tower of the one pipeline lists the 10 nearest others
(m = 0: the starting list). With U(list) = the mean true utility of a list's items, the noise left out,

    share = (U(list) - U(random)) / (U(best) - U(random))

where best is the 10 items of highest utility and random the mean of all items, both among those not revealed.
So 0 = as good as a random list, 1 = the best possible, below 0 = worse than random; regret is 1 - share. An empty list
counts as random, and where all items are equally good every list is the best.
The popular list holds what the others of the population like most; the revealed likes leave it too.
"""

from dataclasses import asdict

import numpy as np

from recsys.funnel import Funnel, Request
from recsys.lessons.points import best_lists, content_points
from recsys.population import Parameters, Population, simulate
from recsys.profile import Profile
from recsys.version import Version

REVEALED = (0, 1, 2, 3, 5, 10, 20)
"""The m of the curve: how many likes somebody has revealed."""
LIST = 10
EXAMPLES = 3
DEFAULT = Parameters()


def share_of_best(utilities: np.ndarray, allowed: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """How much of the best possible list each person's list is worth; see the module's text.

    Args:
        utilities: (U, n) float, true utilities.
        allowed: (U, n) bool, the items that a list may hold.
        lists: (U, k) int, rows, -1 for an empty place; U lists, or one for everybody as (1, k).

    Returns:
        (U,) float64, 0 = random, 1 = best.
    """
    utilities = utilities.astype(np.float64)
    lists = np.broadcast_to(lists, (len(utilities), lists.shape[1]))
    best = best_lists(utilities, allowed, lists.shape[1])
    random = np.where(allowed, utilities, 0).sum(axis=1) / np.maximum(allowed.sum(axis=1), 1)
    reached, possible = _mean_gain(utilities, lists, random), _mean_gain(utilities, best, random)
    return np.divide(reached, possible, out=np.ones(len(utilities)), where=possible > 1e-9)


def regret(version: Version, population: Population) -> list[dict]:
    """The curve: what lists are worth to the population after m revealed likes.

    Returns:
        For each m of `REVEALED`, as many as the people have likes: `{m, content, low, high, popular, popular_low,
        popular_high}`: mean over users of the content tower's share and of the popular list's, each with the range
        that holds the middle 95% of the users.
    """
    users, n = population.utilities.shape
    vectors = version.spaces[population.space]
    liked = np.zeros((users, n), dtype=bool)
    np.put_along_axis(liked, population.likes, True, axis=1)
    others = (liked.sum(axis=0) - liked).astype(np.float32)
    start = starting_list(version, population.space)
    curve = []
    for m in (m for m in REVEALED if m <= population.likes.shape[1]):
        revealed = population.likes[:, :m]
        allowed = np.ones((users, n), dtype=bool)
        np.put_along_axis(allowed, revealed, False, axis=1)
        if m:
            content = best_lists(content_points(version, population.space, revealed) @ vectors.T, allowed, LIST)
        else:
            content = start[None]
        shares = share_of_best(population.utilities, allowed, content)
        popular = share_of_best(population.utilities, allowed, best_lists(others, allowed, LIST))
        curve.append({"m": m, **_band("content", "", shares), **_band("popular", "popular_", popular)})
    return curve


def starting_list(version: Version, space: str) -> np.ndarray:
    """The funnel's list for a profile that says nothing: (10,) int64, rows by relevance alone, -1 where it is short."""
    funnel = Funnel(version, store=None, encode_wish=lambda profile: {})  # a starting list asks no store
    answer = funnel.recommend(Request(Profile(), space=space, lam=1.0, k=LIST))
    rows = answer.candidates[answer.picks]
    return np.pad(rows, (0, LIST - len(rows)), constant_values=-1)


def population(version: Version, users: int = 200, seed: int = 0, parameters: Parameters = DEFAULT) -> dict:
    """A simulated population and its regret, ready for JSON: see docs/schema.md, `cold-start population`.

    Raises:
        InvalidInput: as `simulate`.
    """
    people = simulate(version, users, seed, parameters)
    titles = version.catalog.items["title"]
    return {
        "simulated": True,
        "catalog": version.name,
        "version": version.id,
        "space": people.space,
        "seed": seed,
        "users": users,
        "k": LIST,
        "parameters": asdict(parameters),
        "curve": regret(version, people),
        "examples": [
            {
                "directions": [{"name": name, "weight": round(weight, 4)} for name, weight in people.directions[user]],
                "likes": [
                    {"item_id": version.item_ids[row], "title": titles.iat[row]} for row in people.likes[user, :5]
                ],
            }
            for user in range(min(EXAMPLES, users))
        ],
    }


def _mean_gain(utilities: np.ndarray, lists: np.ndarray, random: np.ndarray) -> np.ndarray:
    """Mean utility of each list's items above the random mean: (U,), 0 for an empty list."""
    filled = lists >= 0
    gains = np.take_along_axis(utilities, np.maximum(lists, 0), axis=1) - random[:, None]
    return np.where(filled, gains, 0).sum(axis=1) / np.maximum(filled.sum(axis=1), 1)


def _band(name: str, prefix: str, shares: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(shares, [2.5, 97.5])
    figures = {name: shares.mean(), f"{prefix}low": low, f"{prefix}high": high}
    return {key: round(float(value), 4) for key, value in figures.items()}
