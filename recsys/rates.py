"""How fast this machine builds: measured by each build, so that the next one can say beforehand how long it takes."""

import json
import os
from contextlib import suppress
from pathlib import Path

from recsys.settings import Settings

REFERENCE = {
    "embed characters": 26_000.0,
    "embed pictures": 30.0,
    "draw pictures": 45.0,
    "map points": 500.0,
    "place points": 6000.0,
    "relate items": 2500.0,
    "store items": 5000.0,
    "index items": 1300.0,
    "learn items": 40.0,
    "rank items": 40.0,
}
"""Units a second on two cores of an ordinary server, without bfloat16: what is said until this machine has measured its
own. What a text takes goes with its length: 170 of 150 characters a second, 400 of 60."""
ENOUGH, ENOUGH_S = 1000, 2.0
"""Units and seconds; fewer tell no rate, since starting up would be most of it."""


def rates(settings: Settings) -> dict[str, tuple[float, bool]]:
    """Units a second of each step, and whether this machine measured it."""
    own = _read(_path(settings))
    return {step: (own.get(step, usual), step in own) for step, usual in REFERENCE.items()}


def remember(settings: Settings, measured: dict[str, tuple[int, float]]) -> None:
    """Keeps rates for later: units and seconds by step. Short ones, and those of no step of `REFERENCE`, tell none."""
    fresh = {
        step: units / seconds
        for step, (units, seconds) in measured.items()
        if step in REFERENCE and units >= ENOUGH and seconds >= ENOUGH_S
    }
    path = _path(settings)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):  # they only make estimates better
        if fresh:
            draft.write_text(json.dumps(_read(path) | fresh))
            os.replace(draft, path)


def _path(settings: Settings) -> Path:
    return settings.data / "rates.json"


def _read(path: Path) -> dict[str, float]:
    try:
        told = json.loads(path.read_text())
        return {step: float(rate) for step, rate in told.items() if step in REFERENCE and 0 < float(rate) < 1e9}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
