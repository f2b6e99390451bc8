"""The pages' words and values, their empty and their error branches."""

import base64
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from recsys.__main__ import main
from recsys.errors import StoreUnavailable
from recsys.funnel import Funnel, Request
from recsys.lessons import diversity, population, story
from recsys.lessons.priors import learn_priors
from recsys.personas import PERSONAS
from recsys.profile import Profile
from recsys.ui import lessons, resources, state, telling
from recsys.ui.link import View, to_command
from recsys.ui.tour import tour, tries
from recsys.version import Version
from recsys.where import Condition, Where

PAGES = ("recommend", "map", "cold_start", "diversity", "models")


def expected(catalog: str, request: Request) -> tuple[list[str], list[str]]:
    """The nearest and the varied list, from the funnel itself."""
    funnel = resources.funnel(catalog)
    answer = funnel.recommend(request)
    ids = funnel.version.item_ids[answer.candidates]
    return list(ids[funnel.sweep(answer).picks[-1]]), list(ids[answer.picks])


def test_home_shows_both_catalogs_with_counts_and_licences(app):
    screen = app().open()
    assert not screen.at.exception
    for words in ("Clip art", "40 items", "Movies", "30 items", "public domain", "research only", "Somebody 2015"):
        assert words in screen.words
    assert [b.label for b in screen.at.button].count("Step in") == len(PERSONAS)


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda p: p.name)
def test_a_persona_opens_recommend_filled_in(app, persona):
    screen = app().open().press(f"persona-{persona.name}")
    assert (screen.view.catalog, screen.view.profile, screen.view.lam) == (
        persona.catalog,
        persona.profile,
        persona.lam,
    )
    nearest, varied = expected(persona.catalog, Request(persona.profile, lam=persona.lam))
    assert (screen.shown("nearest"), screen.shown("varied")) == (nearest, varied)
    assert not set(persona.profile.rated) & set(nearest + varied)
    assert persona.name in screen.words


@pytest.mark.parametrize(("page", "catalog"), [(p, c) for p in PAGES for c in ("clipart", "movies")])
def test_every_page_has_three_things_to_try_and_each_works(app, page, catalog):
    offered = tries(page, catalog)
    assert len(offered) == 3
    for one in offered:
        screen = app().open(page, {"catalog": catalog}).click(one.label)
        assert not screen.at.error and not screen.at.exception
        assert screen.view == one.view
        assert one.look_for in screen.words.replace("\\", "")


def test_the_tour_leads_through_all_its_steps(app):
    stops = tour(["clipart", "movies"])
    screen = app().open().click("Take the tour, five minutes")
    for number, stop in enumerate(stops, start=1):
        assert f"{number} of {len(stops)}" in screen.words and stop.label in screen.words
        assert screen.view.profile == stop.view.profile and screen.view.catalog == stop.view.catalog
        assert not screen.at.error
        if number < len(stops):
            screen.click("Next")
    screen.click("Finish")
    assert screen.view.tour is None


def test_a_stranger_gets_a_starting_list_that_says_so(app):
    films = app().open("recommend", {"catalog": "movies"})
    note = films.shelves["shelf"]["shelves"][0]["note"]
    assert "starting list" in note and "most rated" in note
    assert films.shown("nearest")[0] == "222"  # rated by half of all people
    pictures = app().open("recommend", {"catalog": "clipart"})
    assert "one typical item of each category" in pictures.shelves["shelf"]["shelves"][0]["note"]
    items = resources.funnel("clipart").version.catalog.items
    assert sorted(items.loc[pictures.shown("nearest"), "category"]) == ["animals", "flags", "food", "home"]


