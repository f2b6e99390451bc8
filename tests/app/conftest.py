"""The app without a browser: two small shops that the tours, personas and "Try this" buttons know their way in.

A shop's vectors are clusters of one axis a category, so that who is near whom can be told without computing it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from recsys import wishes
from recsys.catalog import Catalog, Facet
from recsys.lessons import diversity, story
from recsys.personas import PERSONAS, wishes_of
from recsys.settings import ROOT, Settings
from recsys.ui import controls, frame, panel, resources, warmup
from recsys.ui import shelf as shelf_module
from recsys.ui import stages as stages_module
from recsys.ui.cold_start import domain, item, user
from recsys.ui.facets import blocks
from recsys.ui.shelf import Event, items_shown
from recsys.ui.stages import Event as StageEvent
from recsys.ui.tour import tour, tries

PICTURE = bytes.fromhex(
    "524946463c000000574542505650382030000000d001009d012a0100010002003425a00274ba01f80003b000feef946bffea6de7fc9f9f98a0000000"
)
TWINS = ["item-8", "item-9"]


def ready(catalog: str) -> list[str]:
    """Every item that a persona, a step of the tour or a "Try this" button names."""
    pages = ("recommend", "map", "cold_start", "diversity", "models", "funnel")
    offered = [*tour(("clipart", "movies")), *(one for page in pages for one in tries(page, catalog))]
    profiles = [p.profile for p in PERSONAS if p.catalog == catalog]
    profiles += [one.view.profile for one in offered if one.view.catalog == catalog]
    profiles += [diversity.READY[catalog], *(story.profile_of([answer]) for answer in answers(catalog))]
    asked = [one.view.pipeline.asked for one in offered if one.view.catalog == catalog and one.view.pipeline.asked]
    return list(dict.fromkeys([*(item for profile in profiles for item in profile.rated), *asked]))


def answers(catalog: str) -> list[story.Step]:
    """The ready story's answers about items."""
    steps = (story.Step(*text.split(":", 1)) for text in story.READY[catalog])
    return [step for step in steps if step.kind in story.ABOUT_ITEMS]


def items_of(known: list[str], categories: list[str], n: int) -> pd.DataFrame:
    """`n` items, the known ids first; categories in turn, years from 1930 on, some facts missing."""
    ids = [*known, *(f"item-{i}" for i in range(n - len(known)))]
    return pd.DataFrame(
        {
            "title": ["Twin" if i in TWINS else f"Title of {i}" for i in ids],
            "description": "",
            "tags": [("tag",) if row % 3 else () for row in range(n)],
            "image": None,
            "category": [categories[row % len(categories)] for row in range(n)],
            "year": [np.nan if row % 10 == 9 else 1930.0 + 2 * row for row in range(n)],
            "in_stock": pd.array([None if row % 10 == 9 else row % 2 == 0 for row in range(n)], dtype="boolean"),
        },
        index=pd.Index(ids, name="item_id"),
    )


FACETS = (
    Facet("category", "Category", "category"),
    Facet("tags", "Tags", "tags"),
    Facet("year", "Year", "number"),
    Facet("in_stock", "In stock", "flag", simulated=True),
)


def clusters(n: int, groups: int, seed: int, dims: int = 8) -> np.ndarray:
    """(n, dims) float32, unit length: item i near axis i % groups."""
    vectors = 0.3 * np.random.default_rng(seed).normal(size=(n, dims))
    vectors[np.arange(n), np.arange(n) % groups] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def shops(tmp_path_factory, write_version) -> Path:
    """A data folder with both catalogs."""
    data = tmp_path_factory.mktemp("shops")
    pictures = Catalog(
        "clipart",
        "Clip art",
        "Forty drawings.",
        items_of(ready("clipart"), ["flags", "food", "home", "animals"], 40),
        FACETS,
        categories="category",
        licence="public domain",
    )
    text, image = clusters(40, 4, 0), clusters(40, 4, 1)
    films = Catalog(
        "movies",
        "Movies",
        "Thirty films.",
        items_of(ready("movies"), ["drama", "comedy", "action"], 30),
        FACETS,
        categories="category",
        licence="research only",
        citation="Somebody 2015",
        interactions=pd.DataFrame(
            [("196" if u == 11 else f"user-{u}", "222" if u % 2 else f"item-{u}", 4.0, 0) for u in range(12)]
            + [  # one of them rated more, over two days
                ("user-1", "item-4", 3.0, 60),
                ("user-1", "item-6", 5.0, 86_400),
                ("user-1", "item-10", 4.0, 86_400),
                ("user-1", "item-3", 1.0, 86_400),
            ],
            columns=["user_id", "item_id", "rating", "timestamp"],
        ),
    )
    for catalog, spaces in (
        (pictures, {"text": text, "image": image, "blend": np.hstack([text, image])}),
        (films, {"text": clusters(30, 3, 2)}),
    ):
        home = data / "catalogs" / catalog.name
        halves = [space for space in spaces if space != "blend"]
        known = {wish: {half: spaces[half][row] for half in halves} for row, wish in enumerate(wishes_of(catalog.name))}
        write_version(
            home / "versions" / "one",
            catalog,
            spaces,
            default_space="blend" if "blend" in spaces else "text",
            wishes=known,
            pictures=[PICTURE] * len(catalog) if "image" in spaces else None,
        )
        (home / "current").symlink_to("versions/one")
    return data


