"""One Chromium and one running app for all tests that drive them."""

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import (  # noqa: E402
    NEAREST,
    App,
    chromium,
    link,
    order,
    running_app,
    settle,
    shelves_of,
    wait_until_painted,
)
from recsys.funnel import Funnel  # noqa: E402
from recsys.settings import Settings  # noqa: E402
from recsys.store import open_store  # noqa: E402
from recsys.version import built_names, open_current  # noqa: E402
from recsys.wishes import Wishes  # noqa: E402

# Streamlit looks for its own server below the page's address first, and gets an honest 404.
OWN_PROBES = ("/_stcore/health", "/_stcore/host-config")


@pytest.fixture(scope="session")
def chrome():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def common(chrome):
    """A browser profile that most visitors share, so that Streamlit's own files are read once."""
    return chrome.new_context()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.from_env()


@pytest.fixture(scope="session")
def app(settings) -> App:
    """The app on the built catalogs."""
    if "movies" not in built_names(settings):
        pytest.skip("the catalog movies is not built: python -m recsys build")
    with running_app(settings) as app:
        yield app


@pytest.fixture(scope="session")
def movies(settings) -> Funnel:
    """The funnel of the movies, in this process."""
    version = open_current(settings, "movies")
    return Funnel(version, open_store(settings, version.shard, version.collection), Wishes(version))


@pytest.fixture
def clipart(settings) -> str:
    if "clipart" not in built_names(settings):
        pytest.skip("the catalog clipart is not built: python -m recsys build")
    return "clipart"


class Visitor:
    """Somebody with a browser."""

    def __init__(self, app: App, page: "playwright.Page") -> None:
        self.app, self.page = app, page

    def open(self, page: str = "recommend", query: Mapping[str, Sequence[str]] | None = None) -> "Visitor":
        """Opens a page by its address and waits until it is painted."""
        self.page.goto(link(self.app, page, query or {}))
        return self.wait(page)

    def wait(self, page: str = "recommend") -> "Visitor":
        """Waits until the page is painted."""
        if page == "recommend":
            wait_until_painted(self.page)
            settle(self.page)
        else:
            idle = '[data-testid="stApp"][data-test-script-state="notRunning"]'
            self.page.locator(idle).wait_for(timeout=30_000)
        return self

    def after(self, act: Callable[[], None]) -> "Visitor":
        """Does something that changes the lists, and waits until the new ones are painted."""
        before = self.page.locator(shelves_of(NEAREST)).get_attribute("data-painted-seq")
        act()
        playwright.expect(self.page.locator(shelves_of(NEAREST))).not_to_have_attribute(
            "data-painted-seq", before, timeout=30_000
        )
        settle(self.page)
        return self

    def becomes(self, name: str, values: Sequence[str]) -> None:
        """Waits until the address has these values: it is written when the script ends, after the page is painted."""
        for _ in range(300):
            if self.query.get(name) == list(values):
                return
            self.page.wait_for_timeout(100)
        assert self.query.get(name) == list(values)

    @property
    def lists(self) -> tuple[list[str], list[str]]:
        """The nearest and the varied list."""
        return order(self.page, "nearest"), order(self.page, "varied")

    @property
    def query(self) -> dict[str, list[str]]:
        """The values in the address."""
        return parse_qs(urlsplit(self.page.url).query)

    def card(self, item: str, shelf: str = "nearest") -> "playwright.Locator":
        """A card on a shelf."""
        return self.page.locator(f"[data-shelf={shelf}] .card[data-id={json.dumps(item)}]")

    def like(self, item: str, shelf: str = "nearest") -> "Visitor":
        """Likes a card's item and waits for the new lists."""
        return self.after(self.card(item, shelf).locator("button.like").click)

    def button(self, name: str) -> "playwright.Locator":
        """A button by its words."""
        return self.page.get_by_role("button", name=name, exact=True)

    def reads(self, text, timeout: float = 15_000) -> None:
        """Waits until the page says something."""
        playwright.expect(self.page.get_by_text(text).first).to_be_visible(timeout=timeout)


@pytest.fixture
def visitor(chrome, common, app):
    """Lets visitors in, each in a tab or, `apart`, in a browser profile of their own.

    No page may raise an error, open a dialog of the browser, or ask any other server for anything, and the server may
    not stumble.
    """
    yield from visitors(chrome, common, app)


def visitors(chrome, common, app: App):
    used, problems, said = [], [], len(app.log.read_text())

    def enter(width: int = 1400, height: int = 1000, apart: bool = False) -> Visitor:
        # A tab is a session of its own; a context apart shares no cookie, storage or cache with the others either.
        context = chrome.new_context() if apart else common
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        used.append(context if apart else page)

        def on_console(message) -> None:
            own = any(probe in message.location.get("url", "") for probe in OWN_PROBES)
            if message.type == "error" and not own:
                problems.append(f"console: {message.text} {message.location.get('url', '')}")

        def on_request(request) -> None:
            if not request.url.startswith((app.url, app.url.replace("http", "ws"), "data:", "blob:")):
                problems.append(f"asked elsewhere: {request.url}")

        def on_dialog(dialog) -> None:
            problems.append(f"a dialog: {dialog.message}")
            dialog.dismiss()

        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", on_console)
        page.on("request", on_request)
        page.on("dialog", on_dialog)
        return Visitor(app, page)

    yield enter
    for one in used:
        one.close()
    assert problems == []
    assert "Traceback" not in app.log.read_text()[said:], app.log.read_text()[said:]
