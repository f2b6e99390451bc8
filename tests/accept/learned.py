"""Learned spaces: what Qdrant finds is the list of the model's own scores over everything."""

import numpy as np

from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.ratings import one_person
from recsys.store import open_store
from recsys.version import built_names, open_current
from recsys.wishes import Wishes

from . import Row

PROFILES = 50
K = 10
DECIMALS = 6


def checks(settings) -> list[Row]:
    """A row for each learned space of each catalog: newcomers, and known people where there are some."""
    rows = []
    for name in built_names(settings):
        version = open_current(settings, name)
        funnel = Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))
        for space in version.learned:
            rows.append(_row(funnel, space, _newcomers(funnel), f"{PROFILES} newcomers"))
            if version.people:
                known = [Profile(person=p) for p in list(version.people)[:PROFILES]]
                rows.append(_row(funnel, space, known, f"{PROFILES} known people"))
    return rows or [Row("a catalog has learned spaces", "none", False)]


def _newcomers(funnel: Funnel) -> list[Profile]:
    draw = np.random.default_rng(0)
    ids = funnel.version.item_ids
    return [Profile(likes=tuple(draw.choice(ids, draw.integers(1, 13), replace=False))) for _ in range(PROFILES)]


def _row(funnel: Funnel, space: str, profiles: list[Profile], who: str) -> Row:
    same = sum(_listed(funnel, space, profile) == _brute_force(funnel, space, profile) for profile in profiles)
    asked = f"{funnel.version.name}, {space}: lists through Qdrant equal the model's own, {who}"
    return Row(asked, f"{same} of {len(profiles)} equal", same == len(profiles))


def _listed(funnel: Funnel, space: str, profile: Profile) -> list[str]:
    answer = funnel.recommend(Request(profile, space=space, lam=1.0, k=K))
    return [str(i) for i in funnel.version.item_ids[answer.candidates[answer.picks]]]


def _brute_force(funnel: Funnel, space: str, profile: Profile) -> list[str]:
    """All scores of the model, without tower or store; ties within 1e-6 by row."""
    version, model = funnel.version, funnel.model(space)
    if profile.person is None:
        history = one_person(version.rows(profile.likes), len(version.item_ids))
        scores = model.scores(history)[0]
    else:
        history = version.ratings.of(np.array([list(version.people).index(profile.person)]))
        known = model.look_up(profile.person) if hasattr(model, "look_up") else None
        scores = model.scores(history)[0] if known is None else model.vectors.astype(np.float64) @ known
    scores = np.round(scores, DECIMALS)
    scores[history.items] = -np.inf
    return [str(i) for i in version.item_ids[np.lexsort((np.arange(len(scores)), -scores))[:K]]]
