"""Models: what is learned from who rated what. Pure functions of arrays; they know no store and no screen.

A model scores items for people, given each one's history. Some learn a *space*: vectors of items and a point for each
person, with the dot product as score; these can retrieve where a build makes their space. Content learns none; it uses
the one that the catalog was built with. The others have scores alone: they can rank.

    popularity            how many people rated an item
    content               cosine to the mean of the history's content vectors; no learning
    content-popularity    the same plus a weight times popularity
    item-knn              cosine of items' columns, shrunk, of each item the nearest alone
    sar                   smart adaptive recommendations: time-decayed affinity times Jaccard similarity
    ease, edlae           ridge regression of every item on all others, in closed form
    als                   matrix factorisation (the library `implicit`)                       space `mf`
    bpr                   the same by pairs; evaluated alone, no build makes its space        space `bpr`
    two-tower             a network for people and one for items, with content                space `two_tower`
    ensemble              a weighted sum of several of them

Conventions. A history is whatever somebody rated, whatever the rating: who rates a film has seen it. Scores are
float64, higher is better, NaN where an item cannot be scored. Somebody without a history gets what the model knows of
everybody. A batch gives what its members give one at a time.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recsys.errors import CatalogError, InvalidInput, quoted
from recsys.models.side import Side, side_of
from recsys.ratings import Ratings

__all__ = [
    "MODELS",
    "SPACES",
    "Model",
    "Side",
    "SpaceModel",
    "create",
    "load_model",
    "model_bytes",
    "read_about",
    "side_of",
]

Progress = Callable[[int, int, str], None]
State = dict[str, np.ndarray]


class Model(Protocol):
    """Learns from ratings, then scores items for people.

    Attributes:
        name: as above.
        settings: the hyper-parameters, as JSON could hold them.
    """

    name: str
    settings: dict[str, Any]

    def fit(self, train: Ratings, side: Side, progress: Progress | None = None) -> "Model":
        """Learns; returns itself. Deterministic for a seed on one machine.

        Args:
            train: who rated what.
            side: content of the items and facts of the people.
            progress: called with (done, total, what).
        """
        ...

    def scores(self, histories: Ratings) -> np.ndarray:
        """Scores of all items for each of `histories.people`: (P, n) float64."""
        ...

    def state(self) -> State:
        """Everything that `restore` needs, as arrays."""
        ...

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "Model":
        """Takes up what `state` gave; returns itself."""
        ...


class SpaceModel(Model, Protocol):
    """A model whose scores are dot products.

    Attributes:
        space: the name of its space.
        vectors: (n, d) float32, the items.
    """

    space: str
    vectors: np.ndarray

    def queries(self, histories: Ratings) -> np.ndarray:
        """A point for each of `histories.people`: (P, d) float64. `scores` are its dot products with `vectors`."""
        ...


MODELS: dict[str, tuple[str, str]] = {
    "popularity": ("references", "Popularity"),
    "content": ("references", "Content"),
    "content-popularity": ("references", "ContentPopularity"),
    "item-knn": ("neighbours", "ItemKnn"),
    "sar": ("neighbours", "Sar"),
    "ease": ("linear", "Ease"),
    "edlae": ("linear", "Edlae"),
    "als": ("factors", "Als"),
    "bpr": ("factors", "Bpr"),
    "two-tower": ("two_tower", "TwoTower"),
    "ensemble": ("ensemble", "Ensemble"),
}
"""Module and class of each model; imported when it is asked for, since some bring heavy libraries."""
_AGAIN = "Build the catalog again: python -m recsys build --force"
SPACES = {"mf": "als", "two_tower": "two-tower"}
"""The learned spaces that a build makes, and the model that makes each."""


def create(name: str, **settings) -> Model:
    """A model that has learned nothing yet.

    Args:
        name: of `MODELS`.
        **settings: hyper-parameters. The defaults are what is served and what every untuned record was measured with.
            Validation did not choose all of them: what it chose for the published split stands in that split's record.

    Raises:
        InvalidInput: no such model, or no such setting.
    """
    if name not in MODELS:
        raise InvalidInput(f"There is no model {quoted(name)}.", f"Known: {', '.join(MODELS)}.")
    module, kind = MODELS[name]
    try:
        return getattr(import_module(f"recsys.models.{module}"), kind)(**settings)
    except TypeError as error:
        raise InvalidInput(f"The model {name} does not take these settings: {error}.") from error


def model_bytes(model: Model, **more) -> bytes:
    """A model as the content of a file: its name, settings, `more` (as JSON) and its arrays. Nothing is pickled."""
    about = {"model": model.name, "settings": model.settings, **more}
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(about)), **model.state())
    return file.getvalue()


def read_about(path: Path) -> dict:
    """What `model_bytes` said of a model: `model`, `settings` and what was given besides.

    Raises:
        CatalogError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return json.loads(str(stored["about"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise CatalogError(
            f"The model {path.name} cannot be read.", "Train it again: python -m recsys train"
        ) from error


def load_model(path: Path, side: Side) -> Model:
    """Reads what `model_bytes` gave; the model scores as it did.

    Raises:
        CatalogError: the file is damaged.
    """
    about = read_about(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = {name: stored[name] for name in stored.files if name != "about"}
        return create(about["model"], **about["settings"]).restore(state, side)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise CatalogError(
            f"The model {path.name} cannot be read.", "Train it again: python -m recsys train"
        ) from error
