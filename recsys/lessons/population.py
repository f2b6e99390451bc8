"""A simulated population: people whose true taste is known, so that regret can be measured. Nobody here is real.

For catalogs without interactions (it works on any). All of it is drawn from one seed:

    directions    each person has 1 to `directions` of them: a category's mean vector with probability
                  `categories`, otherwise a random item's vector; at unit length
    taste         t_u = unit(sum of w_j * direction_j), w ~ Dirichlet(1, ..., 1)
    popularity    pop_i = rank_i ** -zipf, the ranks a random permutation of 1..n
    utility       U_ui = t_u . v_i + popularity * log(pop_i)
    likes         drawn one after the other, without replacement, with probability proportional to
                  exp((U_ui + e_ui) / temperature), e_ui ~ Normal(0, noise); by the Gumbel top-k trick
                  (Kool, van Hoof & Welling 2019)

v are the catalog's vectors of the default space at unit length; in the blend both halves weigh the same.

Regret: somebody reveals their first m likes, and the content tower of the one pipeline lists the 10 nearest others
(m = 0: the starting list). With U(list) = the mean true utility of a list's items, the noise left out,

    share = (U(list) - U(random)) / (U(best) - U(random))

where best is the 10 items of highest utility and random the mean of all items, both among those not revealed.
So 0 = as good as a random list, 1 = the best possible, below 0 = worse than random; regret is 1 - share. An empty list
counts as random, and where all items are equally good every list is the best.
The popular list holds what the others of the population like most; the revealed likes leave it too.
"""

from dataclasses import asdict, dataclass

import numpy as np

from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Request
from recsys.lessons.points import best_lists, content_points
from recsys.profile import Profile
from recsys.settings import DEFAULT_BLEND
from recsys.towers.content import ContentTower, unit
from recsys.version import Version

REVEALED = (0, 1, 2, 3, 5, 10, 20)
"""The m of the curve: how many likes somebody has revealed."""
LIST = 10
LARGEST = 2000
"""Most users of one population; their utilities are kept in memory."""
EXAMPLES = 3


@dataclass(frozen=True)
class Parameters:
    """What the simulated people are made of; by default, a like tells something of a taste but not everything.

    Attributes:
        directions: most directions that a taste is mixed of; each number from 1 on is as likely.
        categories: probability in [0, 1] that a direction is a category's mean; otherwise it is an item.
        popularity: how much log-popularity adds to utility; 0 = taste alone.
        zipf: exponent of the popularity's law; 1 = Zipf's, 0 = all the same.
        noise: standard deviation of what makes somebody like an item besides.
        temperature: above 0; the lower, the more surely the best items are the ones they like.
    """

    directions: int = 3
    categories: float = 0.5
    popularity: float = 0.02
    zipf: float = 1.0
    noise: float = 0.1
    temperature: float = 0.08


@dataclass(frozen=True, eq=False)
class Population:
    """Simulated people of one catalog.

    Attributes:
        space: the space in which they have a taste.
        parameters: what they were made of.
        seed: what they were drawn from.
        directions: for each of the U users (name, weight) of what the taste is mixed of, heaviest first.
        tastes: (U, d) float32, unit vectors.
        utilities: (U, n) float32, the true utility, without the noise.
        likes: (U, m) int64, rows in the order they were drawn.
        simulated: always True.
    """

    space: str
    parameters: Parameters
    seed: int
    directions: tuple[tuple[tuple[str, float], ...], ...]
    tastes: np.ndarray
    utilities: np.ndarray
    likes: np.ndarray
    simulated: bool = True


