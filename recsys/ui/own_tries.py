"""What to try in a catalog that somebody brought: the same lessons as elsewhere, told of its own items."""

from collections.abc import Sequence

from recsys.profile import Profile
from recsys.ui.link import View
from recsys.ui.pictures import category_of
from recsys.ui.pipeline import Pipeline
from recsys.ui.tour import MILLION, Try
from recsys.ui.words import by_whom
from recsys.version import Version
from recsys.where import Condition, Where

SHORT = 26
"""Characters of a title or a category on a button."""


def own_tries(version: Version, page: str, typical: Sequence[int]) -> list[Try]:
    """The "Try this" buttons of a page.

    Args:
        version: the catalog.
        page: where they stand.
        typical: rows of items that are unlike each other; the first two are told of.
    """
    if not len(typical):
        return []
    if page == "home":  # one of each kind, as elsewhere
        recommend, on_the_map = own_tries(version, "recommend", typical), own_tries(version, "map", typical)
        return [recommend[0], recommend[-1], on_the_map[0]]
    make = {
        "recommend": _recommend,
        "map": _map,
        "cold_start": _cold_start,
        "diversity": _diversity,
        "models": _models,
        "retrieval": _retrieval,
        "funnel": _funnel,
        "catalogs": _catalogs,
    }.get(page)
    return make(version, int(typical[0]), int(typical[min(1, len(typical) - 1)])) if make else []


def _recommend(version: Version, one: int, other: int) -> list[Try]:
    name, first, second = version.name, _id(version, one), _id(version, other)
    category = category_of(version, other)
    told_apart = len(version.facets.counts(version.catalog.categories)) > 1
    return [
        Try(
            f"More like {_short(version, one)}",
            "One like, and the list is what lies nearest. Drag the slider: when does something else come in?",
            View(name, Profile(likes=(first,)), lam=1.0),
        ),
        Try(
            "Two tastes at once",
            "Two likes that have little in common: your point lies between them. Whose neighbours make the list?",
            View(name, Profile(likes=(first, second))),
        ),
        Try(
            f"Only {_cut(category)}",
            "The same taste under a condition: the list keeps to it and still looks for what is nearest to the like.",
            View(
                name, Profile(likes=(first,)), where=Where((Condition(version.catalog.categories, "=", (category,)),))
            ),
        )
        if category and told_apart
        else Try(
            "Not like that",
            "One like, one dislike: your point is pushed away from what you dislike. What has left the list?",
            View(name, Profile(likes=(first,), dislikes=(second,) if second != first else ())),
        ),
    ]


def _map(version: Version, one: int, other: int) -> list[Try]:
    profile = Profile(likes=(_id(version, one), _id(version, other)))
    spaces = version.manifest["maps"]
    facet = next((f.name for f in version.catalog.facets if f.kind == "number" and not f.simulated), None)
    learned = next((space for space in spaces if space in version.learned), None)
    found = [
        Try(
            "Where are you?",
            "The star is you, between your two likes. Your list is ringed: most of it lies close by.",
            View(version.name, profile),
            "map",
        ),
    ]
    if facet:
        label = version.catalog.facet(facet).label
        found.append(
            Try(
                f"Colours by {_cut(label.lower())}",
                "The same map in other colours. Does the space know of it, or are the colours mixed?",
                View(version.name, profile, colour=facet),
                "map",
            )
        )
    if 3 in spaces[version.default_space]:
        found.append(
            Try(
                "Turn it",
                "Three dimensions hold a little more of the truth: drag to turn the cloud.",
                View(version.name, profile, dims=3),
                "map",
            )
        )
    if learned:
        found.append(
            Try(
                "Another space",
                f"Near by {by_whom(version, learned)}: what lay together by its words may lie far apart here.",
                View(version.name, profile, space=learned),
                "map",
            )
        )
    return found[:3]


