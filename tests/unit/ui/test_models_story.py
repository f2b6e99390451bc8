"""What is said of records: who wins, what cannot be told apart, and what becomes of damaged ones. And the links."""

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.evaluation import story
from recsys.ui.link import View, from_query, to_command, to_query
from recsys.ui.models.maps import outline

LIGHT, HEAVY = "up to 9 ratings", "more than 9"


def model(name, ndcg, space=None, against=None, light=0.1, heavy=0.4, **more):
    def segment(kind, text, value):
        return {"kind": kind, "segment": text, "n": 5, "value": value, "low": value - 0.01, "high": value + 0.01}

    return {
        "model": name,
        "space": space,
        "ndcg@10": ndcg,
        "precision@10": 0.4,
        "recall@10": 0.2,
        "low": ndcg - 0.01,
        "high": ndcg + 0.01,
        "train_s": 2.0,
        "train_mb": 10.0,
        "query_ms": {"p50_ms": 0.5, "p95_ms": 1.0, "n": 50},
        "curve": [],
        "segments": [
            segment("history", LIGHT, light),
            segment("history", HEAVY, heavy),
            segment("items", "the most rated fifth", 0.3),
            segment("items", "all others", 0.02),
        ],
        "against": against or {},
        "tuning": None,
        **more,
    }


def paired(mean, low, high):
    return {"mean": mean, "low": low, "high": high}


def record(*models, protocol="ms-75-25"):
    return {
        "protocol": protocol,
        "data": {"hash": "abc", "from": "9 ratings of 3 people", "simulated": False},
        "people": 943,
        "models": list(models),
    }


POPULAR = model("popularity", 0.25, against={"ease": paired(-0.23, -0.25, -0.21)}, light=0.05, heavy=0.2, train_s=0.0)
EASE = model("ease", 0.48, against={"popularity": paired(0.23, 0.21, 0.25)}, train_s=1.5)
BEST = model(
    "ensemble",
    0.5,
    against={"popularity": paired(0.25, 0.23, 0.27), "ease": paired(0.02, 0.012, 0.028)},
    light=0.3,
    heavy=0.7,
    train_s=90.0,
)
ALS = model("als", 0.47, space="mf", against={"ease": paired(-0.01, -0.02, -0.001)})


def test_the_story_names_the_winner_and_by_how_much():
    who, whom, rare, cost = story.story(record(POPULAR, ALS, BEST, EASE))
    assert who.startswith("Ensemble makes the best lists: nDCG@10 is 0.500 over 943 people.")
    assert "Against EASE (0.480) the difference is +0.020 (95% interval +0.012 to +0.028)" in who
    assert "most rated items (0.250) it is +0.250 (95% interval +0.230 to +0.270)" in who
    assert f"people with {LIGHT} nDCG@10 is 0.300, for those with {HEAVY} it is 0.700" in whom
    assert "+0.250 and +0.500" in whom
    assert "30.0%" in rare and "all others 2.0%" in rare
    assert "90 s of learning, where EASE takes 1.5 s" in cost
    assert "rank but not retrieve" in cost and "The best that can is ALS, 0.470." in cost


@pytest.mark.parametrize(("low", "high"), [(-0.001, 0.028), (0.0, 0.02), (-0.02, 0.0)])
def test_an_interval_that_holds_0_says_that_they_cannot_be_told_apart(low, high):
    best = {**BEST, "against": {"ease": paired(0.01, low, high)}}
    (who, *_) = story.story(record(best, EASE))
    assert "cannot be told apart" in who and "holds 0" in who
    assert not story.apart(paired(0.01, low, high))


def test_where_ease_wins_it_is_held_against_the_second():
    (who, *_) = story.story(record(ALS, EASE, POPULAR))
    assert who.startswith("EASE makes the best lists")
    assert "ALS, the second, is behind it by −0.010 (95% interval −0.020 to −0.001)" in who
    near = {**ALS, "against": {"ease": paired(-0.001, -0.01, 0.008)}}
    assert "ALS, the second, cannot be told apart from it" in story.story(record(near, EASE, POPULAR))[0]


def test_a_winner_with_a_space_can_retrieve_and_one_model_alone_is_told_too():
    assert "it can also retrieve" in story.story(record({**ALS, "against": {}}))[-1]
    assert story.story(record(POPULAR))[0] == "Popularity makes the best lists: nDCG@10 is 0.250 over 943 people."


