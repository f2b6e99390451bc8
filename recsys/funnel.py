"""The funnel: user -> retrieve -> filter -> rank -> diversify, with a trace of counts, times and reasons.

There is one pipeline. Pages, command line, benchmarks and lessons all call `recommend`.

A stage that fails is passed over: the best that is left takes its place, and the trace says so in a sentence. No
failure lets an item through that a rule forbids.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from recsys.candidates import (
    DECIMALS,
    RETRIEVERS,
    STORE,
    Candidates,
    Scored,
    capped,
    fuse,
)
from recsys.diversity import Sweep, diversify
from recsys.errors import InvalidInput, TastespaceError, quoted
from recsys.hits import Hits
from recsys.models import SpaceModel, load_model, side_of
from recsys.profile import Profile
from recsys.ranking.serving import Ranking
from recsys.retrieval.precomputed import RelatedLists, related_now
from recsys.settings import DEFAULT_BLEND, DEFAULT_K, DEFAULT_LAM
from recsys.store import Store
from recsys.towers import Query, Tower, heard
from recsys.towers.content import ContentTower, WishEncoder
from recsys.towers.learned import FactorTower, TwoTowerTower
from recsys.trace import Stage, Trace
from recsys.turns import Turns
from recsys.user_vectors import PATTERNS, RECOMPUTE, Pattern, Served, Visitor, create
from recsys.version import Version
from recsys.where import Where

STOPS = np.linspace(0, 1, 101)
ALL = 2**31 - 1
"""The size of a stage that lets everything out."""
STAGES = ("user", "retrieve", "filter", "rank", "diversify")
FILTERING = ("inside", "before", "after")
"""Where conditions are applied: while the store searches, before anything is compared, or to what was retrieved."""
PLAIN_RANKING = "none"
AT_ONCE = os.cpu_count() or 1
"""Requests that are worked on at once; others wait for their turn. Threads that share an interpreter hinder each other:
16 of them on two cores answer a third fewer requests a second than one does."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sizes:
    """How many items each stage lets out: at most 1,000 / 200 / 200 by default, then k."""

    retrieve: int = 1000
    filter: int = 200
    rank: int = 200


