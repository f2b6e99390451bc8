"""The lesson pages in a real browser, on the real catalogs."""

import re

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")

from recsys.bench.browser import order, settle, shelves_of, wait_until_painted  # noqa: E402
from recsys.funnel import Request  # noqa: E402
from recsys.lessons import diversity, story  # noqa: E402
from recsys.lessons.priors import learn_priors  # noqa: E402
from recsys.profile import Profile  # noqa: E402

expect = playwright.expect
STORY = {"catalog": ["movies"], "story": ["gender:F", "like:222"]}


@pytest.fixture(scope="module")
def priors(movies):
    return learn_priors(movies.version)


def painted(one, shelf: str):
    """Waits until the shelves beside that one are painted; returns the visitor."""
    wait_until_painted(one.page, shelf=shelf)
    settle(one.page, shelf)
    return one


def answer(one, item: str, verb: str = "like") -> None:
    """Gives an answer on a card of Cold start and waits for the new list."""
    shelves = one.page.locator(shelves_of("list"))
    before = shelves.get_attribute("data-painted-seq")
    one.page.locator(f'[data-shelf=list] [data-id="{item}"] button.{verb}').click()
    expect(shelves).not_to_have_attribute("data-painted-seq", before, timeout=15_000)
    settle(one.page, "list")


def told(movies, priors, texts: list[str]) -> list[str]:
    """Python's list after those answers."""
    steps, problems = story.read_steps(texts, movies.version, priors)
    assert not problems
    return list(story.tell(movies, priors, steps).ids)


def test_a_whole_story_is_in_the_link_and_replays_elsewhere(visitor, movies, priors):
    one = painted(visitor().open("cold_start", STORY), "list")
    texts = list(STORY["story"])
    assert order(one.page, "list") == told(movies, priors, texts)
    for verb in ("like", "dislike", "like"):
        item = order(one.page, "list")[1]
        answer(one, item, verb)
        texts.append(f"{verb}:{item}")
        assert order(one.page, "list") == told(movies, priors, texts)
    one.becomes("story", texts)
    slider = one.page.get_by_role("slider", name=re.compile("Replay"))
    slider.focus()
    slider.press("Home")
    expect(one.page).to_have_url(re.compile("frame=0"))
    settle(one.page, "list")
    assert order(one.page, "list") == told(movies, priors, [])
    slider.press("ArrowRight")
    expect(one.page).to_have_url(re.compile("frame=1"))

    other = visitor(apart=True)
    other.page.goto(one.page.url)
    painted(other, "list")
    assert order(other.page, "list") == told(movies, priors, texts[:1])
    assert other.query == {**STORY, "story": texts, "frame": ["1"]}
    expect(other.page.get_by_text("nothing known")).to_be_visible()


def test_the_path_is_on_the_map(visitor, movies):
    one = painted(visitor().open("cold_start", STORY | {"story": ["like:222", "like:95", "like:183"]}), "list")
    one.button("See the path on the map").click()
    expect(one.page).to_have_url(re.compile("/map"))
    one.page.locator(".js-plotly-plot").wait_for()
    names = one.page.locator(".js-plotly-plot").evaluate("plot => plot.data.map(trace => trace.name)")
    assert "your way here" in names and "you" in names


def test_one_slider_moves_every_method(visitor, movies):
    profile = Profile(likes=("222", "228"))
    query = {"catalog": ["movies"], **profile.to_query(), "method": ["mmr", "dpp", "cap"], "lam": ["0.5"]}
    one = painted(visitor().open("diversity", query), "nearest")
    found = movies.recommend(Request(profile, space=movies.best_space(profile), lam=0.5))
    ids = [str(i) for i in movies.version.item_ids[found.candidates]]
    sweeps = {m: s.sweep.picks for m, s in diversity.settings(movies, found, ("mmr", "dpp", "cap")).items()}

    def shows(stop: int) -> None:
        assert order(one.page, "nearest") == ids[:10]
        for method, picks in sweeps.items():
            assert order(one.page, method) == [ids[p] for p in picks[stop]]

    shows(50)
    slider = one.page.locator(".top input[type=range]")
    slider.focus()
    slider.press("Home")  # more alike: lambda 1, every method gives the plain list
    expect(one.page.locator("[data-shelf=cap]")).to_have_attribute("data-painted-lam", "1.00")
    shows(100)
    slider.press("End")
    expect(one.page.locator("[data-shelf=dpp]")).to_have_attribute("data-painted-lam", "0.00")
    shows(0)
    expect(one.page).to_have_url(re.compile("lam=0"))


def test_a_newcomer_finds_which_lambda_stops_the_star_treks(visitor, movies):
    one = painted(visitor().open("diversity", {"catalog": ["movies"]}), "nearest")
    one.button("Too many Star Treks").click()
    expect(one.page).to_have_url(re.compile("lam=1"))
    expect(one.page.locator("[data-shelf=mmr]")).to_have_attribute("data-lam", "1.00")
    titles = movies.version.catalog.items["title"]

    def treks(shelf: str) -> int:
        return sum("Star Trek" in titles[i] for i in order(one.page, shelf))

    assert treks("nearest") >= 5 and treks("mmr") >= 5
    slider = one.page.locator(".top input[type=range]")
    slider.focus()
    fewest = {"mmr": None, "dpp": None}
    for value in range(1, 101):
        slider.press("ArrowRight")
        for method, lam in fewest.items():
            if lam is None and treks(method) < 5:
                fewest[method] = 1 - value / 100
        if None not in fewest.values():
            break
    assert 0 < fewest["mmr"] < 1 and fewest["mmr"] <= fewest["dpp"] < 1


def test_a_broken_picture_of_a_new_item_is_told(visitor, clipart, tmp_path):
    one = visitor().open("cold_start", {"catalog": [clipart], "part": ["item"]})
    painted(one, "neighbours")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"no picture" * 100)
    one.page.locator("input[type=file]").set_input_files(broken)
    expect(one.page.get_by_role("alert")).to_contain_text("incomplete or damaged", timeout=15_000)
    assert len(order(one.page, "neighbours")) == 10


def noise(path, megabytes: float):
    """A real picture file of about that size: noise does not compress."""
    side = int((megabytes * 1e6 / 3) ** 0.5)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return path


def test_a_picture_of_twenty_megabytes_is_placed_and_a_larger_one_refused(visitor, clipart, tmp_path):
    fits, too_large = noise(tmp_path / "fits.png", 19.8), noise(tmp_path / "large.png", 20.5)
    assert 19.5e6 < fits.stat().st_size < 20e6 < too_large.stat().st_size
    one = visitor().open("cold_start", {"catalog": [clipart], "part": ["item"]})
    painted(one, "neighbours")
    before = order(one.page, "neighbours")
    one.page.locator("input[type=file]").set_input_files(too_large)
    expect(one.page.get_by_text("File must be 20.0MB or smaller")).to_be_visible(timeout=15_000)
    assert order(one.page, "neighbours") == before
    one.page.locator("input[type=file]").set_input_files(fits)
    for _ in range(150):
        if order(one.page, "neighbours") != before:
            break
        one.page.wait_for_timeout(200)
    assert order(one.page, "neighbours") != before
    expect(one.page.get_by_role("alert")).to_have_text(re.compile("20.0MB or smaller"))  # of the other file, still
