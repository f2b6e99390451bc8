"""Kept user vectors: how stale they are by hand, the same lists where they are fresh, no event lost among threads."""

import gc
import sys
from threading import Event, Thread

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_shop import IDS, shop_of

from recsys.catalog import Catalog, Facet
from recsys.errors import UnknownItem
from recsys.funnel import Funnel, Request
from recsys.profile import Profile
from recsys.towers import Query
from recsys.towers.content import ContentTower
from recsys.user_vectors import PATTERNS, EventLog, Tab, Visitor, Visitors, cosine, create

S = np.sqrt(0.5)
BASES = (
    Profile(),
    Profile(likes=("i01", "i07"), dislikes=("i04",)),
    Profile(person="p3"),
    Profile(likes=("i02",), categories=("a",), about=(("age", "25-34"),)),
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A tower that counts how often a whole profile is computed, and how often one is begun to be followed."""

    def __init__(self, tower) -> None:
        self._tower, self.space, self.cosine = tower, tower.space, tower.cosine
        self.queries, self.follows = 0, 0

    def query(self, profile):
        self.queries += 1
        return self._tower.query(profile)

    def follow(self, profile):
        self.follows += 1
        return self._tower.follow(profile)

    def similarity_vectors(self, rows):
        return self._tower.similarity_vectors(rows)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tower(with_people):
    return Counting(ContentTower(with_people(), "text", 0.5, lambda profile: {}))


@pytest.fixture(scope="module")
def shop(make_version):
    return Funnel(shop_of(make_version), None, lambda profile: {})


# The log.


def test_events_are_numbered_and_a_later_one_counts():
    visitor = Visitor(said=Profile(likes=("a",), wish="tea"))
    assert [visitor.like("b"), visitor.dislike("a"), visitor.like("c"), visitor.undo("b")] == [1, 2, 3, 4]
    assert visitor.snapshot() == (4, Profile(likes=("c",), dislikes=("a",), wish="tea"))
    assert [(e.number, e.kind, e.item) for e in visitor.log.since(2)] == [(3, "like", "c"), (4, "undo", "b")]
    assert visitor.log.since(4) == () and len(visitor.log) == 4
    visitor.like("b")
    assert visitor.profile.likes == ("c", "b")


def test_another_wish_keeps_what_was_said_of_items():
    visitor = Visitor()
    visitor.like("a")
    assert visitor.profile == Profile(likes=("a",))
    visitor.say(Profile(wish="tea"))
    assert visitor.profile == Profile(likes=("a",), wish="tea") and visitor.said == Profile(wish="tea")


def test_a_kind_that_is_none():
    with pytest.raises(ValueError, match="like, dislike, undo"):
        EventLog().append("love", "a")


def test_two_tabs_of_one_visitor_have_one_log_for_as_long_as_one_is_open():
    visitors = Visitors()
    one, other = visitors.of("ann"), visitors.of("ann")
    one.like("a")
    assert one is other and visitors.of("bob") is not one
    del one
    gc.collect()
    assert visitors.of("ann").profile.likes == ("a",)
    del other
    gc.collect()
    assert visitors.of("ann").profile.likes == ()


# Staleness, by hand: apple is (1, 0, 0), cat (0, 1, 0), so both together are (S, S, 0).


def test_a_late_like_is_told(tower, clock):
    for name in ("ttl", "nightly"):
        visitor, pattern = Visitor(), create(name, tower, 300, clock)
        visitor.like("apple")
        pattern.night([visitor])
        first = pattern.read(visitor)
        assert (first.missing, first.number, first.age_s) == (0, 1, 0)
        np.testing.assert_allclose(first.query.vector, [1, 0, 0], atol=1e-12)

        clock.now += 40
        visitor.like("cat")
        pattern.event(visitor)
        late = pattern.read(visitor)
        assert (late.missing, late.number, late.latest, late.age_s, late.computed) == (1, 1, 2, 40, False)
        np.testing.assert_allclose(late.query.vector, [1, 0, 0], atol=1e-12)
        fresh = create("recompute", tower).read(visitor)
        np.testing.assert_allclose(fresh.query.vector, [S, S, 0], atol=1e-12)
        assert cosine(late.query, fresh.query) == pytest.approx(S)
        assert cosine(fresh.query, fresh.query) == pytest.approx(1)
        visitor.undo("cat")
        assert pattern.read(visitor).missing == 2


def test_recompute_and_incremental_are_never_stale(tower, clock):
    for name in ("recompute", "incremental"):
        visitor, pattern = Visitor(), create(name, tower, clock=clock)
        visitor.like("apple")
        pattern.read(visitor)
        clock.now += 40
        visitor.like("cat")  # and nobody tells the pattern
        served = pattern.read(visitor)
        assert (served.missing, served.number, served.age_s) == (0, 2, 0)
        np.testing.assert_allclose(served.query.vector, [S, S, 0], atol=1e-12)
        clock.now += 10
        assert pattern.read(visitor).age_s == (10 if name == "incremental" else 0)


def test_the_time_to_live_ends(tower, clock):
    visitor, pattern = Visitor(), create("ttl", tower, 300, clock)
    visitor.like("apple")
    assert pattern.read(visitor).computed
    visitor.like("cat")
    clock.now = 299.9
    assert (pattern.read(visitor).missing, tower.queries) == (1, 1)
    clock.now = 300
    served = pattern.read(visitor)
    assert (served.missing, served.computed, served.age_s, tower.queries) == (0, True, 0, 2)
    clock.now = 599
    assert (pattern.read(visitor).age_s, tower.queries) == (299, 2)
    none = create("ttl", tower, 0, clock)
    assert none.read(visitor).computed and none.read(visitor).computed


def test_the_night_computes_whom_it_knows_and_newcomers_are_computed(tower, clock):
    ann, new = Visitor("ann", Profile(person="ann")), Visitor("new")
    pattern = create("nightly", tower, clock=clock)
    pattern.night([ann, new])
    assert tower.queries == 2  # of somebody who says nothing there is no point to keep
    clock.now = 3600
    served = pattern.read(ann)
    assert (served.computed, served.age_s, tower.queries) == (False, 3600, 2)
    # She likes the apple and dislikes the cat.
    np.testing.assert_allclose(served.query.vector, np.array([1, -0.5, 0]) / np.sqrt(1.25), atol=1e-12)
    new.like("cat")
    for queries in (3, 4):
        served = pattern.read(new)
        assert (served.computed, served.missing, tower.queries) == (True, 0, queries)
    pattern.night([new])
    assert not pattern.read(new).computed
    assert pattern.read(ann).computed  # who was not named tonight is a newcomer again


def test_incremental_adds_up_once_and_then_goes_on(tower):
    visitor, pattern = Visitor(), create("incremental", tower)
    for item in ("apple", "cat", "dog", "pear"):
        visitor.like(item)
        pattern.event(visitor)
        assert not pattern.read(visitor).computed
    visitor.undo("chair")  # of which nothing had been said
    assert (pattern.read(visitor).missing, tower.follows, tower.queries) == (0, 1, 0)


@pytest.mark.parametrize("name", PATTERNS)
def test_nobody_is_kept_as_nobody(tower, clock, name):
    """Somebody without a point gets one by the first like, whatever the pattern."""
    visitor, pattern = Visitor(), create(name, tower, 300, clock)
    pattern.night([visitor])
    assert pattern.read(visitor).query is None
    visitor.like("apple")
    served = pattern.read(visitor)
    assert (served.missing, served.query.vector.tolist()) == (0, [1, 0, 0])


@pytest.mark.parametrize("name", PATTERNS)
def test_another_question_is_not_answered_by_what_was_kept(tower, clock, name):
    visitor, pattern = Visitor(), create(name, tower, 300, clock)
    visitor.like("apple")
    pattern.night([visitor])
    pattern.read(visitor)
    visitor.say(Profile(categories=("animals",)))
    served = pattern.read(visitor)
    assert served.missing == 0 and set(served.query.parts) == {"likes", "categories"}


@pytest.mark.parametrize("name", PATTERNS)
def test_an_item_that_is_not_there_passes_when_it_is_taken_back(tower, clock, name):
    visitor, pattern = Visitor(), create(name, tower, 0, clock)
    visitor.like("apple")
    pattern.read(visitor)
    visitor.like("nothing")
    with pytest.raises(UnknownItem):
        pattern.read(visitor)
    visitor.undo("nothing")
    visitor.like("cat")
    np.testing.assert_allclose(pattern.read(visitor).query.vector, [S, S, 0], atol=1e-12)


def test_a_vector_goes_with_its_visitor(tower):
    for name in ("ttl", "incremental", "nightly"):
        visitor, pattern = Visitor(), create(name, tower)
        visitor.like("apple")
        pattern.night([visitor])
        pattern.read(visitor)
        assert len(pattern._kept) == 1
        del visitor
        gc.collect()
        assert len(pattern._kept) == 0


def test_cosine_of_nowhere():
    here, zero = Query(np.array([2.0, 0]), {}), Query(np.zeros(2), {})
    assert cosine(here, Query(np.array([3.0, 0]), {})) == 1
    assert cosine(None, here) is cosine(here, None) is cosine(zero, here) is None


def test_bad_patterns(tower):
    with pytest.raises(ValueError, match="recompute, ttl, incremental, nightly"):
        create("always", tower)
    with pytest.raises(ValueError, match="0 seconds or more"):
        create("ttl", tower, -1)


# Tabs, which know what was said by now and not what was done.


def test_a_tab_writes_down_what_has_changed_in_it():
    tab = Tab(Visitor())
    visitor = tab.says(Profile(likes=("apple", "cat"), wish="tea"))
    tab.says(Profile(likes=("cat", "chair"), dislikes=("apple",), wish="tea"))
    tab.says(Profile(likes=("chair",), dislikes=("apple",), wish="milk"))
    events = [(e.kind, e.item) for e in visitor.log.since(0)]
    assert events == [("like", "apple"), ("like", "cat"), ("like", "chair"), ("dislike", "apple"), ("undo", "cat")]
    assert visitor.profile == Profile(likes=("chair",), dislikes=("apple",), wish="milk")
    assert tab.says(visitor.profile) is visitor and len(visitor.log) == 5


def test_a_tab_takes_back_nothing_that_another_tab_said():
    visitor = Visitor()
    one, other = Tab(visitor), Tab(visitor)
    one.says(Profile(likes=("apple",)))
    other.says(Profile(likes=("cat",)))
    one.says(Profile(likes=("apple", "chair")))
    other.says(Profile())
    assert visitor.profile.likes == ("apple", "chair")


# The same lists.

said = st.lists(st.tuples(st.sampled_from(["like", "like", "dislike", "undo"]), st.sampled_from(IDS)), max_size=20)


@pytest.mark.parametrize("space", ["text", "image", "blend", "mf", "two_tower"])
@given(base=st.sampled_from(BASES), events=said, blend=st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_patterns_give_the_same_list_where_they_are_fresh(shop, space, base, events, blend):
    request = Request(base, space=space, blend=blend, filtering="before")
    patterns = [create(name, shop.tower(request)) for name in PATTERNS]
    visitor = Visitor(said=base)
    for kind, item in events:
        visitor.log.append(kind, item)
        patterns[2].event(visitor)
    asked = Request(visitor.profile, space=space, blend=blend, filtering="before")
    expected = shop.recommend(asked)
    for pattern in patterns:
        pattern.night([visitor])
        pattern.read(visitor)
        served = pattern.read(visitor)  # the second time from what is kept
        assert served.missing == 0
        answer = shop.recommend(asked, served.query)
        assert answer.hits(shop.version).ids.tolist() == expected.hits(shop.version).ids.tolist(), pattern.name
        np.testing.assert_allclose(answer.relevance, expected.relevance, atol=2e-6)
        assert list(answer.query.parts if answer.query else ()) == list(expected.query.parts if expected.query else ())


@pytest.mark.parametrize("name", PATTERNS)
def test_a_request_goes_through_its_pattern(shop, name):
    """The first one after each like is stale where the pattern is, and says so; a fresh one gives the same list."""
    tab, base = Tab(Visitor()), Request(Profile(likes=("i00",)), space="text", filtering="before", vectors=name)
    visitor = tab.says(base.profile)
    shop.pattern(base).night([visitor])
    shop.recommend(base, visitor=visitor)
    fresh = shop.recommend(base, visitor=visitor)
    assert fresh.served.missing == 0 and fresh.served.computed == (name == "recompute")
    plain = shop.recommend(base)
    assert plain.served is None
    assert fresh.hits(shop.version).ids.tolist() == plain.hits(shop.version).ids.tolist()

    later = base.profile.liking("i05").disliking("i07")
    answer = shop.recommend(Request(later, space="text", filtering="before", vectors=name), visitor=tab.says(later))
    missing = 2 if name in ("ttl", "nightly") else 0
    assert answer.served.missing == missing
    now = shop.recommend(Request(later, space="text", filtering="before"))
    assert (cosine(answer.query, now.query) < 0.999) == bool(missing)
    assert {"i00", "i05", "i07"}.isdisjoint(answer.hits(shop.version).ids)


def test_of_several_spaces_each_point_is_kept(shop):
    asked = Request(Profile(likes=("i00",)), space="text", also=("image",), filtering="before", vectors="ttl")
    visitor = Tab(Visitor()).says(asked.profile)
    answers = [shop.recommend(asked, visitor=visitor) for _ in range(2)]
    assert [one.served.computed for one in answers] == [True, False]
    expected = shop.recommend(asked)
    assert {*expected.fused} == {"text", "image"}
    for answer in answers:
        assert answer.hits(shop.version).ids.tolist() == expected.hits(shop.version).ids.tolist()


def test_a_stale_vector_lists_nothing_that_was_rated_since(shop):
    visitor = Visitor(said=Profile(likes=("i00",)))
    pattern = create("ttl", shop.tower(Request(Profile(), space="text")))
    pattern.read(visitor)
    request = Request(visitor.profile, space="text", filtering="before")
    first = shop.recommend(request, pattern.read(visitor).query).hits(shop.version).ids[0]
    visitor.dislike(first)
    served = pattern.read(visitor)
    later = shop.recommend(Request(visitor.profile, space="text", filtering="before"), served.query)
    assert served.missing == 1 and first not in later.hits(shop.version).ids


# Two tabs at once.


@pytest.fixture
def hasty():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def thousand(make_version):
    """A thousand items, one a like."""
    ids = [f"n{j:03}" for j in range(1000)]
    items = pd.DataFrame(
        {"title": ids, "description": "", "tags": [()] * 1000, "image": None, "category": "a"},
        index=pd.Index(ids, name="item_id"),
    )
    catalog = Catalog("many", "Many", "", items, (Facet("category", "Category", "category"),), "category", "none")
    vectors = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    return make_version(catalog, {"text": vectors}, shard=False)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_like_is_lost_when_two_tabs_write_at_once(hasty, thousand, name):
    visitors, tower = Visitors(), ContentTower(thousand, "text", 0.5, lambda profile: {})
    clock = Clock()
    pattern = create(name, tower, 1, clock)
    kept = visitors.of("ann")
    tabs = [[f"n{j:03}" for j in range(start, 1000, 2)] for start in (0, 1)]
    numbers: list[list[int]] = [[], []]
    done, wrong = Event(), []

    def write(tab: int) -> None:
        mine = visitors.of("ann")
        for item in tabs[tab]:
            numbers[tab].append(mine.like(item))
            pattern.event(mine)

    def read() -> None:
        last = 0
        while not done.is_set():
            clock.now += 0.3
            served = pattern.read(visitors.of("ann"))
            if not last <= served.number <= served.latest:
                wrong.append((last, served.number, served.latest))
            last = served.number
            if served.number % 7 == 0:
                pattern.night([visitors.of("ann")])

    writers, reader = [Thread(target=write, args=(tab,)) for tab in (0, 1)], Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert wrong == []
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 1001))
    events = kept.log.since(0)
    assert [e.number for e in events] == list(range(1, 1001))
    for tab in (0, 1):  # each tab's likes in the order they were given
        assert [events[number - 1].item for number in numbers[tab]] == tabs[tab]
    assert set(kept.profile.likes) == {*tabs[0], *tabs[1]} and len(kept.profile.likes) == 1000
    clock.now += 10
    pattern.night([kept])
    served = pattern.read(kept)
    assert (served.number, served.missing) == (1000, 0)
    np.testing.assert_allclose(served.query.vector, tower.query(kept.profile).vector, atol=1e-12)


def test_no_like_is_lost_when_two_tabs_say_their_profiles_at_once(hasty, thousand):
    tower, visitors = ContentTower(thousand, "text", 0.5, lambda profile: {}), Visitors()
    funnel = Funnel(thousand, None, lambda profile: {})
    request = Request(Profile(likes=("n000",)), space="text", filtering="before", vectors="incremental")
    kept = visitors.of("ann")
    tabs = [[f"n{j:03}" for j in range(start, 200, 2)] for start in (0, 1)]

    def write(likes: list[str]) -> None:
        tab = Tab(visitors.of("ann"))
        for n in range(1, len(likes) + 1):
            tab.says(Profile(likes=tuple(likes[:n])))

    writers = [Thread(target=write, args=(likes,)) for likes in tabs]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        funnel.recommend(request, visitor=kept)
    assert set(kept.profile.likes) == {*tabs[0], *tabs[1]} and len(kept.log) == 200
    answer = funnel.recommend(request, visitor=kept)
    assert (answer.served.missing, answer.served.computed) == (0, False)
    np.testing.assert_allclose(answer.query.vector, tower.query(kept.profile).vector, atol=1e-12)


def test_of_two_tabs_that_compute_at_once_the_newer_vector_is_kept(with_people, clock):
    """The first tab reads the log and is held up; the second one hears of a like, and is done before it."""
    plain = ContentTower(with_people(), "text", 0.5, lambda profile: {})
    begun, go_on = Event(), Event()

    class Slow(Counting):
        def query(self, profile):
            if profile.likes == ("apple",):
                begun.set()
                assert go_on.wait(10)
            return super().query(profile)

    visitor, pattern = Visitor(), create("ttl", Slow(plain), 300, clock)
    visitor.like("apple")
    tab = Thread(target=pattern.read, args=(visitor,))
    tab.start()
    assert begun.wait(10)
    visitor.like("cat")
    assert pattern.read(visitor).number == 2
    go_on.set()
    tab.join()
    served = pattern.read(visitor)
    assert (served.number, served.computed, served.missing) == (2, False, 0)
