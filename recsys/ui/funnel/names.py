"""What stages and their parts are called on the page."""

from recsys.candidates import STORE
from recsys.evaluation.story import RANKERS as _RANKERS
from recsys.funnel import PLAIN_RANKING
from recsys.lessons.diversity import NAMES as METHODS
from recsys.ui.controls import SPACES
from recsys.version import Version

__all__ = [
    "HELP",
    "METHODS",
    "RANKERS",
    "RANKERS_SHORT",
    "SPACES",
    "STAGES",
    "VECTORS",
    "engine",
    "items",
    "said",
    "space",
]

STAGES = {
    "user": "You",
    "retrieve": "Retrieve",
    "filter": "Filter",
    "rank": "Rank",
    "diversify": "Diversify",
}
HELP = {
    "user": "A tower turns who asks into a point of the space.",
    "retrieve": "Finds the items nearest to the point, cheaply: it must look at all of them, or walk past most.",
    "filter": "Rules of the shop: conditions, what was rated already, so many of a category. Then the best go on.",
    "rank": "Orders what is left with much more about each person and item than a dot product can hold.",
    "diversify": "Picks the list, so that its items differ from each other.",
    "total": "All stages and what lies between them.",
}
RANKERS = {PLAIN_RANKING: "No ranker", **_RANKERS}
RANKERS_SHORT = {PLAIN_RANKING: "None", "gbdt": "LambdaRank", "dnn": "Network"}

VECTORS = {
    "recompute": "made anew for each request",
    "ttl": "kept for minutes",
    "incremental": "moved on by each like",
    "nightly": "made by night",
}
"""When a visitor's point is computed; see `recsys.user_vectors`."""


def said(stage: str) -> str:
    """A stage as the subject of a sentence."""
    return {"user": "Your point", "total": "All together"}.get(stage, STAGES.get(stage, stage))


def space(name: str) -> str:
    """A space in words; one that is fused of several is named by them all."""
    return " + ".join(SPACES.get(one, one) for one in name.split(" + "))


def engine(name: str) -> str:
    """What retrieves, in words."""
    return "Qdrant" if name == STORE else name


def items(version: Version) -> str:
    """What a catalog's items are called."""
    return {"movies": "films", "clipart": "drawings"}.get(version.name, "items")
