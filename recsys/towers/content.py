"""The content tower: a profile's point among the items, from the items' own vectors.

    q = unit( unit(mean of likes) + unit(wish) + unit(mean of chosen categories' centroids)
              - 0.5 unit(mean of dislikes) )

Absent terms are left out; words and picture of a wish are averaged; relevance is q . v.

The blend is one stored vector [text ; image]. Each half has its own q, computed from that half of the vectors, and
the query is [w q_text ; (1 - w) q_image]: relevance is w times the one cosine plus (1 - w) times the other, so that
w = 1 is the text space and w = 0 the image space, exactly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from recsys.errors import InvalidInput
from recsys.profile import Profile
from recsys.ratings import DISLIKE, LIKE
from recsys.towers import Query, heard
from recsys.version import Version

DISLIKE_WEIGHT = 0.5
_NOTHING = 1e-9

WishEncoder = Callable[[Profile], Mapping[str, np.ndarray]]


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1; a zero vector stays zero."""
    length = np.linalg.norm(vector)
    return vector / length if length > _NOTHING else np.zeros_like(vector)


def content_query(
    likes: np.ndarray, dislikes: np.ndarray, wish: np.ndarray | None, centroids: np.ndarray
) -> Query | None:
    """The content query of one space.

    Args:
        likes: (m, d) vectors of the liked items.
        dislikes: (m', d) vectors of the disliked items.
        wish: (d,) vector of the wish, or None.
        centroids: (c, d), one mean vector a chosen category.

    Returns:
        The query at unit length with its parts, or None where no term is left or the terms cancel out.
    """
    liked, disliked, centroid = (mean(vectors) if len(vectors) else None for vectors in (likes, dislikes, centroids))
    return query_of_means(liked, disliked, wish, centroid)


def query_of_means(
    likes: np.ndarray | None, dislikes: np.ndarray | None, wish: np.ndarray | None, centroid: np.ndarray | None
) -> Query | None:
    """`content_query` of the means of what it takes: (d,) each, None where there is none of a kind."""
    terms = {
        "likes": unit(likes) if likes is not None else None,
        "wish": unit(wish.astype(np.float64)) if wish is not None else None,
        "categories": unit(centroid) if centroid is not None else None,
        "dislikes": -DISLIKE_WEIGHT * unit(dislikes) if dislikes is not None else None,
    }
    parts = {name: term for name, term in terms.items() if term is not None and term.any()}
    if not parts:
        return None
    total = sum(parts.values())
    length = np.linalg.norm(total)
    if length < _NOTHING:
        return None
    return Query(total / length, {name: part / length for name, part in parts.items()})


def mean(vectors: np.ndarray) -> np.ndarray:
    """The mean of vectors (m, d), in double precision: (d,)."""
    return vectors.mean(axis=0, dtype=np.float64)


