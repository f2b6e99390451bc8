"""A newcomer's story: answer after answer, what the list knows, what it shows, and where their point is.

An answer is a short text, so that a whole story fits in a link or a command:

    like:ID   dislike:ID   skip:ID     about an item; a skipped one was not known, or left no opinion
    wish:WORDS                         a wish in words
    age:25-34   gender:F   region:Pacific   time:evening   ...      see `recsys.lessons.priors`

Everything a frame shows comes from the one funnel; a catalog with ratings adds the prior of its people.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.demographics import SIGNALS
from recsys.errors import InvalidInput, TastespaceError, quoted
from recsys.explain import as_document
from recsys.funnel import Funnel, Prior, Recommendation, Request
from recsys.lessons.priors import Prior as Belief
from recsys.lessons.priors import Priors, signals_of
from recsys.profile import Profile, clean_wish
from recsys.projection import place
from recsys.ratings import DISLIKE, LIKE
from recsys.version import Version

PRIOR_WEIGHT = 1.0
"""What the prior adds to a cosine; the best of those that `recsys.lessons.onboarding` tried on validation users."""
WISH_FADES = 0.25
"""By so much the prior counts beside a wish. Somebody who says what they want now is to get that: at full weight every
wish found the same films that everybody likes. No data tell how much is best, since no real user ever wished; beside
this much the list holds both, what fits the wish and, of that, what is liked."""
ABOUT_ITEMS = ("like", "dislike", "skip")
MAX_STEPS = 60

READY = {
    "clipart": ("like:saxophone", "like:loaf-of-bread", "dislike:flag-of-brazil", "wish:cosy winter evening"),
    "movies": ("age:25-34", "occupation:student", "like:222", "like:172", "dislike:95"),
}
"""A story that is told before anybody has answered anything."""


@dataclass(frozen=True)
class Step:
    """One answer.

    Attributes:
        kind: one of `ABOUT_ITEMS`, `wish`, or a signal of the priors.
        value: an item's id, words, or a group.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, eq=False)
class Frame:
    """What stands after some answers.

    Attributes:
        steps: the answers so far.
        answer: the funnel's list for them.
        belief: what the prior says, by signal; None in a catalog without ratings, or where it does not count.
        ids: the list, best first.
        before: the list before the last answer.
        entered: ids on the list that were not on the one before.
        left: ids that were, and no longer are.
    """

    steps: tuple[Step, ...]
    answer: Recommendation
    belief: Belief | None
    ids: tuple[str, ...]
    before: tuple[str, ...]
    entered: tuple[str, ...]
    left: tuple[str, ...]


def read_steps(texts: Iterable[str], version: Version, priors: Priors | None) -> tuple[tuple[Step, ...], list[str]]:
    """Reads answers from a link or a command, which are untrusted.

    Args:
        texts: the answers, oldest first.
        version: the catalog.
        priors: what its people tell; None where there are none.

    Returns:
        The answers that can be used, and a sentence for each that cannot.
    """
    steps, problems = [], []
    for text in texts:
        kind, colon, value = text.partition(":")
        try:
            if not colon or kind not in (*ABOUT_ITEMS, "wish", *SIGNALS):
                known = ", ".join((*ABOUT_ITEMS, "wish", *SIGNALS))
                raise InvalidInput(f"The answer {quoted(text, 40)} cannot be read.", f"Kinds of KIND:VALUE: {known}.")
            if kind in ABOUT_ITEMS and value not in version:
                raise InvalidInput(f"The story names an item that this catalog does not have: {quoted(value, 40)}.")
            if kind == "wish":
                value = clean_wish(value)
            if kind in SIGNALS:
                if priors is None:
                    raise InvalidInput(f"{version.manifest['label']} has no ratings, so {kind} tells nothing.")
                priors.prior({kind: value})
            steps.append(Step(kind, value))
        except TastespaceError as error:
            problems.append(f"{error.args[0]} It was left out." if not problems else str(error))
    if len(steps) > MAX_STEPS:
        problems.append(f"A story has at most {MAX_STEPS} answers; the rest was left out.")
    return tuple(steps[:MAX_STEPS]), problems


def profile_of(steps: Sequence[Step]) -> Profile:
    """The profile after some answers; a later answer about an item counts."""
    profile = Profile()
    for step in steps:
        if step.kind == "like":
            profile = profile.liking(step.value)
        elif step.kind == "dislike":
            profile = profile.disliking(step.value)
        elif step.kind == "skip":
            profile = profile.without(step.value)
        elif step.kind == "wish":
            profile = profile.wishing(step.value)
    return profile


def known_of(steps: Sequence[Step]) -> dict[str, str]:
    """What is known of the person and the moment after some answers: signal -> group, the latest of each."""
    return {step.kind: step.value for step in steps if step.kind in SIGNALS}


