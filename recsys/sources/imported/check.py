"""Checking what somebody brings: which items come of it, what is left out and why, and what building it will take.

Nothing is written and no model is loaded. `check` gives the tables as they would be kept, and a report for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import InvalidInput, quoted
from recsys.settings import Settings
from recsys.sources.download import Progress
from recsys.sources.imported import columns, languages
from recsys.sources.imported.archive import Pictures, open_pictures
from recsys.sources.imported.columns import clean_text, is_missing, isolated, rare_left_out
from recsys.sources.imported.people import ROLES as PEOPLE_ROLES
from recsys.sources.imported.people import (
    as_id,
    people_roles,
    read_interactions,
    read_users,
    read_vectors,
    why_no_id,
)
from recsys.sources.imported.report import Report
from recsys.sources.imported.tables import Dropped, Table, read_table
from recsys.sources.pictures import problem_with
from recsys.version import is_name

MAX_TITLE = 300
MAX_DESCRIPTION = 2000
MAX_TEXT = 1500
"""Characters that an encoder is given; the packaged one reads about as many."""
LOOKED_THROUGH = 2000
"""Pictures that a check decodes completely, 5 to 20 ms each; of the others it reads the first bytes."""
LANGUAGE_SAMPLE = 2000
LICENCE = "Imported here; whoever brought it knows under which terms it may be used."


@dataclass(frozen=True)
class Offer:
    """What somebody brings.

    Attributes:
        name: the catalog's name, as in links and on the command line.
        items: CSV, Parquet or JSON Lines.
        images: a ZIP or a folder of pictures.
        vectors: `.npy`, one row an item of the table.
        interactions: a table of who rated what.
        users: a table of who they are.
        mapping: role to column; see `columns.ROLES`, and `people.ROLES` after `interactions.` or `users.`. The others
            are guessed.
        facets: column to kind of facet; see `columns.KINDS`. The others are inferred.
        text_encoder: reads the items' texts; None for the usual one. With vectors of one's own, None reads none.
        image_encoder: looks at the pictures; the same.
        label: what a person reads; empty for one made of the name.
        licence: under which terms it may be used.
    """

    name: str
    items: Path
    images: Path | None = None
    vectors: Path | None = None
    interactions: Path | None = None
    users: Path | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    facets: Mapping[str, str] = field(default_factory=dict)
    text_encoder: str | None = None
    image_encoder: str | None = None
    label: str = ""
    licence: str = ""

    def mapping_of(self, what: str) -> dict[str, str]:
        """The part of the mapping that is about one table: `items`, `interactions` or `users`."""
        if what != "items":
            own = f"{what}."
            return {role.removeprefix(own): column for role, column in self.mapping.items() if role.startswith(own)}
        return {role: column for role, column in self.mapping.items() if role.partition(".")[0] not in PEOPLE_ROLES}


@dataclass(frozen=True)
class Reads:
    """Which spaces of an imported catalog encoders make."""

    text: bool
    image: bool


@dataclass(frozen=True, eq=False)
class Checked:
    """An offer that can be imported.

    Attributes:
        offer: as it was given.
        catalog: as it would be kept; `image` holds names of pictures in the archive.
        rows: (n,) int64, the items' row numbers.
        vectors: (n, d) float32 at unit length, or None.
        reads: which spaces encoders make.
        report: for people.
    """

    offer: Offer
    catalog: Catalog
    rows: np.ndarray
    vectors: np.ndarray | None
    reads: Reads
    report: Report


def check(settings: Settings, offer: Offer, progress: Progress | None = None) -> Checked:
    """Reads all that is offered and tells what would come of it.

    Raises:
        InvalidInput: it cannot be imported; says why.
    """
    tell = progress or (lambda done, total, what: None)
    check_name(offer.name)
    tell(0, 1, "read the table")
    table = read_table(offer.items)
    plan = columns.plan(table.frame, offer.mapping_of("items"), offer.facets)
    report = Report(offer.name, len(table.numbers), roles=dict(plan.roles), unused=list(plan.left_out))
    report.categories, report.dropped, report.notes = plan.categories, list(table.dropped), list(table.notes)
    frame = _with_ids(table, plan, report)
    items, facets = _items(frame, plan, report)
    if offer.images is not None:
        items["image"] = _pictures(offer.images, frame, plan, items, report, tell)
    elif "picture" in plan.roles:
        report.notes.append(f"{plan.roles['picture']} names pictures, but no pictures were given.")
    rows = frame.index.to_numpy(dtype=np.int64)
    vectors = None
    if offer.vectors is not None:
        tell(0, 1, "read the vectors")
        vectors, dropped = read_vectors(offer.vectors, table.numbers, rows)
        report.dropped += dropped
        report.dims = vectors.shape[1]
        report.notes.append("The vectors were scaled to unit length: items are compared by cosine.")
        if not vectors.any():
            raise InvalidInput("None of the vectors can be used: all are zero or not finite.")
    tell(0, 1, "read who rated what")
    people = _people(offer, items.index, report)
    reads = _reads(offer, items, vectors)
    _languages(settings, offer, items, reads, report)
    report.taken, report.facets = (
        len(items),
        [
            {"column": p.column, "name": f.name, "label": f.label, "kind": p.kind}
            for p, f in zip(plan.facets, facets, strict=True)
        ],
    )
    catalog = Catalog(
        name=offer.name,
        label=clean_text(offer.label, 60) or offer.name.replace("_", " ").replace("-", " ").capitalize(),
        about=_about(report, people[0] is not None),
        items=items,
        facets=facets,
        categories=plan.categories,
        licence=clean_text(offer.licence, 500) or LICENCE,
        interactions=people[0],
        users=people[1],
    )
    tell(1, 1, "read who rated what")
    return Checked(offer, catalog, rows, vectors, reads, report)


def preview(table: Table, plan: columns.Plan, most: int = 6) -> pd.DataFrame:
    """The first items that would come of a table: as a catalog has them, `image` the name that a picture is asked by.

    Args:
        table: as it was read.
        plan: what becomes of its columns.
        most: how many.

    Raises:
        InvalidInput: no row has an id that can be used.
    """
    head = replace(table, frame=table.frame.head(4 * most), numbers=table.numbers[: 4 * most], dropped=[])
    report = Report("preview", len(head.numbers))
    frame = _with_ids(head, plan, report).head(most)
    items, _ = _items(frame, plan, report)
    column = plan.roles.get("picture")
    asked = frame[column].map(as_id) if column is not None else frame["item_id"]
    return items.assign(image=asked.to_numpy(dtype=object))


def check_name(name: str) -> None:
    """Lets through what can name a catalog.

    Raises:
        InvalidInput: it cannot.
    """
    if not is_name(name):
        what = f"A catalog cannot be called {quoted(name)}." if name else "The catalog has no name."
        raise InvalidInput(what, "Use 1 to 41 of a-z, 0-9, - and _, the first a letter or a digit.")


def _about(report: Report, with_people: bool) -> str:
    """What a page says of the catalog, with what its data cannot tell."""
    people = (
        f"{report.interactions:,} interactions of {report.people:,} people came with them."
        if with_people
        else "Nobody's interactions came with them: people are simulated, and say so."
    )
    return " ".join([f"{report.taken:,} items that were imported here. {people}", *report.warnings])


# -- Items ------------------------------------------------------------------------------------------------------------


def _with_ids(table: Table, plan: columns.Plan, report: Report) -> pd.DataFrame:
    """The rows that have an id of their own, in a column `item_id`."""
    frame, column = table.frame, plan.roles.get("id")
    if column is None:
        report.notes.append("No column is an id: items are called by their row numbers.")
        return frame.assign(item_id=frame.index.map(str).astype(object))
    ids = frame[column].map(as_id)
    reasons = ids.map(why_no_id)
    reasons = reasons.mask((reasons == "") & ids.duplicated(), "the same id as an earlier row")
    for reason in sorted(set(reasons) - {""}):
        report.dropped.append(Dropped("items", reason, reasons.index[reasons == reason].tolist()))
    kept = (reasons == "").to_numpy()
    if not kept.any():
        raise InvalidInput(
            f"No row has an id that can be used in the column {quoted(column)}.", "Map another: --map id="
        )
    return frame[kept].assign(item_id=ids[kept].astype(object))


def _items(frame: pd.DataFrame, plan: columns.Plan, report: Report) -> tuple[pd.DataFrame, tuple[Facet, ...]]:
    """The items as a catalog has them, and their facets."""
    roles, n = plan.roles, len(frame)
    if "title" in roles:
        titles = [clean_text(columns.joined(cell), MAX_TITLE) for cell in frame[roles["title"]]]
        untitled = [row for row, title in zip(frame.index, titles, strict=True) if not title]
        if untitled:
            report.dropped.append(Dropped("items", "no title; the id stands for it", untitled))
        titles = [title or item_id for title, item_id in zip(titles, frame["item_id"], strict=True)]
    else:
        titles = frame["item_id"].tolist()
        report.warnings.append("No column is a title, so the ids stand for titles. Map one: --map title=COLUMN.")
    descriptions = [""] * n
    if "description" in roles:
        texts = (_text(cell) for cell in frame[roles["description"]])
        descriptions = [clean_text(text, MAX_DESCRIPTION) for text in texts]
    _tell_formulas(frame, roles, report)
    tags = columns.split_tags(frame[roles["tags"]]) if "tags" in roles else [()] * n
    items = pd.DataFrame(
        {
            "title": pd.Series([isolated(title) for title in titles], dtype=object),
            "description": pd.Series([isolated(text) for text in descriptions], dtype=object),
            "tags": pd.Series(list(tags), dtype=object),
            "image": pd.Series([None] * n, dtype=object),
        }
    ).set_axis(frame.index)
    facets = []
    for planned in plan.facets:
        facet = planned.facet
        if planned.column:
            items[facet.name], facet = _facet_values(frame[planned.column], planned, report)
        else:
            items[facet.name] = pd.Series(["all"] * n, index=frame.index, dtype=object)
            report.notes.append("No column says what kind of thing an item is: all are of one category.")
        facets.append(facet)
    told = next(p.column for p in plan.facets if p.facet.name == plan.categories)  # "all" tells an encoder nothing
    parts = zip(titles, items[plan.categories] if told else [None] * n, items["tags"], descriptions, strict=True)
    items["text"] = pd.Series([_for_encoder(*own) for own in parts], index=items.index, dtype=object)
    return items.set_axis(pd.Index(frame["item_id"], name="item_id", dtype=object)), tuple(facets)


def _facet_values(column: pd.Series, planned: columns.Planned, report: Report) -> tuple[pd.Series, Facet]:
    """A facet's values, and the facet with what was learned of it."""
    facet = planned.facet
    found, unread, unit = columns.values(column, planned.kind)
    if unread:
        report.dropped.append(
            Dropped("items", f"{planned.column}: no {_kind_in_words(planned.kind)}; left unknown", unread)
        )
    if facet.kind in ("category", "tags"):
        found, rare = rare_left_out(found, facet.kind)
        if rare:
            fate = f"became {columns.OTHER}" if facet.kind == "category" else "were left out"
            report.notes.append(f"{planned.column} has too many values: its {rare:,} rarest {fate}.")
    return found, Facet(facet.name, facet.label, facet.kind, unit=unit, note=facet.note)


