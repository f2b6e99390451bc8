"""What the Funnel page adds to the view: how each stage is set, its budget, and what is looked at. Pure functions.

What comes from a link is untrusted: each value that cannot be used becomes a sentence, and the rest is kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace

from recsys.candidates import RETRIEVERS, STORE
from recsys.diversity import METHODS
from recsys.errors import quoted
from recsys.funnel import ALL, FILTERING, PLAIN_RANKING, PRODUCTION, STAGES, Request, Sizes
from recsys.user_vectors import PATTERNS, RECOMPUTE
from recsys.version import Version

SWITCHED = STAGES[1:]
"""The stages that can let everything through; somebody has to be asked for."""
SIZED = STAGES[1:4]
"""The stages that have a size of their own; the last one's is the length of the list."""
TOTAL = "total"
BUDGETS = {"user": 5, "retrieve": 30, "filter": 5, "rank": 100, "diversify": 10, TOTAL: 200}
"""Milliseconds that large systems give their stages, and all of them together at the 99th percentile."""
MAX_SIZE, MAX_BUDGET, MAX_CAP = 1_000_000, 9_999, 20
PUBLIC_SIZE = 5_000
"""No stage lets more out in an app for the public: whatever comes after it takes time for each."""
MAX_REASON = 120
_NAMES = ("also", "retriever", "filtering", "cap", "ranker", "diversity", "vectors", "stage", "reason", "asked")
_SIZES = re.compile(r"([0-9]{1,7}),([0-9]{1,7}),([0-9]{1,7})")
_BUDGET = re.compile(r"([a-z]{1,20}):([0-9]{1,4})")


@dataclass(frozen=True)
class Pipeline:
    """How the funnel of the Funnel page is set.

    Attributes:
        sizes: how many items retrieval, filters and ranker let out.
        also: spaces that are searched besides the view's own; the lists are fused.
        retriever: what retrieves; of `RETRIEVERS`.
        filtering: where conditions are applied; of `FILTERING`.
        seen: whether what was rated may be shown again.
        cap: at most so many of one category; None for any number.
        ranker: one of the catalog's, or `none`; None for what it comes with, which the page puts in its place.
        diversity: the method that picks the list.
        vectors: how the visitor's point is kept; of `PATTERNS`.
        off: the stages that let everything through.
        budgets: milliseconds by stage, and in all, where they are not those of `BUDGETS`: (name, ms).
        stage: the stage that is looked into; None for none.
        reason: which of its reasons; None, or one that it does not have, for the first.
        asked: the item of which is asked why it is not shown.
    """

    sizes: tuple[int, int, int] = (PRODUCTION.retrieve, PRODUCTION.filter, PRODUCTION.rank)
    also: tuple[str, ...] = ()
    retriever: str = STORE
    filtering: str = FILTERING[0]
    seen: bool = False
    cap: int | None = None
    ranker: str | None = None
    diversity: str = "mmr"
    vectors: str = RECOMPUTE
    off: tuple[str, ...] = ()
    budgets: tuple[tuple[str, int], ...] = ()
    stage: str | None = None
    reason: str | None = None
    asked: str | None = None

    def budget(self, name: str) -> int:
        """Milliseconds that a stage, or all of them (`TOTAL`), may take."""
        return dict(self.budgets).get(name, BUDGETS[name])

    def with_budget(self, name: str, ms: int) -> "Pipeline":
        """The same with another budget."""
        own = dict(self.budgets) | {name: min(max(ms, 1), MAX_BUDGET)}
        return replace(self, budgets=tuple((n, own[n]) for n in BUDGETS if own.get(n, BUDGETS[n]) != BUDGETS[n]))

    def sized(self, stage: str, size: int) -> "Pipeline":
        """The same where one of `SIZED` lets out another number."""
        at = SIZED.index(stage)
        return replace(self, sizes=(*self.sizes[:at], min(max(size, 1), MAX_SIZE), *self.sizes[at + 1 :]))

    def switched(self, stage: str, on: bool) -> "Pipeline":
        """The same with a stage switched on or off."""
        off = {*self.off, stage} - ({stage} if on else set())
        return replace(self, off=tuple(s for s in SWITCHED if s in off))

    def in_public(self) -> "Pipeline":
        """The same as an app for the public allows it: see `for_public`."""
        return replace(self, sizes=tuple(min(size, PUBLIC_SIZE) for size in self.sizes), retriever=STORE)

    def elsewhere(self) -> "Pipeline":
        """The same for another catalog: without what only this one is sure to have."""
        return replace(self, also=(), ranker=None, asked=None, reason=None)

    def request(self, base: Request) -> Request:
        """A request that goes through this pipeline."""
        found = replace(
            base,
            sizes=Sizes(*self.sizes),
            also=tuple(space for space in self.also if space != base.space),
            engine=self.retriever,
            filtering=self.filtering,
            seen=self.seen,
            cap=self.cap,
            ranker=self.ranker or PLAIN_RANKING,
            diversity=self.diversity,
            vectors=self.vectors,
        )
        for stage in self.off:
            found = found.without(stage)
        return found

    def options(self, k: int) -> list[tuple[str, str]]:
        """What the command line is told of it, as options; `where`, which a switched-off filter drops, apart.

        An empty value stands for an option that takes none.
        """
        default, found = Pipeline(), []
        sizes = [ALL if stage in self.off else size for stage, size in zip(SIZED, self.sizes, strict=True)]
        found.append(("sizes", ",".join(map(str, [*sizes, k]))))
        if self.retriever != default.retriever:
            found.append(("engine", self.retriever))
        filtering = "before" if "retrieve" in self.off else self.filtering
        if filtering != default.filtering:
            found.append(("filtering", filtering))
        if self.cap is not None and "filter" not in self.off:
            found.append(("cap", str(self.cap)))
        if self.seen or "filter" in self.off:
            found.append(("seen", ""))
        if self.ranker not in (None, PLAIN_RANKING) and "rank" not in self.off:
            found.append(("ranker", self.ranker))
        diversity = "plain" if "diversify" in self.off else self.diversity
        if diversity != default.diversity:
            found.append(("diversity", diversity))
        if self.vectors != default.vectors:
            found.append(("vectors", self.vectors))
        return found


