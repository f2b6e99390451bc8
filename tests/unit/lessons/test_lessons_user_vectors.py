"""The lesson of user vectors: whose likes arrive, what each pattern shows after each of them, and the command."""

import json
import math

import pytest
from lesson_people import TEXT, ratings
from schema import documented, told

from recsys.__main__ import main
from recsys.errors import InvalidInput
from recsys.funnel import Funnel
from recsys.lessons.user_vectors import REQUESTS, Person, person_of, tell
from recsys.settings import Settings
from recsys.store import memory_store
from recsys.user_vectors import PATTERNS
from recsys.version import publish

S = math.sqrt(0.5)
FOUR = Person("you", (("like", "apple"), ("like", "cat"), ("dislike", "chair"), ("like", "dog")))


@pytest.fixture
def story(with_people):
    version = with_people()
    funnel = Funnel(version, memory_store(version.spaces, version.catalog), lambda profile: {})

    def make(person=FOUR, ttl_s=120.0):
        return tell(funnel, person, "text", ttl_s, rounds=2)

    return make


def column(story, pattern: str, name: str) -> list:
    return [getattr(reading, name) for reading in story.readings if reading.pattern == pattern]


def test_a_real_persons_likes_in_the_order_they_were_given(with_people):
    version = with_people(
        ratings(("ann", "dog", 5, 30), ("ann", "cat", 1, 20), ("ann", "pear", 3, 10), ("bob", "cat", 4))
    )
    assert person_of(version, "ann") == Person("ann", (("dislike", "cat"), ("like", "dog")))
    assert person_of(version, "ann", most=1).events == (("dislike", "cat"),)
    assert person_of(version).name == "ann"  # who rated most
    assert not person_of(version).simulated
    with pytest.raises(InvalidInput, match="no user"):
        person_of(version, "eve")
    with pytest.raises(InvalidInput, match="neither likes nor dislikes"):
        person_of(with_people(ratings(("ann", "dog", 3))), "ann")


def test_where_nobody_is_real_somebody_is_simulated(nobody):
    person = person_of(nobody, most=4)
    assert person.simulated and person == person_of(nobody, most=4)
    assert len({item for _, item in person.events}) == 4 and {kind for kind, _ in person.events} == {"like"}
    with pytest.raises(InvalidInput, match="no real users"):
        person_of(nobody, "ann")


def test_staleness_by_hand(story):
    """Likes a minute apart, vectors kept for two; the night falls after the second of four events.

    Apple is (1, 0, 0), cat (0, 1, 0), chair (0, 0, 1), dog (0, S, S).
    """
    made = story()
    assert made.night_after == 2 and len(made.readings) == 4 * len(PATTERNS)
    for pattern in ("recompute", "incremental"):
        assert column(made, pattern, "missing") == [0] * 4
        assert column(made, pattern, "cosine") == [1] * 4 and column(made, pattern, "overlap") == [1] * 4
    assert column(made, "recompute", "computed") == [REQUESTS] * 4
    assert column(made, "incremental", "computed") == [0] * 4  # each event moved it before anybody asked

    # Kept since the first like; then the night is longer than two minutes; then a minute old.
    assert column(made, "ttl", "missing") == [0, 1, 0, 1]
    assert column(made, "ttl", "computed") == [1, 0, 1, 0]
    assert column(made, "ttl", "age_s") == [0, 60, 0, 60]
    assert column(made, "ttl", "cosine")[1] == pytest.approx(S, abs=1e-6)

    # Computed for the newcomer; made in the night from two likes; then late for eight hours and more.
    assert column(made, "nightly", "missing") == [0, 0, 1, 2]
    assert column(made, "nightly", "computed") == [REQUESTS, REQUESTS, 0, 0]
    assert column(made, "nightly", "age_s") == [0, 0, 28_800, 28_860]
    # (S, S, 0) against unit((S, S, 0) - (0, 0, .5))
    assert column(made, "nightly", "cosine")[2] == pytest.approx(1 / math.sqrt(1.25), abs=1e-6)