@pytest.fixture(scope="session")
def brought(tmp_path_factory, write_version) -> Path:
    """A data folder with nothing but a catalog that somebody brought."""
    data = tmp_path_factory.mktemp("brought")
    names = ["a-very-long-name-of-a-thing-that-fills-two-lines"]
    return _alone(data, write_version, names, {"text": clusters(36, 3, 5)})


@pytest.fixture(scope="session")
def vectors_alone(tmp_path_factory, write_version) -> Path:
    """A data folder with nothing but a catalog that came with vectors of its own and no model that reads words."""
    data, deaf = tmp_path_factory.mktemp("vectors-alone"), dict.fromkeys(("text", "image", "image_text"))
    spaces = {"given": clusters(36, 3, 5)}
    return _alone(data, write_version, ["thing"], spaces, default_space="given", encoders=deaf)


def _alone(data: Path, write_version, names: list[str], spaces: dict, **more) -> Path:
    items = items_of(names, ["lamps", "rugs", "mugs"], 36)
    catalog = Catalog("mine", "Mine", "My shop.", items, FACETS[:3], categories="category", licence="mine")
    home = data / "catalogs" / "mine"
    write_version(home / "versions" / "one", catalog, spaces, **more)
    (home / "current").symlink_to("versions/one")
    return data


@pytest.fixture
def with_vectors(write_version, shops, tmp_path):
    """A data folder with clip art and two catalogs that came with vectors: without an encoder, and with one."""
    (tmp_path / "catalogs").mkdir()
    os.symlink(shops / "catalogs" / "clipart", tmp_path / "catalogs" / "clipart")
    items = items_of([], ["lamps", "rugs", "mugs"], 36)
    for name, more in (("mute", {}), ("worded", {"text": clusters(36, 3, 5)})):
        catalog = Catalog(name, name.title(), "My shop.", items, FACETS[:3], categories="category", licence="mine")
        home = tmp_path / "catalogs" / name
        spaces = {"given": clusters(36, 3, 6, dims=4), **more}
        write_version(home / "versions" / "one", catalog, spaces, default_space="given")
        (home / "current").symlink_to("versions/one")
    return tmp_path