def for_public(request: Request) -> Request:
    """The request as an app for the public answers it: no index is built for it, and no stage lets all of many out."""
    sizes = Sizes(*(min(size, PUBLIC_SIZE) for size in astuple(request.sizes)))
    return replace(request, sizes=sizes, engine=STORE)


def to_query(pipeline: Pipeline) -> dict[str, list[str]]:
    """The pipeline as the values of a link; what is at its default is left out."""
    default, query = Pipeline(), {}
    if pipeline.sizes != default.sizes:
        query["sizes"] = [",".join(map(str, pipeline.sizes))]
    if pipeline.seen:
        query["seen"] = ["yes"]
    if pipeline.off:
        query["without"] = list(pipeline.off)
    if pipeline.budgets:
        query["budget"] = [f"{name}:{ms}" for name, ms in pipeline.budgets]
    for name in _NAMES:
        value = getattr(pipeline, name)
        if value != getattr(default, name):
            query[name] = list(value) if isinstance(value, tuple) else [str(value)]
    return query


def from_query(query: Mapping[str, Sequence[str]], version: Version) -> tuple[Pipeline, list[str]]:
    """Reads the pipeline from a link's values.

    Args:
        query: lists of values by name; other names are ignored.
        version: the catalog that the link names.

    Returns:
        The pipeline of all values that can be used, and a sentence for each that cannot.
    """
    default, problems = Pipeline(), []

    def last(name: str) -> str | None:
        values = query.get(name, ())
        return values[-1] if values else None

    def choice(name: str, known: Sequence[str], what: str, otherwise):
        raw = last(name)
        if raw is None or raw in known:
            return otherwise if raw is None else raw
        problems.append(f"The link asks for {what} {quoted(raw, 30)}; there are {', '.join(known)}.")
        return otherwise

    def some(name: str, known: Sequence[str], what: str) -> tuple[str, ...]:
        asked = query.get(name, ())
        wrong = [value for value in asked if value not in known]
        if wrong:
            problems.append(f"The link asks for {what} {quoted(wrong[0], 30)}; there are {', '.join(known)}.")
        return tuple(dict.fromkeys(value for value in asked if value in known))

    sizes, raw = default.sizes, last("sizes")
    if raw is not None:
        match = _SIZES.fullmatch(raw)
        told = tuple(int(part) for part in match.groups()) if match else ()
        if told and all(1 <= size <= MAX_SIZE for size in told):
            sizes = told
        else:
            usual = ",".join(map(str, default.sizes))
            problems.append(
                f"The link's sizes {quoted(raw, 30)} cannot be used, so they are {usual}: whole numbers of 1 or more."
            )
    cap, raw = None, last("cap")
    if raw is not None:
        if raw.isascii() and raw.isdigit() and len(raw) < 4 and 1 <= int(raw) <= MAX_CAP:
            cap = int(raw)
        else:
            problems.append(f"The link asks for a cap of {quoted(raw, 20)}; it lies between 1 and {MAX_CAP}.")
    budgets = default
    wrong = None
    for text in query.get("budget", ()):
        match = _BUDGET.fullmatch(text)
        if match and match[1] in BUDGETS and int(match[2]) >= 1:
            budgets = budgets.with_budget(match[1], int(match[2]))
        else:
            wrong = text
    if wrong is not None:
        problems.append(
            f"The link gives a budget {quoted(wrong, 30)}, which cannot be read: write a stage and milliseconds, as in "
            "rank:100."
        )
    asked = last("asked")
    if asked is not None and asked not in version:
        problems.append(f"The link asks about an item that {version.catalog.label} does not have: {quoted(asked, 40)}.")
        asked = None
    reason = last("reason")
    off = some("without", SWITCHED, "a funnel without")
    return (
        Pipeline(
            sizes=sizes,
            also=some("also", list(version.spaces), "a second space"),
            retriever=choice("retriever", RETRIEVERS, "the retriever", default.retriever),
            filtering=choice("filtering", FILTERING, "filtering", default.filtering),
            seen=choice("seen", ("yes", "no"), "seen items:", "no") == "yes",
            cap=cap,
            ranker=choice("ranker", (PLAIN_RANKING, *version.rankers), "the ranker", None),
            diversity=choice("diversity", list(METHODS), "the diversity", default.diversity),
            vectors=choice("vectors", PATTERNS, "user vectors by", default.vectors),
            off=tuple(s for s in SWITCHED if s in off),
            budgets=budgets.budgets,
            stage=choice("stage", STAGES, "the stage", None),
            reason=None if reason is None else reason[:MAX_REASON],
            asked=asked,
        ),
        problems,
    )
