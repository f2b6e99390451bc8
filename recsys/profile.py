"""The profile: the user being simulated. Immutable; every change gives a new one.

What comes from a link is untrusted: it is read value by value, and each value that cannot be used becomes a
sentence while the rest is kept.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from recsys.errors import quoted

MAX_WISH = 500
MAX_SIGNALS = 200
MAX_TOLD = 3
"""Unknown values of one kind that are named one by one; a link can hold thousands."""


@dataclass(frozen=True)
class Profile:
    """Who the list is for.

    Attributes:
        likes: item ids, oldest first, none of them in `dislikes`.
        dislikes: item ids, oldest first.
        wish: words; empty for none.
        picture: key of an uploaded picture's vector; None for none. Never part of a link.
        categories: chosen categories, in the order they were chosen.
        person: id of a user of the catalog whose ratings count as this profile's own; None for nobody.
        about: facts of the visitor and the moment as (signal, group), such as ("age", "25-34"); one a signal. Only
            towers that learned from such facts understand them.
    """

    likes: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()
    wish: str = ""
    picture: str | None = None
    categories: tuple[str, ...] = ()
    person: str | None = None
    about: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        told = (self.likes, self.dislikes, self.wish, self.picture, self.categories, self.person, self.about)
        return any(told)

    @property
    def rated(self) -> tuple[str, ...]:
        """The liked and the disliked items, which no list shows again."""
        return self.likes + self.dislikes

    def liking(self, item_id: str) -> "Profile":
        """The profile after liking an item (and no longer disliking it)."""
        rest = self.without(item_id)
        return replace(rest, likes=(*rest.likes, item_id))

    def disliking(self, item_id: str) -> "Profile":
        """The profile after disliking an item (and no longer liking it)."""
        rest = self.without(item_id)
        return replace(rest, dislikes=(*rest.dislikes, item_id))

    def without(self, item_id: str) -> "Profile":
        """The profile with neither a like nor a dislike of that item."""
        return replace(
            self,
            likes=tuple(i for i in self.likes if i != item_id),
            dislikes=tuple(i for i in self.dislikes if i != item_id),
        )

    def wishing(self, wish: str) -> "Profile":
        """The profile with another wish, white space folded and cut at `MAX_WISH` characters."""
        return replace(self, wish=clean_wish(wish))

    def choosing(self, categories: Sequence[str]) -> "Profile":
        """The profile with other categories."""
        return replace(self, categories=tuple(dict.fromkeys(categories)))

    def being(self, person: str | None) -> "Profile":
        """The profile of somebody whom the catalog knows, or of nobody it knows."""
        return replace(self, person=person)

    def knowing(self, signal: str, group: str | None) -> "Profile":
        """The profile with one more fact, or with none of that signal; an earlier one of the same signal goes."""
        rest = tuple((s, g) for s, g in self.about if s != signal)
        return replace(self, about=rest if group is None else (*rest, (signal, group)))

    def to_query(self) -> dict[str, list[str]]:
        """The profile as the values of a link; `from_query` reads them back. An upload is left out."""
        query = {
            "like": list(self.likes),
            "dislike": list(self.dislikes),
            "wish": [self.wish] if self.wish else [],
            "category": list(self.categories),
            "person": [self.person] if self.person is not None else [],
            "about": [f"{signal}:{group}" for signal, group in self.about],
        }
        return {name: values for name, values in query.items() if values}

    @classmethod
    def from_query(
        cls,
        query: Mapping[str, Sequence[str]],
        known_items,
        known_categories,
        known_people=(),
        known_facts: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> tuple["Profile", list[str]]:
        """Reads a profile from a link's values.

        Args:
            query: lists of values by name, as `to_query` writes them; other names are ignored.
            known_items: container of the catalog's item ids.
            known_categories: container of the catalog's categories.
            known_people: container of the ids of the catalog's people.
            known_facts: the groups of each signal that a visitor may name.

        Returns:
            The profile of all values that can be used, and a sentence for each that cannot.
        """
        problems: list[str] = []

        def usable(name: str, known, what: str) -> list[str]:
            values = list(dict.fromkeys(query.get(name, ())))
            kept, unknown = [v for v in values if v in known], [v for v in values if v not in known]
            for value in unknown[:MAX_TOLD]:
                problems.append(
                    f"The link names {what} that this catalog does not have: {quoted(value)}. It was left out."
                )
            if len(unknown) > MAX_TOLD:
                problems.append(f"So were {len(unknown) - MAX_TOLD} more values of {name}.")
            if len(kept) > MAX_SIGNALS:
                problems.append(f"The link has more than {MAX_SIGNALS} values of {name}; the rest was left out.")
            return kept[:MAX_SIGNALS]

        likes = usable("like", known_items, "an item")
        dislikes = usable("dislike", known_items, "an item")
        both = [i for i in dislikes if i in set(likes)]
        if both:
            problems.append(f"The link both likes and dislikes {', '.join(map(quoted, both))}; the like was kept.")
        wish = " ".join(query.get("wish", ()))
        if len(clean_wish(wish, limit=None)) > MAX_WISH:
            problems.append(f"The wish was cut at {MAX_WISH} characters; that is all the text encoder reads.")
        person = (query.get("person") or [None])[-1]
        if person is not None and person not in known_people:
            problems.append(f"The link names a person that this catalog does not have: {quoted(person, 20)}.")
            person = None
        about: dict[str, str] = {}
        for fact in list(query.get("about", ()))[:MAX_SIGNALS]:
            signal, _, group = fact.partition(":")
            if group in known_facts.get(signal, ()):
                about[signal] = group
            elif len(problems) < MAX_TOLD:
                problems.append(f"The link tells something of you that nothing here understands: {quoted(fact, 30)}.")
        profile = cls(
            likes=tuple(likes),
            dislikes=tuple(i for i in dislikes if i not in both),
            wish=clean_wish(wish),
            categories=tuple(usable("category", known_categories, "a category")),
            person=person,
            about=tuple(about.items()),
        )
        return profile, problems


def clean_wish(wish: str, limit: int | None = MAX_WISH) -> str:
    """A wish without control characters, its white space folded, cut at `limit` characters."""
    printable = "".join(c if c.isprintable() else " " for c in wish)
    return " ".join(printable.split())[:limit].rstrip()
