"""The two-tower model: one network for people, one for items, meeting in a space.

What is served needs no torch: item vectors are computed once, after training, and the user tower is small enough to be
run in NumPy for each request. The network and its training: `recsys.models.two_tower_network`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys.demographics import TIMES, WEEKEND, contexts, demographics, utc_offsets
from recsys.models.factors import by_person
from recsys.models.side import Side
from recsys.ratings import Ratings

KNOTS = 13
"""Knots of the axis of time, from the first to the last rating: of seven months, one every two weeks or so."""
MIN_SPAN_S = 7 * 86_400
"""Ratings that all fall within so short a time (simulated ones fall within a minute) tell nothing by their moment."""
CONTEXTS = {"time": TIMES, "weekend": WEEKEND}


class TwoTower:
    """The two-tower model.

    Args:
        dim: dimension of the space.
        hidden: width of the hidden layers.
        steps: batches of training.
        rows: people in a batch.
        targets: items drawn to be found of each; all of the batch are everybody's negatives.
        lr: learning rate at the beginning; it falls to 0.
        weight_decay: of AdamW.
        keep: share of a history that goes in; the rest is to be found.
        drop_id: share of the items whose id is left out of a batch.
        seed: of weights, batches and drop-out.

    Attributes:
        everybody: (dim,) float64, where somebody stands of whom nothing is known.
    """

    name = "two-tower"
    space = "two_tower"

    def __init__(
        self,
        dim: int = 128,
        hidden: int = 64,
        steps: int = 400,
        rows: int = 128,
        targets: int = 16,
        lr: float = 0.003,
        weight_decay: float = 1.0,
        keep: float = 0.8,
        drop_id: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "dim": dim,
            "hidden": hidden,
            "steps": steps,
            "rows": rows,
            "targets": targets,
            "lr": lr,
            "weight_decay": weight_decay,
            "keep": keep,
            "drop_id": drop_id,
            "seed": seed,
        }
        self.curve: list[dict] = []

    def fit(self, train: Ratings, side: Side, progress=None) -> "TwoTower":
        """See `Model`."""
        return self._fit(train, side, progress, None, self.settings["steps"], self.settings["lr"])

    def fit_further(self, train: Ratings, side: Side, progress=None) -> "TwoTower":
        """Goes on from what was learned, over other ratings: a quarter of the steps, at a third of the learning rate.

        Args:
            train: all ratings, the old ones too; there may be new people. The items are the same.
            side: see `Model`.
            progress: see `Model`.
        """
        steps = max(self.settings["steps"] // 4, 1)
        return self._fit(train, side, progress, self._parameters, steps, self.settings["lr"] / 3)

    def _fit(self, train: Ratings, side: Side, progress, parameters, steps: int, lr: float) -> "TwoTower":
        import torch

        from recsys.models.two_tower_network import Network
        from recsys.models.two_tower_network import train as learn

        people, groups = _training(train, side)
        if parameters is not None:  # the axis of time was learned; what comes later counts as its end
            people = people.on(self._knots)
        sizes = {name: len(values) for name, values in groups.items()}
        torch.manual_seed(self.settings["seed"])
        network = Network(_items(side), sizes, len(people.knots), self.settings["dim"], self.settings["hidden"])
        if parameters is not None:
            kept = {name: torch.as_tensor(array) for name, array in parameters.items()}
            network.load_state_dict(kept)
        self.curve = learn(network, people, self.settings, steps, lr, progress)
        network.eval()
        with torch.no_grad():
            has_id = torch.as_tensor((train.counts() > 0).astype(np.float32))[:, None]
            items = network.contents()
            vectors, bag = network.item_vectors(items, has_id), network.history_vectors(items, has_id)
        state = {f"param.{name}": p.numpy().copy() for name, p in network.state_dict().items()}
        state |= {f"groups.{name}": np.array(values, dtype=np.str_) for name, values in groups.items()}
        state |= {"items": vectors.numpy(), "bag": bag.numpy(), "knots": people.knots}
        state["curve"] = np.array([[p["step"], p["loss"]] for p in self.curve]).reshape(-1, 2)
        return self.restore(state, side)

    def queries(self, histories: Ratings) -> np.ndarray:
        """The user tower for everybody: history, what `Side.users` tells of who is known there, and when they rate."""
        moments = np.array([middle(histories.times[own]) for own in _positions(histories)])
        bags = np.stack([self._bag_of(rows) for rows in by_person(histories)])
        return self._forward(bags, self._known(histories.people, moments), moments)

    def point(self, history: np.ndarray, facts: Mapping[str, str], moment: float = 0) -> np.ndarray:
        """Where one person stands: (dim,) float64.

        Args:
            history: (m,) rows of the items they rated.
            facts: a group by signal; those that are not known here say nothing.
            moment: Unix seconds; 0 for unknown.
        """
        return self.point_of_sum(self.bag_sum(history), len(history), facts, moment)

    def point_of_sum(self, bag: np.ndarray, count: int, facts: Mapping[str, str], moment: float = 0) -> np.ndarray:
        """`point` for a history of `count` items whose `bag_sum` is known."""
        codes = {name: np.array([self._code(name, facts.get(name))]) for name in self._facts}
        return self._forward((bag / max(count, 1) ** 0.5)[None], codes, np.array([moment]))[0]

    def bag_sum(self, history: np.ndarray) -> np.ndarray:
        """What the items of a history add up to before the network: (width,) float64, in the order of their rows."""
        return self._bag[np.sort(history)].sum(axis=0)

    def facts_of(self, person: str | None, moment: float = 0) -> dict[str, str]:
        """What is known of one of the catalog's people at some moment: group by signal; nothing of anybody else."""
        if person is None:
            return {}
        codes = self._known(np.array([person], dtype=object), np.array([moment]))
        return {name: self.facts[name][code[0]] for name, code in codes.items() if code[0] >= 0}

    @property
    def facts(self) -> dict[str, list[str]]:
        """The groups of each signal that the user tower understands."""
        return self._groups

    def scores(self, histories: Ratings) -> np.ndarray:
        """See `Model`."""
        return self.queries(histories) @ self.vectors.astype(np.float64).T

    def _bag_of(self, rows: np.ndarray) -> np.ndarray:
        return self._bag[rows].sum(axis=0) / max(len(rows), 1) ** 0.5

    def _code(self, name: str, group: str | None) -> int:
        return self._groups[name].index(group) if group in self._groups[name] else -1

    def _known(self, people: np.ndarray, moments: np.ndarray) -> dict[str, np.ndarray]:
        """What is known of people and of when they rate, as codes by signal: (P,) each, -1 unknown."""
        places = np.array([self._place.get(person, -1) for person in people], dtype=np.int64)
        found = {name: codes[places] for name, codes in self._codes.items()}
        offsets = self._offsets[places]
        told = ~np.isnan(offsets) & (moments > 0)
        when = contexts(np.where(told, moments, 0).astype(np.int64), np.where(told, offsets, 0))
        return found | {name: np.where(told, codes, -1) for name, (codes, _) in when.items() if name in self._facts}

    def _know(self, users: pd.DataFrame | None) -> None:
        """Takes up the people's facts once, since each request asks for one person's; the last place is nobody's."""
        people = np.empty(0, dtype=object) if users is None else users.index.to_numpy(dtype=object)
        self._place, known = {person: place for place, person in enumerate(people)}, demographics(users)
        self._codes = {name: np.full(len(people) + 1, -1) for name in self._facts}
        for name in self._facts.keys() & known.keys():
            codes, values = known[name]
            mine = np.array([self._code(name, value) for value in values] + [-1])
            self._codes[name][:-1] = mine[codes.to_numpy()]
        self._offsets = np.append(utc_offsets(users, people), np.nan)

    def _forward(self, bags: np.ndarray, codes: Mapping[str, np.ndarray], moments: np.ndarray) -> np.ndarray:
        """`Network.queries` in NumPy: (P, dim) float64."""
        p = self._query
        h = p["start"] + bags + _knot_weights(moments, self._knots) @ p["moment"].T
        for name, table in self._facts.items():
            h = h + np.where((codes[name] >= 0)[:, None], table[np.maximum(codes[name], 0)], 0.0)
        hidden = np.maximum(h @ p["query_in.weight"].T + p["query_in.bias"], 0)
        return h + hidden @ p["query_out.weight"].T + p["query_out.bias"]

    def state(self) -> dict[str, np.ndarray]:
        """See `Model`."""
        return self._state

    def restore(self, state: Mapping[str, np.ndarray], side: Side) -> "TwoTower":
        """See `Model`."""
        self._state = dict(state)
        self._parameters = {name[6:]: array for name, array in state.items() if name.startswith("param.")}
        self._groups = {
            name[7:]: [str(g) for g in array] for name, array in state.items() if name.startswith("groups.")
        }
        self._facts = {name: self._parameters[f"fact.{name}.weight"].astype(np.float64) for name in self._groups}
        names = ("start", "moment", "query_in.weight", "query_in.bias", "query_out.weight", "query_out.bias")
        self._query = {name: self._parameters[name].astype(np.float64) for name in names}
        self.vectors, self._bag = state["items"], state["bag"].astype(np.float64)
        self._knots = state["knots"]
        self._know(side.users)
        self.everybody = self.point(np.empty(0, dtype=np.int64), {})  # each request starts from here
        self.curve = [{"step": int(step), "loss": float(loss)} for step, loss in state["curve"]]
        return self


