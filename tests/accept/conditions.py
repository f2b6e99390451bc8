"""Conditions on the real catalogs: no store lets a wrong item through, and a short list says why."""

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from recsys.carry import export
from recsys.explain import as_document
from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.store import Store, memory_store, open_store, upload
from recsys.version import Version, built_names, open_current
from recsys.where import Where
from tests.standin import serving

from . import Row
from .oracle import Exported, known_values, random_conditions, satisfies

COMBINATIONS = 20
"""Random conjunctions beside the single conditions."""

SERVER = "server (a stand-in over HTTP)"


def checks(settings) -> list[Row]:
    """Tries every facet and comparison on every built catalog and in every store."""
    rows = []
    for name in built_names(settings):
        version = open_current(replace(settings, qdrant_url=None), name)
        with tempfile.TemporaryDirectory() as folder:
            export(version, Path(folder))
            exported = Exported.read(Path(folder), version.manifest["categories"])
        tries = all_conditions(exported, version.manifest["facets"])
        for label, store in _stores(settings, version):
            rows.append(_check_store(name, label, store, version, exported, tries))
            if label == "edge":
                rows += _check_notes(name, version, store, exported, tries)
            store.close()
    return rows


def _stores(settings, version: Version) -> Iterator[tuple[str, Store]]:
    """Every deployment of the catalog that can run here; the slow ones hold the text space only."""
    text = {"text": version.spaces["text"]}
    edge_settings = replace(settings, qdrant_url=None)
    yield "edge", open_store(edge_settings, version.shard, version.collection)
    yield "memory", memory_store(text, version.catalog)
    with _stand_in(settings) as server:
        upload(server, version.collection, text, version.catalog)
        yield SERVER, open_store(server, version.shard, version.collection)


@contextmanager
def _stand_in(settings) -> Iterator:
    with serving() as server:
        yield replace(settings, qdrant_url=server.url, qdrant_api_key=None)


def all_conditions(exported: Exported, facets: Sequence[Mapping]) -> list[tuple[str, ...]]:
    """Every comparison on every facet: on values that items have, on one that none has, and random conjunctions."""
    tries: list[tuple[str, ...]] = []
    for facet in facets:
        name, kind = facet["name"], facet["kind"]
        # A condition cannot be written with control characters, which one drawing's keyword has.
        values = sorted({v for row in exported.rows for v in known_values(row[name]) if str(v).isprintable()})
        if kind == "number":
            chosen = [values[0], values[len(values) // 2], values[-1], values[-1] + 1]
            tries += [(f"{name}{op}{float(v)!r}",) for op in (">=", "<=", ">", "<", "=", "!=") for v in chosen]
        else:
            written = (
                ["yes", "no", "yes,no"]
                if kind == "flag"
                else [_written(v) for v in (values[0], values[len(values) // 2], values[-1])]
                + [",".join(map(_written, values[:3])), "nobody has this"]
            )
            tries += [(f"{name}{op}{v}",) for op in ("=", "!=") for v in written]
    draw = random.Random(1)
    return tries + [random_conditions(exported, facets, draw) for _ in range(COMBINATIONS)]


def _written(value: str) -> str:
    return value.replace(",", "\\,")


def _check_store(
    name: str, label: str, store: Store, version: Version, exported: Exported, tries: Sequence[tuple[str, ...]]
) -> Row:
    rng = np.random.default_rng(0)
    wrong = missed = miscounted = asked = 0
    first = ""
    for conditions in tries:
        where = Where.parse(conditions, version.catalog)
        passing = np.array([all(satisfies(row, c) for c in conditions) for row in exported.rows])
        problems = [
            bool((version.facets.mask(where) != passing).any()),
            store.count(where) != passing.sum(),
        ]
        miscounted += any(problems)
        for space in store.spaces:
            asked += 1
            found, _ = store.nearest(space, rng.normal(size=store.spaces[space]), len(passing), where)
            filled = version.spaces[space].any(axis=1)
            let_through = not passing[found].all() or len(set(found.tolist())) != len(found)
            lost = set(np.flatnonzero(passing & filled)) != set(found.tolist())
            wrong, missed = wrong + let_through, missed + lost
            problems += [let_through, lost]
        if any(problems) and not first:
            first = f"; first: {' and '.join(conditions)}"
    unknowns = sum(version.facets.unknown(facet.name) > 0 for facet in version.catalog.facets)
    return Row(
        f"{name}, {label}: every facet and comparison, missing values included: no wrong item, none lost, counts right",
        f"{len(tries)} conditions ({unknowns} facets with missing values), {asked} searches to the last item: "
        f"{wrong} with a wrong item, {missed} with one lost, {miscounted} miscounted{first}",
        not (wrong or missed or miscounted),
    )


def _check_notes(
    name: str, version: Version, store: Store, exported: Exported, tries: Sequence[tuple[str, ...]]
) -> list[Row]:
    """Lists shorter than asked for say so; empty ones name a condition whose removal helps."""

    def no_wish(profile: Profile) -> dict:
        raise AssertionError("nobody wishes here")

    funnel, profile, k = Funnel(version, store, no_wish), Profile(likes=(exported.ids[0],)), 25
    impossible = next(c[0] for c in tries if not any(satisfies(row, c[0]) for row in exported.rows))
    own = impossible.split("=")[0].rstrip("<>!")
    lasting = [*tries, *((*c, impossible) for c in tries if len(c) == 1 and not c[0].startswith(own))]
    short = told = empty = named = 0
    first = ""
    for conditions in lasting:
        where = Where.parse(conditions, version.catalog)
        document = as_document(funnel, funnel.recommend(Request(profile, where=where, k=k)))
        note, length = document["note"], len(document["items"])
        passing = [n for n, row in enumerate(exported.rows[1:], 1) if all(satisfies(row, c) for c in conditions)]
        in_space = [n for n in passing if exported.spaces[document["space"]][n].any()]
        right = not document["degraded"]
        right = right and length == min(k, len(in_space)) and (note is not None) == (length < k)
        if 0 < length < k:
            short += 1
            right = right and str(length) in note
            told += right
        elif not length:
            empty += 1
            right = right and _names_a_way_out(note, where, exported)
            named += right
        if not right and not first:
            first = f"; first: {' and '.join(conditions)} -> {length} items, {note!r}"
    return [
        Row(
            f"{name}: where fewer than k remain, the list is shorter and says so",
            f"{told} of {short} short lists say so{first}",
            told == short and not first,
        ),
        Row(
            f"{name}: where none remain, the note names the condition to relax",
            f"{named} of {empty} empty lists name one (or say that no single one helps, where none does){first}",
            named == empty > 0 and not first,
        ),
    ]


def _names_a_way_out(note: str, where: Where, exported: Exported) -> bool:
    texts = where.texts()
    freed = {
        text: sum(all(satisfies(row, other) for other in texts if other != text) for row in exported.rows[1:])
        for text in texts
    }
    best = [text for text, count in freed.items() if count == max(freed.values())]
    if not max(freed.values()):
        return "several" in note
    return any(f"“{text}”" in note and f"{freed[text]:,}" in note for text in best)
