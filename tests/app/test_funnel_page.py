"""The Funnel page: real counts, sizes and switches, who left and why, why an item is not shown, and broken stages."""

from dataclasses import replace

import pytest

from recsys.candidates import Candidates
from recsys.errors import StoreUnavailable
from recsys.evaluation import records
from recsys.explain import why
from recsys.funnel import Request, Sizes
from recsys.profile import Profile
from recsys.ui import pipeline, resources
from recsys.ui.funnel import asked, request, told
from recsys.ui.tour import tries

BAKER = asked.READY["clipart"][0]


def _said(screen) -> str:
    assert not screen.at.exception and not screen.at.error, screen.words
    return screen.words.replace("\\", "")


def _open(app, catalog="movies", **query):
    return app().open("funnel", {"catalog": catalog, **query})


def _counts(screen) -> dict[str, tuple[int, int]]:
    return {one["key"]: (one["in"], one["out"]) for one in screen.stages["stages"]}


def _shown(screen) -> list[str]:
    return screen.shelves["funnel-list"]["shelves"][0]["list"]


def _left(screen) -> list[str]:
    return screen.shelves["funnel-left"]["shelves"][0]["list"]


def test_it_opens_on_a_real_person_in_the_production_preset(app):
    screen = _open(app)
    words = _said(screen)
    assert screen.view.profile == Profile().being("196")
    assert "a ready example: user 196, a real person of the data" in words.lower()
    assert "30 films, 10 shown, in " in words and " of 200" in words
    # 30 films, one of them rated; 20 go on from the ranker
    assert _counts(screen) == {
        "user": (1, 1),
        "retrieve": (30, 30),
        "filter": (30, 29),
        "rank": (29, 20),
        "diversify": (20, 10),
    }
    assert screen.stage("filter")["dropped"] == [("already rated", 1)]
    assert screen.stage("rank")["dropped"] == [("ranked too low", 9)]
    assert screen.stage("user")["flows"] == "User 196: 1 ratings → a point in Words, 8 dimensions"
    assert len(_shown(screen)) == 10 and "222" not in _shown(screen)
    assert [one["budget"] for one in screen.stages["stages"]] == [5, 30, 5, 100, 10]
    assert screen.stages["total"]["budget"] == 200 and screen.stages["whole"] == 30


def test_a_catalog_without_people_opens_on_a_persona(app):
    screen = _open(app, "clipart")
    _said(screen)
    assert screen.view.profile == BAKER
    assert screen.stage("user")["flows"] == "2 likes → a point in Both, 16 dimensions"
    assert _counts(screen)["retrieve"] == (40, 40) and _counts(screen)["filter"] == (40, 38)


def test_the_list_is_the_funnels_own(app):
    screen = _open(app, sizes="20,15,12", k="5", lam="0.4")
    funnel = resources.funnel("movies")
    answer = funnel.recommend(Request(Profile().being("196"), "text", lam=0.4, k=5, sizes=Sizes(20, 15, 12)))
    assert _shown(screen) == list(answer.hits(funnel.version).ids)


@pytest.mark.parametrize(
    ("stage", "size", "counts"),
    [
        ("retrieve", 8, {"retrieve": (30, 9), "filter": (9, 8), "rank": (8, 8), "diversify": (8, 8)}),
        ("filter", 12, {"filter": (30, 12), "rank": (12, 12), "diversify": (12, 10)}),
        ("rank", 11, {"rank": (29, 11), "diversify": (11, 10)}),
        ("diversify", 4, {"rank": (29, 20), "diversify": (20, 4)}),
    ],
)
def test_each_size_changes_the_counts_and_undo_takes_it_back(app, stage, size, counts):
    screen = _open(app)
    before = _counts(screen)
    screen.act("size", stage, size)
    assert counts.items() <= _counts(screen).items()
    assert ("The list now has 4 items" if stage == "diversify" else f"now lets out {size}") in _said(screen)
    screen.click("Undo")
    assert _counts(screen) == before


