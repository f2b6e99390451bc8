"""Onboarding: which items to show somebody of whom nothing is known, and what each choice is worth.

    popular   what most people rated
    cover     greedy facility location (Nemhauser, Wolsey & Fisher 1978; within 1 - 1/e of the best): each item
              shown is the one that raises sum over all items of max(0, max over shown j of cos(i, j)) the most
    medoids   seeded k-means with n clusters, and of each the item nearest to its mean
    entropy   log(number of ratings) * entropy of the ratings (Rashid et al., IUI 2002): known, and controversial
    random    a seeded shuffle

`cover` and `medoids` choose only among items that people could know: where there are ratings, those that at least
`KNOWN` of the people rated (or, if these are fewer than n, the n most rated). Where there are none, all items.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.errors import InvalidInput, quoted
from recsys.evaluation.metrics import ndcg
from recsys.evaluation.significance import interval
from recsys.lessons.points import best_lists, content_points
from recsys.lessons.priors import learn_priors
from recsys.ratings import DISLIKE, LIKE, Ratings, read_ratings, split_people
from recsys.version import Version

STRATEGIES = ("popular", "cover", "medoids", "entropy", "random")
NEED_RATINGS = ("popular", "entropy")
NO_RATINGS = "Nobody's ratings of this catalog are known, so it has no popular items and none that people disagree on."
DEFAULT_STRATEGY = "cover"
"""The best on validation people of MovieLens 100K (`compare`, seed 0, weight 1): nDCG@10 after 5, 10 and 20 items shown

    strategy    validation (187 people)    test (189 people)
    cover       .424  .415  .425           .407  .407  .411
    medoids     .425  .408  .421           .411  .392  .404
    random      .413  .411  .404           .402  .403  .398
    entropy     .398  .387  .390           .396  .375  .374
    popular     .302  .283  .163           .292  .281  .154

With nothing shown: .412 and .400. 95% intervals are about .04 to either side, so `cover` and `medoids` cannot be told
apart: with seeds 1 and 2 `medoids` comes first by .001 to .004. `popular` brings the most likes (6.4 of 20 against 2.4)
and its answers add the most to the list (+.046 against +.019 at 20), but the items it asks about are those that a list
would have been right about anyway, and they are gone.
"""

KNOWN = 0.1
"""Share of the people who must have rated an item before `cover` and `medoids` show it."""
LARGEST = 4000
"""`cover` compares at most so many items with so many, a seeded sample of a larger catalog."""
ROUNDS = 50
"""k-means stops after so many rounds, or as soon as nothing moves."""

LIST = 10
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def strategies(version: Version) -> tuple[str, ...]:
    """The strategies that a catalog's data allow; `NO_RATINGS` says why some are absent."""
    rated = version.catalog.interactions is not None
    return tuple(s for s in STRATEGIES if rated or s not in NEED_RATINGS)


def choose(
    strategy: str, version: Version, space: str, n: int, seed: int = 0, without: Collection[str] = ()
) -> np.ndarray:
    """The items to show a newcomer, in the order to show them.

    Args:
        strategy: one of `strategies(version)`.
        version: the built catalog.
        space: the space that `cover` and `medoids` look at.
        n: how many items.
        seed: of `random`, of the first means of `medoids` and of the sample that `cover` takes of a large catalog.
        without: ids of people whose ratings must not enter.

    Returns:
        (min(n, items that have a vector),) int64, rows, each at most once.

    Raises:
        InvalidInput: a strategy or space that the catalog does not have, or n below 1.
    """
    if strategy not in STRATEGIES:
        raise InvalidInput(f"There is no strategy {quoted(strategy)}.", f"There is: {', '.join(strategies(version))}.")
    if strategy not in strategies(version):
        raise InvalidInput(NO_RATINGS, f"Use one of: {', '.join(strategies(version))}.")
    version.has_space(space)
    if n < 1:
        raise InvalidInput(f"{n} items cannot be shown.", "Show 1 or more.")
    ratings = read_ratings(version.catalog, without) if version.catalog.interactions is not None else None
    vectors = version.spaces[space]
    present = np.flatnonzero(vectors.any(axis=1))
    rng = np.random.default_rng(seed)
    if strategy == "random":
        return rng.permutation(present)[:n]
    if strategy in NEED_RATINGS:
        worth = ratings.counts() if strategy == "popular" else log_pop_entropy(ratings)
        return present[np.argsort(-worth[present], kind="stable")][:n]
    known = present if ratings is None else _known(ratings, present, n)
    if strategy == "medoids":
        picks = medoids(_units(vectors[known]), n, rng)
        others = np.setdiff1d(np.arange(len(known)), picks)
        return known[np.concatenate([picks, others])][:n]  # others only where duplicates leave fewer clusters than n
    demand = _sample(present, LARGEST, rng)
    candidates = demand if ratings is None else _sample(known, LARGEST, rng)
    return candidates[cover(_units(vectors[candidates]), _units(vectors[demand]), n)]


