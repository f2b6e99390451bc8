"""Reasons, by hand on six items in a plane, and the document that the command line prints."""

import json

import numpy as np
import pytest

from recsys.explain import as_document, explain, shortfall
from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.towers.content import unit
from recsys.where import Where

#                      apple    pear        cat         dog     chair       riddle
VECTORS = np.array([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8], [-1, 0], [0, 0]], dtype=np.float32)


class PlainStore:
    deployment = "memory"

    def __init__(self, version) -> None:
        self._version = version

    def nearest(self, space, query, n, where=Where()):
        vectors = self._version.spaces[space]
        rows = np.flatnonzero(self._version.facets.mask(where) & vectors.any(axis=1))
        scores = vectors[rows] @ query
        order = np.argsort(-scores, kind="stable")[:n]
        return rows[order], scores[order]


@pytest.fixture
def funnel(tiny_catalog, make_version) -> Funnel:
    version = make_version(tiny_catalog, {"text": VECTORS}, shard=False)
    return Funnel(version, PlainStore(version), lambda profile: {"text": np.array([0.0, 1.0])})


def test_the_nearest_like_and_every_signals_share(funnel):
    profile = Profile(likes=("apple", "cat"), dislikes=("chair",), wish="up")
    answer = funnel.recommend(Request(profile, lam=1.0, k=2))
    assert answer.hits(funnel.version).ids.tolist() == ["pear", "dog"]
    a = 0.5**0.5  # likes (a, a), wish (0, 1), dislikes -0.5 (-1, 0): together (a + 0.5, a + 1)
    length = np.hypot(a + 0.5, a + 1)
    pear, dog = explain(funnel, answer, answer.picks)
    assert [(r.signal, r.item_id) for r in pear] == [("likes", "apple"), ("wish", None), ("dislikes", "chair")]
    assert [r.value for r in pear] == pytest.approx([1.4 * a / length, 0.6 / length, 0.4 / length], abs=1e-6)
    assert [r.similarity for r in pear] == [pytest.approx(0.8), None, pytest.approx(-0.8)]
    assert [(r.signal, r.item_id) for r in dog] == [("wish", None), ("likes", "cat"), ("dislikes", "chair")]
    assert dog[2].value == pytest.approx(-0.3 / length) and dog[1].similarity == pytest.approx(0.8)
    for own, position in zip((pear, dog), answer.picks, strict=True):
        assert sum(r.value for r in own) == pytest.approx(answer.relevance[position], abs=1e-6)


def test_a_candidate_that_was_not_picked_can_be_explained_too(funnel):
    answer = funnel.recommend(Request(Profile(likes=("apple",)), lam=1.0, k=1))
    last = len(answer.candidates) - 1
    ((reason,),) = explain(funnel, answer, np.array([last]))
    assert reason.value == pytest.approx(-1) and reason.item_id == "apple"
    assert explain(funnel, answer, np.array([], dtype=int)) == []


def test_the_document_by_hand(funnel):
    answer = funnel.recommend(Request(Profile(likes=("apple",)), lam=0.5, k=2))
    document = as_document(funnel, answer)
    # After pear (0.8): cat 0 - 0.5 * 0.6; dog 0.5 * -0.6 - 0; chair 0.5 * -1 + 0.5 * 0.8 = -0.1 wins.
    assert document["items"] == [
        {
            "item_id": "pear",
            "title": "Pear",
            "score": 0.4,
            "relevance": 0.8,
            "reasons": [
                {"signal": "likes", "value": 0.8, "item_id": "apple", "similarity": 0.8},
                {"signal": "variety", "value": 0.0},
            ],
        },
        {
            "item_id": "chair",
            "title": "Chair",
            "score": -0.1,
            "relevance": -1.0,
            "reasons": [
                {"signal": "likes", "value": -1.0, "item_id": "apple", "similarity": -1.0},
                {"signal": "variety", "value": 0.4},
            ],
        },
    ]
    assert [(s["stage"], s["in"], s["out"]) for s in document["trace"]] == [
        ("user", 1, 1),
        ("retrieve", 6, 5),
        ("filter", 5, 4),
        ("rank", 4, 4),
        ("diversify", 4, 2),
    ]
    assert document["total_ms"] >= sum(stage["ms"] for stage in document["trace"]) > 0
    kept = {key: value for key, value in document.items() if key not in ("items", "trace", "total_ms")}
    assert kept == {
        "catalog": "tiny",
        "version": "one",
        "store": "memory",
        "space": "text",
        "starting": None,
        "matching": 6,
        "note": None,
        "degraded": [],
        "vector": None,
    }
    assert "-0.0," not in json.dumps(document) and "-0.0}" not in json.dumps(document)


