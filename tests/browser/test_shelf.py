"""The shelf in a real browser, on the harness app beside this file."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Page, expect  # noqa: E402
from shelf_harness import make_items, shelves  # noqa: E402

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
LIKES, DISLIKES = ["red-apple", "blue-star"], ["yellow-cup"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "tests/browser/shelf_harness.py"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    log = tmp_path_factory.mktemp("shelf") / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=out, stderr=out)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(20)


def wait_until_healthy(url: str) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("expected the harness app to start within 30 s")


@pytest.fixture(scope="module")
def browser(chrome):
    context = chrome.new_context()  # one context, so that the app's own files are fetched once
    yield context
    context.close()


@pytest.fixture
def visit(browser, url):
    """Opens the harness with a query and waits for its first paint; the page must never log an error."""
    pages, problems = [], []

    def go(query: str = "", width: int = 1400, height: int = 1000) -> Page:
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(f"{url}?{query}")
        page.locator(".shelves[data-painted-seq]").wait_for(timeout=30_000)
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()
    assert problems == []


def order(page: Page, key: str) -> list[str]:
    return json.loads(page.locator(f"[data-shelf={key}]").get_attribute("data-order"))


def move_slider(page: Page, value: int) -> None:
    """As a drag does: an input event without a change event."""
    page.locator(".slider").evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value)


def painted_again(page: Page, after: str) -> None:
    expect(page.locator(".shelves")).not_to_have_attribute("data-painted-seq", after, timeout=15_000)


def seq(page: Page) -> str:
    return page.locator(".shelves").get_attribute("data-painted-seq")


def expect_log(page: Page, words: str) -> None:
    expect(page.get_by_text(re.compile("^log:"))).to_have_text(f"log: {words}.", timeout=15_000)


def test_the_list_at_every_stop_is_pythons(visit):
    page = visit()
    nearest, varied = shelves(make_items(), LIKES, DISLIKES, 0.7, 60)["shelves"]
    assert order(page, "nearest") == nearest["list"]
    seen = page.evaluate(
        """() => { const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        const slider = root.querySelector('.slider'), shelf = root.querySelector('[data-shelf=varied]');
        return [...Array(101).keys()].map(v => { slider.value = v; slider.dispatchEvent(new Event('input'));
          return [shelf.dataset.lam, shelf.dataset.order]; }); }"""
    )
    for value, (lam, ids) in enumerate(seen):
        assert lam == f"{1 - value / 100:.2f}"
        assert json.loads(ids) == [varied["pool"][row] for row in varied["stops"][100 - value]]


def test_marks_say_what_moved_and_the_nearest_shelf_dims_what_left(visit):
    page = visit()
    move_slider(page, 40)
    nearest, varied = order(page, "nearest"), order(page, "varied")
    assert set(nearest) != set(varied)
    for place, item in enumerate(varied):
        up = nearest.index(item) - place if item in nearest else None
        mark = "new" if up is None else f"▲ {up}" if up > 0 else f"▼ {-up}" if up < 0 else ""
        expect(page.locator(f"[data-shelf=varied] [data-id={item}] .mark")).to_have_text(mark)
    dimmed = page.locator("[data-shelf=nearest] .card.left").evaluate_all("cards => cards.map(c => c.dataset.id)")
    assert set(dimmed) == set(nearest) - set(varied)


def test_cards_come_to_rest_side_by_side_and_in_reading_order(visit):
    page = visit()
    move_slider(page, 60)
    page.wait_for_timeout(800)
    cards = "[data-shelf=varied] .card:not(.gone)"
    places = page.locator(cards).evaluate_all("cards => cards.map(c => [c.dataset.id, c.getBoundingClientRect().x])")
    assert [item for item, _ in places] == order(page, "varied")
    steps = {round(b[1] - a[1]) for a, b in zip(places, places[1:], strict=False)}
    assert len(steps) == 1 and steps.pop() > 100


def test_python_hears_of_lambda_on_release_only(visit):
    page = visit()
    box = page.locator(".slider").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    for share in (0.4, 0.5, 0.6, 0.7):
        page.mouse.move(box["x"] + share * box["width"], y)
    page.wait_for_timeout(400)
    expect_log(page, "")
    lam = page.locator("[data-shelf=varied]").get_attribute("data-lam")
    page.mouse.up()
    expect_log(page, f"lam {float(lam):g}")


def test_new_data_do_not_fight_a_drag(visit):
    page = visit()
    box = page.locator(".slider").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], y)
    held, before = page.locator("[data-shelf=varied]").get_attribute("data-lam"), seq(page)
    assert held != "0.70"
    page.get_by_role("button", name="Again").evaluate("button => button.click()")
    painted_again(page, before)
    assert page.locator("[data-shelf=varied]").get_attribute("data-lam") == held
    page.mouse.up()


def test_keys_move_the_slider_and_report_once(visit):
    page = visit()
    page.locator(".slider").focus()
    for key in ("ArrowRight", "ArrowRight", "PageUp"):
        page.keyboard.press(key)
    expect(page.locator("[data-shelf=varied]")).to_have_attribute("data-lam", "0.58")
    expect_log(page, "lam 0.58")


def test_a_like_shows_at_once_and_then_changes_the_lists(visit):
    page = visit("slow=1.5")
    first, before = order(page, "nearest")[0], seq(page)
    button = page.locator(f"[data-shelf=nearest] [data-id={first}] .like")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=500)
    assert seq(page) == before
    painted_again(page, before)
    assert order(page, "nearest") == shelves(make_items(), [*LIKES, first], DISLIKES, 0.7, 60)["shelves"][0]["list"]
    expect_log(page, f"like {first}")


def test_quick_likes_are_all_heard_and_each_once(visit):
    page = visit("slow=0.3")
    three = order(page, "nearest")[:3]
    page.evaluate(
        """ids => { const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        for (const id of ids) root.querySelector(`[data-shelf=nearest] [data-id=${id}] .like`).click(); }""",
        three,
    )
    expect_log(page, "; ".join(f"like {item}" for item in three))


def test_a_card_opens_and_its_neighbours_are_an_arrow_key_away(visit):
    page = visit()
    ids = order(page, "nearest")
    page.locator(f"[data-shelf=nearest] [data-id={ids[0]}] .open").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect_log(page, f"open {ids[1]}")
    page.keyboard.press("l")
    expect_log(page, f"open {ids[1]}; like {ids[1]}")
    expect(page.locator(".open:focus")).to_have_count(1)


def test_a_lost_picture_is_asked_for_again(visit):
    lost = shelves(make_items(), LIKES, DISLIKES, 0.7, 60)["shelves"][0]["list"][2]
    page = visit(f"lose={lost}")
    expect(page.locator(f"[data-shelf=nearest] [data-id={lost}] .plate.ready")).to_have_count(1, timeout=15_000)
    expect_log(page, "")


def test_titles_are_text_never_markup(visit):
    page = visit("layout=grid")
    move_slider(page, 100)
    title = make_items()["orange-kite"]["title"]
    page.evaluate(
        """() => { const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
        const slider = root.querySelector('.slider');
        for (let v = 0; v <= 100; v++) { slider.value = v; slider.dispatchEvent(new Event('input')); } }"""
    )
    titles = page.locator(".card .title")
    assert title in titles.all_text_contents()
    assert page.locator(".title *, .subtitle *, .reason *").count() == 0


def test_too_few_items_name_the_condition_to_relax(visit):
    page = visit("keep=3")
    expect(page.locator(".message")).to_contain_text("Your conditions leave 3 of 60 items.")
    page.get_by_role("button", name="Drop “year ≥ 1990”").click()
    expect_log(page, "relax year>=1990")


def test_no_item_at_all_leaves_the_message_alone(visit):
    page = visit("keep=0")
    expect(page.locator(".message")).to_contain_text("No item satisfies all conditions.")
    expect(page.locator(".shelf:visible")).to_have_count(0)


@pytest.mark.parametrize("layout", ["row", "grid"])
def test_a_phone_scrolls_the_shelves_not_the_page(visit, layout):
    page = visit(f"layout={layout}&aspect=poster", width=390, height=844)
    inside = "[data-testid=stMain]"
    assert page.locator(inside).evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.locator("[data-shelf=nearest] .card").first.bounding_box()["width"] > 120


def test_rows_of_a_grid_do_not_overlap(visit):
    page = visit("layout=grid&aspect=poster")
    boxes = page.locator("[data-shelf=varied] .card:not(.gone)").evaluate_all(
        "cards => cards.map(c => { const b = c.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
    )
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a[0] >= b[2] - 7 or b[0] >= a[2] - 7 or a[1] >= b[3] - 7 or b[1] >= a[3] - 7
            assert apart


def test_nothing_is_loaded_from_elsewhere(browser, url):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.locator(".shelves[data-painted-seq]").wait_for(timeout=30_000)
    page.wait_for_timeout(500)
    page.close()
    elsewhere = [u for u in asked if not u.startswith((url, url.replace("http", "ws"), "data:", "blob:"))]
    assert asked and elsewhere == []