@pytest.mark.parametrize(
    ("stage", "counts"),
    [
        ("filter", {"filter": (30, 30), "rank": (30, 20)}),
        ("rank", {"rank": (29, 29), "diversify": (29, 10)}),
        ("diversify", {"diversify": (20, 10)}),
    ],
)
def test_a_stage_that_is_switched_off_lets_everything_through(app, stage, counts):
    screen = _open(app).act("switch", stage, False)
    assert "is off: everything passes through" in _said(screen)
    assert screen.stage(stage)["on"] is False and counts.items() <= _counts(screen).items()
    assert screen.view.pipeline.off == (stage,)
    screen.act("switch", stage, True)
    assert screen.view.pipeline.off == () and "is on again" in _said(screen)


def test_retrieval_off_compares_everything(app):
    screen = _open(app, sizes="5,5,5").act("switch", "retrieve", False)
    assert _counts(screen)["retrieve"] == (30, 30)
    assert screen.stage("retrieve")["note"] == "all, one by one"


def test_a_budget_is_changed_and_told(app):
    screen = _open(app).act("budget", "rank", 1).act("budget", "total", 1)
    assert screen.stage("rank")["budget"] == 1 and screen.stages["total"]["budget"] == 1
    assert screen.view.pipeline.budgets == (("rank", 1), ("total", 1))
    assert "The budget of all together is now 1 ms" in _said(screen) and " of 1\n" in screen.words


def test_a_click_on_a_stage_lists_who_left_there_and_why(app):
    screen = _open(app)
    assert "funnel-left" not in screen.shelves
    screen.act("open", "rank", "")
    assert "Who left at Rank, and why" in _said(screen)
    funnel = resources.funnel("movies")
    answer = funnel.recommend(replace(Request(Profile().being("196"), "text"), sizes=Sizes(1000, 200, 20)))
    dropped = next(s for s in answer.trace.stages if s.stage == "rank").drops["ranked too low"]
    assert _left(screen) == list(funnel.version.item_ids[dropped])
    card = screen.shelves["funnel-left"]["cards"][_left(screen)[0]]
    score = funnel.candidates.score("text", answer.query.vector, dropped[:1])[0]
    assert card["reason"] == f"relevance {score:.3f}"
    assert not screen.at.session_state.history  # looking is no change
    screen.press("left-close")
    assert screen.view.pipeline.stage is None and "funnel-left" not in screen.shelves


def test_the_reason_that_is_looked_at_is_chosen(app):
    screen = _open(app, sizes="1000,12,12").act("open", "filter", "over the size")
    assert len(_left(screen)) == 12  # of 17: the first cards
    assert "The 12 that came closest of 17." in screen.shelves["funnel-left"]["shelves"][0]["note"]
    assert screen.stage("filter")["reason"] == "over the size"
    screen.act("open", "filter", "already rated")
    assert _left(screen) == ["222"]
    screen.act("open", "filter", None)
    assert "funnel-left" not in screen.shelves


def test_those_who_were_too_far_away_come_nearest_first(app):
    screen = _open(app, sizes="5,5,5", stage="retrieve")
    funnel = resources.funnel("movies")
    answer = funnel.recommend(Request(Profile().being("196"), "text", sizes=Sizes(5, 5, 5)))
    scores = funnel.candidates.score("text", answer.query.vector, funnel.version.rows(_left(screen)))
    assert len(scores) == 12 and list(scores) == sorted(scores, reverse=True)


def test_a_stage_where_nobody_left_says_so(app):
    assert "Nobody left here: all 30 that came in went out again" in _said(_open(app, stage="retrieve"))


def test_conditions_seen_and_cap_keep_out_and_say_so(app):
    screen = _open(app, where=["in_stock=yes"], filtering="after", cap="2", stage="filter")
    reasons = dict(screen.stage("filter")["dropped"])
    assert reasons["breaks in_stock=yes"] > 10 and reasons["over 2 of a category"] > 0
    assert screen.stage("filter")["note"] == "3 rules, then the best"
    before = _open(app, where=["in_stock=yes"], filtering="before")
    assert "breaks in_stock=yes" in dict(before.stage("retrieve")["dropped"])
    seen = _open(app, seen="yes")
    assert seen.stage("filter")["dropped"] == []


