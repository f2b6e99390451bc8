"""Records of engines: what was measured, on which vectors, when and where.

The project ships some, made by `python -m recsys bench retrieval --out`; what is measured on a machine lies under its
data folder. A file is one engine on one set of vectors (`CATALOG-SPACE-ENGINE.json`), or search under conditions on one
(`conditions-CATALOG-SPACE.json`). Files that cannot be read are passed over.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any

from recsys import retrieval
from recsys.settings import Settings

SHIPPED = Path(retrieval.__file__).parent / "measured"
REFERENCE = "exhaustive"
"""What all others are held against."""
RECALL = "recall@10"
FLOAT32 = 4
_CONDITIONS = "conditions-"
_FIGURES = (
    *("p50_ms", "p95_ms", "p99_ms", "qps", "qps_all", "build_s", "index_bytes"),
    *(RECALL, f"{RECALL}_min", "below_0.9"),
)
_LINE = ("share", RECALL, f"{RECALL}_min", "found", "p50_ms", "p95_ms")


@dataclass(frozen=True)
class Point:
    """One setting of an engine's knobs.

    Attributes:
        knobs: query-time arguments, empty where there are none.
        recall: mean share of the true ten that it finds, 0 to 1.
        p50_ms: median milliseconds of a single query, one thread.
        qps: queries a second, all in one call, one thread.
        dominated: whether another setting finds as much in less time.
        default: whether these are the engine's defaults.
    """

    knobs: dict[str, int]
    recall: float
    p50_ms: float
    qps: float
    dominated: bool
    default: bool


@dataclass(frozen=True, eq=False)
class Record:
    """One engine on one set of vectors.

    Attributes:
        data: the vectors; see docs/schema.md, `bench retrieval`.
        row: the engine's figures, see there.
        machine: where it was measured.
        here: whether this machine's own runs wrote it.
    """

    data: dict
    row: dict
    machine: dict
    here: bool

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.row["engine"]

    @property
    def label(self) -> str:
        """The name of the vectors, as in a link."""
        return label_of(self.data)

    @property
    def n(self) -> int:
        """How many vectors there are."""
        return self.data["n"]

    @property
    def vector_bytes(self) -> int:
        """Bytes of the vectors alone."""
        return self.n * self.data["dims"] * FLOAT32

    @cached_property
    def points(self) -> list[Point]:
        """Its settings, the defaults first."""
        return [
            Point(p["knobs"], p[RECALL], p["p50_ms"], p["qps"], p["dominated"], place == 0)
            for place, p in enumerate(self.row["frontier"])
        ]

    @property
    def frontier(self) -> list[Point]:
        """Its settings that no other one outdoes, by recall."""
        return sorted((p for p in self.points if not p.dominated), key=lambda p: (p.recall, p.p50_ms))


@dataclass(frozen=True, eq=False)
class Conditions:
    """Search under conditions on one set of vectors.

    Attributes:
        label: the name of the vectors.
        lines: `share`, `mask`, `way`, `recall@10`, `p50_ms`, ...; see `recsys.retrieval.filtered.compare`.
        about: `data`, `machine` and `measured_at`, as far as they were kept.
        here: as of `Record`.
    """

    label: str
    lines: list[dict]
    about: dict
    here: bool

    @property
    def n(self) -> int:
        """How many vectors there are; 0 where it was not kept."""
        return (self.about.get("data") or {}).get("n") or 0


def label_of(data: dict) -> str:
    """The name of some vectors: `CATALOG-SPACE`, or `CATALOG-SPACE-NxD` of synthetic ones."""
    own = f"{data['catalog']}-{data['space']}"
    return f"{own}-{data['n']}x{data['dims']}" if data["synthetic"] else own


def folder_of(settings: Settings) -> Path:
    """Where this machine keeps what it measured."""
    return settings.data / "measured" / "retrieval"


def signature(*folders: Path) -> tuple:
    """Changes whenever a file in one of the folders does."""
    found = []
    for folder in folders:
        try:
            files = sorted(folder.glob("*.json"))
            found += [(path.name, stat.st_mtime_ns, stat.st_size) for path in files for stat in [path.stat()]]
        except OSError:  # a file that goes away meanwhile is a change too
            found.append((folder.name, 0, 0))
    return tuple(found)


def read_records(own: Path, shipped: Path = SHIPPED) -> list[Record]:
    """Every engine on every set of vectors, the project's records first.

    Args:
        own: folder of this machine's records.
        shipped: folder of the project's.
    """
    return [*_each(shipped, _record, here=False), *_each(own, _record, here=True)]


def read_conditions(own: Path, shipped: Path = SHIPPED) -> dict[str, Conditions]:
    """Search under conditions by the name of the vectors: this machine's, else the project's."""
    both = [*_each(shipped, _conditions, here=False), *_each(own, _conditions, here=True)]
    return {one.label: one for one in both}


def on(records: Iterable[Record], label: str) -> list[Record]:
    """The records on one set of vectors."""
    return [record for record in records if record.label == label]


def told(records: Sequence[Record]) -> list[Record]:
    """Those that a story is told of: of one place only, for times of two machines must not be compared.

    The place with more engines, this machine at a tie; none where it lacks the reference.
    """
    places = [[r for r in records if r.here == here] for here in (True, False)]
    places = [place for place in places if any(r.engine == REFERENCE for r in place)]
    return max(places, key=len, default=[])


def synthetic(records: Iterable[Record]) -> list[Record]:
    """Records of synthetic vectors that differ in number only, the fewest first.

    Of several such sets, the one with the most numbers.
    """
    sets: dict[tuple, list[Record]] = {}
    for r in records:
        if r.data["synthetic"]:
            sets.setdefault((r.data["catalog"], r.data["space"], r.data["dims"], r.here), []).append(r)
    return sorted(max(sets.values(), key=lambda one: len({r.n for r in one}), default=[]), key=lambda r: r.n)


def _each(folder: Path, read: Callable[[Path, Any, bool], Any], here: bool) -> list:
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            one = read(path, json.loads(path.read_text()), here)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            continue
        found += [one] if one is not None else []
    return found


def _record(path: Path, kept: dict, here: bool) -> Record | None:
    if path.name.startswith(_CONDITIONS):
        return None
    record = Record(kept["data"], kept["engine"], kept.get("machine") or {}, here)
    row = record.row
    figures = [row[name] for name in _FIGURES] + [record.data[name] for name in ("n", "dims")]
    figures += [figure for p in record.points for figure in (p.recall, p.p50_ms, p.qps)]
    words = (record.data["catalog"], record.data["space"], *(row[name] for name in ("engine", "family", "library")))
    knobs = [value for p in record.points for value in p.knobs.values()]
    usable = row.get("error") is None and _are_numbers(figures + knobs) and record.points
    return record if usable and all(isinstance(word, str) for word in words) else None


def _conditions(path: Path, kept: Any, here: bool) -> Conditions | None:
    if not path.name.startswith(_CONDITIONS):
        return None
    lines, about = (kept, {}) if isinstance(kept, list) else (kept["lines"], kept)
    usable = lines and all(
        _are_numbers([line[name] for name in _LINE]) and all(isinstance(line[name], str) for name in ("mask", "way"))
        for line in lines
    )
    return Conditions(path.stem.removeprefix(_CONDITIONS), lines, about, here) if usable else None


def _are_numbers(values: Sequence) -> bool:
    return all(isinstance(v, Real) and not isinstance(v, bool) and isfinite(v) and v >= 0 for v in values)