def compare(version: Version, ns: Sequence[int] = (5, 10, 20), seed: int = 0) -> dict:
    """What each strategy is worth to real people who were held out: see docs/schema.md, `cold-start onboarding`.

    60 in 100 people train: popularity, entropy and priors are theirs alone. A held-out person is shown n items and
    answers from their ratings: 4 or more a like, 2 or less a dislike, 3 no opinion, unrated "don't know". Then the
    recommender lists 10 of the items they did not answer about, by cos(q, v) + weight * global prior, q being the
    content query of the answers (none: the prior alone), and nDCG@10 counts their other likes as relevant. The weight
    and the default strategy are those with the highest mean on validation people; test people only report. People
    without another like are left out of the mean.

    Raises:
        InvalidInput: the catalog has no interactions, fewer than five people, or too few likes for so many items.
    """
    train, validation, test = split_people(version.catalog, seed)
    held, space = [*validation, *test], version.default_space
    prior = learn_priors(version, held).prior().scores
    shown = {("none", 0): np.empty(0, dtype=np.int64)}
    shown |= {(s, n): choose(s, version, space, n, seed, held) for s in strategies(version) for n in ns}

    def trials(others: list[str]) -> dict[tuple[str, int], Trial]:
        ratings = read_ratings(version.catalog, without=[*train, *others])
        tried = {key: ask(version, space, ratings, rows) for key, rows in shown.items()}
        for (strategy, n), trial in tried.items():
            if not trial.targets.any():
                raise InvalidInput(f"After {n} items of {strategy}, nobody likes any that is left.", "Show fewer.")
        return tried

    tried = trials(test)
    means = {w: np.mean([np.nanmean(t.ndcg(prior, w)) for (s, _), t in tried.items() if s != "none"]) for w in WEIGHTS}
    weight = max(WEIGHTS, key=lambda w: means[w])
    validated = _report(tried, prior, weight, seed)
    by_strategy = {s: np.mean([r["ndcg"] for r in validated if r["strategy"] == s]) for s in strategies(version)}
    return {
        "catalog": version.name,
        "version": version.id,
        "space": space,
        "seed": seed,
        "people": {"train": len(train), "validation": len(validation), "test": len(test)},
        "known": KNOWN,
        "weights": [{"weight": w, "ndcg": round(float(mean), 4)} for w, mean in means.items()],
        "weight": weight,
        "default": max(by_strategy, key=lambda s: by_strategy[s]),
        "validation": validated,
        "test": _report(trials(validation), prior, weight, seed),
    }


@dataclass(frozen=True, eq=False)
class Trial:
    """What P people answered to the same items, and what is left to find.

    Attributes:
        relevance: (P, n) float32, cos(q, v) by each one's answers; 0 for who has none.
        open: (P, n) bool, the items they did not answer about.
        targets: (P, n) bool, the likes among these.
        answered: (P,) float64, share of the shown items that they have an answer to, in [0, 1].
        likes: (P,) int64, likes among the answers.
    """

    relevance: np.ndarray
    open: np.ndarray
    targets: np.ndarray
    answered: np.ndarray
    likes: np.ndarray

    def ndcg(self, prior: np.ndarray, weight: float) -> np.ndarray:
        """nDCG@10 of each person's list by relevance + weight * prior: (P,) float64, NaN where nothing is to find.

        Somebody of whom nothing is known gets the prior alone, whatever its weight.
        """
        answered = self.relevance.any(axis=1, keepdims=True)
        return self._ndcg(np.where(answered, self.relevance + weight * prior, prior))

    def alone(self, prior: np.ndarray) -> np.ndarray:
        """The same by the prior alone, as if the answers had only taken their items away: (P,) float64."""
        return self._ndcg(np.broadcast_to(prior, self.relevance.shape))

    def _ndcg(self, scores: np.ndarray) -> np.ndarray:
        lists = best_lists(scores, self.open, LIST)
        return np.array(
            [
                ndcg(rows[rows >= 0].tolist(), set(np.flatnonzero(targets).tolist()), LIST)
                for rows, targets in zip(lists, self.targets, strict=True)
            ]
        )


def ask(version: Version, space: str, ratings: Ratings, shown: np.ndarray) -> Trial:
    """Asks all people of `ratings` about the same items; they answer from what they rated."""
    table = ratings.dense()
    answers = np.full_like(table, np.nan)
    answers[:, shown] = table[:, shown]
    likes, dislikes = answers >= LIKE, answers <= DISLIKE
    points = content_points(version, space, list(map(np.flatnonzero, likes)), list(map(np.flatnonzero, dislikes)))
    answered = ~np.isnan(answers)
    return Trial(
        relevance=points @ version.spaces[space].T,
        open=~answered,
        targets=(table >= LIKE) & ~answered,
        answered=answered.sum(axis=1) / max(len(shown), 1),
        likes=likes.sum(axis=1),
    )