def test_several_towers_are_fused_and_the_cards_say_by_which(app):
    screen = _open(app, "clipart", space="text", also=["image"])
    _said(screen)
    assert screen.stage("user")["flows"].endswith("a point each in Words + Pictures")
    reasons = [screen.shelves["funnel-list"]["cards"][i]["reason"] for i in _shown(screen)]
    assert all(" in Words" in text or " in Pictures" in text for text in reasons)
    towers = next(one for one in screen.at.get("button_group") if one.label == "Towers")
    assert towers.value == ["text", "image"]


def test_an_engine_of_the_laboratory_retrieves(app):
    screen = _open(app, retriever="exhaustive", sizes="5,5,5")
    _said(screen)
    assert screen.stage("retrieve")["note"].startswith("exhaustive")
    assert _shown(screen) == _shown(_open(app, sizes="5,5,5"))


def test_an_engine_that_knows_no_conditions_says_that_they_come_after(app):
    screen = _open(app, retriever="exhaustive", where=["in_stock=yes"])
    assert "**After**, here: exhaustive knows no conditions" in _said(screen)
    assert screen.stage("retrieve")["note"] == "conditions come after it"
    assert "breaks in_stock=yes" in dict(screen.stage("filter")["dropped"])
    for query in ({"filtering": "before", "retriever": "exhaustive"}, {}):
        screen = _open(app, where=["in_stock=yes"], **query)
        assert "knows no conditions" not in _said(screen)
        assert "after" not in screen.stage("retrieve")["note"]


def test_a_missing_engine_degrades_and_says_so(app, monkeypatch):
    def gone(self, *_):
        raise StoreUnavailable("The library is not here.")

    monkeypatch.setattr("recsys.candidates.Candidates.by_engine", gone)
    screen = _open(app, retriever="hnswlib")
    (warning,) = (one.value for one in screen.at.warning)
    assert "Not every stage worked" in warning
    assert "every item was compared in NumPy instead" in warning.replace("\\", "")
    assert len(_shown(screen)) == 10


@pytest.mark.parametrize("page", ["funnel", "recommend"])
def test_a_store_that_breaks_is_told_on_the_page(app, monkeypatch, page):
    def broken(*_):
        raise StoreUnavailable("The store does not answer.")

    screen = app().open(page, {"catalog": "movies", "like": "222"})
    assert not screen.at.warning
    monkeypatch.setattr(resources.funnel("movies").store, "nearest", broken)
    screen.run()
    warned = " ".join(one.value for one in screen.at.warning).replace("\\", "")
    assert "The store does not answer. So every item was compared in NumPy instead" in warned
    assert screen.shelves and not screen.at.error
    resources.funnel("movies").candidates._rests_until = 0.0


def test_hostile_links_are_sentences_and_the_page_stands(app):
    screen = _open(
        app,
        retriever="<script>",
        sizes="0,200,20",
        budget=["rank:soon"],
        without=["everything"],
        ranker="gbdt",
        stage="cellar",
        cap="-1",
        asked="nobody",
        also="mind",
        reason="\x00" * 500,
    )
    warned = " ".join(one.value for one in screen.at.warning).replace("\\", "")
    for words in ("<script>", "0,200,20", "rank:soon", "everything", "gbdt", "cellar", "-1", "nobody", "mind"):
        assert f"“{words}”" in warned
    assert not screen.at.error and _counts(screen)["rank"] == (29, 20)


def test_times_of_many_runs_are_told_for_this_request_alone(app, monkeypatch):
    monkeypatch.setattr(asked, "RUNS", 3)
    screen = _open(app)
    assert screen.stage("rank")["timed"] is None
    screen.press("time-stages")
    assert "Half of 3 runs took less than " in _said(screen)
    p50, p95 = screen.stage("retrieve")["timed"]
    assert 0 < p50 <= p95 and screen.stages["total"]["runs"] == 3
    screen.act("size", "rank", 11)
    assert screen.stage("rank")["timed"] is None