def test_a_starting_list_has_one_reason(funnel):
    document = as_document(funnel, funnel.recommend(Request(Profile(), lam=1.0)))
    assert document["starting"] == "medoids"
    # Shares 2/6, 2/6, 1/6. Each of two items is equally typical of its category, so the lower row stands for it.
    assert [(i["item_id"], i["relevance"]) for i in document["items"]] == [
        ("apple", 0.333333),
        ("cat", 0.333333),
        ("chair", 0.166667),
    ]
    assert document["items"][0]["reasons"][0] == {"signal": "typical", "value": 0.333333}
    assert document["note"] == "A starting list has one item a category, and so 3."


@pytest.mark.parametrize(
    ("where", "liked", "note"),
    [
        ([], (), None),
        ([], ("apple",), "The list ends after 4: nothing else is left to show."),
        (["tags=pet"], (), "The conditions leave only 2. Without “tags=pet” there would be 6."),
        (["tags=pet"], ("cat",), "The conditions leave only 1. Without “tags=pet” there would be 5."),
        (
            ["tags=pet", "year>=2010"],
            (),
            "No item satisfies the conditions. Relax “year>=2010”: without it there would be 2.",
        ),
        (
            ["tags=pet", "year>=2010", "category=food"],
            (),
            "No item satisfies the conditions, nor any of them less one. Remove several.",
        ),
        (
            ["category=Foods"],
            (),
            "No item satisfies the conditions. Relax “category=Foods”: without it there would be 6. "
            "Nothing has “category=Foods”; did you mean category=food?",
        ),
        (
            ["year>=1900", "tags=zzz"],
            (),
            "No item satisfies the conditions. Relax “tags=zzz”: without it there would be 5.",
        ),
    ],
)
def test_the_note_on_a_short_list(funnel, where, liked, note):
    conditions = Where.parse(where, funnel.version.catalog)
    answer = funnel.recommend(Request(Profile(likes=liked, wish="up"), where=conditions, k=5))
    assert shortfall(funnel, answer) == note


def test_the_shares_follow_the_blend(tiny_catalog, make_version):
    image = np.array([unit(np.array(v)) for v in [[0, 1], [0, 1], [1, 0], [1, 1], [1, 2], [2, 1]]])
    text = np.where(VECTORS.any(axis=1, keepdims=True), VECTORS, [[0.6, 0.8]])
    version = make_version(tiny_catalog, {"blend": np.hstack([text, image]), "text": text, "image": image}, shard=False)
    funnel = Funnel(version, PlainStore(version), lambda profile: {})
    answer = funnel.recommend(Request(Profile(likes=("apple", "cat")), blend=0.25, lam=0.6, k=4))
    for own, position in zip(explain(funnel, answer, answer.picks), answer.picks, strict=True):
        row = answer.candidates[position]
        alike = 0.25 * text[row] @ text[[0, 2]].T + 0.75 * image[row] @ image[[0, 2]].T
        (reason,) = own
        assert reason.value == pytest.approx(answer.relevance[position], abs=1e-6)
        assert reason.item_id == ("apple", "cat")[int(alike.argmax())]
        assert reason.similarity == pytest.approx(alike.max())