def _report(trials: dict[tuple[str, int], Trial], prior: np.ndarray, weight: float, seed: int) -> list[dict]:
    rows = []
    for (strategy, n), trial in trials.items():
        found, alone = trial.ndcg(prior, weight), trial.alone(prior)
        counted = ~np.isnan(found)
        found, gains = found[counted], (found - alone)[counted]
        low, high = interval(found, seed)
        gain_low, gain_high = interval(gains, seed)
        figures = {"ndcg": found.mean(), "low": low, "high": high}
        figures |= {"gain": gains.mean(), "gain_low": gain_low, "gain_high": gain_high}
        figures |= {"answered": trial.answered.mean(), "likes": trial.likes.mean()}
        row = {"strategy": strategy, "n": n, "people": len(found)}
        rows.append(row | {name: round(float(value), 4) for name, value in figures.items()})
    return rows


def log_pop_entropy(ratings: Ratings) -> np.ndarray:
    """log(ratings) * entropy of the distribution of ratings, in bits, of each item: (n_items,) float64, 0 unrated."""
    levels, codes = np.unique(ratings.values, return_inverse=True)
    tally = np.bincount(ratings.items * len(levels) + codes, minlength=ratings.n_items * len(levels))
    tally = tally.reshape(ratings.n_items, len(levels))
    counts = tally.sum(axis=1)
    shares = tally / np.maximum(counts, 1)[:, None]
    entropy = -(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=1)
    return np.log(np.maximum(counts, 1)) * entropy


def cover(candidates: np.ndarray, demand: np.ndarray, n: int) -> np.ndarray:
    """Greedy facility location: the candidates that leave no item far from all of them.

    Args:
        candidates: (c, d) float, unit vectors.
        demand: (m, d) float, unit vectors of the items to be covered.
        n: how many candidates.

    Returns:
        (min(n, c),) int64, in the order they were picked; of equals the first.
    """
    similarity = np.maximum(candidates @ demand.T, 0)
    covered, picks = np.zeros(len(demand), dtype=similarity.dtype), []
    # A gain can only shrink as more is covered, so an old one is an upper bound: most need not be computed again
    # (lazy greedy; Minoux 1978). The picks are those of the plain greedy.
    gains = similarity.sum(axis=1, dtype=np.float64)
    while len(picks) < min(n, len(candidates)):
        fresh: set[int] = set()
        while (best := int(np.argmax(gains))) not in fresh:
            gains[best] = np.maximum(similarity[best] - covered, 0).sum(dtype=np.float64)
            fresh.add(best)
        picks.append(best)
        gains[best] = -1
        covered = np.maximum(covered, similarity[best])
    return np.array(picks, dtype=np.int64)


def medoids(vectors: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """One medoid a cluster of k-means, the largest cluster first.

    Lloyd's algorithm from k-means++ means (Arthur & Vassilvitskii 2007). A cluster's medoid is its item nearest to its
    mean, of equals the first.

    Args:
        vectors: (m, d) float.
        n: how many clusters.
        rng: draws the first means.

    Returns:
        (min(n, m, different vectors),) int64, positions in `vectors`.
    """
    means = vectors[[rng.integers(len(vectors))]] if len(vectors) else vectors
    while len(means) < min(n, len(vectors)):
        far = _squares(vectors, means).min(axis=1)
        if far.sum() < 1e-9:  # duplicates: there are fewer places than clusters asked for
            break
        means = np.vstack([means, vectors[[rng.choice(len(vectors), p=far / far.sum())]]])
    labels = None
    for _ in range(ROUNDS):
        before, labels = labels, _squares(vectors, means).argmin(axis=1)
        if before is not None and (labels == before).all():
            break
        means = np.stack(
            [vectors[labels == c].mean(axis=0) if (labels == c).any() else means[c] for c in range(len(means))]
        )
    distances = _squares(vectors, means)
    sizes = np.bincount(labels, minlength=len(means))
    order = [c for c in np.argsort(-sizes, kind="stable") if sizes[c]]
    return np.array([np.where(labels == c, distances[:, c], np.inf).argmin() for c in order], dtype=np.int64)


def _squares(vectors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Squared distances of each vector to each mean, at least 0: (m, c)."""
    squares = (vectors**2).sum(axis=1)[:, None] - 2 * vectors @ means.T + (means**2).sum(axis=1)
    return np.maximum(squares.astype(np.float64), 0)


def _known(ratings: Ratings, present: np.ndarray, n: int) -> np.ndarray:
    """The rows that enough people rated, or the n most rated where these are fewer; in the order of rows."""
    counts = ratings.counts()[present]
    known = present[counts >= max(KNOWN * len(ratings.people), 1)]
    return known if len(known) >= n else np.sort(present[np.argsort(-counts, kind="stable")][:n])


def _sample(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
