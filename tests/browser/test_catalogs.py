"""Bringing a catalog through the page: from files to a steered list, cancelling, and deleting."""

import json

import pytest

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import NEAREST, order, running_app, settle, shelves_of  # noqa: E402
from tests.bringing import bring, own_data, shop_files  # noqa: E402

expect = playwright.expect
FEW = 24


@pytest.fixture(scope="module")
def shop(settings, clipart_built, tmp_path_factory):
    """A running app with a data folder of its own, and the files of a small shop."""
    files = shop_files(tmp_path_factory.mktemp("shop"), FEW)
    with own_data(settings) as own, running_app(own) as app:
        yield own, app, files


@pytest.fixture(scope="module")
def clipart_built(settings):
    if not (settings.catalogs / "clipart" / "current").exists():
        pytest.skip("the catalog clipart is not built: python -m recsys build")


def left_behind(own) -> set[str]:
    """What lies in the data folder beside catalogs that serve and what a build remembers."""
    found = {p.relative_to(own.data).as_posix() for p in own.data.rglob("*") if "catalogs/clipart" not in str(p)}
    usual = ("steps.sqlite", "rates.json", "progress-", "logs", "catalogs/shop", "imports/shop", "measured")
    return {name for name in found if not name.startswith(usual)} - {"catalogs", "imports", "uploads", "models"}


def test_from_files_to_a_steered_list_and_away_again(shop, chrome):
    own, app, (table, pictures) = shop
    page = chrome.new_page(viewport={"width": 1400, "height": 1000})
    bring(page, app, table, pictures, FEW, 300)
    settle(page)
    first = order(page, "nearest")
    assert set(first) <= {f"t{i}" for i in range(FEW)}
    before = page.locator(shelves_of(NEAREST)).get_attribute("data-painted-seq")
    page.locator(f"[data-shelf=nearest] .card[data-id={json.dumps(first[0])}] button.like").click()
    expect(page.locator(shelves_of(NEAREST))).not_to_have_attribute("data-painted-seq", before, timeout=15_000)
    settle(page)
    assert len(order(page, "nearest")) == 10
    assert left_behind(own) == set()
    page.goto(f"{app.url}/catalogs?part=here&catalog=shop")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Open Shop")).to_have_count(0, timeout=15_000)
    assert not (own.catalogs / "shop").exists() and not (own.imports / "shop").exists()
    page.close()


def test_an_import_is_cancelled_and_leaves_nothing(shop, chrome):
    own, app, (table, _) = shop
    page = chrome.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{app.url}/catalogs?part=add")
    page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
    page.get_by_role("button", name="Check everything").click()
    page.get_by_role("button", name=f"Import {FEW} items").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("cancelled. Nothing of it is left").wait_for(timeout=60_000)
    assert not (own.catalogs / "shop").exists() and not (own.imports / "shop").exists()
    assert left_behind(own) == set()
    page.close()


def test_a_browser_that_closes_lets_its_import_go_on(shop, chrome):
    own, app, (table, _) = shop
    page = chrome.new_page()
    page.goto(f"{app.url}/catalogs?part=add")
    page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
    page.get_by_role("button", name="Check everything").click()
    page.get_by_role("button", name=f"Import {FEW} items").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.close()
    other = chrome.new_page()
    other.goto(f"{app.url}/catalogs")
    other.get_by_role("button", name="Recommend from Shop").wait_for(timeout=300_000)
    assert left_behind(own) == set()
    other.close()


def start_import(page, app, table, name: str) -> None:
    page.goto(f"{app.url}/catalogs?part=add")
    page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
    field = page.get_by_role("textbox", name="Name")
    field.fill(name)
    field.press("Enter")
    page.get_by_role("button", name="Check everything").click()
    page.get_by_role("button", name=f"Import {FEW} items").click()
    page.locator(f".st-key-cancel-{name}").wait_for()


def test_two_visitors_import_at_once_and_one_cancels(shop, chrome):
    own, app, (table, _) = shop
    one, other = chrome.new_context().new_page(), chrome.new_context().new_page()
    start_import(one, app, table, "shop-one")
    start_import(other, app, table, "shop-two")
    other.locator(".st-key-cancel-shop-two button").click()
    other.get_by_text("cancelled. Nothing of it is left").wait_for(timeout=60_000)
    one.locator(".st-key-go-shop-one button").wait_for(timeout=300_000)
    assert (own.catalogs / "shop-one" / "current").exists() and (own.imports / "shop-one" / "current").exists()
    assert not (own.catalogs / "shop-two").exists() and not (own.imports / "shop-two").exists()
    assert left_behind(own) == set()
    one.context.close()
    other.context.close()


def test_files_wait_while_a_visitor_looks_at_another_page(shop, chrome):
    _, app, (table, pictures) = shop
    page = chrome.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{app.url}/catalogs?part=add")
    page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
    page.get_by_text("So they will look").wait_for(timeout=60_000)
    page.locator("[class*=st-key-upload-images] input[type=file]").set_input_files(pictures)
    page.locator('.preview img[src^="data:image/webp"]').nth(5).wait_for(timeout=60_000)
    page.get_by_role("link", name="Map").first.click()
    page.get_by_role("heading", name="Map").wait_for(timeout=60_000)
    page.get_by_role("link", name="Catalogs").first.click()
    page.get_by_text("shop.zip").wait_for(timeout=60_000)
    page.locator('.preview img[src^="data:image/webp"]').nth(5).wait_for(timeout=60_000)
    page.locator(".st-key-drop-images button").click()
    expect(page.get_by_text("shop.zip")).to_have_count(0, timeout=15_000)
    expect(page.get_by_text("shop.csv")).to_be_visible()
    page.close()