def _kind_in_words(kind: str) -> str:
    return {"flag": "yes or no", "year": "date", "number": "number"}.get(kind, "value that can be used")


def _text(cell: object) -> str:
    return "" if is_missing(cell) else columns.joined(cell)


def _for_encoder(title: str, category: object, tags: Sequence[str], description: str) -> str:
    """What the text encoder reads of an item: title, category, tags, description. Each word more takes time."""
    groups = (category,) if isinstance(category, str) else category if isinstance(category, tuple) else ()
    said = f" {title.casefold()} "
    words = ", ".join(word for word in dict.fromkeys((*groups, *tags)) if f" {word.casefold()} " not in said)
    return ". ".join(part for part in (title, words, description) if part)[:MAX_TEXT]


def _tell_formulas(frame: pd.DataFrame, roles: Mapping[str, str], report: Report) -> None:
    """Notes where cells look like a spreadsheet's formulas, and where cells are so long that they are cut."""
    for role in ("title", "description"):
        if role in roles:
            cells = frame[roles[role]]
            formulas = sum(isinstance(cell, str) and cell.startswith("=") for cell in cells)
            if formulas:
                report.notes.append(f"{formulas:,} cells of {roles[role]} look like formulas: they are kept as text.")
            most = MAX_TITLE if role == "title" else MAX_DESCRIPTION
            long = [row for row, cell in cells.items() if isinstance(cell, str) and len(cell) > most]
            if long:
                report.dropped.append(Dropped("items", f"{roles[role]}: cut at {most:,} characters", long))