def test_a_like_changes_the_lists_says_what_and_undo_takes_it_back(app):
    screen = app().open("recommend", {"catalog": "movies"})
    before, item = screen.shown("nearest"), screen.shown("nearest")[2]
    screen.do("like", item)
    assert screen.view.profile.likes == (item,)
    assert (screen.shown("nearest"), screen.shown("varied")) == expected("movies", Request(Profile(likes=(item,))))
    assert f"You liked Title of {item}" in screen.words.replace("\\", "")
    screen.do("dislike", screen.shown("nearest")[0]).click("Undo").click("Undo")
    assert screen.view.profile == Profile() and screen.shown("nearest") == before


def test_likes_in_a_row_all_stay(app):
    screen = app().open("recommend", {"catalog": "movies"})
    items = ["item-3", "item-8", "item-5"]
    for item in items:
        screen.do("like", item)
    assert screen.view.profile.likes == tuple(items)
    screen.do("unrate", "item-8")
    assert screen.view.profile.likes == ("item-3", "item-5")


def test_items_of_one_name_can_be_liked_and_told_apart(app):
    screen = app().open("recommend", {"catalog": "movies", "like": ["item-7", "item-8", "item-9"]})
    liked = next(one for one in screen.at.get("button_group") if one.label == "Liked (3)")
    assert len(set(liked.options)) == 3


def test_each_card_says_why_it_is_there(app):
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"]})
    card = screen.shelves["shelf"]["cards"][screen.shown("nearest")[0]]
    assert card["reason"].startswith("similar to Title of 222, ")
    assert sum(part["value"] for part in card["why"]) == pytest.approx(card["score"], abs=1e-3)


def test_a_wish_is_a_search_and_is_cut_where_the_encoder_stops(app):
    screen = app().open("recommend", {"catalog": "movies"})
    screen.at.text_input[0].set_value("a funny love story").run()
    assert screen.shown("nearest") == expected("movies", Request(Profile(wish="a funny love story")))[0]
    screen.at.text_input[0].set_value("").run()
    assert screen.view.profile.wish == ""


def test_conditions_let_nothing_wrong_through(app):
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"], "where": ["year>=1960", "in_stock=yes"]})
    items = resources.funnel("movies").version.catalog.items.loc[screen.shown("nearest")]
    assert len(items) > 3 and (items["year"] >= 1960).all() and items["in_stock"].all()


def test_conditions_that_leave_few_or_none_name_the_one_to_relax(app):
    few = app().open("recommend", {"catalog": "movies", "like": ["222"], "where": ["year>=1980", "category=drama"]})
    message = few.shelves["shelf"]["message"]
    found = len(few.shown("nearest"))
    assert 0 < found < 10 and f"only {found}" in message["text"]
    assert {one["value"] for one in message["relax"]} == {"year>=1980", "category=drama"}
    few.do("relax", value="category=drama")
    assert few.view.where == Where((Condition("year", ">=", (1980.0,)),)) and len(few.shown("nearest")) > found

    none = app().open("recommend", {"catalog": "movies", "like": ["222"], "where": ["year>=3000", "in_stock=yes"]})
    assert none.shown("nearest") == none.shown("varied") == []
    assert "No item satisfies the conditions" in none.shelves["shelf"]["message"]["text"]
    assert "year>=3000" in none.shelves["shelf"]["message"]["text"]


def test_lambda_and_length_reach_the_lists(app):
    screen = app().open("recommend", {"catalog": "clipart", "like": ["saxophone"], "k": "7"})
    screen.do("lam", value=0.31)
    assert screen.view.lam == 0.31
    assert screen.shown("varied") == expected("clipart", Request(Profile(likes=("saxophone",)), lam=0.31, k=7))[1]
    assert len(screen.shown("varied")) == 7


def test_a_catalog_keeps_its_own_profile(app):
    screen = app().open("recommend", {"catalog": "clipart", "like": ["saxophone"]})
    switch = next(one for one in screen.at.segmented_control if one.label == "Catalog")
    switch.set_value("movies").run()
    assert screen.view.catalog == "movies" and screen.view.profile == Profile()
    screen.do("like", "222")
    next(one for one in screen.at.segmented_control if one.label == "Catalog").set_value("clipart").run()
    assert screen.view.profile.likes == ("saxophone",)


