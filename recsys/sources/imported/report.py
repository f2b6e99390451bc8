"""What became of an offer, for people: on a page, as JSON, and as a table that a spreadsheet opens."""

from dataclasses import asdict, dataclass, field

import pandas as pd

from recsys.sources.imported.tables import Dropped
from recsys.spreadsheet import to_csv

TOLD_ROWS = 1000
"""Row numbers that the JSON report lists for a reason; the count is always complete."""


@dataclass
class Report:
    """What became, or would become, of an offer.

    Attributes:
        catalog: the name.
        given: rows of the items' table.
        taken: items that come of them.
        roles: the column of each role.
        facets: what people will filter by: column, name, kind.
        categories: the facet that a profile chooses from.
        unused: columns that become nothing.
        dropped: what was left out or altered, with rows.
        notes: sentences on how the files were understood.
        warnings: sentences on what may make the result useless.
        pictures, interactions, people, dims: how many were taken; dims of vectors brought along.
        languages: which ones the text encoder knows; empty where that is not known.
        estimate: see `recsys.estimates`; filled in by whoever imports.
    """

    catalog: str
    given: int
    taken: int = 0
    roles: dict[str, str] = field(default_factory=dict)
    facets: list[dict[str, str]] = field(default_factory=list)
    categories: str = ""
    unused: list[str] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pictures: int = 0
    interactions: int = 0
    people: int = 0
    dims: int = 0
    languages: str = ""
    estimate: dict = field(default_factory=dict)

    def document(self) -> dict:
        """The report as JSON could hold it; see `docs/schema.md`, `import`."""
        told = asdict(self) | {
            "dropped": [
                {"what": d.what, "reason": d.reason, "count": len(d.rows), "rows": d.rows[:TOLD_ROWS]}
                for d in self.dropped
            ]
        }
        return {key: told[key] for key in told if key != "estimate" or self.estimate}

    def csv(self) -> str:
        """Everything that was left out, a line a row and reason: for a spreadsheet, without formulas."""
        lines = [(d.what, row, d.reason) for d in self.dropped for row in d.rows]
        lines += [("", "", sentence) for sentence in (*self.warnings, *self.notes)]
        return to_csv(pd.DataFrame(lines, columns=["table", "row", "reason"], dtype=object))
