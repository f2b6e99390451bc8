"""Bringing a catalog through the page: from files to a steered list, cancelling, and deleting."""

import pytest

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import order, running_app, settle  # noqa: E402
from tests.bringing import bring, own_data, shop_files  # noqa: E402

expect = playwright.expect
FEW = 60


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
    liked, steered = page.url.partition("like=")[2].partition("&")[0], order(page, "nearest")
    assert len(steered) == 10 and set(steered) < {f"t{i}" for i in range(FEW)} - {liked} and liked
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
    page.get_by_role("button", name="Back to the form").click()  # what was brought is still there
    page.get_by_role("button", name=f"Import {FEW} items").wait_for()
    page.get_by_role("button", name="Take away").click()
    page.get_by_text("What a table may tell").wait_for()
    assert left_behind(own) == set()
    page.close()


def test_two_visitors_import_and_one_of_them_cancels(shop, chrome):
    own, app, (table, _) = shop
    visitors = []
    for name in ("mine", "yours"):
        page = chrome.new_context().new_page()
        page.goto(f"{app.url}/catalogs?part=add")
        page.locator("[class*=st-key-upload-items] input[type=file]").set_input_files(table)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Name", exact=True).press("Enter")
        page.get_by_label("Title", exact=True).first.fill(name.capitalize())
        page.get_by_label("Title", exact=True).first.press("Enter")
        page.get_by_role("button", name="Check everything").click()
        page.get_by_role("button", name=f"Import {FEW} items").click()
        page.locator(f".st-key-work-{name}").get_by_role("button", name="Cancel").wait_for()
        visitors.append(page)
    mine, yours = visitors
    yours.locator(".st-key-work-yours").get_by_role("button", name="Cancel").click()
    yours.get_by_text("Yours: cancelled. Nothing of it is left").wait_for(timeout=60_000)
    mine.get_by_role("button", name="Recommend from Mine").wait_for(timeout=300_000)
    assert (own.catalogs / "mine" / "current").exists() and not (own.catalogs / "yours").exists()
    assert {path.name for path in own.imports.iterdir()} == {"mine"}
    yours.locator(".st-key-work-yours").get_by_role("button", name="Close").click()
    mine.goto(f"{app.url}/catalogs?part=here&catalog=mine")
    mine.get_by_role("button", name="Delete").click()
    mine.get_by_role("button", name="Delete for good").click()
    expect(mine.get_by_text("Open Mine")).to_have_count(0, timeout=15_000)
    assert left_behind(own) == set()
    for page in visitors:
        page.context.close()


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