def simulate(
    version: Version, users: int = 200, seed: int = 0, parameters: Parameters = Parameters(), likes: int = REVEALED[-1]
) -> Population:
    """Draws a population; the same arguments give the same people.

    Args:
        version: the built catalog.
        users: how many people, 1 to 2,000.
        seed: everything is drawn from it.
        parameters: what they are made of.
        likes: how many likes each has, at most as many as there are items.

    Raises:
        InvalidInput: a number of users or a parameter out of range.
    """
    _check(users, parameters)
    rng = np.random.default_rng(seed)
    space = version.default_space
    vectors = _similarity_vectors(version, space)
    n = len(vectors)
    mixes = [_mix(version, vectors, parameters, rng) for _ in range(users)]
    tastes = np.stack([unit(sum(weight * vector for _, weight, vector in mix)) for mix in mixes]).astype(np.float32)
    log_popularity = -parameters.zipf * np.log(rng.permutation(n) + 1)
    utilities = tastes @ vectors.T + (parameters.popularity * log_popularity).astype(np.float32)
    felt = utilities + rng.normal(0, parameters.noise, utilities.shape)
    drawn = felt / parameters.temperature + rng.gumbel(size=utilities.shape)
    return Population(
        space=space,
        parameters=parameters,
        seed=seed,
        directions=tuple(
            tuple((name, weight) for name, weight, _ in sorted(mix, key=lambda part: -part[1])) for mix in mixes
        ),
        tastes=tastes,
        utilities=utilities,
        likes=np.argsort(-drawn, axis=1, kind="stable")[:, :likes],
    )


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


def population(version: Version, users: int = 200, seed: int = 0, parameters: Parameters = Parameters()) -> dict:
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


def _check(users: int, parameters: Parameters) -> None:
    if not 1 <= users <= LARGEST:
        raise InvalidInput(f"A population of {users} cannot be simulated.", f"Ask for 1 to {LARGEST:,} users.")
    p = parameters
    wrong = {
        "directions of 1 or more": p.directions < 1,
        "categories in [0, 1]": not 0 <= p.categories <= 1,
        "a finite popularity": not np.isfinite(p.popularity),
        "a zipf of 0 or more": not 0 <= p.zipf < np.inf,
        "a noise of 0 or more": not 0 <= p.noise < np.inf,
        "a temperature above 0": not 0 < p.temperature < np.inf,
    }
    for need, broken in wrong.items():
        if broken:
            raise InvalidInput(f"Such people cannot be simulated: they need {need}.")


def _similarity_vectors(version: Version, space: str) -> np.ndarray:
    """Vectors whose dot product is the similarity of two items, at unit length: (n, d) float32."""
    tower = ContentTower(version, space, DEFAULT_BLEND, lambda profile: {})
    vectors = np.asarray(tower.similarity_vectors(np.arange(len(version.item_ids))))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0).astype(np.float32)


def _mix(
    version: Version, vectors: np.ndarray, parameters: Parameters, rng: np.random.Generator
) -> list[tuple[str, float, np.ndarray]]:
    """What one taste is made of: names, weights and unit vectors."""
    facet, titles = version.catalog.categories, version.catalog.items["title"]
    names = list(version.facets.counts(facet))
    count = int(rng.integers(1, parameters.directions + 1))
    mix = []
    for weight in rng.dirichlet(np.ones(count)):
        if names and rng.random() < parameters.categories:
            name = str(names[rng.integers(len(names))])
            vector = unit(vectors[version.facets.rows_with(facet, name)].mean(axis=0))
        else:
            row = int(rng.integers(len(vectors)))
            name, vector = titles.iat[row], vectors[row]
        mix.append((name, float(weight), vector))
    return mix


def _mean_gain(utilities: np.ndarray, lists: np.ndarray, random: np.ndarray) -> np.ndarray:
    """Mean utility of each list's items above the random mean: (U,), 0 for an empty list."""
    filled = lists >= 0
    gains = np.take_along_axis(utilities, np.maximum(lists, 0), axis=1) - random[:, None]
    return np.where(filled, gains, 0).sum(axis=1) / np.maximum(filled.sum(axis=1), 1)


def _band(name: str, prefix: str, shares: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(shares, [2.5, 97.5])
    figures = {name: shares.mean(), f"{prefix}low": low, f"{prefix}high": high}
    return {key: round(float(value), 4) for key, value in figures.items()}