def test_two_visitors_do_not_share_anything(app):
    one = app().open("recommend", {"catalog": "movies"}).do("like", "222")
    other = app().open("recommend", {"catalog": "movies"})
    assert other.view.profile == Profile() and one.view.profile.likes == ("222",)


def test_the_map_draws_the_profile_and_says_what_a_map_cannot_tell(app):
    screen = app().open("map", {"catalog": "clipart", "like": ["saxophone", "pumpkin"]})
    assert not screen.at.error and not screen.at.exception
    assert "UMAP" in screen.words
    traces = {t["name"]: t for t in json.loads(screen.at.get("plotly_chart")[0].proto.spec)["data"]}
    assert {"flags", "food", "home", "animals", "your list", "liked", "you"} <= set(traces)
    assert [one[0] for one in traces["liked"]["customdata"]] == ["saxophone", "pumpkin"]
    nearest, varied = expected("clipart", Request(Profile(likes=("saxophone", "pumpkin"))))
    assert [one[0] for one in traces["your list"]["customdata"]] == varied


def test_an_item_opens_in_the_panel_and_can_be_liked_there(app):
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"], "where": ["year>=1960"]})
    first = screen.shown("nearest")[0]
    screen.do("open", first)
    assert screen.view.item == first
    assert "Number 1 of" in screen.words
    assert "related" in screen.shelves
    screen.click("Like")
    assert screen.view.profile.likes == ("222", first)
    screen.do("open", "228")
    assert "does not satisfy year>=1960" in screen.words.replace("\\", "")


def test_the_best_measured_space_can_be_had_back(app, monkeypatch):
    """It is a choice among spaces, and no space of that name."""
    monkeypatch.setattr(Version, "serving", [{"likes": 1, "space": "image"}])
    screen = app().open("recommend", {"catalog": "clipart"})
    screen.do("like", screen.shown("nearest")[0])
    before = screen.shown("nearest")

    def compare_by(space: str) -> None:
        next(one for one in screen.at.get("button_group") if one.label == "Compare by").set_value(space).run()
        assert not screen.at.warning and not screen.at.error and not screen.at.exception

    compare_by("text")
    assert screen.view.space == "text" and screen.shown("nearest") != before
    compare_by("Best measured")
    assert screen.view.space is None and screen.shown("nearest") == before


def test_simulated_facets_are_called_so(app):
    screen = app().open("recommend", {"catalog": "movies"})
    assert "Simulated: in stock" in screen.words


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"like": ["nobody"]}, "nobody"),
        ({"like": ["222"], "dislike": ["222"]}, "both likes and dislikes"),
        ({"lam": ["7"]}, "lambda"),
        ({"lam": ["nan"]}, "lambda"),
        ({"k": ["100000"]}, "list length"),
        ({"where": ["weight>3"]}, "weight"),
        ({"where": ["year>=old"]}, "“old” is none"),
        ({"space": ["image"]}, "image"),
        ({"wish": ["word " * 2000]}, "cut at 500"),
        ({"item": ["nobody"]}, "nobody"),
        ({"dims": ["11"]}, "dimensions"),
        ({"tour": ["99"]}, None),
        ({"catalog": ["books"]}, "books"),
    ],
)
def test_a_bad_link_is_answered_in_a_sentence_and_the_rest_is_kept(app, query, sentence):
    screen = app().open("recommend", {"catalog": ["movies"], "category": ["drama"], **query})
    warnings = " ".join(w.value for w in screen.at.warning).replace("\\", "")
    assert not screen.at.error and not screen.at.exception
    assert sentence is None or sentence in warnings
    if "catalog" not in query:
        assert screen.view.profile.categories == ("drama",)
    assert screen.run().at.warning.len == 0  # said once