@dataclass
class Screen:
    """The app as one visitor sees it.

    Attributes:
        at: Streamlit's own test harness.
        shelves: the data of each shelf component that the last run drew, by key.
        facets: the blocks of the conditions, where they are open.
        stages: the data of the drawn funnel, where it is on the page.
        todo: what somebody does to a shelf in the next run: (key, event).
    """

    at: AppTest
    shelves: dict[str, dict] = field(default_factory=dict)
    todo: list[tuple[str, Event | StageEvent]] = field(default_factory=list)
    facets: list[dict] = field(default_factory=list)
    stages: dict = field(default_factory=dict)

    def open(self, page: str = "", query: dict | None = None) -> "Screen":
        """Opens a page by its address."""
        for name, values in (query or {}).items():
            self.at.query_params[name] = values
        if page:
            self.at.switch_page(f"pages/{page}.py")
        return self.run()

    def run(self) -> "Screen":
        """Runs the page again."""
        self.shelves.clear()
        self.at.run()
        return self

    def click(self, label: str) -> "Screen":
        """Presses the button of that label."""
        self.shelves.clear()
        next(b for b in self.at.button if b.label == label).click().run()
        return self

    def press(self, key: str) -> "Screen":
        """Presses the button of that key."""
        self.shelves.clear()
        self.at.button(key=key).click().run()
        return self

    def do(self, action: str, item: str = "", value=None, key: str = "shelf") -> "Screen":
        """Does something to a shelf."""
        self.todo.append((key, Event(1, action, item, value)))
        return self.run()

    def act(self, do: str, stage: str, value=None) -> "Screen":
        """Does something to the drawn funnel."""
        self.todo.append(("stages", StageEvent(do, stage, value)))
        return self.run()

    def stage(self, key: str) -> dict:
        """A stage of the drawn funnel."""
        return next(one for one in self.stages["stages"] if one["key"] == key)

    def shown(self, name: str) -> list[str]:
        """The ids on one of the page's two shelves, in order."""
        one = next(one for one in self.shelves["shelf"]["shelves"] if one["key"] == name)
        if "stops" not in one:
            return one["list"]
        return [one["pool"][row] for row in one["stops"][round(one["lam"] * 100)]]

    @property
    def story(self) -> dict[str, list[str]]:
        """The ids on Cold start's shelves, by key."""
        return {one["key"]: one["list"] for one in self.shelves["story"]["shelves"]}

    @property
    def note(self) -> str:
        """What Cold start says of its list."""
        return self.shelves["story"]["shelves"][0]["note"]

    @property
    def view(self):
        """What the session looks at."""
        return self.at.session_state.view

    @property
    def words(self) -> str:
        """All text of the page."""
        kinds = ("title", "markdown", "caption", "error", "warning", "info", "text", "metric", "code")
        return "\n".join(str(one.value) for kind in kinds for one in getattr(self.at, kind))


@pytest.fixture
def app(shops, monkeypatch) -> Callable[[], Screen]:
    """Opens the app on the two shops; each call is another visitor."""
    monkeypatch.setattr(resources, "SETTINGS", Settings(data=shops))
    return _visitors(monkeypatch)


@pytest.fixture
def app_on(monkeypatch) -> Callable[[Path], Callable[[], Screen]]:
    """As `app`, on a data folder of the test's own."""

    def on(data: Path) -> Callable[[], Screen]:
        monkeypatch.setattr(resources, "SETTINGS", Settings(data=data))
        return _visitors(monkeypatch)

    return on


def _visitors(monkeypatch) -> Callable[[], Screen]:
    monkeypatch.setattr(warmup, "start", lambda: None)
    monkeypatch.setattr(frame, "PAINT_SECONDS", 0)
    monkeypatch.setattr(warmup, "load_pictures", lambda funnel: None)
    # No model: wishes that the shops do not know all mean the first axis.
    axis = np.eye(8, dtype=np.float32)[0]
    monkeypatch.setattr(wishes, "encode_words", lambda words, names: [{"text": axis, "image": axis} for _ in words])
    monkeypatch.chdir(ROOT)
    current = SimpleNamespace(screen=None)
    start = PagesManager.__init__

    def with_navigation(self, *arguments, **more) -> None:
        # Streamlit forgets between two runs of its harness that `st.navigation` is in charge of the pages.
        PagesManager.uses_pages_directory = False
        start(self, *arguments, **more)

    monkeypatch.setattr(PagesManager, "__init__", with_navigation)

    def shelf(data, *, key, pictures, on_event) -> None:
        # The harness has no browser and so no component: what it would be handed is kept, and checked as it checks.
        screen = current.screen
        screen.shelves[key] = data
        ids = items_shown(data)
        assert set(pictures(ids)) == set(ids)
        for one in [one for one in screen.todo if one[0] == key]:
            screen.todo.remove(one)
            on_event(one[1])
            st.rerun()

    monkeypatch.setattr(shelf_module, "shelf", shelf)
    for module in (panel, domain, item, user):
        monkeypatch.setattr(module, "shelf", shelf)

    def stages(data, *, key, on_event) -> None:
        current.screen.stages = data
        for one in [one for one in current.screen.todo if one[0] == key]:
            current.screen.todo.remove(one)
            on_event(one[1])
            st.rerun()

    monkeypatch.setattr(stages_module, "stages", stages)

    def facets(version, where, *, key, on_change) -> None:
        current.screen.facets = blocks(version, where)

    monkeypatch.setattr(controls, "facets", facets)

    def visit() -> Screen:
        current.screen = Screen(AppTest.from_file(str(ROOT / "app.py"), default_timeout=20))
        return current.screen

    return visit
