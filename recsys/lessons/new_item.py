"""A new item: composed from words and a picture, placed among the others, and shown to whom it would reach.

It exists only for as long as somebody looks at it: nothing here changes the catalog.
"""

from dataclasses import dataclass

import numpy as np

from recsys.errors import InvalidInput
from recsys.funnel import DECIMALS, Funnel, Request
from recsys.personas import PERSONAS
from recsys.profile import Profile, clean_wish
from recsys.projection import place
from recsys.ratings import LIKE
from recsys.settings import DEFAULT_BLEND
from recsys.towers.content import unit
from recsys.version import Version

FIRST = 10
SHOWN = 6
MIN_LIKES = 3


@dataclass(frozen=True)
class Draft:
    """A new item as it is typed.

    Attributes:
        title, description, tags: words; each may be empty.
        picture: key of an uploaded picture, or None.
    """

    title: str = ""
    description: str = ""
    tags: str = ""
    picture: str | None = None

    @property
    def text(self) -> str:
        """What the text encoder reads: title, tags, description, as for the catalog's own items."""
        return clean_wish(". ".join(part.strip() for part in (self.title, self.tags, self.description) if part.strip()))


READY = {
    "movies": Draft("Star Trek: The Lost Crew (1998)", "", "Sci-Fi, Adventure"),
    "clipart": Draft("A trumpet made of bread", "A baker's joke", "music, food"),
}
"""An item that is placed before anybody has composed one."""


@dataclass(frozen=True, eq=False)
class NewItem:
    """Where a draft lands.

    Attributes:
        space: the space it is placed in.
        position: (2,) on the space's map.
        rows: (m,) the items nearest to it, best first.
        scores: (m,) their similarity.
        by_text, by_picture: (m,) what words and picture contribute to each, adding up to `scores`; the second is
            None in a space without pictures, or where the draft has none.
        audience: who comes nearest to it: name and the place it would have on their list, best first.
        reached: how many would find it among their first ten.
        asked: how many people or personas were asked.
        real: whether they are real users; personas else.
    """

    space: str
    position: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    by_text: np.ndarray
    by_picture: np.ndarray | None
    audience: list[tuple[str, int]]
    reached: int
    asked: int
    real: bool


def compose(funnel: Funnel, draft: Draft, m: int = 10) -> NewItem:
    """Places a draft in the space where the catalog understands wishes.

    Args:
        funnel: of the catalog.
        draft: what was typed and uploaded.
        m: how many neighbours are wanted.

    Raises:
        InvalidInput: the draft has neither words nor a picture, or none that this catalog understands.
        TastespaceError: an encoder cannot be loaded.
    """
    if not draft.text and draft.picture is None:
        raise InvalidInput("A new item needs something to go by.", "Give it a title, some words or a picture.")
    version, space = funnel.version, funnel.version.wish_space
    if space == "given":
        raise InvalidInput(
            f"{version.manifest['label']} came with vectors of its own and no model that could make one more.",
            "Import it again with --text-encoder, and a new item finds its place by its words.",
        )
    half = "image" if space == "image" else "text"
    text = funnel.encode_wish(Profile(wish=draft.text)).get(half) if draft.text else None
    picture = funnel.encode_wish(Profile(picture=draft.picture)).get("image") if draft.picture is not None else None
    vectors = version.spaces[space].astype(np.float64)
    if space == "blend":
        # As for the catalog's own items: what has no picture carries its words in both halves, and the reverse.
        halves = [unit(text if text is not None else picture), unit(picture if picture is not None else text)]
        vector, split = np.concatenate(halves), len(halves[0])
        shares = [
            DEFAULT_BLEND * (vectors[:, :split] @ halves[0]),
            (1 - DEFAULT_BLEND) * (vectors[:, split:] @ halves[1]),
        ]
    else:
        told = [v for v in (text, picture if space == "image" else None) if v is not None]
        if not told:
            raise InvalidInput(f"{version.manifest['label']} is searched by words alone.", "Give the item a title.")
        vector = unit(np.mean(told, axis=0))
        shares = [vectors @ vector]
    scores = np.round(sum(shares), DECIMALS)
    order = np.lexsort((np.arange(len(scores)), -scores))[:m]
    by_picture = shares[1] if len(shares) > 1 and picture is not None else None
    names, places, real = _audience(funnel, space, vectors, vector)
    nearest = np.argsort(places, kind="stable")[:SHOWN]
    return NewItem(
        space=space,
        position=place(vector[None], version.spaces[space], version.map(space))[0],
        rows=order,
        scores=scores[order],
        by_text=(scores if by_picture is None else shares[0])[order],
        by_picture=None if by_picture is None else by_picture[order],
        audience=[(names[j], int(places[j])) for j in nearest],
        reached=int((places <= FIRST).sum()),
        asked=len(names),
        real=real,
    )


def _audience(
    funnel: Funnel, space: str, vectors: np.ndarray, vector: np.ndarray
) -> tuple[list[str], np.ndarray, bool]:
    """People, and the place that the new item would have on each one's list by content alone: from 1."""
    version = funnel.version
    if version.catalog.interactions is not None:
        names, queries, seen = _users(version, vectors)
        catalog = queries @ vectors.T
        catalog[seen] = -np.inf
        better = (catalog > (queries @ vector)[:, None]).sum(axis=1)
        real = True
    else:
        names, better, real = [], [], False
        for persona in (p for p in PERSONAS if p.catalog == version.name):
            request = Request(persona.profile, space, lam=1.0)
            query = funnel.tower(request).query(persona.profile)
            if query is None:
                continue
            others = vectors @ query.vector
            others[version.rows(persona.profile.rated)] = -np.inf
            names.append(persona.name)
            better.append(int((others > query.vector @ vector).sum()))
        better = np.array(better, dtype=np.int64)
    return names, better + 1, real


def _users(version: Version, vectors: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Real users as content queries, (u, d), and what each has seen, (u, n) bool; those with few likes are left out."""
    interactions = version.catalog.interactions
    codes, names = interactions["user_id"].factorize(sort=True)
    rows = version.rows(interactions["item_id"])
    seen = np.zeros((len(names), len(vectors)), dtype=bool)
    seen[codes, rows] = True
    likes = np.zeros(seen.shape)
    liked = (interactions["rating"] >= LIKE).to_numpy()
    likes[codes[liked], rows[liked]] = 1
    enough = likes.sum(axis=1) >= MIN_LIKES
    sums = likes[enough] @ vectors
    queries = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return [str(name) for name in names[enough]], queries, seen[enough]


def as_document(version: Version, found: NewItem) -> dict:
    """Where a draft lands, as the JSON document of the command line; see `docs/schema.md`."""
    titles = version.catalog.items["title"]
    return {
        "catalog": version.name,
        "space": found.space,
        "position": [round(float(x), 6) for x in found.position],
        "items": [
            {
                "item_id": str(version.item_ids[row]),
                "title": titles.iat[row],
                "score": round(float(found.scores[j]), 6),
                "by_text": round(float(found.by_text[j]), 6),
                "by_picture": None if found.by_picture is None else round(float(found.by_picture[j]), 6),
            }
            for j, row in enumerate(found.rows)
        ],
        "reached": found.reached,
        "asked": found.asked,
        "real_users": found.real,
        "nearest_people": [{"who": name, "place": place} for name, place in found.audience],
    }
