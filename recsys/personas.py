"""Ready-made visitors and wishes. Their wishes are encoded at build time, so that a demo never waits for a model."""

from dataclasses import dataclass

from recsys.profile import Profile


@dataclass(frozen=True)
class Persona:
    """Somebody to be, in one click.

    Attributes:
        name: what a card says.
        about: one sentence on what to look for.
        catalog: the catalog they shop in.
        profile: their signals.
        lam: where the "varied" slider stands when they arrive.
    """

    name: str
    about: str
    catalog: str
    profile: Profile
    lam: float = 0.7


PERSONAS: tuple[Persona, ...] = ()
"""Filled in once the catalogs' ids are fixed."""

WISHES: dict[str, tuple[str, ...]] = {
    "clipart": (
        "cosy winter evening",
        "a birthday party for children",
        "something to eat for breakfast",
        "animals of the farm",
        "tools for the garden",
        "outer space adventure",
    ),
    "movies": (
        "cosy winter evening",
        "space battles and robots",
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