def test_content_retrieves_in_the_catalogs_own_space_and_bpr_has_one_that_is_not_served():
    content, bpr = model("content", 0.6), model("bpr", 0.5, space="bpr")
    assert [story.reach(m) for m in (content, ALS, bpr, EASE)] == [
        *(story.SERVED, story.SERVED),
        *(story.UNSERVED, story.SCORES),
    ]
    assert [row["space"] for row in story.board(record(content, bpr, protocol="chronological"))] == [
        "the catalog's content space",
        "bpr, not served here",
    ]
    assert "it can also retrieve" in story.story(record(content))[-1]
    told = story.story(record(bpr, POPULAR, ALS))[-1]
    assert "its space is not served here, so it can rank but not retrieve" in told and "that can is ALS" in told


def test_a_model_that_nobody_has_a_name_for_is_called_by_its_own():
    assert story.name_of("magic") == "magic" and story.story(record(model("magic", 0.9)))[0].startswith("magic makes")


def test_the_board_has_the_published_rows_on_their_split_alone():
    rows = story.board(record(ALS, EASE))
    assert [r["model"] for r in rows[:4]] == ["EASE", "ALS", "BiVAE, published", "BPR (Cornac), published"]
    assert rows[0]["against EASE"] == "" and rows[1]["against EASE"] == "−0.010 [−0.020, −0.001]"
    assert rows[0]["space"] == "scores only: can rank" and rows[1]["space"] == "mf"
    assert len(rows) == 2 + len(story.PUBLISHED)
    assert len(story.board(record(ALS, EASE, protocol="chronological"))) == 2


def test_charts_begin_with_the_two_best_and_what_they_are_held_against():
    content = model("content", 0.04)
    assert story.defaults(record(content, ALS, POPULAR, BEST, EASE)) == ["ensemble", "ease", "popularity", "content"]
    assert story.defaults(record(POPULAR)) == ["popularity"]


def test_overlap_names_the_most_alike_and_the_loneliest():
    one = record(EASE, ALS, POPULAR)
    one["overlap"] = {
        "models": ["ease", "als", "popularity"],
        "matrix": [[1, 0.75, 0.1], [0.75, 1, 0.2], [0.1, 0.2, 1]],
    }
    assert story.alike(one) == (
        "Most alike: EASE and ALS, which share 7.5 of 10 items. "
        "Popularity goes its own way: at most 2.0 of 10 with any other."
    )


def newcomers(**passes):
    def curve(name):
        values = {"popularity": (0.3, 0.3, 0.3), "ease": (0.1, 0.2, 0.5)}.get(name, (0.3, 0.31, 0.4))
        return [
            {"order": "random", "m": m, "ndcg@10": v, "low": v - 0.01, "high": v + 0.01}
            for m, v in zip((0, 1, 20), values, strict=True)
        ]

    return {
        "protocol": "cold-users",
        "data": {"hash": "abc"},
        "models": [
            {"model": name, "passes_popularity": {"random": m}, "curve": curve(name)} for name, m in passes.items()
        ],
    }


def test_each_model_is_named_with_the_number_from_which_it_passes_popularity():
    told = story.passing(newcomers(popularity=None, content=None, ease=20, als=1, sar=1, bpr=0), "random")
    assert told == [
        "BPR is above popularity before anything is revealed, for good.",
        "ALS and SAR are above popularity from 1 revealed rating on, for good.",
        "EASE is above popularity from 20 revealed ratings on, for good.",
        "Content does not pass popularity for good, up to 20 ratings.",
    ]


def test_the_leaders_are_told_stretch_by_stretch():
    one = newcomers(popularity=None, als=1, ease=20)
    assert story.crossings(one, "random", ["popularity", "als", "ease"]) == [
        "The best line by number of revealed ratings: at 0 Popularity, at 1 ALS, at 20 EASE."
    ]
    assert story.crossings(one, "random", []) == []


def test_new_users_are_told_of_from_nothing_known_to_the_most():
    assert story.newcomers(newcomers(popularity=None, als=1, ease=20)) == (
        "New users are asked about in a protocol of their own: with 0 ratings known Popularity is best, nDCG@10 0.300; "
        "with 1 rating known ALS is best, nDCG@10 0.310 (popularity 0.300); "
        "with 20 ratings known EASE is best, nDCG@10 0.500 (popularity 0.300)."
    )