def _present(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The vectors of those of the rows that have one."""
    taken = vectors[rows]
    return taken[taken.any(axis=1)]


class ContentTower:
    """The content tower of one space of a built catalog.

    Args:
        version: the built catalog.
        space: `text`, `image`, `blend`, or `given` for vectors that came with the items.
        blend: weight of the text half in the blend, in [0, 1]; without effect elsewhere.
        encode_wish: a profile's wish as one vector a half (`text`, `image`); never called without a wish.

    Attributes:
        halves: weight and vectors (n, d) of each half, by name; of one half alone where the space is no blend.

    Raises:
        ValueError: blend outside [0, 1].
    """

    def __init__(self, version: Version, space: str, blend: float, encode_wish: WishEncoder) -> None:
        if not 0 <= blend <= 1:
            raise ValueError(f"expected a blend in [0, 1], got {blend}")
        self.space, self.cosine = space, True
        self._version = version
        self._encode_wish = encode_wish
        vectors = version.spaces[space]
        split = version.spaces["text"].shape[1] if space == "blend" else 0
        # An item without a picture carries its text vector in the blend's second half, so halves are cut from the
        # blend and not taken from the image space.
        self.halves = (
            {"text": (blend, vectors[:, :split]), "image": (1 - blend, vectors[:, split:])}
            if space == "blend"
            else {space: (1.0, vectors)}
        )

    def query(self, profile: Profile) -> Query | None:
        """See `content_query`.

        Raises:
            UnknownItem: a like or dislike that the catalog does not have.
            InvalidInput: a wish, in a space that no encoder made.
        """
        said, fixed = heard(self._version, profile), self.fixed_terms(profile)
        queries = {
            half: content_query(_present(vectors, said.likes), _present(vectors, said.dislikes), *fixed[half])
            if weight
            else None
            for half, (weight, vectors) in self.halves.items()
        }
        return self.joined(queries)

    def follow(self, profile: Profile) -> "RunningContent":
        """See `Tower`: sums of the likes and of the dislikes."""
        said = heard(self._version, profile)
        sums = {
            half: (Sum.of(_present(vectors, said.likes)), Sum.of(_present(vectors, said.dislikes)))
            for half, (_, vectors) in self.halves.items()
        }
        return RunningContent(profile, self, self.fixed_terms(profile), sums, self._stances(profile.person))

    def _stances(self, person: str | None) -> dict[int, int]:
        """What a known person's ratings say of items: 1 for a like, -1 for a dislike, by row."""
        if person is None:
            return {}
        rows, values = self._version.history(person)
        signs = (values >= LIKE).astype(np.int64) - (values <= DISLIKE)
        return dict(zip(rows.tolist(), signs.tolist(), strict=True))

    def row(self, item_id: str) -> int:
        """An item's row.

        Raises:
            UnknownItem: the catalog does not have it.
        """
        return int(self._version.rows([item_id])[0])

    def fixed_terms(self, profile: Profile) -> dict[str, tuple[np.ndarray | None, np.ndarray]]:
        """What a profile says besides its items, by half: the wish (d,) or None, and its centroids (c, d).

        Raises:
            InvalidInput: a wish, in a space that no encoder made.
        """
        wishes = self._encode_wish(profile) if profile.wish or profile.picture else {}
        if wishes and not wishes.keys() & self.halves.keys():
            raise InvalidInput(
                f"In the space {self.space} no wish can be understood: it has none of the vectors that wishes become.",
                f"Search another one: {', '.join(s for s in self._version.content_spaces if s in wishes)}.",
            )
        version, found = self._version, {}
        for half, (_, vectors) in self.halves.items():
            rows = [version.facets.rows_with(version.catalog.categories, c) for c in profile.categories]
            centroids = [mean(members) for own in rows if len(members := _present(vectors, own))]
            found[half] = wishes.get(half), np.stack(centroids) if centroids else np.empty((0, vectors.shape[1]))
        return found

    def joined(self, queries: Mapping[str, Query | None]) -> Query | None:
        """One query of the space from one of each half, weighted; None where no half has one."""
        if len(queries) == 1 or not any(queries.values()):
            return next(iter(queries.values()))  # a half that is all there is weighs 1
        names = dict.fromkeys(name for query in queries.values() if query for name in query.parts)

        def one(pick: Callable[[Query], np.ndarray | None]) -> np.ndarray:
            """One vector of the space from one of each half, weighted; zeros where a half has none."""
            pieces = []
            for half, (weight, vectors) in self.halves.items():
                piece = pick(queries[half]) if queries[half] else None
                pieces.append(np.zeros(vectors.shape[1]) if piece is None else weight * piece)
            return np.concatenate(pieces)

        return Query(one(lambda q: q.vector), {name: one(lambda q, n=name: q.parts.get(n)) for name in names})

    def similarity_vectors(self, rows: np.ndarray) -> np.ndarray:
        """Vectors whose dot product is the similarity of two items as this tower weighs them: (len(rows), d).

        In the blend that is w sim_text + (1 - w) sim_image, the same weights as in the query.
        """
        if self.space != "blend":
            return self._version.spaces[self.space][rows]
        return np.hstack([np.sqrt(weight) * half[rows] for weight, half in self.halves.values()])


@dataclass(frozen=True, eq=False)
class Sum:
    """Vectors that are added up, and how many.

    Attributes:
        total: (d,) float64.
        count: how many.
    """

    total: np.ndarray
    count: int

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Sum":
        """The sum of vectors (m, d)."""
        return cls(vectors.sum(axis=0, dtype=np.float64), len(vectors))

    def plus(self, vector: np.ndarray, times: int) -> "Sum":
        """With a vector added once, taken away once (-1), or left as it is (0)."""
        return self if not times else Sum(self.total + times * vector.astype(np.float64), self.count + times)

    @property
    def mean(self) -> np.ndarray | None:
        """The mean: (d,); None of nothing, whatever rounding has left of the sum."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, eq=False)
class RunningContent:
    """See `Running`: the content query from running sums.

    Attributes:
        profile: whose point it is.
        tower: its tower.
        fixed: see `ContentTower.fixed_terms`.
        sums: of the likes and of the dislikes, by half.
        stances: what a known person's ratings say, which counts where the profile says nothing.
    """

    profile: Profile
    tower: ContentTower
    fixed: Mapping[str, tuple[np.ndarray | None, np.ndarray]]
    sums: Mapping[str, tuple[Sum, Sum]]
    stances: Mapping[int, int]
    how: str = "running sums of likes and dislikes"

    def hearing(self, now: Profile, item_id: str) -> "RunningContent":
        """See `Running`."""
        row = self.tower.row(item_id)
        was, is_now = (self._stance(profile, item_id, row) for profile in (self.profile, now))
        likes, dislikes = (is_now == 1) - (was == 1), (is_now == -1) - (was == -1)
        sums = {}
        for half, (_, vectors) in self.tower.halves.items():
            vector, (liked, disliked) = vectors[row], self.sums[half]
            # An item without a vector in this space counts for nothing, not as a zero.
            sums[half] = (
                (liked.plus(vector, likes), disliked.plus(vector, dislikes)) if vector.any() else self.sums[half]
            )
        return RunningContent(now, self.tower, self.fixed, sums, self.stances)

    def _stance(self, profile: Profile, item_id: str, row: int) -> int:
        if item_id in profile.likes:
            return 1
        return -1 if item_id in profile.dislikes else self.stances.get(row, 0)

    def query(self) -> Query | None:
        """See `Running`."""
        queries = {}
        for half, (weight, _) in self.tower.halves.items():
            (wish, centroids), (likes, dislikes) = self.fixed[half], self.sums[half]
            centroid = mean(centroids) if len(centroids) else None
            queries[half] = query_of_means(likes.mean, dislikes.mean, wish, centroid) if weight else None
        return self.tower.joined(queries)
