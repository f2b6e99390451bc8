"""A catalog: the items of one shop, its facets and, where real ones exist, interactions and users."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd

from recsys.errors import CatalogError

FacetKind = Literal["category", "tags", "number", "flag"]

REQUIRED_COLUMNS = ("title", "description", "tags", "image")
INTERACTION_COLUMNS = ("user_id", "item_id", "rating", "timestamp")


@dataclass(frozen=True)
class Facet:
    """A column people filter by.

    Attributes:
        name: the column of `Catalog.items`.
        label: what a person reads.
        kind: `category` (one str or None), `tags` (a tuple of str; empty means unknown), `number`
            (float; NaN means unknown) or `flag` (True, False or None).
        simulated: True where we made the values up; every screen that shows them says so.
        unit: what a number counts ("min", "$"); empty where there is none.
        note: one sentence on what the values are and where they come from.
    """

    name: str
    label: str
    kind: FacetKind
    simulated: bool = False
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Catalog:
    """The items of one shop, as its source gave them.

    Attributes:
        name: short name, as in links and on the command line.
        label: what a person reads.
        about: one sentence on what it is and what the data cannot tell.
        items: one row an item, unique str index `item_id`; columns `title` and `description` (str),
            `tags` (tuple of str), `image` (a path, or None), `text` (what the text encoder reads; a source's items
            need it to be built), and one column a facet.
        facets: the columns people filter by.
        categories: name of the facet (a `category` or `tags`) whose values a profile can choose.
        licence: under which terms the data may be used.
        citation: whom to cite; empty where nobody asks for it.
        interactions: columns `user_id`, `item_id` (str), `rating` (float), `timestamp` (Unix seconds), or None.
        users: one row a user, str index `user_id`, or None.

    Raises:
        CatalogError: where the tables do not keep to this.
    """

    name: str
    label: str
    about: str
    items: pd.DataFrame
    facets: tuple[Facet, ...]
    categories: str
    licence: str
    citation: str = ""
    interactions: pd.DataFrame | None = None
    users: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.items.index.name != "item_id" or not self.items.index.is_unique:
            raise CatalogError(f"The catalog {self.name} needs a unique index called item_id.")
        absent = [c for c in (*REQUIRED_COLUMNS, *(f.name for f in self.facets)) if c not in self.items.columns]
        if absent:
            raise CatalogError(f"The catalog {self.name} lacks the columns {', '.join(absent)}.")
        if self.categories not in {f.name for f in self.facets if f.kind in ("category", "tags")}:
            raise CatalogError(f"The catalog {self.name} has no facet {self.categories} to take categories from.")
        if self.interactions is not None:
            absent = [c for c in INTERACTION_COLUMNS if c not in self.interactions.columns]
            if absent:
                raise CatalogError(f"The interactions of {self.name} lack the columns {', '.join(absent)}.")

    def __len__(self) -> int:
        return len(self.items)

    def cell(self, row: int, column: str) -> object:
        """One value of the item in a row. A card needs several: through the table each takes ten times as long."""
        if column not in self._columns:
            self._columns[column] = self.items[column].array
        return self._columns[column][row]

    @cached_property
    def _columns(self) -> dict:
        return {}

    def facet(self, name: str) -> Facet:
        """The facet of that name.

        Raises:
            KeyError: no such facet.
        """
        for facet in self.facets:
            if facet.name == name:
                return facet
        raise KeyError(name)
