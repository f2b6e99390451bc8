"""Serving: what the funnel asks of a built catalog's rankers."""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from recsys.errors import InvalidInput, quoted
from recsys.models import SpaceModel, side_of
from recsys.profile import Profile
from recsys.ranking import Ranker, load_ranker, unpacked
from recsys.ranking.features import FeatureStore, Person
from recsys.version import Version


class Ranking:
    """A catalog's rankers and the features they read. Thread-safe; one serves all visitors.

    Files are read when they are first needed.

    Args:
        version: the built catalog.
        model: gives the model that made a learned space, by the space's name.
    """

    def __init__(self, version: Version, model: Callable[[str], SpaceModel]) -> None:
        self._version, self._model = version, model
        self._store: FeatureStore | None = None
        self._rankers: dict[str, Ranker] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """The rankers that the catalog has; none where it has too few people."""
        return list(self._version.rankers)

    @property
    def store(self) -> FeatureStore:
        """What features are computed from.

        Raises:
            InvalidInput: the catalog has no rankers.
            CatalogError: a file is damaged.
        """
        with self._lock:
            if self._store is None:
                if not self.names:
                    raise InvalidInput(f"The catalog {self._version.name} has no rankers.")
                version = self._version
                _, state = unpacked(version.features_file)
                side = side_of(version.catalog, np.asarray(version.spaces[version.default_space]))
                self._store = FeatureStore(side, self._model("mf"), self._model("two_tower"), state)
            return self._store

    def person(self, profile: Profile, likes: np.ndarray, dislikes: np.ndarray, rated: np.ndarray) -> Person:
        """A profile as rankers see it. A wish, a picture and chosen categories are nothing that they know of.

        Args:
            profile: who asks.
            likes, dislikes, rated: (m,) int64, rows; what `recsys.towers.heard` makes of the profile.

        Raises:
            UnknownItem, InvalidInput: an item or a person that the catalog does not have.
        """
        if profile.person is None:
            return Person(likes, likes, dislikes, facts=dict(profile.about))
        # As the towers do: all that a known person rated counts, but for what is disliked here.
        history = np.setdiff1d(rated, self._version.rows(profile.dislikes))
        here = Person(history, likes, dislikes, self._version.moments(profile.person))
        facts = self.store.facts(profile.person, here.moment) | dict(profile.about)
        return Person(history, likes, dislikes, here.moments, facts)

    def features(self, person: Person, rows: np.ndarray) -> np.ndarray:
        """What rankers are told: (n, f) float64, by the same function that training used. See `FeatureStore.features`.

        Args:
            person: who; see `person`.
            rows: (n,) int64, the candidates.
        """
        return self.store.features(person, rows)

    def scores(self, name: str, features: np.ndarray) -> np.ndarray:
        """A ranker's scores of rows of features: (n,) float64, higher is better.

        Raises:
            InvalidInput: the catalog has no such ranker.
            CatalogError: its file is damaged.
        """
        return self.ranker(name).scores(features)

    def contributions(self, name: str, features: np.ndarray) -> np.ndarray:
        """What each feature adds to the scores: (n, f + 1) float64, rows summing to `scores`. Raises as `scores`."""
        return self.ranker(name).contributions(features)

    def ranker(self, name: str) -> Ranker:
        """One of the catalog's rankers. Raises as `scores`."""
        with self._lock:
            if name not in self._rankers:
                if name not in self.names:
                    has = f"It has: {', '.join(self.names)}." if self.names else "It has none."
                    raise InvalidInput(f"The catalog {self._version.name} has no ranker {quoted(name)}.", has)
                self._rankers[name] = load_ranker(self._version.ranker_file(name))
            return self._rankers[name]

    def warm(self, names: Sequence[str] = ()) -> None:
        """Reads the files, and imports what scoring needs, so that the first visitor does not wait.

        Args:
            names: which rankers; none for all.
        """
        nothing = self.features(Person([], [], []), np.zeros(1, dtype=np.int64)) if self.names else None
        for name in names or self.names:
            self.scores(name, nothing)
