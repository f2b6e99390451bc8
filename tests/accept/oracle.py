"""Lists against a brute-force computation from what `export` writes, by the formulas of docs/schema.md alone.

Nothing of the pipeline is used here: the arrays are read with NumPy, the conditions are tried an item at a time, the
content query and MMR are written out once more in float64. Only the vectors of a wish come from the encoder.
"""

import operator
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from . import Row

LAMS = (0.0, 0.3, 0.7, 1.0)
BLENDS = (0.5, 0.0, 0.2, 0.85, 1.0)
TIE = 1e-6
RETRIEVED, RANKED = 1000, 200
PROFILES = 50
THROUGH_MAIN = 20
"""Lists of each catalog that go through the whole command line; the others through the function behind it."""

WISHES = (
    "a funny love story",
    "war and its heroes",
    "cats",
    "something spooky for a dark night",
    "black and white",
    "flowers in the garden",
    "ספר ישן",
    "space travel, robots & aliens",
    "<b>birthday</b> party",
    "a red car",
)


CONTENT = ("text", "image", "blend")


@dataclass(frozen=True)
class Ask:
    """One request, as the command line takes it."""

    likes: Sequence[str] = ()
    dislikes: Sequence[str] = ()
    wish: str = ""
    categories: Sequence[str] = ()
    space: str = "text"
    blend: float = 0.5
    lam: float = 0.7
    where: Sequence[str] = ()
    k: int = 10

    def words(self, catalog: str) -> list[str]:
        """The command line."""
        words = ["recommend", "--json", "--catalog", catalog, "--space", self.space, "--k", str(self.k)]
        words += ["--lam", str(self.lam), "--blend", str(self.blend)]
        words += [f"--wish={self.wish}"] if self.wish else []
        for flag, values in (
            ("like", self.likes),
            ("dislike", self.dislikes),
            ("category", self.categories),
            ("where", self.where),
        ):
            words += [f"--{flag}={value}" for value in values]
        return words


@dataclass
class Exported:
    """A catalog as `export` writes it.

    Attributes:
        ids: (n,) str.
        rows: n dicts, the table's columns; lists as tuples.
        spaces: (n, d) float64 by name.
        categories: the column that profiles choose categories from.
    """

    ids: list[str]
    rows: list[dict]
    spaces: dict[str, np.ndarray]
    categories: str
    _members: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, categories: str) -> "Exported":
        """Reads the folder of an export."""
        table = pd.read_parquet(folder / "items.parquet")
        rows = [
            {name: tuple(v) if isinstance(v, np.ndarray) else v for name, v in row.items()}
            for row in table.to_dict("records")
        ]
        spaces = {
            path.stem: np.load(path).astype(np.float64)
            for path in sorted(folder.glob("*.npy"))
            if path.stem in CONTENT  # the formulas of content; learned spaces are compared with their models
        }
        return cls([row["item_id"] for row in rows], rows, spaces, categories)

    def members(self, category: str) -> list[int]:
        """The rows of the items that have a category."""
        if category not in self._members:
            self._members[category] = [
                n for n, row in enumerate(self.rows) if category in known_values(row[self.categories])
            ]
        return self._members[category]


def known_values(value: object) -> tuple:
    """The values that an item has of a column: none where it is unknown, several where it is a list."""
    if isinstance(value, tuple):
        return value
    return () if pd.isna(value) else (value,)


