"""The whole app in a real browser, on the built catalogs."""

import re

import numpy as np
import pytest
from conftest import visitors
from playwright.sync_api import expect

from recsys.bench.app import FILTERS, Visit, _changes, expected
from recsys.bench.browser import running_app
from recsys.funnel import Request
from recsys.personas import PERSONAS
from recsys.profile import Profile
from recsys.ui.state import LAG_S
from recsys.ui.tour import tour, tries
from recsys.version import open_current
from recsys.where import Where

pytestmark = pytest.mark.browser

TREK = {"catalog": ["movies"], "like": ["222"]}
PAGES = ("recommend", "map", "cold_start", "diversity", "models", "retrieval", "funnel")


def test_every_ready_made_item_exists(settings, clipart):
    for catalog in (clipart, "movies"):
        version = open_current(settings, catalog)
        offered = [*tour((clipart, "movies")), *(t for page in PAGES for t in tries(page, catalog))]
        profiles = [p.profile for p in PERSONAS if p.catalog == catalog]
        profiles += [one.view.profile for one in offered if one.view.catalog == catalog]
        assert [item for profile in profiles for item in profile.rated if item not in version] == []
        asked = [one.view.pipeline.asked for one in offered if one.view.catalog == catalog]
        assert [item for item in asked if item is not None and item not in version] == []
        assert [p.wish for p in profiles if p.wish and version.known_wish(p.wish) is None] == []


def test_the_first_visitor_of_a_server_may_open_any_page(chrome, common, settings, app):
    # Until `app.py` has run once, Streamlit itself takes the folder `pages` for the whole app.
    for page in ("recommend", "map"):
        with running_app(settings) as fresh:
            entering = visitors(chrome, common, fresh)
            first = next(entering)().open(page, TREK)
            first.reads("Star Trek: First Contact")
            expect(first.page.get_by_role("link", name="Home")).to_be_visible()
            next(entering, None)


def test_python_and_the_browser_show_the_same(visitor, movies):
    one = visitor().open(query=TREK)
    assert one.lists == expected(movies, Request(Profile(likes=("222",))))
    one.like(one.lists[1][3], "varied").like(one.lists[0][0])
    likes = tuple(one.query["like"])
    assert len(likes) == 3 and one.lists == expected(movies, Request(Profile(likes=likes)))


def test_a_link_shows_the_same_to_somebody_else(visitor, clipart):
    state = {
        "catalog": [clipart],
        "like": ["loaf-of-bread", "pumpkin-pie"],
        "dislike": ["flag-of-brazil"],
        "wish": ["cosy winter evening"],
        "category": ["food"],
        "where": ["in_stock=yes", "category=food,animals"],
        "space": ["blend"],
        "blend": ["0.3"],
        "lam": ["0.45"],
        "k": ["8"],
        "colour": ["year"],
        "dims": ["3"],
        "item": ["teapot"],
    }
    one = visitor().open(query=state)
    other = visitor(apart=True)
    other.page.goto(one.page.url)
    other.wait()
    assert one.query == other.query == state
    assert one.lists == other.lists and len(one.lists[0]) == 8
    for each in (one, other):
        expect(each.page.get_by_role("dialog")).to_contain_text("eapot")
        each.page.keyboard.press("Escape")
        expect(each.page.get_by_role("dialog")).to_have_count(0)
        expect(each.page.get_by_role("textbox", name="What do you wish for?")).to_have_value("cosy winter evening")
        expect(each.page.locator("[data-shelf=varied]")).to_have_attribute("data-lam", "0.45")
        for words in ("Liked (2)", "Disliked (1)", "In stock: yes", "Category: food or animals"):
            each.reads(words)


def test_the_shared_link_and_command_are_those_of_the_view(visitor):
    one = visitor().open(query=TREK)
    one.like(one.lists[0][1])
    one.button("Share").click()
    one.reads("This link shows the same")
    blocks = one.page.locator('[data-testid="stCode"] pre')
    expect(blocks).to_have_count(2)
    link, command = (text.strip() for text in blocks.all_inner_texts())
    other = visitor()
    other.page.goto(link)
    assert other.wait().lists == one.lists
    assert command.split()[:5] == ["python", "-m", "recsys", "recommend", "--catalog"]
    assert [f"--like {item}" in command for item in one.query["like"]] == [True, True]


def test_the_map_of_a_link(visitor):
    one = visitor().open("map", TREK | {"space": ["text"], "colour": ["year"], "dims": ["3"]})
    expect(one.page.locator(".js-plotly-plot")).to_be_visible(timeout=30_000)
    kinds = one.page.locator(".js-plotly-plot").evaluate("p => p._fullData.map(t => t.type)")
    assert set(kinds) == {"scatter3d"}
    expect(one.page.get_by_role("switch", name="In three dimensions")).to_be_checked()


def test_back_goes_to_the_view_before(visitor):
    one = visitor().open(query=TREK)
    before = one.lists
    one.like(before[0][0])
    assert len(one.query["like"]) == 2
    one.page.wait_for_timeout(1000 * LAG_S)  # nobody goes back sooner
    one.after(one.page.go_back)
    one.becomes("like", ["222"])
    assert one.lists == before