@pytest.mark.parametrize("said", ["a moment ago", "by a component"])
def test_an_address_that_lags_behind_takes_nothing_back(app, monkeypatch, said):
    screen = app().open("recommend", {"catalog": ["movies"]})
    liked = screen.shown("nearest")[0]
    screen.do("like", liked)
    monkeypatch.setattr(state, "LAG_S", 0 if said == "by a component" else 60)
    screen.at.session_state["heard"] = said == "by a component"
    for _ in range(2 if said == "a moment ago" else 1):
        del screen.at.query_params["like"]  # what a browser sends that has not heard of the new address yet
        screen.run()
        assert screen.view.profile.likes == (liked,) and "like" in screen.at.query_params
        assert "followed a link" not in screen.words


def test_the_address_before_counts_once_the_new_one_has_arrived_or_a_moment_has_passed(app, monkeypatch):
    screen = app().open("recommend", {"catalog": ["movies"]})
    screen.do("like", screen.shown("nearest")[0])
    screen.run()  # the browser sends the new address: it has heard of it
    del screen.at.query_params["like"]
    screen.run()
    assert not screen.view.profile.likes and "followed a link" in screen.words
    screen.do("like", screen.shown("nearest")[0])
    monkeypatch.setattr(state, "LAG_S", 0)
    del screen.at.query_params["like"]
    screen.run()
    assert not screen.view.profile.likes and "like" not in screen.at.query_params


@pytest.mark.parametrize("wish", ["", "   ", "<script>alert(1)</script>", "שלום עולם", "\u202eevil\u0000"])
def test_odd_wishes_break_nothing(app, wish):
    screen = app().open("recommend", {"catalog": "movies", "wish": wish})
    assert not screen.at.error and not screen.at.exception
    assert len(screen.shown("nearest")) == 10


def test_a_store_that_does_not_answer_is_a_sentence_and_a_way_out(app, monkeypatch):
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"]})

    def refuse(*_, **__):
        raise StoreUnavailable("The Qdrant server does not answer.", "Start it, or try again.")

    with monkeypatch.context() as broken:
        broken.setattr(Funnel, "recommend", refuse)
        screen.run()
        assert "The Qdrant server does not answer" in screen.at.error[0].value.replace("\\", "")
        assert [b.label for b in screen.at.button if b.label == "Try again"]
        assert not screen.at.exception and "shelf" not in screen.shelves
    screen.click("Try again")
    assert not screen.at.error and screen.view.profile.likes == ("222",) and screen.shown("nearest")


def test_what_we_did_not_expect_is_an_apology_not_a_traceback(app, monkeypatch):
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"]})
    with monkeypatch.context() as broken:
        broken.setattr(Funnel, "recommend", lambda *_: 1 / 0)
        screen.run()
        assert "did not expect" in screen.at.error[0].value and not screen.at.exception
    screen.click("Start afresh")
    assert not screen.at.error


def test_before_anything_is_built_the_page_offers_to_build(app_on, tmp_path):
    screen = app_on(tmp_path)().open()
    assert "Nothing is built yet" in screen.words
    assert {b.label for b in screen.at.button} >= {"Build Clip art", "Build Movies"}
    assert "python -m recsys build --catalog movies" in screen.words


def test_one_catalog_serves_while_the_other_is_missing(app_on, tmp_path, shops):
    home = tmp_path / "catalogs" / "movies"
    home.mkdir(parents=True)
    (home / "current").symlink_to(shops / "catalogs" / "movies" / "versions" / "one")
    screen = app_on(tmp_path)().open("recommend", {"like": ["222"]})
    assert screen.view.catalog == "movies" and screen.shown("nearest")
    assert "Build Clip art" in {b.label for b in screen.at.button}


