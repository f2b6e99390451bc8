"""What engines are asked here: a visitor's point or an item's own, and many people's, to count how often one misses."""

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Request
from recsys.personas import PERSONAS
from recsys.population import simulate
from recsys.profile import Profile
from recsys.version import Version

K = 10
"""How many are asked for, here and in the records."""
MOST_LIKES = 5
TRIES = 20
"""So many profiles are tried for each query that is wanted, before the catalog is taken to have too few."""
MOST_FORESEEN = 5000
"""So many people have lists made beforehand, the first ones."""


@dataclass(frozen=True, eq=False)
class Searched:
    """The items that have a vector in a space: an engine's row j is the catalog's row `rows[j]`.

    Attributes:
        name: of the vectors; two of one name are the same.
        space: the space.
        rows: (m,) int64.
        vectors: (m, d) float32, contiguous.
        foreseen: (q, d) float32, the queries for which lists can be made beforehand; None for the vectors themselves.
    """

    name: str
    space: str
    rows: np.ndarray
    vectors: np.ndarray
    foreseen: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Asked:
    """A query.

    Attributes:
        vector: (d,) float32.
        item: the catalog's row whose own vector it is; None where it is the profile's point.
    """

    vector: np.ndarray
    item: int | None = None


def searched(version: Version, space: str) -> Searched:
    """What there is to be found in a space.

    Raises:
        InvalidInput: the space is empty.
    """
    every = np.asarray(version.spaces[space])
    rows = np.flatnonzero(every.any(axis=1))
    if not len(rows):
        raise InvalidInput(f"No item of {version.manifest['label']} has a vector in this space.", "Choose another one.")
    return Searched(f"{version.name}@{version.id}-{space}", space, rows, np.ascontiguousarray(every[rows]))


def with_people(funnel: Funnel, among: Searched) -> Searched:
    """The same, where the points of the catalog's known people are foreseen too, as their ratings alone place them."""
    tower = funnel.tower(Request(Profile(), space=among.space))
    found = [tower.query(Profile(person=person)) for person in islice(funnel.version.people, MOST_FORESEEN)]
    points = [query.vector.astype(np.float32) for query in found if query is not None and query.vector.any()]
    return replace(among, name=f"{among.name}+people", foreseen=np.vstack([among.vectors, *points]))


def asked(funnel: Funnel, request: Request, among: Searched) -> Asked:
    """The profile's point; where it says nothing in the space, a ready item's own vector.

    Raises:
        TastespaceError: an item or a person that the catalog does not have, or an encoder that cannot be loaded.
    """
    query = funnel.tower(request).query(request.profile)
    if query is not None and query.vector.any():
        return Asked(query.vector.astype(np.float32))
    item = _ready(funnel.version, among)
    return Asked(np.asarray(funnel.version.spaces[among.space][item], dtype=np.float32), item)


def profile_queries(funnel: Funnel, space: str, n: int, seed: int = 0) -> np.ndarray:
    """Points of many people, each with 1 to 5 likes, through the space's tower: (<=n, d) float32.

    The likes of a query are one person's: real ones where the catalog has ratings, simulated ones elsewhere.

    Raises:
        InvalidInput: nobody likes anything that has a vector in the space.
    """
    version, rng = funnel.version, np.random.default_rng(seed)
    tower, likes = funnel.tower(Request(Profile(), space=space)), _likes(version, seed)
    found: list[np.ndarray] = []
    for _ in range(n * TRIES if likes else 0):
        rows = rng.permutation(likes[rng.integers(len(likes))])[: rng.integers(1, MOST_LIKES + 1)]
        query = tower.query(Profile(likes=tuple(version.item_ids[rows])))
        if query is not None and query.vector.any():
            found.append(query.vector.astype(np.float32))
        if len(found) == n:
            break
    if not found:
        raise InvalidInput(f"In {version.manifest['label']}, nobody likes anything that has a vector in this space.")
    return np.stack(found)


def _ready(version: Version, among: Searched) -> int:
    """The first item that a ready visitor of the catalog likes, or the first of all, among those with a vector."""
    liked = [i for p in PERSONAS if p.catalog == version.name for i in p.profile.likes if i in version]
    there = [int(row) for row in version.rows(liked) if row in among.rows]
    return there[0] if there else int(among.rows[0])


def _likes(version: Version, seed: int) -> list[np.ndarray]:
    """The rows that each person likes."""
    if version.ratings is None:
        return list(simulate(version, seed=seed).likes)
    liked = version.ratings.part(version.ratings.liked)
    order = np.argsort(liked.users, kind="stable")
    people = np.split(liked.items[order], np.flatnonzero(np.diff(liked.users[order])) + 1)
    return [rows for rows in people if len(rows)]