def test_a_like_changes_the_lists_and_undo_restores_them(visitor):
    one = visitor().open(query=TREK)
    before, item = one.lists, one.lists[0][2]
    one.like(item)
    assert item not in one.lists[0] and one.lists != before
    one.reads(re.compile("You liked .*nearest (is|are) new"))
    one.after(one.button("Undo").click)
    assert one.lists == before and one.query["like"] == ["222"]


def test_quick_likes_all_stay(visitor):
    one = visitor().open(query={"catalog": ["movies"]})
    items = one.lists[0][:3]
    # A second like is on its way before the browser has heard of the first one: what its other widgets say is old.
    one.page.locator("[data-shelf=nearest]").evaluate(
        """async (shelf, ids) => { for (const id of ids) {
            shelf.querySelector(`.card[data-id="${id}"] button.like`).click();
            await new Promise((then) => setTimeout(then, 60)); } }""",
        items,
    )
    one.reads("Liked (3)")
    one.page.wait_for_timeout(500)
    one.wait()
    one.becomes("like", items)
    one.after(one.page.locator("[class*=st-key-rated-Liked]").get_by_role("button").filter(has_text="♥").first.click)
    one.becomes("like", items[1:])


def test_two_visitors_steering_at_once_do_not_mix(visitor, movies):
    one, two = visitor().open(query=TREK), visitor(apart=True).open(query={"catalog": ["movies"], "like": ["95"]})
    likes = {one: ["222"], two: ["95"]}
    for number in range(4):
        for each in (one, two):
            item = each.lists[0][number]
            likes[each].append(item)
            each.card(item).locator("button.like").click()
    for each in (one, two):
        each.reads("Liked (5)")
        each.wait()
        each.becomes("like", likes[each])
        assert each.lists == expected(movies, Request(Profile(likes=tuple(likes[each]))))


def test_conditions_are_kept_and_can_be_relaxed(visitor, movies):
    one = visitor().open(query=TREK)
    one.after(one.page.get_by_text("Conditions", exact=True).first.click).wait("the conditions")
    visit = Visit(one.page, one.app, movies)
    changes = _changes(visit)
    for _ in range(min(5, FILTERS)):
        _, act, where = next(changes)
        one.after(act)
        assert one.lists == expected(movies, Request(Profile(likes=("222",)), where=where))
    few = visitor().open(query=TREK | {"where": ["year>=1990", "genres=Western"], "k": ["20"]})
    where = Where.parse(["year>=1990", "genres=Western"], movies.version.catalog)
    assert few.lists[0] == expected(movies, Request(Profile(likes=("222",)), where=where, k=20))[0]
    assert 0 < len(few.lists[0]) < 20
    few.after(few.page.locator(".message").get_by_role("button", name="year>=1990").click)
    few.becomes("where", ["genres=Western"])
    assert len(few.lists[0]) > 0


def test_a_range_and_a_searched_value_become_conditions(visitor, movies):
    one = visitor().open(query=TREK)
    one.after(one.page.get_by_text("Conditions", exact=True).first.click)
    least = one.page.get_by_label("Year, at least")
    least.focus()
    one.after(lambda: least.press("End"))
    (newest,) = one.query["where"]
    assert newest.startswith("year>=199")
    block = one.page.locator("[data-facet=genres]")
    block.get_by_role("button", name="more").click()
    block.get_by_role("searchbox").fill("west")
    expect(block.locator(".row")).to_have_count(1)
    one.after(block.get_by_role("checkbox").check)
    one.becomes("where", [newest, "genres=Western"])
    one.after(lambda: least.press("Home"))
    one.becomes("where", ["genres=Western"])
    where = Where.parse(["genres=Western"], movies.version.catalog)
    assert one.lists == expected(movies, Request(Profile(likes=("222",)), where=where))


def test_everything_can_be_done_by_keyboard(visitor):
    one = visitor().open(query=TREK)
    first, second = one.lists[0][:2]
    for _ in range(60):
        one.page.keyboard.press("Tab")
        if one.card(first).locator("button.open:focus").count():
            break
    one.page.keyboard.press("ArrowRight")
    expect(one.card(second).locator("button.open")).to_be_focused()
    one.after(lambda: one.page.keyboard.press("l"))
    one.becomes("like", ["222", second])
    one.page.keyboard.press("Enter")
    expect(one.page.get_by_role("dialog")).to_be_visible()
    one.page.keyboard.press("Escape")
    expect(one.page.get_by_role("dialog")).to_have_count(0)
    expect(one.page).not_to_have_url(re.compile("item="))  # the page follows the closed panel a moment later
    slider = one.page.locator("[data-shelf=varied] input[type=range]")
    slider.focus()
    one.after(lambda: one.page.keyboard.press("Home"))
    assert one.query["lam"] == ["1"] and one.lists[0] == one.lists[1]