def test_a_widget_whose_value_changed_elsewhere_is_another_one(app):
    """What a browser still says of the old one cannot be taken for a choice; one's own change keeps the focus."""
    screen = app().open("recommend", {"catalog": "movies", "like": ["222"]})

    def key(label: str) -> str:
        return next(one.key for one in screen.at.get("button_group") if one.label.startswith(label))

    liked, catalog, wish = key("Liked"), key("Catalog"), screen.at.text_input[0].key
    screen.do("like", "228")
    assert key("Liked") != liked and key("Catalog") == catalog
    screen.at.text_input[0].set_value("a funny love story").run()
    assert screen.at.text_input[0].key == wish
    screen.click("Undo")
    assert screen.at.text_input[0].key != wish and screen.at.text_input[0].value == ""


def test_cold_start_opens_on_a_story_that_says_something(app):
    screen = app().open("cold_start", {"catalog": "movies"})
    assert not screen.at.error and not screen.at.exception
    steps, _ = story.read_steps(story.READY["movies"], resources.funnel("movies").version, None)
    assert f"**{sum(s.kind == 'like' for s in steps)} liked" in screen.words
    assert len(screen.story["list"]) == 10 and len(screen.story["ask"]) == 12


def test_nobody_is_told_what_the_list_goes_by(app):
    screen = app().open("cold_start", {"catalog": "movies"}).click("Start as nobody")
    assert screen.view.story == () and "nothing about you" in screen.words
    assert screen.story["list"][0] == "222"  # what most people like
    people = len(resources.funnel("movies").version.people)
    assert f"it goes by what {people} people liked" in screen.words
    assert f"Be one of {people} real people" in [one.label for one in screen.at.text_input]
    without = app().open("cold_start", {"catalog": "movies", "story": "", "off": "people"})
    assert "how many people rated each item" in without.words
    pictures = app().open("cold_start", {"catalog": "clipart", "story": ""})
    assert (
        "it goes by nothing but the catalog" in pictures.words and "one typical item of each category" in pictures.note
    )


def test_an_answer_becomes_the_storys_next_step_and_can_be_taken_back(app):
    screen = app().open("cold_start", {"catalog": "movies", "story": ""})
    item = screen.story["ask"][3]
    screen.do("like", item, key="story")
    assert screen.view.story == (f"like:{item}",) and item not in screen.story["list"]
    frame = story.tell(
        resources.funnel("movies"), learn_priors(resources.funnel("movies").version), [story.Step("like", item)]
    )
    assert tuple(screen.story["list"]) == frame.ids
    assert screen.shelves["story"]["shelves"][0]["before"] == list(frame.before)
    screen.do("dislike", screen.story["list"][0], key="story")
    assert len(screen.view.story) == 2
    screen.do("unrate", item, key="story")
    assert len(screen.view.story) == 1 and screen.view.story[0].startswith("dislike:")
    screen.click("Undo").click("Undo")
    assert screen.view.story == (f"like:{item}",)


def test_the_replay_shows_the_list_of_that_frame(app):
    told = ["like:item-3", "like:item-8", "dislike:222"]
    lists = [app().open("cold_start", {"catalog": "movies", "story": told[:n]}).story["list"] for n in (1, 3)]
    screen = app().open("cold_start", {"catalog": "movies", "story": told, "frame": "1"})
    assert screen.story["list"] == lists[0] != lists[1]
    screen.at.slider(key="frame-0").set_value(3).run()
    assert screen.view.frame == 3 and screen.view.story == tuple(told)
    assert screen.story["list"] == lists[1]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"user": "user-1"},
        {"story": ["like:item-3", "dislike:222", "like:item-8"], "frame": "3", "off": ["dislike"]},
    ],
    ids=["ready", "user", "own"],
)
def test_the_map_draws_the_path_of_the_story_that_is_told(app, query):
    screen = app().open("cold_start", {"catalog": "movies", **query})
    funnel = resources.funnel("movies")
    told = telling.story_of(screen.view, funnel.version)
    said = [s for s in told.told if s.kind in ("like", "dislike", "wish") and s.kind not in told.off]
    expected_path = story.path(funnel, said, "text", 0.5, funnel.version.map("text"))
    screen.click("See the path on the map")
    assert (screen.view.profile, screen.view.space) == (story.profile_of(said), "text")
    path = _path_on(screen)
    assert len(path) > 1 and path == pytest.approx(expected_path[1:])
    alone = app().open("map", {"catalog": "movies", **query, "like": ["item-5"]})  # no answer led there
    assert _path_on(alone) is None