def items(**models):
    three = paired(0.02, 0.01, 0.03)
    return {
        "protocol": "cold-items",
        "data": {"hash": "abc"},
        "models": [
            {
                "model": name.replace("_", "-"),
                "auc": paired(auc, auc - 0.01, auc + 0.01),
                "ndcg@10": three,
                "new_recall@10": three,
                "auc_against": against,
            }
            for name, (auc, against) in models.items()
        ],
    }


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (paired(0.05, 0.04, 0.06), "It beats content alone by +0.050"),
        (paired(0.00, -0.01, 0.01), "It cannot be told apart from content alone: 0.000"),
        (paired(-0.05, -0.06, -0.04), "It is behind content alone: −0.050"),
    ],
)
def test_two_towers_are_judged_on_new_items_by_the_paired_interval(against, said):
    one = items(two_tower=(0.7, {"content": against, "als": paired(0.2, 0.1, 0.3)}), als=(0.5, {}))
    told = " ".join(story.new_items(one))
    assert "The two-tower network reaches an AUC of 0.700" in told and said in told
    assert "It beats matrix factorisation (ALS) by +0.200" in told
    assert "ALS gives all new items the same score" in told


def test_without_two_towers_content_is_told_of():
    told = " ".join(story.new_items(items(content=(0.65, {"als": paired(0.15, 0.14, 0.16)}), als=(0.5, {}))))
    assert "Content reaches an AUC of 0.650" in told and "It beats matrix factorisation (ALS) by +0.150" in told
    assert "two-tower" not in told


def damaged(path):
    """A sound record with one place of it broken."""
    one = deepcopy(record(POPULAR, EASE))
    *way, last = path
    place = one
    for step in way:
        place = place[step]
    place[last] = None
    return one


def test_a_sound_record_is_used():
    for one in (record(POPULAR, EASE), newcomers(ease=1), items(als=(0.5, {}))):
        assert story.usable(one, one["protocol"]) is one


@pytest.mark.parametrize(
    "one",
    [
        None,
        [],
        "record",
        {},
        {"models": [], "data": {}},
        record(),
        record("ease"),
        record({"model": "ease"}),
        damaged(["data"]),
        damaged(["people"]),
        damaged(["models", 0, "ndcg@10"]),
        damaged(["models", 0, "segments"]),
        damaged(["models", 1, "against"]),
        record({**EASE, "low": 0.9}),
        record(EASE, protocol="chronological"),
    ],
)
def test_a_damaged_record_is_as_good_as_none(one):
    assert story.usable(one, "ms-75-25") is None


def test_what_was_drawn_on_a_map_can_be_told_from_what_was_drawn_before():
    def drawn(**areas):
        return SimpleNamespace(selection=areas)

    lasso, box = {"x": [0, 1, 1], "y": [0, 0, 1]}, {"x": [0, 2], "y": [0, 2]}
    assert outline(None) == outline(drawn(points=[])) == outline(drawn(lasso=[], box=[])) == ()
    assert outline(drawn(lasso=[lasso])) == outline(drawn(lasso=[dict(lasso)])) != outline(drawn(box=[box]))


@pytest.fixture(scope="module")
def version(make_version):
    table = pd.DataFrame(
        {"title": "A", "description": "", "tags": [("x",), ()], "image": None, "category": "food"},
        index=pd.Index(["a", "b"], name="item_id"),
    )
    catalog = Catalog("tiny", "Tiny", "", table, (Facet("category", "Category", "category"),), "category", "none")
    return make_version(catalog, {"text": np.eye(2, dtype=np.float32)}, shard=False)


@pytest.mark.parametrize(
    "view",
    [
        View("tiny"),
        View("tiny", protocol="chronological"),
        View("tiny", models=("ease", "two-tower"), user="196"),
        View("tiny", part="measured", order="chronological"),
    ],
)
def test_links_carry_protocol_models_and_order(version, view):
    assert from_query(to_query(view), version) == (view, [])


def test_hostile_values_of_a_link_become_sentences(version):
    query = {"protocol": ["<b>"], "model": ["ease", "magic", "ease", "als", "bpr"], "order": ["backwards"]}
    view, problems = from_query(query, version)
    assert view == View("tiny", models=("ease", "als"))
    assert len(problems) == 3 and any("magic" in p for p in problems) and any("backwards" in p for p in problems)


def test_the_commands_are_those_of_the_protocol_and_the_part():
    assert to_command(View("movies"), "models") == ("python -m recsys evaluate --catalog movies --protocol ms-75-25")
    assert to_command(View("movies", protocol="chronological"), "models").endswith("--protocol chronological")
    assert to_command(View("movies", part="measured"), "cold_start") == (
        "python -m recsys cold-start users --catalog movies"
    )