def _cold_start(version: Version, one: int, other: int) -> list[Try]:
    return [
        Try(
            "Nobody yet",
            "The list knows nothing about you, and says so. Like one item: how much of the list does that change?",
            View(version.name, story=()),
            "cold_start",
        ),
        Try(
            "An item nobody has seen",
            "It has a place among the others before anybody has liked it. Change its words and watch the star move.",
            View(version.name, part="item"),
            "cold_start",
        ),
        Try(
            "How soon is it good?",
            "Simulated people, whose best list is known: see how much of it the first like buys, and the tenth.",
            View(version.name, part="population"),
            "cold_start",
        ),
    ]


def _diversity(version: Version, one: int, other: int) -> list[Try]:
    alike, apart = Profile(likes=(_id(version, one),)), Profile(likes=(_id(version, one), _id(version, other)))
    return [
        Try(
            "All of one kind",
            "λ is 1: the ten nearest. Drag “more varied” and see which method is the first to let something else in.",
            View(version.name, alike, lam=1.0),
            "diversity",
        ),
        Try(
            "A rule instead",
            "The cap lets only so many of one category in. It knows nothing of likeness: see what it leaves.",
            View(version.name, alike, lam=0.3, methods=("mmr", "cap")),
            "diversity",
        ),
        Try(
            "Two tastes",
            "Two likes far apart: does the plain list hold both? Which method brings them together?",
            View(version.name, apart, lam=0.6),
            "diversity",
        ),
    ]


def _models(version: Version, one: int, other: int) -> list[Try]:
    found = [
        Try(
            "One like, every space",
            "What you like is red on every map: among what does it lie? Lasso its neighbours on one and find them.",
            View(version.name, Profile(likes=(_id(version, one),))),
            "models",
        )
    ]
    if other != one:
        found.append(
            Try(
                "Two likes, every space",
                "Two red dots on every map. Do all spaces hold them as far apart, and what lies between them?",
                View(version.name, Profile(likes=(_id(version, one), _id(version, other)))),
                "models",
            )
        )
    return found


def _retrieval(version: Version, one: int, other: int) -> list[Try]:
    return [
        Try(
            "A million vectors",
            "There comparing with all takes long, and engines earn their keep. Which line reaches furthest right?",
            View(version.name, part="speed", data=MILLION),
            "retrieval",
        ),
        Try(
            "What product codes miss",
            "Codes alone, a sixteenth of the size: which of the true ten are lost? Turn rescore up and they come back.",
            View(version.name, part="engine", engine="faiss-pq", knobs=("rescore=0",)),
            "retrieval",
        ),
        Try(
            "How a graph walks",
            "From link to link towards the query: count how few of the items it is compared with.",
            View(version.name, part="inside", inside="graph"),
            "retrieval",
        ),
    ]


def _funnel(version: Version, one: int, other: int) -> list[Try]:
    profile = Profile(likes=(_id(version, one),))
    return [
        Try(
            "A narrow mouth",
            "Retrieval lets 50 out instead of 1,000: how much of the list is gone, and how much time is saved?",
            View(version.name, profile, part="request", pipeline=Pipeline((50, 50, 20), stage="retrieve")),
            "funnel",
        ),
        Try(
            "Without diversity",
            "Diversify is off: the best come as they are. Which places change?",
            View(version.name, profile, part="request", pipeline=Pipeline(off=("diversify",), stage="diversify")),
            "funnel",
        ),
        Try(
            "Where is it?",
            f"{_short(version, other)} is not shown. See how far it came, who stopped it, and what would bring it in.",
            View(version.name, profile, part="why", pipeline=Pipeline(asked=_id(version, other))),
            "funnel",
        ),
    ]


def _catalogs(version: Version, one: int, other: int) -> list[Try]:
    return [
        Try(
            "Bring a shop of twelve",
            "“Try it with an example” fills the form with a small table. Correct what a column is: the cards follow.",
            View(version.name, part="add"),
            "catalogs",
        ),
        _recommend(version, one, other)[0],
        _models(version, one, other)[0],
    ]


def _id(version: Version, row: int) -> str:
    return str(version.item_ids[row])


def _short(version: Version, row: int) -> str:
    return _cut(version.catalog.cell(row, "title"))


def _cut(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"