PRODUCTION = Sizes(1000, 200, 20)
"""What large systems do: the ranker leaves twenty, and ten are shown."""


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed of every item before this visitor has said anything of it.

    Attributes:
        scores: (n,) float in [0, 1], in the items' order.
        weight: how much it adds to the relevance of content, which is a cosine.
    """

    scores: np.ndarray
    weight: float = 1.0


@dataclass(frozen=True)
class Request:
    """What is asked of the funnel.

    Attributes:
        profile: who asks.
        space: the space to search; None takes the catalog's default content space. See `Funnel.best_space`.
        also: further spaces, whose lists are fused with the first one's by reciprocal ranks.
        engine: what retrieves: the store, or an engine of the retrieval laboratory; see `RETRIEVERS`.
        filtering: where conditions are applied: `inside`, `before` or `after`; see `filtered`.
        blend: weight of the words against the picture in the blend, in [0, 1].
        lam: MMR's lambda, in [0, 1]: 1 = pure relevance.
        where: conditions on facets.
        seen: whether what the profile rated may be shown again.
        cap: at most so many items of one category; None for any number. Applied to the retrieved ones, best first.
        k: length of the list.
        sizes: how many items each stage lets out.
        ranker: `none` keeps the order of retrieval; else of `recsys.ranking.RANKERS`. They hear no wish, picture or
            category: with one of these, and on starting lists, the order of retrieval is kept.
        diversity: the method that picks the varied list; see `recsys.diversity.METHODS`.
        prior: added to the relevance, and all there is where the profile says nothing; None for content alone.
        vectors: when a visitor's point is computed; of `recsys.user_vectors.PATTERNS`. It says nothing where no visitor
            is named, of whom anything could be kept.
    """

    profile: Profile
    space: str | None = None
    blend: float = DEFAULT_BLEND
    lam: float = DEFAULT_LAM
    where: Where = Where()
    k: int = DEFAULT_K
    sizes: Sizes = Sizes()
    diversity: str = "mmr"
    prior: Prior | None = None
    also: tuple[str, ...] = ()
    engine: str = STORE
    filtering: str = "inside"
    seen: bool = False
    cap: int | None = None
    ranker: str = PLAIN_RANKING
    vectors: str = RECOMPUTE

    @property
    def filtered(self) -> str:
        """Where conditions are truly applied: engines know none, so with one of them `inside` means `after`."""
        return "after" if self.filtering == "inside" and self.engine != STORE else self.filtering

    def without(self, stage: str) -> "Request":
        """The same request with one stage passing everything through: `retrieve`, `filter`, `rank` or `diversify`."""
        sizes = self.sizes
        if stage == "retrieve":  # everything that may be shown, compared one by one
            return replace(self, sizes=replace(sizes, retrieve=ALL), filtering="before")
        if stage == "filter":
            return replace(self, sizes=replace(sizes, filter=ALL), where=Where(), seen=True, cap=None)
        if stage == "rank":
            return replace(self, sizes=replace(sizes, rank=ALL), ranker=PLAIN_RANKING)
        if stage == "diversify":
            return replace(self, diversity="plain")
        raise ValueError(f"expected a stage that can be switched off, got {stage!r}")


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The funnel's answer.

    Attributes:
        request: what was asked.
        space: the space that was searched, the first one where several were.
        query: the profile as a point, or None for a starting list.
        starting: how the list was made where the profile says nothing: `popular`, `prior` or `medoids`; else empty.
        fused: the ranks, from 1, that each of several spaces gave the candidates: (n,) int64, 0 for none. Empty where
            one space was searched.
        candidates: (n,) rows that entered the diversify stage, best first.
        relevance: (n,) float64, their relevance: what retrieval scored them with.
        ranked: (n,) float64, what the ranker scored them with; None without one.
        merit: (n,) float64, what diversity goes by: relevance where it is a cosine, else relevance or the ranker's
            scores, scaled to [0, 1] over the candidates.
        believed: (n,) float64, what the prior added to it; zeros without one.
        picks: (k,) indices into `candidates`: the varied list.
        scores: (k,) float64, MMR's objective with which each pick won.
        penalties: (k,) float64, what likeness to earlier picks took off.
        matching: how many items satisfy the conditions.
        trace: counts, times and reasons.
        served: how the point came about where a visitor was named: what was kept, and how stale it is. Of several
            spaces, the first one's.
    """

    request: Request
    space: str
    query: Query | None
    starting: str
    fused: dict[str, np.ndarray]
    candidates: np.ndarray
    relevance: np.ndarray
    ranked: np.ndarray | None
    merit: np.ndarray
    believed: np.ndarray
    picks: np.ndarray
    scores: np.ndarray
    penalties: np.ndarray
    matching: int
    trace: Trace
    served: Served | None = None

    def hits(self, version: Version) -> Hits:
        """The varied list: ids with their relevance."""
        return Hits(version.item_ids[self.candidates[self.picks]], self.relevance[self.picks])


