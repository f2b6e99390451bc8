"""The funnel: user -> retrieve -> filter -> rank -> diversify, with a trace of counts, times and reasons.

There is one pipeline. Pages, command line, benchmarks and lessons all call `recommend`.

Exactness: the store proposes candidates; their scores are computed again here, in float64 from the built arrays,
rounded to six decimals and sorted by (-score, row). So lists are reproducible and the stores are comparable.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from recsys.diversity import Sweep, diversify
from recsys.errors import InvalidInput
from recsys.hits import Hits
from recsys.models import SpaceModel, load_model, side_of
from recsys.profile import Profile
from recsys.retrieval.precomputed import RelatedLists
from recsys.settings import DEFAULT_BLEND, DEFAULT_K, DEFAULT_LAM
from recsys.store import Store
from recsys.towers import Query, Tower, heard
from recsys.towers.content import ContentTower, WishEncoder
from recsys.towers.learned import FactorTower, TwoTowerTower
from recsys.version import Version
from recsys.where import Where

DECIMALS = 6
MARGIN = 32
SLACK = 1e-5  # several times the rounding of a store's float32 scores, as a share of the largest
STOPS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Sizes:
    """How many items each stage lets out: at most 1,000 / 200 / 200 by default, then k."""

    retrieve: int = 1000
    filter: int = 200
    rank: int = 200


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
        blend: weight of the words against the picture in the blend, in [0, 1].
        lam: MMR's lambda, in [0, 1]: 1 = pure relevance.
        where: conditions on facets.
        k: length of the list.
        sizes: how many items each stage lets out.
        diversity: the method that picks the varied list; see `recsys.diversity.METHODS`.
        prior: added to the relevance, and all there is where the profile says nothing; None for content alone.
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


@dataclass
class Stage:
    """What one stage did: how many items went in and came out, why items were dropped, and its milliseconds."""

    stage: str
    n_in: int
    n_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    ms: float = 0.0


@dataclass
class Trace:
    """The stages of one request, in order."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, n_in: int) -> Iterator[Stage]:
        """Times one stage; the caller fills in what came out and why the rest did not."""
        stage = Stage(name, n_in)
        start = time.perf_counter()
        yield stage
        stage.ms = (time.perf_counter() - start) * 1000
        self.stages.append(stage)


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The funnel's answer.

    Attributes:
        request: what was asked.
        space: the space that was searched.
        query: the profile as a point, or None for a starting list.
        starting: how the list was made where the profile says nothing: `popular`, `prior` or `medoids`; else empty.
        candidates: (n,) rows that entered the diversify stage, best first.
        relevance: (n,) float64, their relevance.
        merit: (n,) float64, relevance as diversity sees it: the same where it is a cosine, else scaled to [0, 1] over
            the candidates.
        believed: (n,) float64, what the prior added to it; zeros without one.
        picks: (k,) indices into `candidates`: the varied list.
        scores: (k,) float64, MMR's objective with which each pick won.
        penalties: (k,) float64, what likeness to earlier picks took off.
        matching: how many items satisfy the conditions.
        trace: counts, times and reasons.
    """

    request: Request
    space: str
    query: Query | None
    starting: str
    candidates: np.ndarray
    relevance: np.ndarray
    merit: np.ndarray
    believed: np.ndarray
    picks: np.ndarray
    scores: np.ndarray
    penalties: np.ndarray
    matching: int
    trace: Trace

    def hits(self, version: Version) -> Hits:
        """The varied list: ids with their relevance."""
        return Hits(version.item_ids[self.candidates[self.picks]], self.relevance[self.picks])


class Funnel:
    """The pipeline of one built catalog. Thread-safe; one serves all visitors.

    Args:
        version: the built catalog.
        store: holds its spaces.
        encode_wish: turns a profile's wish into one vector a content space.
    """

    def __init__(self, version: Version, store: Store, encode_wish: WishEncoder) -> None:
        self.version = version
        self.store = store
        self.encode_wish = encode_wish
        self._models: dict[str, SpaceModel] = {}
        self._related: dict[str, RelatedLists] = {}

    def best_space(self, profile: Profile) -> str:
        """The space whose tower measured best for a profile with so many likes.

        A wish, a picture or categories are understood by content alone; so is a profile without any like. The
        measurements are the build's: `Version.serving`.
        """
        version = self.version
        told = heard(version, profile)
        if profile.wish or profile.picture or profile.categories or not len(told.likes):
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

    def recommend(self, request: Request) -> Recommendation:
        """Runs the funnel.

        Raises:
            UnknownItem: a like or dislike that the catalog does not have.
            StoreUnavailable: the store does not answer.
            InvalidInput: lam or blend outside [0, 1], an unknown space, k below 1.
        """
        if request.k < 1:
            raise InvalidInput(f"A list of {request.k} items cannot be made.", "Ask for 1 or more.")
        if not 0 <= request.lam <= 1:
            raise InvalidInput(f"Lambda lies between 0 and 1; {request.lam:g} does not.", "1 is relevance alone.")
        if not 0 <= request.blend <= 1:
            raise InvalidInput(f"The blend lies between 0 and 1; {request.blend:g} does not.", "1 is words alone.")
        trace, sizes, n_items = Trace(), request.sizes, len(self.version.item_ids)
        tower = self.tower(request)
        rated = heard(self.version, request.profile).rated

        with trace.stage("user", 1) as stage:
            query = tower.query(request.profile)
            stage.n_out = 1

        with trace.stage("retrieve", n_items) as stage:
            allowed = self.version.facets.mask(request.where)
            matching = int(allowed.sum())
            if query is not None:
                starting, asked = "", sizes.retrieve + len(rated)
                rows, scores = self._nearest(tower.space, query.vector, asked, request.where, matching)
                if request.prior is not None:
                    rows, scores = self._with_prior(tower.space, query.vector, rows, request.prior, allowed, asked)
            else:
                starting, rows, scores = self._starting_list(tower.space, allowed, request.prior)
                rows, scores = rows[: sizes.retrieve], scores[: sizes.retrieve]
            stage.n_out = len(rows)
            stage.dropped = _reasons({"breaks a condition": n_items - matching, "too far away": matching - len(rows)})

        with trace.stage("filter", len(rows)) as stage:
            fresh = ~np.isin(rows, rated)
            dropped = int((~fresh).sum())
            rows, scores = rows[fresh][: sizes.filter], scores[fresh][: sizes.filter]
            stage.n_out = len(rows)
            stage.dropped = _reasons({"already rated": dropped, "over the size": stage.n_in - dropped - len(rows)})

        with trace.stage("rank", len(rows)) as stage:
            rows, scores = rows[: sizes.rank], scores[: sizes.rank]
            stage.n_out = len(rows)
            stage.dropped = _reasons({"over the size": stage.n_in - len(rows)})

        with trace.stage("diversify", len(rows)) as stage:
            merit = scores if tower.cosine or query is None else _scaled(scores)
            sweep = diversify(
                request.diversity,
                merit,
                tower.similarity_vectors(rows),
                self.version.facets.members(self.version.catalog.categories, rows),
                request.k,
                [request.lam],
            )
            stage.n_out = sweep.picks.shape[1]
            stage.dropped = _reasons({"not picked": stage.n_in - stage.n_out})

        return Recommendation(
            request=request,
            space=tower.space,
            query=query,
            starting=starting,
            candidates=rows,
            relevance=scores,
            merit=merit,
            believed=np.zeros(len(rows)) if request.prior is None else _believed(request.prior, rows, query is None),
            picks=sweep.picks[0],
            scores=sweep.totals[0],
            penalties=sweep.penalties[0],
            matching=matching,
            trace=trace,
        )

    def sweep(self, answer: Recommendation) -> Sweep:
        """The varied lists of all 101 stops of the slider (lambda 0.00, 0.01, ... 1.00) over the same candidates."""
        vectors = self.tower(answer.request).similarity_vectors(answer.candidates)
        groups = self.version.facets.members(self.version.catalog.categories, answer.candidates)
        return diversify(answer.request.diversity, answer.merit, vectors, groups, answer.request.k, STOPS)

    def related(self, item_id: str, space: str, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The items most alike an item by cosine, looked up in the lists that the build made.

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
        if space not in self._related:
            self._related[space] = RelatedLists.open(self.version.path, space)
        return self._related[space].of(int(row), n)

    def nearest_rows(
        self, space: str, vector: np.ndarray, n: int, where: Where = Where()
    ) -> tuple[np.ndarray, np.ndarray]:
        """The n items nearest to a point, exactly scored: rows (<=n,) int64 and scores (<=n,) float64, best first."""
        return self._nearest(space, vector, n, where, int(self.version.facets.mask(where).sum()))

    def _nearest(
        self, space: str, vector: np.ndarray, n: int, where: Where, matching: int
    ) -> tuple[np.ndarray, np.ndarray]:
        vectors = self.version.spaces[space]
        asked = n + MARGIN
        while True:
            rows, _ = self.store.nearest(space, vector.astype(np.float32), asked, where)
            scores = np.round(vectors[rows].astype(np.float64) @ vector, DECIMALS)
            order = np.lexsort((rows, -scores))
            rows, scores = rows[order], scores[order]
            # The store orders ties as it likes. The cut at n is ours only where everything that ties with the n-th
            # has arrived, that is, where something clearly worse has too.
            slack = SLACK * max(1.0, float(np.abs(scores[:1]).max(initial=0)))
            if len(rows) < asked or asked >= matching or scores[-1] < scores[n - 1] - slack:
                return rows[:n], scores[:n]
            asked *= 2

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
        rows, scores = self._medoids(space, allowed)
        return "medoids", rows, scores

    def _medoids(self, space: str, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most typical item of each category, largest category first; scored by the category's share."""
        version, vectors = self.version, self.version.spaces[space]
        found: dict[int, float] = {}
        for category, count in version.facets.counts(version.catalog.categories, allowed).items():
            members = version.facets.rows_with(version.catalog.categories, category)
            members = members[allowed[members]]
            members = members[vectors[members].any(axis=1)]
            if len(members):
                centroid = vectors[members].mean(axis=0, dtype=np.float64)
                near = np.round(vectors[members] @ centroid, DECIMALS)
                found.setdefault(int(members[np.argmax(near)]), round(count / len(allowed), DECIMALS))
        rows, scores = np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.float64)
        order = np.lexsort((rows, -scores))
        return rows[order], scores[order]


def _believed(prior: Prior, rows: np.ndarray, alone: bool = False) -> np.ndarray:
    """What the prior adds to the relevance of some items; alone it is all there is, and needs no weight."""
    return (1.0 if alone else prior.weight) * prior.scores[rows].astype(np.float64)


def _scaled(scores: np.ndarray) -> np.ndarray:
    """Scores without a scale in [0, 1] over the candidates; all 1 where they are equal."""
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))


def _reasons(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}