def _path_on(screen) -> np.ndarray | None:
    (chart,) = screen.at.get("plotly_chart")
    lines = [one for one in json.loads(chart.proto.spec)["data"] if one.get("name") == "your way here"]

    def read(numbers: dict) -> np.ndarray:
        return np.frombuffer(base64.b64decode(numbers["bdata"]), numbers["dtype"])

    return np.column_stack([read(lines[0]["x"]), read(lines[0]["y"])]) if lines else None


def test_a_visitor_tells_of_themselves_where_a_space_hears_it(app, monkeypatch):
    assert "About you" not in [one.label for one in app().open("recommend", {"catalog": "movies"}).at.expander]
    facts = {"age": ["18-24", "25-34"], "gender": ["F", "M"]}
    monkeypatch.setitem(resources.funnel("movies").version.__dict__, "facts", facts)
    monkeypatch.setattr(Version, "learned", {"two_tower": {"facts": facts}})
    screen = app()
    screen.at.session_state["about-you"] = True
    screen.open("recommend", {"catalog": "movies", "about": "gender:F"})
    age, gender = (one for one in screen.at.selectbox if one.label in ("Age", "Gender"))
    assert (age.value, gender.value) == (None, "F") and "Not heard now" in screen.words
    age.set_value("25-34").run()
    assert screen.view.profile.about == (("gender", "F"), ("age", "25-34"))
    next(one for one in screen.at.selectbox if one.label == "Gender").set_value(None).run()
    assert screen.view.profile.about == (("age", "25-34"),) and "Gender is unknown again." in screen.words
    assert "--about age:25-34" in to_command(screen.view)


@pytest.mark.parametrize(("page", "name"), [("cold_start", "user"), ("recommend", "person")])
def test_a_real_persons_whole_history_stands_beside_the_list(app, page, name):
    screen = app()
    screen.at.session_state["real-history"] = True  # the drawer is open
    screen.open(page, {"catalog": "movies", name: "user-1"})
    assert "What user user-1 really rated (5)" in [one.label for one in screen.at.expander]
    table = next(one.value for one in screen.at.dataframe if "rating" in one.value)
    # Oldest first, of one moment in the items' order; the 3 that is neither a like nor a dislike is told too.
    titles = resources.funnel("movies").version.catalog.items["title"]
    assert table["rating"].tolist()[:2] == [4, 3] and sorted(table["rating"][2:]) == [1, 4, 5]
    assert table["title"].tolist()[:2] == [titles["222"], titles["item-4"]]
    assert [str(d) for d in table["date"]] == ["1970-01-01"] * 2 + ["1970-01-02"] * 3
    nobody = app().open(page, {"catalog": "movies"})
    assert not [one for one in nobody.at.expander if "really rated" in one.label]


def test_the_panel_on_cold_start_is_about_the_story(app):
    screen = app().open("cold_start", {"catalog": "movies", "like": ["item-5"]})
    ready = tuple(map(str, telling.story_of(screen.view, resources.funnel("movies").version).steps))
    first = screen.story["list"][0]
    screen.do("open", first, key="story")
    assert "Number 1 of" in screen.words and "Number 1 of the varied list" in screen.words
    assert "Through the whole funnel" not in [b.label for b in screen.at.button]
    screen.click("Like")
    assert screen.view.story == (*ready, f"like:{first}") and screen.view.profile.likes == ("item-5",)
    assert first not in screen.story["list"] and "Liked" in [b.label for b in screen.at.button]
    assert "you have already said" in screen.words
    screen.click("Liked")
    assert screen.view.story == ready
    near = screen.shelves["related"]["shelves"][0]["list"][0]
    screen.do("dislike", near, key="related")
    assert screen.view.story[-1] == f"dislike:{near}" and screen.view.profile.dislikes == ()
    screen.click("Show on the map")
    assert screen.view.profile.dislikes[-1] == near and _path_on(screen) is not None