def test_overlap_is_of_the_lists(story, monkeypatch):
    """Of six items all fit on a list of ten. Of one: the cat alone has the pear next, cat and chair the dog."""
    person = Person("you", (("like", "cat"), ("like", "chair")))
    assert {reading.overlap for reading in story(person).readings} == {1}
    monkeypatch.setattr("recsys.lessons.user_vectors.K", 1)
    lists = story(person, ttl_s=1e9)  # longer than the night
    assert {name: column(lists, name, "overlap") for name in PATTERNS} == {
        "recompute": [1, 1],
        "ttl": [1, 0],
        "incremental": [1, 1],
        "nightly": [1, 0],
    }
    assert [(total.overlap_mean, total.overlap_min) for total in lists.totals] == [(1, 1), (0.5, 0), (1, 1), (0.5, 0)]


def test_totals(story):
    made = story()
    totals = {total.pattern: total for total in made.totals}
    assert list(totals) == list(PATTERNS)
    assert [total.requests for total in made.totals] == [4 * REQUESTS] * 4
    assert {name: total.computed for name, total in totals.items()} == {
        "recompute": 12,
        "ttl": 2,
        "incremental": 0,
        "nightly": 6,
    }
    assert (totals["recompute"].saved_percent, totals["recompute"].saved_in_all_percent) == (0, 0)
    for name, total in totals.items():
        assert total.ms == pytest.approx(sum(column(made, name, "ms")), abs=1e-5) and total.ms > 0
        assert total.saved_percent == pytest.approx(100 * (1 - total.ms / totals["recompute"].ms), abs=0.06)
        assert total.missing_max == max(column(made, name, "missing"))
        assert total.cosine_min == min(column(made, name, "cosine"))
    assert totals["incremental"].beside_ms > totals["recompute"].beside_ms


def test_a_time_of_zero_is_recomputing_and_a_long_one_is_the_first_vector_for_ever(story):
    assert column(story(ttl_s=0), "ttl", "computed") == [REQUESTS] * 4
    assert column(story(ttl_s=1e9), "ttl", "missing") == [0, 1, 2, 3]
    for ttl_s in (-1, math.inf, math.nan):
        with pytest.raises(InvalidInput, match="cannot be kept"):
            story(ttl_s=ttl_s)


def test_one_event_has_no_night(story):
    made = story(Person("you", (("like", "apple"),)))
    assert made.night_after == 0
    assert column(made, "nightly", "computed") == [REQUESTS]


def test_a_first_event_that_is_no_point_yet(with_people):
    """An item without a vector says nothing: until something does, there is no cosine."""
    spaces = {"text": TEXT * (TEXT[:, :1] >= 0)}  # the riddle has no vector
    version = with_people(spaces=spaces)
    funnel = Funnel(version, memory_store(version.spaces, version.catalog), lambda profile: {})
    made = tell(funnel, Person("you", (("like", "riddle"), ("like", "apple"))), "text", rounds=1)
    for pattern in PATTERNS:
        assert column(made, pattern, "cosine") == [None, 1]
        assert column(made, pattern, "missing") == [0, 0]
    alone = tell(funnel, Person("you", (("like", "riddle"),)), "text", rounds=1)
    assert {total.cosine_min for total in alone.totals} == {total.cosine_mean for total in alone.totals} == {None}


@pytest.fixture
def command(forty, write_version, tmp_path, monkeypatch, capfd):
    """`command(words) -> (exit code, document or None, stderr)` on forty people's shop."""
    monkeypatch.setenv("TASTESPACE_DATA", str(tmp_path))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    settings = Settings.from_env()
    draft = write_version(settings.catalogs / "forty" / "draft", forty.catalog, {"text": TEXT})
    publish(settings, "forty", draft, "one")

    def call(*words: str):
        capfd.readouterr()
        code = main(["user-vectors", "--catalog", "forty", "--json", *words])
        out, err = capfd.readouterr()
        return code, json.loads(out) if out else None, err

    return call


def test_the_command(command):
    code, document, err = command("--user", "u003", "--ttl", "60")
    assert (code, err) == (0, "") and told(document) == documented("user-vectors")
    assert (document["person"], document["simulated"], document["ttl_s"]) == ("u003", False, 60)
    assert [row["pattern"] for row in document["totals"]] == list(PATTERNS)
    assert json.dumps(document, allow_nan=False)


@pytest.mark.parametrize("words", [("--user", "eve"), ("--space", "mind"), ("--ttl", "-5"), ("--ttl", "nan")])
def test_what_the_command_cannot_do_is_a_sentence(command, words):
    code, document, err = command(*words)
    assert (code, document) == (2, None) and err.count("\n") == 1
