"""What models may know besides ratings: the items' content, and who the people are."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from recsys.catalog import Catalog
from recsys.where import FacetTable

MIN_ITEMS = 2
"""An entity of the graph (an actor, a subject) counts where so many items have it; fewer tell nothing of others."""


@dataclass(frozen=True, eq=False)
class Side:
    """The content of n items and the facts of people.

    Attributes:
        item_ids: (n,) str.
        content: (n, d) float32, vectors of the catalog's default content space, at unit length; zeros for none.
        categories: (n, c) bool, the catalog's categories.
        years: (n,) float64, NaN where unknown, or where the catalog has no such facet.
        links: (n,) of tuples of str: people, subjects and other entities that an item is linked to.
        users: facts of people by id (`age`, `gender`, `occupation`, `region`), or None.
    """

    item_ids: np.ndarray
    content: np.ndarray
    categories: np.ndarray
    years: np.ndarray
    links: np.ndarray
    users: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.item_ids)

    def entities(self) -> tuple[list[str], list[np.ndarray]]:
        """The names of the entities that several items share, and for each item the positions of its own."""
        tally = pd.Series([entity for linked in self.links for entity in linked], dtype=object).value_counts()
        names = sorted(tally.index[tally >= MIN_ITEMS])
        place = {name: j for j, name in enumerate(names)}
        return names, [np.array([place[e] for e in linked if e in place], dtype=np.int64) for linked in self.links]

    def reordered(self, order: np.ndarray) -> "Side":
        """The same items in another order."""
        arrays = ("item_ids", "content", "categories", "years", "links")
        return replace(self, **{name: getattr(self, name)[order] for name in arrays})


def side_of(catalog: Catalog, content: np.ndarray) -> Side:
    """What a catalog tells besides ratings.

    Args:
        catalog: the items and people.
        content: (n, d) float, the vectors of its default content space.
    """
    items, facets = catalog.items, FacetTable(catalog)
    numbers = {facet.name for facet in catalog.facets if facet.kind == "number"}
    lengths = np.linalg.norm(content, axis=1, keepdims=True)
    links = np.empty(len(items), dtype=object)
    links[:] = items["links"].tolist() if "links" in items else [()] * len(items)
    return Side(
        item_ids=items.index.to_numpy(dtype=object),
        content=np.divide(content, lengths, out=np.zeros_like(content), where=lengths > 0).astype(np.float32),
        categories=facets.members(catalog.categories, np.arange(len(items))),
        years=facets.numbers("year") if "year" in numbers else np.full(len(items), np.nan),
        links=links,
        users=catalog.users,
    )