@pytest.mark.parametrize(("pattern", "missing"), [("ttl", 1), ("nightly", 1), ("incremental", 0)])
def test_the_pages_own_request_goes_through_the_pattern_that_is_chosen(app, pattern, missing):
    screen = _open(app, like="228", person=[])
    fresh = _shown(screen)
    assert "Made for this request." in _said(screen) and screen.stage("user")["note"] == "who asks, as a point"
    choice = next(one for one in screen.at.selectbox if one.label == "Your point is")
    choice.set_value(pattern).run()
    assert screen.view.pipeline.vectors == pattern and "vectors" in screen.at.query_params
    words = _said(screen)
    assert ("by night you were not known yet" if pattern == "nightly" else "for nothing was kept") in words
    if pattern == "nightly":
        screen.press("night")
    else:
        screen.run()
    assert "so the list is the fresh one" in _said(screen) and _shown(screen) == fresh
    assert screen.stage("user")["note"] == "a kept point, up to date"

    liked = _shown(screen)[-1]
    screen.do("like", liked, key="funnel-list")
    words = _said(screen)
    assert screen.view.profile.likes == ("228", liked) and liked not in _shown(screen)
    assert ("It misses the last thing that you said." in words) == bool(missing)
    assert screen.stage("user")["note"] == f"a kept point, {'1 behind' if missing else 'up to date'}"
    if pattern == "nightly":
        assert "so the list is the fresh one" in _said(screen.press("night"))


def test_two_visitors_keep_points_of_their_own(app):
    one = _open(app, like="228", vectors="ttl")
    other = _open(app, like="222", vectors="ttl")
    assert "for nothing was kept" in _said(other)
    assert one.at.session_state.visitor_tabs != other.at.session_state.visitor_tabs


def test_a_page_is_one_request_in_the_log_and_what_no_visitor_asked_is_none(app, monkeypatch):
    seen = []
    monkeypatch.setattr(resources.funnel("movies"), "_on_answer", lambda version, answer: seen.append(answer))
    screen = _open(app, vectors="ttl")
    assert len(seen) == 1  # though the stages were warmed first
    screen.press("time-stages")
    assert len(seen) <= 3  # the run that was pressed in, and the one that shows the times; none of the fifty
    seen.clear()
    _open(app, part="why", asked="222")
    assert len(seen) == 1  # though ways in were tried
    seen.clear()
    _open(app, item="228")
    assert len(seen) == 1  # though the panel tells why
    seen.clear()
    app().open("recommend", {"catalog": "movies", "like": "222", "item": "228"})
    assert len(seen) == 1


def test_for_the_public_no_index_is_built_and_no_stage_lets_all_of_many_out(app, monkeypatch):
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    monkeypatch.setattr(Candidates, "prepared", lambda *_: pytest.fail("an index was built"))
    monkeypatch.setattr(pipeline, "PUBLIC_SIZE", 12)
    monkeypatch.setattr(request, "PUBLIC_SIZE", 12)
    screen = _open(app, retriever="hnswlib", sizes="1000000,20,5", person=[], like="228")
    words = _said(screen)
    assert "no index is built here, and Qdrant retrieves" in words and "no stage lets more than 12 out" in words
    assert screen.view.pipeline.sizes == (12, 12, 5) and screen.view.pipeline.retriever == "qdrant"
    assert _counts(screen)["retrieve"] == (30, 13) and _counts(screen)["filter"] == (13, 12)  # one was rated
    assert max(screen.stage("retrieve")["size"]["stops"]) == 12
    assert next(b for b in screen.at.button if b.key == "time-stages").disabled
    assert next(one for one in screen.at.selectbox if one.label == "Engine").disabled
    screen.act("size", "retrieve", 30).act("switch", "filter", False)
    assert _counts(screen)["retrieve"] == (30, 12) and _counts(screen)["filter"] == (12, 12)
    screen = _open(app, part="why", asked=_last(app), person=[], like="228")  # a way in asks for more than that
    assert "it is too far from this point" in _said(screen) or "What would bring it in" in screen.words


