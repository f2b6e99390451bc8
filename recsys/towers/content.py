"""The content tower: a profile's point among the items, from the items' own vectors.

    q = unit( unit(mean of likes) + unit(wish) + unit(mean of chosen categories' centroids)
              - 0.5 unit(mean of dislikes) )

Absent terms are left out; words and picture of a wish are averaged; relevance is q . v.

The blend is one stored vector [text ; image]. Each half has its own q, computed from that half of the vectors, and
the query is [w q_text ; (1 - w) q_image]: relevance is w times the one cosine plus (1 - w) times the other, so that
w = 1 is the text space and w = 0 the image space, exactly.
"""

from collections.abc import Callable, Mapping

import numpy as np

from recsys.profile import Profile
from recsys.towers import Heard, Query, heard
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
    terms = {
        "likes": unit(_mean(likes)) if len(likes) else None,
        "wish": unit(wish.astype(np.float64)) if wish is not None else None,
        "categories": unit(_mean(centroids)) if len(centroids) else None,
        "dislikes": -DISLIKE_WEIGHT * unit(_mean(dislikes)) if len(dislikes) else None,
    }
    parts = {name: term for name, term in terms.items() if term is not None and term.any()}
    if not parts:
        return None
    total = sum(parts.values())
    length = np.linalg.norm(total)
    if length < _NOTHING:
        return None
    return Query(total / length, {name: part / length for name, part in parts.items()})


def _mean(vectors: np.ndarray) -> np.ndarray:
    return vectors.mean(axis=0, dtype=np.float64)


class ContentTower:
    """The content tower of one space of a built catalog.

    Args:
        version: the built catalog.
        space: `text`, `image` or `blend`.
        blend: weight of the text half in the blend, in [0, 1]; without effect elsewhere.
        encode_wish: a profile's wish as one vector a half (`text`, `image`); never called without a wish.

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
        self._halves = (
            {"text": (blend, vectors[:, :split]), "image": (1 - blend, vectors[:, split:])}
            if space == "blend"
            else {space: (1.0, vectors)}
        )

    def query(self, profile: Profile) -> Query | None:
        """See `content_query`.

        Raises:
            UnknownItem: a like or dislike that the catalog does not have.
        """
        said = heard(self._version, profile)
        wishes = self._encode_wish(profile) if profile.wish or profile.picture else {}
        queries = {
            half: self._half_query(vectors, profile, said, wishes.get(half)) if weight else None
            for half, (weight, vectors) in self._halves.items()
        }
        if not any(queries.values()):
            return None
        names = dict.fromkeys(name for query in queries.values() if query for name in query.parts)

        def joined(pick: Callable[[Query], np.ndarray | None]) -> np.ndarray:
            """One vector of the space from one of each half, weighted; zeros where a half has none."""
            pieces = []
            for half, (weight, vectors) in self._halves.items():
                piece = pick(queries[half]) if queries[half] else None
                pieces.append(np.zeros(vectors.shape[1]) if piece is None else weight * piece)
            return np.concatenate(pieces)

        return Query(joined(lambda q: q.vector), {name: joined(lambda q, n=name: q.parts.get(n)) for name in names})

    def _half_query(self, vectors: np.ndarray, profile: Profile, said: Heard, wish: np.ndarray | None) -> Query | None:
        version = self._version

        def present(rows: np.ndarray) -> np.ndarray:
            """The vectors of those of the items that have one in this space."""
            taken = vectors[rows]
            return taken[taken.any(axis=1)]

        members = [present(version.facets.rows_with(version.catalog.categories, c)) for c in profile.categories]
        centroids = [_mean(m) for m in members if len(m)]
        return content_query(
            present(said.likes),
            present(said.dislikes),
            wish,
            np.stack(centroids) if centroids else np.empty((0, vectors.shape[1])),
        )

    def similarity_vectors(self, rows: np.ndarray) -> np.ndarray:
        """Vectors whose dot product is the similarity of two items as this tower weighs them: (len(rows), d).

        In the blend that is w sim_text + (1 - w) sim_image, the same weights as in the query.
        """
        if self.space != "blend":
            return self._version.spaces[self.space][rows]
        return np.hstack([np.sqrt(weight) * half[rows] for weight, half in self._halves.values()])