def test_items_of_one_name_are_told_apart(visitor, movies):
    titles = movies.version.catalog.items["title"]
    twins = list(titles[titles == titles[titles.duplicated()].iloc[0]].index[:2])
    one = visitor().open(query={"catalog": ["movies"], "like": twins})
    one.like(one.lists[0][0]).like(one.lists[0][0])
    assert len(one.query["like"]) == 4 and one.query["like"][:2] == twins


def test_the_panel_shows_likes_and_leads_on(visitor):
    one = visitor().open(query=TREK)
    one.card(one.lists[0][0]).locator("button.open").click()
    dialog = one.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Number 1 of")
    related = dialog.locator("[data-shelf=related] .card:not([data-id='222'])").nth(1)  # that one is liked already
    title = related.locator(".title").inner_text()
    item = related.get_attribute("data-id")
    related.locator("button.open").click()
    expect(dialog.get_by_text(title).first).to_be_visible()
    expect(one.page).to_have_url(re.compile(f"item={item}$"))
    one.after(dialog.get_by_role("button", name="Like", exact=True).click)
    expect(dialog).to_contain_text("already said what you think")
    one.becomes("like", ["222", item])
    assert item not in one.lists[0]
    dialog.get_by_role("button", name="Show on the map").click()
    expect(one.page).to_have_url(re.compile("/map"))


def test_a_wish_in_words_is_answered(visitor):
    one = visitor().open(query={"catalog": ["movies"]})
    field = one.page.get_by_role("textbox", name="What do you wish for?")
    field.fill("a dog who finds its way home")
    one.after(lambda: field.press("Enter"))
    assert one.query["wish"] == ["a dog who finds its way home"]
    one.after(lambda: (field.fill(""), field.press("Enter")))
    assert "wish" not in one.query


PLOT = ".js-plotly-plot"
PIXELS = """(plot, points) => { const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
    return points.map(([x, y]) => [box.x + xaxis._offset + xaxis.l2p(x), box.y + yaxis._offset + yaxis.l2p(y)]); }"""


def pixels(one, coords: np.ndarray) -> np.ndarray:
    """Where the items are on the screen: (n, 2), in the window's pixels."""
    return np.array(one.page.locator(PLOT).evaluate(PIXELS, coords.astype(float).tolist()))


@pytest.fixture
def on_the_map(visitor, movies):
    one = visitor(height=1300).open("map", TREK)
    expect(one.page.locator(PLOT)).to_be_visible(timeout=30_000)
    one.page.locator(f"{PLOT} .modebar").wait_for(state="attached")
    one.page.wait_for_timeout(1500)
    coords = np.array(one.page.locator(PLOT).evaluate(POINTS))
    return one, coords


# The items' positions as the plot has them, in the order of its traces; overlays repeat some, so those come first.
POINTS = """(plot) => plot._fullData.filter((t) => t.customdata).flatMap((t) =>
    Array.from(t.x, (x, i) => [x, t.y[i]]))"""
IDS = """(plot) => plot._fullData.filter((t) => t.customdata).flatMap((t) => Array.from(t.customdata, (c) => c[0]))"""


def test_a_click_on_a_dot_brings_its_item(on_the_map, movies):
    one, coords = on_the_map
    ids = one.page.locator(PLOT).evaluate(IDS)
    at = pixels(one, coords)
    apart = np.sort(np.linalg.norm(at[:, None] - at[None], axis=2), axis=1)[:, 1]
    loneliest = int(apart.argmax())
    one.page.mouse.move(*at[loneliest])
    one.page.wait_for_timeout(300)
    one.page.mouse.click(*at[loneliest])
    title = movies.version.catalog.items.at[ids[loneliest], "title"]
    expect(one.page.get_by_text(title).first).to_be_visible(timeout=15_000)


def test_a_lasso_brings_cards_and_a_table(on_the_map, movies):
    one, coords = on_the_map
    one.page.locator('.modebar-btn[data-title="Lasso Select"]').click()
    at = pixels(one, coords)
    middle = np.median(at, axis=0)
    corners = middle + np.array([[-60, -60], [60, -60], [60, 60], [-60, 60]])
    one.page.mouse.move(*corners[0])
    one.page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        one.page.mouse.move(*corner, steps=8)
    one.page.mouse.up()
    away, ids = np.abs(at - middle).max(axis=1), np.array(one.page.locator(PLOT).evaluate(IDS))
    inside, on_the_rope = set(ids[away < 60]), set(ids[np.abs(away - 60) < 4])
    one.reads(re.compile(r"[\d,]+ selected"))
    one.wait("map")  # a button that the running script draws anew takes no click
    with one.page.expect_download() as download:
        one.page.get_by_role("button", name="Download as CSV").click()
    lines = download.value.path().read_text().splitlines()
    table = {line.split(",")[0] for line in lines[1:]}
    assert lines[0].startswith("item_id,title")
    assert len(inside) > 20
    assert inside ^ table <= on_the_rope
    one.reads(f"{len(table):,} selected")
    expect(one.page.locator("[data-shelf=selected] .card").first).to_be_visible()
