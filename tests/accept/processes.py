"""Two apps and the command line on one data folder, while a third process builds a new version."""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.bench.browser import App, chromium, link, order, running_app, wait_until_painted
from recsys.settings import ROOT
from recsys.version import built_names, current_path

from . import Row
from .command import command, environment, run
from .sandbox import sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Page

BUILD_S = 900


def checks(settings) -> list[Row]:
    """Both apps answer with the old version while a build runs, and with the new one at their next rerun."""
    names = built_names(settings)
    name = "movies" if "movies" in names else names[0]
    with sandbox(settings, [name]) as copy, ExitStack() as stack:
        apps = [stack.enter_context(running_app(copy)) for _ in range(2)]
        browser = stack.enter_context(chromium())
        pages = [browser.new_page() for _ in apps]
        return _watch_a_build(copy, name, apps, pages)


def _watch_a_build(settings, name: str, apps: Sequence[App], pages: "Sequence[Page]") -> list[Row]:
    liked = run(settings, "recommend", "--json", "--catalog", name, "--k", "1").document["items"][0]["item_id"]
    asked = ["recommend", "--json", "--catalog", name, "--like", liked]
    listed = run(settings, *asked).document["items"]
    old = current_path(settings, name).name
    query = {"catalog": [name], "like": [liked]}

    def shown() -> list[tuple[list[str], list[str]]]:
        """What each app shows after a rerun: the lists, and the versions that its process holds open."""
        return [_rerun(app, page, query) for app, page in zip(apps, pages, strict=True)]

    at_first = shown()
    builder = subprocess.Popen(
        command("build", "--force", "--catalog", name),
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    during: list[bool] = []
    reads: list[bool] = []
    started = time.monotonic()
    try:
        while builder.poll() is None and time.monotonic() - started < BUILD_S:
            answers, answer = shown(), run(settings, *asked)
            if builder.poll() is not None or current_path(settings, name).name != old:
                break  # the new version came while we were asking
            during += [mine == (first[0], [old]) for mine, first in zip(answers, at_first, strict=True)]
            reads.append(answer.code == 0 and answer.document["version"] == old and answer.document["items"] == listed)
        code = builder.wait(BUILD_S)
    finally:
        builder.kill()
    new = current_path(settings, name).name
    afterwards = shown()
    picked_up = [
        new in versions and lists == first[0] for (lists, versions), first in zip(afterwards, at_first, strict=True)
    ]
    read_after = run(settings, *asked).document
    return [
        Row(
            f"{name}: two apps on one data folder serve",
            f"{sum(bool(lists) and versions == [old] for lists, versions in at_first)} of 2 show their lists",
            all(lists and versions == [old] for lists, versions in at_first),
        ),
        Row(
            "while a third process builds, both go on with the old version, and so does the command line",
            f"{sum(during)} of {len(during)} reruns and {sum(reads)} of {len(reads)} commands gave the old list",
            code == 0 and len(during) >= 2 and all(during) and all(reads),
        ),
        Row(
            "afterwards both pick the new version up at their next rerun, and so does the command line",
            f"{sum(picked_up)} of 2 apps; the command line "
            + ("too" if read_after["version"] == new else "does NOT")
            + f"; {'a new version was built' if new != old else 'NO new version was built'}",
            all(picked_up) and new != old and read_after["version"] == new and read_after["items"] == listed,
        ),
    ]


def _rerun(app: App, page: "Page", query: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """A fresh visit: the ids on the first shelf, and the ids of the catalog versions that the server holds open."""
    page.goto(link(app, "recommend", query))
    wait_until_painted(page)
    first = page.locator("[data-shelf]").first.get_attribute("data-shelf")
    return order(page, first), _held_open(app.pid)


def _held_open(pid: int) -> list[str]:
    """A version's manifest stays open for as long as somebody reads the version; the kernel knows which."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = Path(os.readlink(descriptor))
        except OSError:
            continue
        if target.name == "manifest.json" and target.parent.parent.name == "versions":
            held.add(target.parent.name)
    return sorted(held)