# -- Pictures, people, languages --------------------------------------------------------------------------------------


def _pictures(
    path: Path, frame: pd.DataFrame, plan: columns.Plan, items: pd.DataFrame, report: Report, tell
) -> pd.Series:
    """For each item the name of its picture in the archive, or None."""
    column = plan.roles.get("picture")
    asked = frame[column].map(as_id) if column is not None else frame["item_id"]
    if column is None:
        report.notes.append("No column names pictures: they are found by the items' ids.")
    verdicts: dict[str, str] = {}
    reasons: dict[str, list[int]] = {}
    found: list[str | None] = []
    with open_pictures(path) as pictures:
        for done, (row, name) in enumerate(asked.items()):
            if done % 100 == 0:
                tell(done, len(asked), "look at pictures")
            picture, reason = _picture(pictures, name, verdicts)
            if reason and (column is not None or reason != "not among the pictures"):
                reasons.setdefault(reason, []).append(int(row))
            found.append(picture)
        report.notes += _left_alone(pictures.refused)
        unasked = len(pictures) - len(verdicts)
        if unasked > 0:
            report.notes.append(f"{unasked:,} files of {path.name} belong to no item.")
    report.dropped += [Dropped("pictures", reason, rows) for reason, rows in reasons.items() if rows]
    report.pictures = sum(picture is not None for picture in found)
    if not report.pictures:
        report.warnings.append(f"No item has a picture in {path.name}.")
    elif len(verdicts) > LOOKED_THROUGH:
        report.notes.append(f"Of {len(verdicts):,} pictures the first {LOOKED_THROUGH:,} were decoded for this check.")
    return pd.Series(found, index=items.index, dtype=object)