def test_a_story_that_cannot_be_read_is_told_and_the_rest_is_kept(app):
    screen = app().open("cold_start", {"catalog": "movies", "story": ["like:no-such", "like:222", "<script>"]})
    assert not screen.at.exception and "no-such" in screen.words.replace("\\", "")
    assert "222" not in screen.story["list"]
    known = app().open("cold_start", {"catalog": "clipart", "user": "7"})
    assert not known.at.exception


def test_a_new_item_lands_and_an_empty_one_says_what_it_needs(app):
    screen = app().open("cold_start", {"catalog": "movies", "part": "item"})
    assert not screen.at.exception and len(screen.shelves["neighbours"]["shelves"][0]["list"]) == 10
    assert "would find it among their first 10" in screen.words
    for title in ("<script>alert(1)</script>", "x" * 10_000, "![](http://x) **b**"):
        screen.at.text_input(key=next(w.key for w in screen.at.text_input if w.label == "Title")).set_value(title).run()
        assert not screen.at.exception and screen.shelves["neighbours"]["shelves"][0]["list"]
    before = resources.funnel("movies").version.catalog.items.copy()
    for label in ("Title", "Description", "Tags"):
        screen.at.text_input(key=next(w.key for w in screen.at.text_input if w.label == label)).set_value("").run()
    assert "Give it a title" in screen.words
    assert resources.funnel("movies").version.catalog.items.equals(before)


COMMANDS = {
    "ready story": {},
    "nobody's": {"story": ""},
    "own story": {
        "catalog": "clipart",
        "story": ["like:item-8", "wish:cosy winter evening"],
        "off": "like",
        "blend": "0.9",
        "lam": "0.4",
        "k": "5",
    },
    "user's": {"user": "user-1", "space": "text"},
    "ready item": {"part": "item"},
    "own item": {"part": "item", "draft": ["", "A hat", "-soft"]},
    "emptied item": {"part": "item", "draft": [" ", "", ""]},
    "ready wish": {"part": "domain", "like": "222", "space": "text", "k": "7"},
    "own wish": {"catalog": "clipart", "part": "domain", "wish": "--tea", "lam": "0.3", "where": "year>=1960"},
    "population": {"part": "population"},
}


@pytest.mark.parametrize("query", COMMANDS.values(), ids=COMMANDS)
def test_each_command_of_cold_start_prints_what_the_page_shows(app, shops, monkeypatch, capfd, query):
    screen = app().open("cold_start", {"catalog": "movies", **query})
    monkeypatch.setenv("TASTESPACE_DATA", str(shops))
    capfd.readouterr()
    words = shlex.split(to_command(screen.view, "cold_start"))
    code = main([*words[3:], *([] if "--json" in words else ["--json"])])
    out, err = capfd.readouterr()
    if query.get("draft") == [" ", "", ""]:
        assert code == 2 and "Give it a title" in err and "Give it a title" in screen.words
        return
    assert code == 0, err
    document = json.loads(out)
    if query.get("part") == "population":
        shown = document["curve"] == population.population(resources.funnel("movies").version)["curve"]
        assert shown and document["simulated"]
        return
    listed = document["frames"][-1]["items"] if "frames" in document else document["items"]
    key = f"domain-{screen.view.catalog}" if query.get("part") == "domain" else "story"
    cards = screen.shelves["neighbours" if query.get("part") == "item" else key]
    assert [one["item_id"] for one in listed] == cards["shelves"][0]["list"]
    if "space" not in query:  # the very scores, too
        scores = [cards["cards"][one["item_id"]]["score"] for one in listed]
        said = [one["relevance"] if "relevance" in one else one["score"] for one in listed]
        assert said == pytest.approx(scores, abs=1e-4)


