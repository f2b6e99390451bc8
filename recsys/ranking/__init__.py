"""Rankers: the second stage of the funnel. They order what a tower retrieved, by features that cross person and item.

    gbdt    LambdaRank with gradient-boosted trees (the library LightGBM)
    dnn     a small network, trained by PyTorch and run in NumPy

A ranker knows nothing of catalogs: it scores rows of features, whose meaning is `recsys.ranking.features`. Scores are
float64, higher is better, and comparable within one list alone. NaN features are allowed everywhere. Rows are scored
one by one: a batch gives what its members give.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.errors import CatalogError, InvalidInput, quoted
from recsys.ranking.examples import Examples
from recsys.ranking.features import FEATURES

__all__ = ["LABELS", "RANKERS", "Ranker", "create", "load_ranker", "packed", "ranker_bytes", "read_about", "unpacked"]

Progress = Callable[[int, int, str], None]
_AGAIN = "Build the catalog again: python -m recsys build --force"


class Ranker(Protocol):
    """Learns from lists, then scores rows of features.

    Attributes:
        name: as above.
        settings: the hyper-parameters, as JSON could hold them.
    """

    name: str
    settings: dict[str, Any]

    def fit(self, examples: Examples, progress: Progress | None = None) -> "Ranker":
        """Learns; returns itself. Deterministic for a seed on one machine.

        Args:
            examples: one list or more.
            progress: called with (done, total, what).
        """
        ...

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Scores of rows of features: (n, f) -> (n,) float64."""
        ...

    def importance(self) -> dict[str, float]:
        """How much each feature decides, as shares that sum to 1, largest first. See each ranker for what it counts."""
        ...

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """What each feature adds to each row's score: (n, f + 1) float64, rows summing to `scores`.

        The last column is what stands without any of them. See each ranker for how it is computed.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that `restore` needs, as arrays."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> "Ranker":
        """Takes up what `state` gave; returns itself."""
        ...


RANKERS: dict[str, tuple[str, str]] = {"gbdt": ("gbdt", "Gbdt"), "dnn": ("network", "Network")}
"""Module and class of each ranker; imported when it is asked for."""
LABELS = {"gbdt": "LambdaRank", "dnn": "The ranking network"}
"""What people read, as sentences begin with it."""


def create(name: str, **settings) -> Ranker:
    """A ranker that has learned nothing yet.

    Args:
        name: of `RANKERS`.
        **settings: hyper-parameters. The defaults were chosen on validation; the record of the protocol `ranking` has
            what was tried.

    Raises:
        InvalidInput: no such ranker, or no such setting.
    """
    if name not in RANKERS:
        raise InvalidInput(f"There is no ranker {quoted(name)}.", f"Known: {', '.join(RANKERS)}.")
    module, kind = RANKERS[name]
    try:
        return getattr(import_module(f"recsys.ranking.{module}"), kind)(**settings)
    except TypeError as error:
        raise InvalidInput(f"The ranker {name} does not take these settings: {error}.") from error


def ranker_bytes(ranker: Ranker, **more) -> bytes:
    """A ranker as the content of a file: its name, settings, features, `more` (as JSON) and its arrays."""
    about = {"ranker": ranker.name, "settings": ranker.settings, "features": list(FEATURES), **more}
    return packed(about, ranker.state())


def load_ranker(path: Path) -> Ranker:
    """Reads what `ranker_bytes` gave; the ranker scores as it did.

    Raises:
        CatalogError: the file is damaged, or learned from other features than are computed now.
    """
    about, state = unpacked(path)
    if about.get("features") != list(FEATURES):
        raise CatalogError(f"The ranker {path.name} was made by another release.", _AGAIN)
    try:
        return create(about["ranker"], **about["settings"]).restore(state)
    except KeyError as error:
        raise CatalogError(f"The file {path.name} is no ranker.", _AGAIN) from error


def read_about(path: Path) -> dict:
    """What `ranker_bytes` said of a ranker: `ranker`, `settings`, `features` and what was given besides.

    Raises:
        CatalogError: the file is damaged.
    """
    return unpacked(path)[0]


def packed(about: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> bytes:
    """JSON and arrays as the content of a file that knows its own hash. Nothing is pickled."""
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(dict(about))), **state)
    content = file.getvalue()
    return hashlib.sha256(content).digest() + content


def unpacked(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Reads what `packed` gave.

    Raises:
        CatalogError: the file is damaged. A torn tree or table could otherwise crash a library, or rank nonsense.
    """
    try:
        content = path.read_bytes()
        digest, content = content[:32], memoryview(content)[32:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError("expected the hash that the file begins with, got another one")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            return about, {name: stored[name] for name in stored.files if name != "about"}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise CatalogError(f"The file {path.name} cannot be read.", _AGAIN) from error