def _left_alone(refused: Mapping[str, str]) -> list[str]:
    """A sentence for each reason that files of an archive are left alone for."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in refused.items():
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{len(names):,} files were left alone, {quoted(names[0])} among them: {reason}."
        if len(names) > 1
        else f"The file {quoted(names[0])} was left alone: {reason}."
        for reason, names in by_reason.items()
    ]


def _picture(pictures: Pictures, name: str, verdicts: dict[str, str]) -> tuple[str | None, str]:
    """The picture that a cell means, or None and why."""
    if not name:
        return None, ""
    address = name.lower().startswith(("http://", "https://"))
    try:
        found = pictures.find(name.split("?")[0].rpartition("/")[2] if address else name)
    except InvalidInput as error:
        return None, error.what
    if found is None:
        return None, "an address, and nothing is fetched" if address else pictures.why_not(name)
    if found not in verdicts:
        try:
            verdicts[found] = problem_with(pictures.read(found), thoroughly=len(verdicts) < LOOKED_THROUGH)
        except InvalidInput as error:
            verdicts[found] = error.what
    return (None, verdicts[found]) if verdicts[found] else (found, "")


def _people(offer: Offer, ids: pd.Index, report: Report) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Interactions and users, None for what was not given."""
    interactions = users = None
    for what in PEOPLE_ROLES:
        if offer.mapping_of(what) and getattr(offer, what) is None:
            raise InvalidInput(f"Columns of {what} are mapped, and no {what} were given.", f"Add --{what} FILE.")
    if offer.interactions is not None:
        table = read_table(offer.interactions, "interactions")
        mapping = offer.mapping_of("interactions")
        interactions, dropped, notes = read_interactions(table, ids, mapping)
        _tell_roles("interactions", people_roles("interactions", table.frame, mapping, ids), report)
        report.dropped += [*table.dropped, *dropped]
        report.notes += [*table.notes, *notes]
        report.interactions, report.people = len(interactions), int(interactions["user_id"].nunique())
    if offer.users is not None:
        if interactions is None:
            raise InvalidInput(
                "Users without interactions tell nothing.", "Give --interactions too, or leave users out."
            )
        table = read_table(offer.users, "users")
        users, dropped, notes = read_users(table, offer.mapping_of("users"))
        _tell_roles("users", people_roles("users", table.frame, offer.mapping_of("users")), report)
        report.dropped += [*table.dropped, *dropped]
        report.notes += [*table.notes, *notes]
    return interactions, users


def _tell_roles(what: str, roles: Mapping[str, str], report: Report) -> None:
    report.roles |= {f"{what}.{role}": column for role, column in roles.items()}
    report.notes.append(f"Of the {what}, " + ", ".join(f"{column} is {role}" for role, column in roles.items()) + ".")


def _reads(offer: Offer, items: pd.DataFrame, vectors: np.ndarray | None) -> Reads:
    """Whose vectors encoders make: all there is, but beside vectors of one's own only what an encoder was named for."""
    own = vectors is not None
    pictured = bool(items["image"].notna().any())
    image = pictured and (not own or offer.image_encoder is not None)
    return Reads(text=not own or offer.text_encoder is not None, image=image)


def _languages(settings: Settings, offer: Offer, items: pd.DataFrame, reads: Reads, report: Report) -> None:
    if not reads.text:
        report.notes.append(
            "No text encoder was named beside the vectors, so wishes in words find nothing: likes and categories do."
        )
        return
    encoder = offer.text_encoder or settings.text_encoder
    report.languages = languages.known_to(encoder)
    places = np.linspace(0, len(items) - 1, min(len(items), LANGUAGE_SAMPLE)).astype(int)
    sentence = languages.warning(items["text"].iloc[places].tolist(), encoder)
    report.warnings += [sentence] if sentence else []
