"""How fast this machine builds: measured by each build, so that the next one can say beforehand how long it takes."""

import json
import os
from contextlib import suppress
from pathlib import Path

from recsys.settings import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER, Settings

_BY_ENCODER = ("embed characters by ", "embed pictures by ")
ALWAYS = {"learn items": 3_700, "rank items": 14_000}
"""Learning takes a number of rounds that does not depend on the items, and each item a little more: so many items more
are counted, by which one rate holds for small catalogs and for large ones."""
REFERENCE = {
    _BY_ENCODER[0] + DEFAULT_TEXT_ENCODER: 22_000.0,
    _BY_ENCODER[1] + DEFAULT_IMAGE_ENCODER: 65.0,
    "start up": 0.05,
    "draw pictures": 34.0,
    "map points": 800.0,
    "place points": 6000.0,
    "relate pairs": 25e6,
    "store items": 8000.0,
    "index items": 1300.0,
    "learn items": 550.0,
    "rank items": 450.0,
}
"""Units a second on two cores of an ordinary server, without bfloat16, as its builds of the two catalogs measured them:
what is said until this machine has measured its own. What a text takes goes with its length: 150 of 150 characters a
second. Starting up is loading the models and compiling the map's code, once."""
ENOUGH, ENOUGH_S = 1000, 2.0
"""Units and seconds; fewer tell no rate, since starting up would be most of it."""


def embedding(what: str, encoder: str) -> str:
    """The step's name under which an encoder's rate is kept: what one takes says nothing of another.

    Args:
        what: `characters` or `pictures`.
        encoder: the setting or the name of an encoder; its revision does not count.
    """
    return f"embed {what} by {encoder.split('@')[0]}"


def rates(settings: Settings) -> dict[str, tuple[float, bool]]:
    """Units a second of each step, and whether this machine measured it. Encoders that nobody knows are left out."""
    own = _read(_path(settings))
    return {step: (own.get(step, REFERENCE.get(step, 0.0)), step in own) for step in {**REFERENCE, **own}}


def remember(settings: Settings, measured: dict[str, tuple[float, float]]) -> None:
    """Keeps rates for later: units and seconds by step. Short ones, and those of no known step, tell none."""
    fresh = {
        step: units / seconds
        for step, (units, seconds) in measured.items()
        if _is_step(step) and seconds >= ENOUGH_S and (units >= ENOUGH or step == "start up")
    }
    path = _path(settings)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):  # they only make estimates better
        if fresh:
            draft.write_text(json.dumps(_read(path) | fresh))
            os.replace(draft, path)


def _is_step(step: str) -> bool:
    return step in REFERENCE or step.startswith(_BY_ENCODER)


def _path(settings: Settings) -> Path:
    return settings.data / "rates.json"


def _read(path: Path) -> dict[str, float]:
    try:
        told = json.loads(path.read_text())
        return {step: float(rate) for step, rate in told.items() if _is_step(step) and 0 < float(rate) < 1e12}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
