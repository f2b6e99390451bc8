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
"""

from dataclasses import dataclass

import numpy as np

from recsys.errors import InvalidInput
from recsys.ratings import Ratings
from recsys.settings import DEFAULT_BLEND
from recsys.towers.content import ContentTower, unit
from recsys.version import Version

LIKES = 20
"""How many likes each person has, where nothing else is asked for."""
LARGEST = 2000
"""Most users of one population; their utilities are kept in memory."""
LARGEST_TABLE = 50_000_000
"""Most cells of users by items: each takes 40 bytes while likes are drawn."""


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
    version: Version, users: int = 200, seed: int = 0, parameters: Parameters = Parameters(), likes: int = LIKES
) -> Population:
    """Draws a population; the same arguments give the same people.

    Args:
        version: the built catalog.
        users: how many people, 1 to 2,000.
        seed: everything is drawn from it.
        parameters: what they are made of.
        likes: how many likes each has, at most as many as there are items.

    Raises:
        InvalidInput: a number of users or a parameter out of range, or more items than people can be drawn for.
    """
    _check(users, parameters)
    if users * len(version.item_ids) > LARGEST_TABLE:
        raise InvalidInput(
            f"{users:,} people cannot be simulated among {len(version.item_ids):,} items.",
            f"This catalog is large enough for {LARGEST_TABLE // len(version.item_ids):,} of them.",
        )
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


def as_ratings(population: Population, n_items: int) -> Ratings:
    """A population's likes as ratings of 5, a second apart in the order they were drawn: for models to learn from."""
    users, m = population.likes.shape
    return Ratings(
        people=np.array([f"simulated-{j}" for j in range(users)], dtype=object),
        n_items=n_items,
        users=np.repeat(np.arange(users), m),
        items=population.likes.ravel().astype(np.int64),
        values=np.full(users * m, 5.0),
        times=np.tile(np.arange(m, dtype=np.int64), users),
    )


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