def _last(app) -> str:
    funnel = resources.funnel("movies")
    rows = funnel.recommend(Request(Profile(likes=("228",)), "text", lam=1.0, k=30)).candidates
    return str(funnel.version.item_ids[rows[-1]])


CASES = {
    "retrieve": ({"sizes": "5,5,5"}, -1, "too far away"),
    "filter": ({}, 0, "already rated"),
    "rank": ({}, 0, "ranked too low"),
    "diversify": ({}, 0, "not picked"),
}


@pytest.mark.parametrize("stage", CASES)
def test_why_not_for_an_item_dropped_at_each_stage(app, stage):
    query, place, reason = CASES[stage]
    sizes = Sizes(5, 5, 5) if query else Sizes(1000, 200, 20)
    funnel = resources.funnel("movies")
    answer = funnel.recommend(Request(Profile().being("196"), "text", sizes=sizes))
    (dropped,) = (s.drops[reason] for s in answer.trace.stages if s.stage == stage)
    item = str(funnel.version.item_ids[dropped[place]])
    screen = _open(app, part="why", asked=item, **query)
    words = _said(screen)
    fate = why(funnel, answer, item)
    assert fate.stage == stage
    assert f"stopped it: {reason}" in words and fate.detail in words
    assert "What would bring it in" in words

    screen.press("way-all" if any(b.key == "way-all" for b in screen.at.button) else "way-first")
    assert "It is shown" in _said(screen)


def test_an_item_is_found_by_words_or_id_and_chosen(app):
    screen = _open(app, part="why")
    assert "Of 30 films, 10 are shown" in _said(screen)
    screen.at.text_input(key="why-words").set_value("title OF 222").run()
    found = screen.at.pills(key="why-found-0")
    assert [text.replace("\\", "") for text in found.options] == ["Title of 222 (1930)"]
    found.set_value("222").run()
    assert screen.view.pipeline.asked == "222" and "already rated" in _said(screen)
    screen.at.text_input(key="why-words").set_value("zzz").run()
    assert "No title holds “zzz”" in _said(screen)


def test_the_panel_leads_to_the_whole_funnel(app):
    screen = app().open("recommend", {"catalog": "movies", "like": "222", "item": "222"})
    screen.press("panel-funnel")
    assert screen.view.part == "why" and screen.view.pipeline.asked == "222" and screen.view.item is None
    assert "stopped it: already rated" in _said(screen)


def test_the_panel_tells_of_the_pages_own_funnel(app):
    screen = _open(app, k="3", item="228")
    funnel = resources.funnel("movies")
    answer = funnel.recommend(Request(Profile().being("196"), "text", k=3, sizes=Sizes(1000, 200, 20)))
    assert why(funnel, answer, "228").detail in screen.words.replace("\\", "")


@pytest.mark.parametrize("catalog", ["clipart", "movies"])
def test_everything_to_try_works(app, catalog):
    offered = tries("funnel", catalog)
    assert len(offered) == 3
    for one in offered:
        screen = app().open("funnel", {"catalog": catalog}).click(one.label)
        assert one.look_for in _said(screen)
        assert replace(screen.view.pipeline, ranker=None) == one.view.pipeline
        assert (screen.view.profile, screen.view.part) == (one.view.profile, one.view.part)


def test_the_catalog_can_be_switched_and_the_sizes_stay(app):
    screen = _open(app, sizes="20,15,12", asked="222", part="why")
    next(one for one in screen.at.segmented_control if one.label == "Catalog").set_value("clipart").run()
    _said(screen)
    assert not screen.at.warning
    assert (screen.view.catalog, screen.view.part) == ("clipart", "why")
    assert (screen.view.pipeline.sizes, screen.view.pipeline.asked) == ((20, 15, 12), None)


@pytest.mark.parametrize("part", ["worth", "load"])
def test_missing_records_name_the_command(app, part, tmp_path, monkeypatch):
    for module in (records, told):
        monkeypatch.setattr(module, "SHIPPED", tmp_path)
    words = _said(_open(app, part=part))
    assert {"worth": "evaluate --catalog movies --protocol funnel", "load": "bench funnel --catalog movies"}[
        part
    ] in words