class Funnel:
    """The pipeline of one built catalog. Thread-safe; one serves all visitors.

    Args:
        version: the built catalog.
        store: holds its spaces.
        encode_wish: turns a profile's wish into one vector a content space.
        on_answer: told of each answer that `recommend` gives; None for nobody. See `recsys.observe`.
    """

    def __init__(
        self,
        version: Version,
        store: Store,
        encode_wish: WishEncoder,
        on_answer: Callable[[Version, Recommendation], None] | None = None,
    ) -> None:
        self.version = version
        self.store = store
        self.encode_wish = encode_wish
        self._on_answer = on_answer
        self._turns = Turns(AT_ONCE)
        self.candidates = Candidates(version, store)
        self.ranking = Ranking(version, self.model)
        self._models: dict[str, SpaceModel] = {}
        self._related: dict[str, RelatedLists] = {}
        self._patterns: dict[tuple[str, str, float], Pattern] = {}

    def best_space(self, profile: Profile) -> str:
        """The space whose tower measured best for a profile with so many likes.

        A wish, a picture or categories are understood by content alone; so is a profile without any like. The
        measurements are the build's: `Version.serving`.
        """
        version = self.version
        if profile.wish or profile.picture:
            return version.wish_space
        told = heard(version, profile)
        if profile.categories or not len(told.likes):
            return version.default_space
        reached = [rule["space"] for rule in version.serving if rule["likes"] <= len(told.likes)]
        return reached[-1] if reached else version.default_space

    def model(self, space: str) -> SpaceModel:
        """The model that made a learned space; read once.

        Raises:
            CatalogError: its file is damaged.
        """
        if space not in self._models:  # two threads may both read it: they read the same
            version = self.version
            content = version.spaces[version.default_space]
            self._models[space] = load_model(version.model_file(space), side_of(version.catalog, content))
        return self._models[space]

    def tower(self, request: Request) -> Tower:
        """The tower that turns the request's profile into a query.

        Raises:
            InvalidInput: a space that the catalog does not have.
        """
        space = self.version.has_space(request.space or self.version.default_space)
        if space in self.version.learned:
            kind = {"als": FactorTower, "two-tower": TwoTowerTower}[self.version.learned[space]["model"]]
            return kind(self.version, space, self.model(space))
        return ContentTower(self.version, space, request.blend, self.encode_wish)

    def pattern(self, request: Request, tower: Tower | None = None) -> Pattern:
        """What keeps visitors' points in the request's space, as `request.vectors` says; one serves all visitors.

        Args:
            request: its space, blend and `vectors` count.
            tower: of that space, where it is at hand.

        Raises:
            InvalidInput: a space that the catalog does not have.
            ValueError: no such pattern.
        """
        tower = tower or self.tower(request)
        key = request.vectors, tower.space, request.blend
        return self._patterns.get(key) or self._patterns.setdefault(key, create(request.vectors, tower))

    def recommend(self, request: Request, query: Query | None = None, visitor: Visitor | None = None) -> Recommendation:
        """Runs the funnel.

        Args:
            request: what is asked.
            query: the profile's point in the first space where it is known already, such as from a cache; None has the
                tower compute it.
            visitor: who asks, of whom a point is kept as `request.vectors` says; None for nobody in particular. Their
                point alone may be stale: what must not be shown again is the request's profile's.

        Raises:
            UnknownItem: a like or dislike that the catalog does not have.
            InvalidInput: lam or blend outside [0, 1], an unknown space, engine, ranker, method or pattern, k or a size
                below 1.
        """
        _check(request)
        for space in (request.space, *request.also):
            self.version.has_space(space or self.version.default_space)
        self._prepare(request)
        trace = Trace()
        with self._turns, trace.timed():
            answer = self._run(request, query, visitor, trace)
        if self._on_answer is not None:
            self._on_answer(self.version, answer)
        return answer

    def unobserved(self) -> "Funnel":
        """The same funnel, of whose answers nobody is told: for what asks many times and is no visitor."""
        quiet = copy(self)
        quiet._on_answer = None
        return quiet

    def _prepare(self, request: Request) -> None:
        """Builds the index of an engine that is asked for the first time: no part of a request, and nobody's turn."""
        if self._engine_retrieves(request):
            for space in (request.space or self.version.default_space, *request.also):
                with suppress(Exception):  # the stage meets it again, and passes it over
                    self.candidates.prepared(request.engine, space)

    @staticmethod
    def _engine_retrieves(request: Request) -> bool:
        """Whether an engine is asked, not the store: of what satisfies conditions beforehand, none has an index."""
        return request.engine != STORE and request.filtering != "before"

    def _run(self, request: Request, query: Query | None, visitor: Visitor | None, trace: Trace) -> Recommendation:
        version, sizes = self.version, request.sizes
        with trace.stage("user", 1) as stage:
            towers = [self._tower_or_content(request, space, trace) for space in (request.space, *request.also)]
            served = [] if visitor is None else [self.pattern(request, t).read(visitor) for t in towers]
            if served:
                queries = [one.query for one in served]
            else:
                queries = [query or towers[0].query(request.profile), *(t.query(request.profile) for t in towers[1:])]
            asked = {t.space: (t, q) for t, q in zip(towers, queries, strict=True) if q is not None}
            tower, query = next(iter(asked.values()), (towers[0], None))
            rated = heard(version, request.profile).rated
            stage.n_out = 1

        with trace.stage("retrieve", len(version.item_ids)) as stage:
            allowed = version.facets.mask(request.where)
            n = min(sizes.retrieve + (0 if request.seen else len(rated)), len(version.item_ids))
            first = allowed if self._filters_first(request) or query is None else np.ones(len(allowed), dtype=bool)
            lists = {s: self._retrieve(request, s, q.vector, n, first, trace) for s, (_, q) in asked.items()}
            fused: dict[str, np.ndarray] = {}
            if query is None:
                starting, rows, scores = self._starting_list(tower.space, allowed, request.prior)
                rows, scores = rows[: sizes.retrieve], scores[: sizes.retrieve]
            else:
                starting, (rows, scores) = "", lists[tower.space]
            if len(lists) > 1:
                fused = {space: own for space, (own, _) in lists.items()}
                rows, scores = (column[:n] for column in fuse(fused))
            elif query is not None and request.prior is not None:
                rows, scores = self._with_prior(tower.space, query.vector, rows, request.prior, first, n)
            stage.last = float(scores[-1]) if len(scores) else None
            self._say_who_was_not_retrieved(stage, request, first, rows, list(lists))

        with trace.stage("filter", len(rows)) as stage:
            rows, scores = self._filter(stage, request, allowed, rated, rows, scores)

        with trace.stage("rank", len(rows)) as stage:
            rows, scores, ranked = self._rank(stage, request, query is None, rows, scores, trace)

        with trace.stage("diversify", len(rows)) as stage:
            plain = ranked is None and not fused and (tower.cosine or query is None)
            merit = scores if plain else _scaled(scores if ranked is None else ranked)
            sweep = self._diversify(request, merit, tower, rows, trace)
            stage.n_out = sweep.picks.shape[1]
            stage.drop("not picked", np.delete(rows, sweep.picks[0]))

        return Recommendation(
            request=request,
            space=tower.space,
            query=query,
            starting=starting,
            fused={space: _ranks(own, rows) for space, own in fused.items()},
            candidates=rows,
            relevance=scores,
            ranked=ranked,
            merit=merit,
            believed=np.zeros(len(rows)) if request.prior is None else _believed(request.prior, rows, query is None),
            picks=sweep.picks[0],
            scores=sweep.totals[0],
            penalties=sweep.penalties[0],
            matching=int(allowed.sum()),
            trace=trace,
            served=served[0] if served else None,
        )

    def _tower_or_content(self, request: Request, space: str | None, trace: Trace) -> Tower:
        """The tower of a space, or that of content where the model of a learned one cannot be read."""
        try:
            return self.tower(replace(request, space=space))
        except InvalidInput:
            raise
        except Exception as error:
            _degrade(trace, "user", error, "the content space was searched instead")
            return self.tower(replace(request, space=self.version.default_space))

    @staticmethod
    def _filters_first(request: Request) -> bool:
        """Whether conditions hold for all that is retrieved."""
        return request.filtered != "after"

    def _retrieve(
        self, request: Request, space: str, vector: np.ndarray, n: int, first: np.ndarray, trace: Trace
    ) -> Scored:
        """The n nearest of those that conditions leave at this stage, (N,) bool, by whatever was asked for."""
        try:
            if self._engine_retrieves(request):
                return self.candidates.by_engine(request.engine, space, vector, n)
            if request.filtering != "before":
                where = request.where if request.filtering == "inside" else Where()
                return self.candidates.nearest(space, vector, n, where, int(first.sum()))
        except InvalidInput:
            raise
        except Exception as error:
            _degrade(trace, "retrieve", error, "every item was compared in NumPy instead")
        return self.candidates.scan(space, vector, n, first)

    def _say_who_was_not_retrieved(
        self, stage: Stage, request: Request, first: np.ndarray, rows: np.ndarray, spaces: list[str]
    ) -> None:
        stage.n_out = len(rows)
        left = np.ones(len(first), dtype=bool)
        left[rows] = False
        if not first.all():
            for condition in request.where:
                breaks = left & ~self.version.facets.mask(Where((condition,)))
                stage.drop(f"breaks {condition}", np.flatnonzero(breaks))
                left &= ~breaks
        if spaces:
            known = np.any([self.candidates.has_vector(space) for space in spaces], axis=0)
            stage.drop(f"has no vector in {' or '.join(spaces)}", np.flatnonzero(left & ~known))
            stage.drop("too far away", np.flatnonzero(left & known))
        else:
            stage.drop("not on the starting list", np.flatnonzero(left))

    def _filter(
        self,
        stage: Stage,
        request: Request,
        allowed: np.ndarray,
        rated: np.ndarray,
        rows: np.ndarray,
        scores: np.ndarray,
    ) -> Scored:
        """The business rules, whoever retrieved: nothing that breaks one gets past here."""
        keep = np.ones(len(rows), dtype=bool)

        def refuse(reason: str, refused: np.ndarray) -> None:
            nonlocal keep
            stage.drop(reason, rows[keep & refused])
            keep &= ~refused

        if not allowed[rows].all():
            for condition in request.where:
                refuse(f"breaks {condition}", ~self.version.facets.mask(Where((condition,)))[rows])
        if not request.seen:
            refuse("already rated", np.isin(rows, rated))
        if request.cap is not None:
            members = self.version.facets.members(self.version.catalog.categories, rows[keep])
            over = np.zeros(len(rows), dtype=bool)
            over[np.flatnonzero(keep)] = ~capped(members, request.cap)
            refuse(f"over {request.cap} of a category", over)
        rows, scores = rows[keep], scores[keep]
        stage.drop("over the size", rows[request.sizes.filter :])
        rows, scores = rows[: request.sizes.filter], scores[: request.sizes.filter]
        stage.n_out = len(rows)
        return rows, scores

    def _rank(
        self, stage: Stage, request: Request, starting: bool, rows: np.ndarray, scores: np.ndarray, trace: Trace
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        ranked, profile = None, request.profile
        unheard = starting or profile.wish or profile.picture or profile.categories
        if request.ranker != PLAIN_RANKING and len(rows) and not unheard:
            try:
                ranked = self.ranking.scores(request.ranker, self.features(profile, rows))
                order = np.lexsort((rows, -ranked))
                rows, scores, ranked = rows[order], scores[order], ranked[order]
            except InvalidInput:
                raise
            except Exception as error:
                ranked = None
                _degrade(trace, "rank", error, "the order of retrieval was kept")
        size = request.sizes.rank
        stage.drop("ranked too low", rows[size:])
        rows, scores, ranked = rows[:size], scores[:size], None if ranked is None else ranked[:size]
        stage.n_out = len(rows)
        return rows, scores, ranked

    def _diversify(self, request: Request, merit: np.ndarray, tower: Tower, rows: np.ndarray, trace: Trace) -> Sweep:
        def run(method: str) -> Sweep:
            members = self.version.facets.members(self.version.catalog.categories, rows)
            return diversify(method, merit, tower.similarity_vectors(rows), members, request.k, [request.lam])

        try:
            return run(request.diversity)
        except InvalidInput:
            raise
        except Exception as error:
            _degrade(trace, "diversify", error, "the list goes by relevance alone")
            return run("plain")

    def features(self, profile: Profile, rows: np.ndarray) -> np.ndarray:
        """What rankers are told of a profile and of some items: (m, f) float64; see `recsys.ranking.features`.

        Raises:
            InvalidInput: the catalog has no rankers.
            CatalogError: a file of theirs is damaged.
        """
        told = heard(self.version, profile)
        person = self.ranking.person(profile, told.likes, told.dislikes, told.rated)
        return self.ranking.features(person, rows)

    def sweep(self, answer: Recommendation) -> Sweep:
        """The varied lists of all 101 stops of the slider (lambda 0.00, 0.01, ... 1.00) over the same candidates."""
        vectors = self.tower(answer.request).similarity_vectors(answer.candidates)
        groups = self.version.facets.members(self.version.catalog.categories, answer.candidates)
        return diversify(answer.request.diversity, answer.merit, vectors, groups, answer.request.k, STOPS)

    def related(self, item_id: str, space: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The items most alike an item by cosine, looked up in the lists that the build made.

        A catalog too large for lists is compared item by item: as exact, some milliseconds later.

        Args:
            item_id: the item.
            space: by which vectors; the blend's halves count alike.
            n: how many, at most `recsys.retrieval.precomputed.LENGTH`.

        Returns:
            rows (<=n,) and cosines (<=n,), best first; ties by row. Nothing where the item has no vector.

        Raises:
            UnknownItem: no such item.
            NotBuilt: the version has no lists: it was built by an earlier release.
        """
        (row,) = self.version.rows([item_id])
        if not self.version.has_lists:
            return related_now(self.version.spaces[space], int(row), n)
        if space not in self._related:
            self._related[space] = RelatedLists.open(self.version.path, space)
        return self._related[space].of(int(row), n)

    def nearest_rows(
        self, space: str, vector: np.ndarray, n: int, where: Where = Where()
    ) -> tuple[np.ndarray, np.ndarray]:
        """The n items nearest to a point, exactly scored: rows (<=n,) int64 and scores (<=n,) float64, best first."""
        return self.candidates.nearest(space, vector, n, where, int(self.version.facets.mask(where).sum()))

    def _with_prior(
        self, space: str, vector: np.ndarray, near: np.ndarray, prior: Prior, allowed: np.ndarray, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The nearest items and the likeliest ones, scored by both: what is best by the sum is among them."""
        likely = np.flatnonzero(allowed)
        likely = likely[np.lexsort((likely, -prior.scores[likely]))][:n]
        rows = np.union1d(near, likely)
        content = self.version.spaces[space][rows].astype(np.float64) @ vector
        scores = np.round(content + _believed(prior, rows), DECIMALS)
        order = np.lexsort((rows, -scores))[:n]
        return rows[order], scores[order]

    def _starting_list(
        self, space: str, allowed: np.ndarray, prior: Prior | None
    ) -> tuple[str, np.ndarray, np.ndarray]:
        popularity = self.version.popularity
        if prior is not None or popularity is not None:
            rows = np.flatnonzero(allowed)
            shares = popularity / max(popularity.max(), 1) if prior is None else prior.scores
            scores = np.round(shares[rows], DECIMALS)
            order = np.lexsort((rows, -scores))
            return "popular" if prior is None else "prior", rows[order], scores[order]
        rows, scores = self.candidates.medoids(space, allowed)
        return "medoids", rows, scores


def _believed(prior: Prior, rows: np.ndarray, alone: bool = False) -> np.ndarray:
    """What the prior adds to the relevance of some items; alone it is all there is, and needs no weight."""
    return (1.0 if alone else prior.weight) * prior.scores[rows].astype(np.float64)


def _scaled(scores: np.ndarray) -> np.ndarray:
    """Scores without a scale in [0, 1] over the candidates; all 1 where they are equal."""
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))