_ORDER = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def satisfies(row: Mapping, condition: str) -> bool:
    """Whether an item satisfies a condition as people write it; a missing value satisfies none."""
    op = next(op for op in ("!=", ">=", "<=", "=", ">", "<") if op in condition)
    name, _, written = condition.partition(op)
    own = known_values(row[name])
    if not own:
        return False
    if op in _ORDER:
        return _ORDER[op](own[0], float(written))
    if isinstance(own[0], (bool, np.bool_)):
        wanted: set = {word == "yes" for word in written.split(",")}
    elif isinstance(own[0], str):
        wanted = {word.replace("\0", ",") for word in written.replace("\\,", "\0").split(",")}
    else:
        wanted = {float(written)}
    return any(value in wanted for value in own) == (op == "=")


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1; zeros stay zeros."""
    length = np.sqrt((vector * vector).sum())
    return vector / length if length > 1e-9 else vector * 0


def content_query(exported: Exported, vectors: np.ndarray, ask: Ask, wish: np.ndarray | None) -> np.ndarray:
    """q = unit(unit(mean of likes) + unit(wish) + unit(mean of the categories' means) - 0.5 unit(mean of dislikes))."""

    def mean(rows: Sequence[int]) -> np.ndarray | None:
        present = [vectors[n] for n in rows if vectors[n].any()]
        return sum(present) / len(present) if present else None

    at = {item_id: n for n, item_id in enumerate(exported.ids)}
    total = np.zeros(vectors.shape[1])
    for weight, ids in ((1.0, ask.likes), (-0.5, ask.dislikes)):
        middle = mean([at[i] for i in ids])
        if middle is not None:
            total += weight * unit(middle)
    if wish is not None:
        total += unit(np.asarray(wish, dtype=np.float64))
    middles = [m for m in (mean(exported.members(c)) for c in ask.categories) if m is not None]
    if middles:
        total += unit(sum(middles) / len(middles))
    return unit(total)


@dataclass(frozen=True)
class Expected:
    """What the formulas give for one request.

    Attributes:
        ask: the request.
        candidates: (n,) rows that enter MMR, best first.
        relevance: by row.
        matching: how many items satisfy the conditions.
        similar: (n, n) similarity of the candidates.
        picks: rows in the order they are picked.
    """

    ask: Ask
    candidates: list[int]
    relevance: dict[int, float]
    matching: int
    similar: np.ndarray
    picks: list[int]

    def gap(self, listed: Sequence[int]) -> float:
        """How far a list falls short of the best choice at the worst of its steps; infinite if it is no such list."""
        position = {row: n for n, row in enumerate(self.candidates)}
        if len(listed) != len(self.picks) or len(set(listed)) != len(listed):
            return np.inf
        chosen: list[int] = []
        worst = 0.0
        for row in listed:
            if row not in position:
                cut = self.relevance[self.candidates[-1]]
                return worst if row in self.relevance and abs(self.relevance[row] - cut) <= TIE else np.inf
            merit = _merit(self, chosen)
            worst = max(worst, merit.max() - merit[position[row]])
            chosen.append(position[row])
        return float(worst)


def _merit(expected: Expected, chosen: Sequence[int]) -> np.ndarray:
    """lam * relevance - (1 - lam) * max similarity to what is chosen, of each candidate; -inf for the chosen."""
    relevance = np.array([expected.relevance[n] for n in expected.candidates])
    merit = relevance.copy()
    if chosen:
        lam = expected.ask.lam
        merit = lam * relevance - (1 - lam) * expected.similar[:, list(chosen)].max(axis=1)
    merit[list(chosen)] = -np.inf
    return merit


def expected_list(exported: Exported, ask: Ask, wish: Mapping[str, np.ndarray]) -> Expected:
    """The list by brute force.

    Args:
        exported: the catalog.
        ask: the request; its profile says something.
        wish: vectors of the wish by half (`text`, `image`); empty without a wish.
    """
    vectors = exported.spaces[ask.space]
    if ask.space == "blend":
        cut = exported.spaces["text"].shape[1]
        halves = [("text", ask.blend, vectors[:, :cut]), ("image", 1 - ask.blend, vectors[:, cut:])]
    else:
        halves = [(ask.space, 1.0, vectors)]
    scores = sum(w * (part @ content_query(exported, part, ask, wish.get(half))) for half, w, part in halves)

    passing = [all(satisfies(row, condition) for condition in ask.where) for row in exported.rows]
    rated = {*ask.likes, *ask.dislikes}
    relevance = {
        n: round(float(scores[n]), 6)
        for n, item_id in enumerate(exported.ids)
        if passing[n] and item_id not in rated and vectors[n].any()
    }
    candidates = sorted(relevance, key=lambda n: (-relevance[n], n))[:RETRIEVED][:RANKED]
    similar = sum(w * (part[candidates] @ part[candidates].T) for _, w, part in halves)
    expected = Expected(ask, candidates, relevance, sum(passing), similar, [])
    chosen: list[int] = []
    while len(chosen) < min(ask.k, len(candidates)):
        merit = _merit(expected, chosen)
        tied = np.flatnonzero(merit >= merit.max() - TIE)
        chosen.append(min(tied, key=lambda i: (-relevance[candidates[i]], candidates[i])))
    expected.picks.extend(candidates[i] for i in chosen)
    return expected


@dataclass
class Tally:
    """What came of the comparisons."""

    lists: int = 0
    same: int = 0
    tied: int = 0
    other: list[Ask] = field(default_factory=list)
    figures: int = 0
    """Lists whose relevance, scores, reasons and counts are as computed."""

    def compare(self, document: dict, expected: Expected, exported: Exported) -> None:
        """Compares one answer."""
        at = {item_id: n for n, item_id in enumerate(exported.ids)}
        listed = [at[item["item_id"]] for item in document["items"]]
        self.lists += 1
        if listed == expected.picks:
            self.same += 1
        elif expected.gap(listed) <= 2 * TIE:  # TIE, and as much again for two relevances that were rounded apart
            self.tied += 1
        else:
            self.other.append(expected.ask)
        self.figures += _figures_agree(document, expected, listed)


def _figures_agree(document: dict, expected: Expected, listed: Sequence[int]) -> bool:
    """Whether relevance, scores and reasons follow the schema, up to rounding."""
    lam, place = expected.ask.lam, {row: i for i, row in enumerate(expected.candidates)}
    if document["degraded"]:  # a store that fails must not hide behind NumPy, which takes its place
        return False
    if document["matching"] != expected.matching or document["starting"] is not None:
        return False
    for rank, (item, row) in enumerate(zip(document["items"], listed, strict=True)):
        values = {reason["signal"]: reason["value"] for reason in item["reasons"]}
        variety = values.pop("variety")
        earlier = [place[r] for r in listed[:rank] if r in place]
        taken = (1 - lam) * expected.similar[place[row], earlier].max() if earlier and row in place else 0.0
        if (
            abs(item["relevance"] - expected.relevance[row]) > 1.1e-6
            or abs(sum(values.values()) - item["relevance"]) > 4e-6
            or abs(-variety - taken) > 2e-6
            or abs(item["score"] - (lam * item["relevance"] + variety)) > 3e-6
        ):
            return False
    return True


def random_asks(exported: Exported, facets: Sequence[Mapping], seed: int, profiles: int = PROFILES) -> list[Ask]:
    """Random profiles in every space at every lambda, each once without and once with conditions.

    Args:
        exported: the catalog.
        facets: the manifest's facets.
        seed: of everything.
        profiles: how many.
    """
    draw = random.Random(seed)
    categories = sorted({v for row in exported.rows for v in known_values(row[exported.categories])})
    asks = []
    for number in range(profiles):
        rated = draw.sample(exported.ids, draw.choice((0, 1, 2, 5, 12)))
        cut = draw.randint(0, len(rated))
        profile = {
            "likes": rated[:cut],
            "dislikes": rated[cut:],
            "wish": draw.choice(WISHES) if draw.random() < 0.6 or not rated else "",
            "categories": draw.sample(categories, draw.choice((0, 0, 1, 2))),
        }
        for space in exported.spaces:
            where = random_conditions(exported, facets, draw)
            request = {"space": space, "blend": BLENDS[number % len(BLENDS)], "k": draw.choice((10, 10, 1, 25))}
            asks += [Ask(**profile, **request, lam=lam, where=w) for lam in LAMS for w in ((), where)]
    return asks


def random_conditions(exported: Exported, facets: Sequence[Mapping], draw: random.Random) -> tuple[str, ...]:
    """One to three conditions on different facets, of values that items have."""
    return tuple(random_condition(exported, facet, draw) for facet in draw.sample(list(facets), draw.randint(1, 3)))


def random_condition(exported: Exported, facet: Mapping, draw: random.Random) -> str:
    """One condition on a facet."""
    name, kind = facet["name"], facet["kind"]
    values = [v for row in exported.rows for v in known_values(row[name])]
    if kind == "number":
        return f"{name}{draw.choice(('>=', '<=', '>', '<', '!=', '='))}{draw.choice(values)!r}"
    op = draw.choice(("=", "!="))
    if kind == "flag":
        return f"{name}{op}{draw.choice(('yes', 'no'))}"
    return f"{name}{op}{','.join(v.replace(',', chr(92) + ',') for v in draw.sample(values, draw.choice((1, 2))))}"


def checks(settings) -> list[Row]:
    """Compares the lists of every built catalog."""
    from recsys.version import built_names

    return [row for name in built_names(settings) for row in _check_catalog(settings, name)]


def _check_catalog(settings, name: str) -> list[Row]:
    from recsys.carry import export
    from recsys.explain import as_document
    from recsys.funnel import Funnel, Request
    from recsys.profile import Profile
    from recsys.store import open_store
    from recsys.version import open_current
    from recsys.where import Where
    from recsys.wishes import Wishes

    from .command import call

    version = open_current(settings, name)
    wishes = Wishes(version)
    funnel = Funnel(version, open_store(settings, version.shard, version.collection), wishes)
    with tempfile.TemporaryDirectory() as folder:
        export(version, Path(folder))
        exported = Exported.read(Path(folder), version.manifest["categories"])
    asks = random_asks(exported, version.manifest["facets"], seed=len(name))
    through_main = set(random.Random(0).sample(range(len(asks)), THROUGH_MAIN))
    tally = Tally()
    for number, ask in enumerate(asks):
        wish = wishes(Profile().wishing(ask.wish)) if ask.wish else {}
        if number in through_main:
            document = call(settings, *ask.words(name)).document
        else:
            profile = Profile(tuple(ask.likes), tuple(ask.dislikes), categories=tuple(ask.categories))
            request = Request(
                profile.wishing(ask.wish),
                space=ask.space,
                blend=ask.blend,
                lam=ask.lam,
                where=Where.parse(ask.where, version.catalog),
                k=ask.k,
            )
            document = as_document(funnel, funnel.recommend(request))
        tally.compare(document, expected_list(exported, ask, wish), exported)
    shape = f"{PROFILES} profiles x {', '.join(exported.spaces)} x lambda {LAMS}, with and without conditions"
    return [
        Row(
            f"{name}: lists equal brute force ({shape})",
            f"{tally.lists} lists, {tally.same} equal, {tally.tied} equal up to ties of 1e-6, {len(tally.other)} other"
            + (f"; first: {' '.join(tally.other[0].words(name))}" if tally.other else ""),
            not tally.other,
        ),
        Row(
            f"{name}: relevance, scores, reasons and counts follow the schema",
            f"{tally.figures} of {tally.lists} documents",
            tally.figures == tally.lists,
        ),
    ]
