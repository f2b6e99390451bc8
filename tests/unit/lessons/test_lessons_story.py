"""Stories: answers are read with care, each frame is the funnel's own list, a real user's story is their ratings."""

import numpy as np
import pytest
from lesson_people import FRIDAY, RATINGS, USERS, ratings

from recsys.errors import InvalidInput
from recsys.funnel import Funnel, Prior, Request
from recsys.lessons import story
from recsys.lessons.priors import learn_priors
from recsys.lessons.story import Step, as_story, of_user, path, profile_of, read_steps, tell
from recsys.profile import Profile
from recsys.store import memory_store


@pytest.fixture
def funnel_of():
    """The funnel of a version, its vectors in memory."""

    def make(version):
        def encode(profile):
            return {"text": np.array([0.0, 1.0, 0.0])}

        return Funnel(version, memory_store(version.spaces, version.catalog), encode)

    return make


def test_answers_are_read_and_what_cannot_be_used_is_told(with_people):
    version = with_people()
    priors = learn_priors(version)
    texts = ["like:apple", "gender:F", "wish:  a   cup ", "like:ghost", "nonsense", "age:900", "like"]
    steps, problems = read_steps(texts, version, priors)
    assert list(map(str, steps)) == ["like:apple", "gender:F", "wish:a cup"]
    assert len(problems) == 4 and "ghost" in problems[0] and "nonsense" in problems[1]


def test_without_people_signals_tell_nothing(nobody):
    steps, problems = read_steps(["gender:F", "dislike:cat"], nobody, None)
    assert steps == (Step("dislike", "cat"),) and "no ratings" in problems[0]


def test_a_story_has_an_end(nobody):
    steps, problems = read_steps(["like:apple"] * (story.MAX_STEPS + 1), nobody, None)
    assert len(steps) == story.MAX_STEPS and len(problems) == 1


def test_the_later_answer_counts():
    steps = [Step("like", "apple"), Step("wish", "a"), Step("dislike", "apple"), Step("like", "cat"), Step("wish", "b")]
    assert profile_of(steps) == Profile(likes=("cat",), dislikes=("apple",), wish="b")
    assert profile_of([*steps, Step("skip", "cat")]) == Profile(dislikes=("apple",), wish="b")


def test_nobody_gets_what_everybody_likes(with_people, funnel_of):
    version = with_people()
    frame = tell(funnel_of(version), learn_priors(version), (), k=2)
    assert frame.answer.starting == "prior" and frame.ids == ("apple", "cat")  # two of four like either
    assert frame.entered == frame.left == ()


def test_an_answer_is_the_funnels_own_list_and_says_what_it_changed(with_people, funnel_of):
    version = with_people()
    funnel, priors = funnel_of(version), learn_priors(version)
    steps = (Step("like", "dog"),)
    frame = tell(funnel, priors, steps, k=2, lam=1.0)
    prior = Prior(priors.prior().scores, story.PRIOR_WEIGHT)
    answer = funnel.recommend(Request(Profile(likes=("dog",)), prior=prior, k=2, lam=1.0))
    assert frame.ids == tuple(version.item_ids[answer.candidates[answer.picks]])
    # cos(dog, cat) = .71 and cat is as liked as can be; apple is at a right angle to dog and as liked.
    assert frame.ids == ("cat", "apple") and frame.before == ("apple", "cat")
    assert answer.relevance[:2] == pytest.approx([1 + np.sqrt(0.5), 1.0], abs=1e-6)
    assert answer.believed[:2].tolist() == [1.0, 1.0]


def test_beside_a_wish_the_prior_counts_for_less(with_people, funnel_of):
    people = ratings(("ann", "apple", 5), ("bob", "apple", 4), ("bob", "pear", 4))  # two like apple, one pear
    version = with_people(people)
    frame = tell(funnel_of(version), learn_priors(version), [Step("wish", "a cat")], k=4, lam=1.0)
    # The wish points at cat. cos + 0.25 prior: cat 1 + 0, pear .707 + .25 / 2, dog .707 + 0, apple 0 + .25.
    assert frame.ids == ("cat", "pear", "dog", "apple")
    relevance = [1.0, np.sqrt(0.5) + 0.125, np.sqrt(0.5), 0.25]
    assert frame.answer.relevance[:4] == pytest.approx(relevance, abs=1e-6)
    # At full weight, and nothing between a like and its cosine: pear 1.207, cat 1, apple 1, dog .707.
    liked = tell(funnel_of(version), learn_priors(version), [Step("like", "cat")], k=3, lam=1.0)
    assert liked.ids == ("pear", "apple", "dog") and liked.answer.request.prior.weight == 1.0


def test_what_is_switched_off_does_not_count(with_people, funnel_of):
    version = with_people()
    funnel, priors = funnel_of(version), learn_priors(version)
    steps = (Step("like", "chair"), Step("gender", "F"))
    without = tell(funnel, priors, steps, off=("like", "gender", "people"), k=3)
    assert without.answer.starting == "popular" and without.belief is None and without.answer.query is None
    assert tell(funnel, priors, steps, off=("gender",), k=3).belief.counts == {}


def test_the_path_has_a_place_for_each_answer_but_the_silent_ones(with_people, funnel_of):
    version = with_people()
    coords = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0], [5, 0]], dtype=np.float32)
    way = path(
        funnel_of(version), [Step("gender", "F"), Step("like", "apple"), Step("like", "cat")], "text", 0.5, coords
    )
    assert np.isnan(way[:2]).all() and np.isfinite(way[2:]).all() and way.shape == (4, 2)


def test_a_real_user_is_what_is_known_of_them_and_their_first_ratings(with_people):
    version = with_people(
        ratings(
            ("ann", "pear", 5, FRIDAY + 50),
            ("ann", "apple", 1, FRIDAY),
            ("ann", "cat", 3, FRIDAY + 10),
            ("ann", "dog", 4, FRIDAY + 20),
            ("bob", "cat", 4, FRIDAY),
        )
    )
    steps, later = of_user(version, "ann", m=2)
    assert [str(s) for s in steps] == [
        "age:18-24", "gender:F", "occupation:artist", "region:Pacific", "dislike:apple", "like:dog",
    ]  # fmt: skip
    assert later == {"pear"}
    assert of_user(version, "ann")[1] == frozenset()


def test_nobody_of_that_name(with_people, nobody):
    with pytest.raises(InvalidInput, match="no user “zoe”"):
        of_user(with_people(RATINGS, USERS), "zoe")
    with pytest.raises(InvalidInput, match="no real users"):
        of_user(nobody, "ann")


def test_the_document_tells_every_frame(with_people, funnel_of):
    version = with_people()
    told = as_story(funnel_of(version), learn_priors(version), [Step("gender", "F"), Step("like", "dog")], "text", k=2)
    assert [frame["answer"] for frame in told["frames"]] == [None, "gender:F", "like:dog"]
    assert [frame["position"] is None for frame in told["frames"]] == [True, True, False]
    assert told["frames"][1]["counts"] == {"gender": 1} and [f["prior_weight"] for f in told["frames"]] == [1, 1, 1]
    assert {r["signal"] for r in told["frames"][2]["items"][0]["reasons"]} == {"likes", "prior", "variety"}