def _ranks(ordered: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The place, from 1, of each row in a list, best first; 0 where it is not in it: (m,) int64."""
    place = np.zeros(max(ordered.max(initial=-1), rows.max(initial=-1)) + 1, dtype=np.int64)
    place[ordered] = 1 + np.arange(len(ordered))
    return place[rows]


def _check(request: Request) -> None:
    if request.k < 1:
        raise InvalidInput(f"A list of {request.k} items cannot be made.", "Ask for 1 or more.")
    if not 0 <= request.lam <= 1:
        raise InvalidInput(f"Lambda lies between 0 and 1; {request.lam:g} does not.", "1 is relevance alone.")
    if not 0 <= request.blend <= 1:
        raise InvalidInput(f"The blend lies between 0 and 1; {request.blend:g} does not.", "1 is words alone.")
    sizes = request.sizes
    if min(sizes.retrieve, sizes.filter, sizes.rank) < 1:
        raise InvalidInput("Each stage of the funnel lets at least 1 item out.", "Give sizes such as 1000,200,20,10.")
    if request.cap is not None and request.cap < 1:
        raise InvalidInput(f"A cap of {request.cap} would leave no list.", "Allow 1 or more of a category.")
    if request.engine not in RETRIEVERS:
        raise InvalidInput(f"There is no engine {quoted(request.engine)}.", f"Known: {', '.join(RETRIEVERS)}.")
    if request.filtering not in FILTERING:
        raise InvalidInput(
            f"Conditions cannot be applied {quoted(request.filtering)}.", f"Known: {', '.join(FILTERING)}."
        )
    if request.vectors not in PATTERNS:
        raise InvalidInput(f"Points cannot be kept {quoted(request.vectors)}.", f"Known: {', '.join(PATTERNS)}.")
    if request.also and request.prior is not None:
        raise InvalidInput(
            "A prior is added to the relevance of one space.", "Search one space, or leave the prior out."
        )


def _degrade(trace: Trace, stage: str, error: Exception, instead: str) -> None:
    """A stage failed: for the log with all that is known, for people in a sentence."""
    why = error.what if isinstance(error, TastespaceError) else f"The stage {stage} failed ({type(error).__name__})."
    sentence = f"{why} So {instead}."
    if sentence not in trace.degraded:
        trace.degraded.append(sentence)
        _LOG.warning("%s: %s", stage, sentence, exc_info=error)
