"""The Funnel page in a real browser: the drawn funnel, on a desk and on a phone, and what a click on it does."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import order, settle, wait_until_painted  # noqa: E402

expect = playwright.expect
STAGES = ("user", "retrieve", "filter", "rank", "diversify")


def _open(visitor, query=None, **size):
    one = visitor(**size)
    one.open("funnel", {"catalog": ["movies"], **(query or {})})
    expect(one.page.locator(".stages .stage")).to_have_count(len(STAGES) + 1, timeout=30_000)
    wait_until_painted(one.page, shelf="shown")
    settle(one.page, "shown")
    return one


def _stage(one, key: str):
    return one.page.locator(f'.stages [data-stage="{key}"]')


@pytest.mark.parametrize(("width", "height"), [(1400, 1000), (390, 844)])
def test_the_funnel_is_drawn_and_fits(visitor, movies, width, height):
    one = _open(visitor, width=width, height=height)
    items = len(movies.version.item_ids)
    expect(_stage(one, "retrieve").locator(".numbers")).to_have_text(re.compile(f"^{items:,} → "))
    boxes = [_stage(one, key).locator(".shape").bounding_box() for key in STAGES]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert all(above["y"] < below["y"] for above, below in zip(boxes, boxes[1:], strict=False))
    widths = one.page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return [m.scrollWidth, m.clientWidth]; }"
    )
    assert widths[0] <= widths[1]
    # What leaves the last stage is what is shown.
    expect(_stage(one, "diversify").locator(".numbers")).to_have_text(re.compile("→ 10$"))
    assert len(order(one.page, "shown")) == 10


def test_a_click_on_a_stage_says_who_left_and_a_card_opens(visitor, movies):
    one = _open(visitor)
    _stage(one, "rank").locator(".shape").click()
    one.reads("Who left at Rank, and why")
    wait_until_painted(one.page, shelf="left")
    one.becomes("stage", ["rank"])
    left = order(one.page, "left")
    assert left and not set(left) & set(order(one.page, "shown"))
    one.card(left[0], "left").locator("button.open").click()
    one.reads(re.compile("go on, and it is number"))


def test_a_size_is_dragged_by_keys_and_a_switch_and_a_budget_are_set(visitor, movies):
    one = _open(visitor)
    slider = _stage(one, "rank").locator(".slider")
    slider.focus()
    one.page.keyboard.press("ArrowRight")
    expect(_stage(one, "rank").locator(".numbers")).to_have_text(re.compile("→ 30$"))  # before Python has answered
    one.becomes("sizes", ["1000,200,30"])
    expect(_stage(one, "diversify").locator(".numbers")).to_have_text(re.compile("^30 →"))
    _stage(one, "filter").get_by_role("switch").click()
    one.becomes("without", ["filter"])
    budget = _stage(one, "retrieve").locator(".budget")
    budget.fill("45")
    budget.press("Enter")
    one.becomes("budget", ["retrieve:45"])
    budget.fill("-3")
    budget.press("Enter")
    expect(budget).to_have_value("45")  # what is no budget is taken back
    one.button("Undo").click()
    one.page.wait_for_function("() => !new URL(location).searchParams.has('budget')")
    expect(budget).to_have_value("30")


def test_why_it_was_not_shown_and_what_brings_it_in(visitor, movies):
    one = visitor().open("funnel", {"catalog": ["movies"], "part": ["why"]})
    one.page.get_by_placeholder("Search by title or id, then Enter").fill("star trek")
    one.page.keyboard.press("Enter")
    one.page.get_by_text(re.compile("^Star Trek: First Contact")).click()
    one.reads(re.compile("stopped it"))
    one.becomes("asked", ["222"])