def test_no_story_is_told_in_a_learned_space():
    assert "--space" not in to_command(View("movies", space="mf"), "cold_start")
    assert "--space text" in to_command(View("movies", space="text"), "cold_start")


def test_one_wish_in_both_shops(app):
    screen = app().open("cold_start", {"catalog": "movies", "part": "domain"})
    for name in ("clipart", "movies"):
        (shown,) = screen.shelves[f"domain-{name}"]["shelves"]
        assert shown["list"] == expected(name, Request(Profile(wish="cosy winter evening")))[1]


def test_the_population_says_that_it_is_simulated(app):
    screen = app().open("cold_start", {"catalog": "clipart", "part": "population"})
    assert not screen.at.exception and "Simulated" in "".join(i.value for i in screen.at.info)
    first, one, *_, last = population.population(resources.funnel("clipart").version)["curve"]
    worth = f"{first['content']:.0%} of the best one; after 1 like {one['content']:.0%}, after {last['m']} likes "
    assert f"{worth}{last['content']:.0%}." in screen.words


def test_diversity_opens_on_an_example_and_shows_each_methods_lists(app):
    screen = app().open("diversity", {"catalog": "movies", "lam": "0.4", "method": ["mmr", "dpp", "cap"]})
    profile = diversity.READY["movies"]
    assert screen.view.profile == profile and not screen.at.exception
    funnel = resources.funnel("movies")
    answer = funnel.recommend(Request(profile, lam=0.4))
    ids = [str(i) for i in funnel.version.item_ids[answer.candidates]]
    plain, *methods = screen.shelves["methods"]["shelves"]
    assert plain["list"] == ids[:10]
    for one in methods:
        lists = diversity.settings(funnel, answer, (one["key"],))[one["key"]].sweep.picks
        assert [[one["pool"][row] for row in stop] for stop in one["stops"]] == [
            [ids[p] for p in stop] for stop in lists
        ]
        assert len(one["notes"]) == 101 and one["stops"][-1] == [one["pool"].index(i) for i in plain["list"]]
    assert [one["slider"] for one in methods] == [True, False, False]


def test_for_the_public_the_whole_shop_is_computed_once(app, monkeypatch):
    monkeypatch.setattr(resources, "SETTINGS", replace(resources.SETTINGS, public=True))
    asked, real = [], diversity.shop

    def shop(funnel, methods, lams, **request):
        asked.append((methods, lams, request))
        return real(funnel, methods, lams, **request)

    monkeypatch.setattr(diversity, "shop", shop)
    lessons._shop.clear()
    for query in ({"k": "7"}, {"blend": "0.31", "method": ["cap"], "lam": "0.83"}):
        screen = app()
        screen.at.session_state["shop"] = True
        screen.open("diversity", {"catalog": "movies", **query})
        assert "this is computed once, for the usual settings" in screen.words and not screen.at.error
    assert asked == [(("mmr", "dpp"), diversity.SHOP_LAMS, {"space": None, "blend": 0.5, "k": 10})]
    lessons._shop.clear()


def test_diversity_keeps_one_method_and_steps_through_its_choice(app):
    screen = app().open("diversity", {"catalog": "movies", "method": ["dpp"]})
    assert screen.view.methods == ("dpp",) and "Watch DPP choose" in screen.words
    screen.at.slider(key="step-0").set_value(4).run()
    assert screen.view.step == 4 and not screen.at.exception
    bad = app().open("diversity", {"catalog": "movies", "method": ["magic"]})
    assert bad.view.methods == ("mmr", "dpp") and "method of diversity" in bad.words
