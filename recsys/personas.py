"""Ready-made visitors and wishes. Their wishes are encoded at build time, so that a demo never waits for a model."""

from dataclasses import dataclass

from recsys.profile import Profile
from recsys.settings import DEFAULT_LAM


@dataclass(frozen=True)
class Persona:
    """Somebody to be, in one click.

    Attributes:
        name: what a card says.
        about: one sentence on what to look for.
        catalog: the catalog they shop in.
        profile: their signals.
        lam: where the "varied" slider stands when they arrive.
        space: the space they search; None for what measured best.
    """

    name: str
    about: str
    catalog: str
    profile: Profile
    lam: float = DEFAULT_LAM
    space: str | None = None


PERSONAS: tuple[Persona, ...] = (
    Persona(
        "The flag teacher",
        "A like of one flag brings nothing but flags. Drag towards “more varied” and see when other things come in.",
        "clipart",
        Profile(likes=("flag-of-brazil",)),
    ),
    Persona(
        "The Sunday baker",
        "Words and two likes pull together: each card says how much of its score each of them gave.",
        "clipart",
        Profile(likes=("loaf-of-bread", "pumpkin-pie"), wish="something warm from the oven"),
    ),
    Persona(
        "The landlubber",
        "Only a wish: no item is called that, and the pictures are found all the same.",
        "clipart",
        Profile(wish="sailing on the sea"),
    ),
    Persona(
        "The Trekkie",
        "Where relevance alone decides, one Star Trek follows the other.",
        "movies",
        Profile(likes=("222", "228")),
        lam=0.9,
        space="text",
    ),
    Persona(
        "Date night",
        "Two likes, one wish and a dislike: the list moves away from what is disliked.",
        "movies",
        Profile(likes=("88", "216"), dislikes=("56",), wish="a funny love story"),
    ),
)
"""Five people for the home page."""

WISHES: dict[str, tuple[str, ...]] = {
    "clipart": (
        "music for dancing",
        "sport with a ball",
        "a birthday party",
        "cosy winter evening",
        "something to eat for breakfast",
        "animals of the farm",
        "tools for the garden",
        "outer space adventure",
    ),
    "movies": (
        "space battles and robots",
        "cosy winter evening",
        "a funny love story",
        "dark crime thriller",
        "animated adventure for children",
        "war drama",
    ),
}


def wishes_of(catalog: str) -> tuple[str, ...]:
    """Every wish that is encoded when a catalog is built."""
    own = (p.profile.wish for p in PERSONAS if p.catalog == catalog and p.profile.wish)
    return tuple(dict.fromkeys((*WISHES.get(catalog, ()), *own)))