def tell(funnel: Funnel, priors: Priors | None, steps: Sequence[Step], off: Collection[str] = (), **request) -> Frame:
    """The frame after some answers.

    Args:
        funnel: of the catalog.
        priors: what its people tell; None where there are none.
        steps: the answers so far.
        off: kinds of answers that the list leaves out of account; `people` for what everybody likes.
        **request: more of the request (`space`, `blend`, `lam`, `k`).

    Raises:
        TastespaceError: as the funnel.
    """
    steps = tuple(steps)
    answer, ids, belief = _list(funnel, priors, steps, off, request)
    before = _list(funnel.unobserved(), priors, steps[:-1], off, request)[1] if steps else ids
    return Frame(
        steps=steps,
        answer=answer,
        belief=belief,
        ids=ids,
        before=before,
        entered=tuple(i for i in ids if i not in before),
        left=tuple(i for i in before if i not in ids),
    )


def _list(funnel: Funnel, priors: Priors | None, steps: Sequence[Step], off: Collection[str], request: dict):
    steps = [step for step in steps if step.kind not in off]
    belief = None if priors is None or "people" in off else priors.prior(known_of(steps))
    profile = profile_of(steps)
    prior = None if belief is None else Prior(belief.scores, prior_weight(profile))
    answer = funnel.recommend(Request(profile, prior=prior, **request))
    return answer, tuple(str(i) for i in funnel.version.item_ids[answer.candidates[answer.picks]]), belief


def prior_weight(profile: Profile) -> float:
    """What the likeliest item of all gains by the prior: the whole weight, or less where there is a wish to go by."""
    return PRIOR_WEIGHT * (WISH_FADES if profile.wish else 1.0)


def path(funnel: Funnel, steps: Sequence[Step], space: str, blend: float, coords: np.ndarray) -> np.ndarray:
    """Where the profile's point is on a map after each of the answers: (len(steps) + 1, dims), NaN where nowhere.

    Args:
        funnel: of the catalog.
        steps: the answers, oldest first.
        space: the space of the map.
        blend: weight of the words in the blend.
        coords: (n, dims) the items' places.
    """
    tower = funnel.tower(Request(Profile(), space=space, blend=blend))
    queries = [tower.query(profile_of(steps[:j])) for j in range(len(steps) + 1)]
    vectors = funnel.version.spaces[space]
    points = np.stack([np.zeros(vectors.shape[1]) if q is None else q.vector for q in queries])
    return place(points, vectors, coords)


def of_user(version: Version, user_id: str, m: int = 12) -> tuple[tuple[Step, ...], frozenset[str]]:
    """A real user as a story: what is known of the person, then their first ratings in the order they were given.

    Ratings of 4 and 5 are likes, 1 and 2 dislikes; a 3 tells neither and is passed over.

    Args:
        version: a catalog with ratings.
        user_id: one of its users.
        m: so many ratings are told; the rest is what the list can be checked against.

    Returns:
        The answers, and the ids of the items that the user liked later.

    Raises:
        InvalidInput: nobody of that id rated anything.
    """
    rows, ratings = version.history(user_id)
    told = [
        Step("like" if rating >= LIKE else "dislike", str(version.item_ids[row]))
        for row, rating in zip(rows, ratings, strict=True)
        if rating >= LIKE or rating <= DISLIKE
    ]
    later = frozenset(step.value for step in told[m:] if step.kind == "like")
    users = version.catalog.users  # there may be ratings and nothing else known of who gave them
    known = signals_of(version, user_id) if users is not None and user_id in users.index else {}
    return (*(Step(k, v) for k, v in known.items()), *told[:m]), later


def as_story(
    funnel: Funnel, priors: Priors | None, steps: Sequence[Step], space: str, off: Collection[str] = (), **request
) -> dict:
    """The whole story as the JSON document of the command line; see `docs/schema.md`.

    Raises:
        InvalidInput: a space that was learned from ratings: what the prior adds to is a cosine.
        TastespaceError: as the funnel.
    """
    version = funnel.version
    if space in version.learned:
        raise InvalidInput(
            f"A newcomer's story goes by what items are like, and {space} was learned from ratings.",
            f"Choose one of: {', '.join(version.content_spaces)}.",
        )
    way = path(funnel, steps, space, request.get("blend", 0.5), version.map(space))
    told = []
    for j in range(len(steps) + 1):
        frame = tell(funnel, priors, steps[:j], off, space=space, **request)
        told.append(
            {
                "answer": str(steps[j - 1]) if j else None,
                "position": None if np.isnan(way[j]).any() else [round(float(x), 6) for x in way[j]],
                "starting": frame.answer.starting or None,
                "prior_weight": None if frame.belief is None else prior_weight(frame.answer.request.profile),
                "counts": {} if frame.belief is None else frame.belief.counts,
                "entered": list(frame.entered),
                "left": list(frame.left),
                "items": as_document(funnel, frame.answer)["items"],
            }
        )
    return {"catalog": version.name, "space": space, "frames": told}