def _items(side: Side):
    from recsys.models.two_tower_network import Items

    names, own = side.entities()
    years = side.years - np.nanmean(side.years) if np.isfinite(side.years).any() else side.years
    years = np.nan_to_num(years / max(np.nanstd(years), 1e-9)) if np.isfinite(years).any() else np.zeros(len(side))
    return Items(
        dense=np.hstack([side.content, side.categories, years[:, None]]).astype(np.float32),
        entities=np.concatenate([*own, np.empty(0, dtype=np.int64)]),
        offsets=np.concatenate([[0], np.cumsum([len(o) for o in own])]).astype(np.int64),
        n_entities=len(names),
    )


def _training(train: Ratings, side: Side):
    """What the network learns from, and the groups of each signal."""
    from recsys.models.two_tower_network import Training

    shape = (len(train.people), train.n_items)
    times = np.zeros(shape)
    times[train.users, train.items] = train.times
    facts, groups = {}, {}
    for name, (codes, values) in demographics(side.users).items():
        facts[name] = codes.reindex(train.people, fill_value=-1).to_numpy(dtype=np.int64)
        groups[name] = list(values)
    first, last = (train.times.min(), train.times.max()) if len(train) else (0, 0)
    timed = last - first >= MIN_SPAN_S
    moments = {}
    offsets = utc_offsets(side.users, train.people)[train.users]
    told = ~np.isnan(offsets)
    if timed and told.any():
        when = contexts(train.times, np.where(told, offsets, 0))
        for name, (codes, values) in when.items():
            moments[name] = np.full(shape, -1, dtype=np.int8)
            moments[name][train.users, train.items] = np.where(told, codes, -1)
            groups[name] = list(values)
    knots = np.linspace(first, last, KNOTS) if timed else np.empty(0)
    return Training(train.seen(), facts, times, moments, knots), groups


def _knot_weights(moments: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Moments as mixtures of the two knots around them: (P, k); zeros for a moment that is not known."""
    if len(knots) < 2:
        return np.zeros((len(moments), len(knots)))
    at = np.clip(moments, knots[0], knots[-1])[:, None]
    weights = np.maximum(1 - np.abs(at - knots) / (knots[1] - knots[0]), 0)
    return np.where(moments[:, None] > 0, weights, 0.0)


def middle(times: np.ndarray) -> float:
    """The median moment, of an even number the earlier; 0 for none."""
    return float(np.sort(times)[(len(times) - 1) // 2]) if len(times) else 0.0


def _positions(histories: Ratings) -> list[np.ndarray]:
    order = np.argsort(histories.users, kind="stable")
    ends = np.cumsum(np.bincount(histories.users, minlength=len(histories.people)))
    return np.split(order, ends[:-1])
