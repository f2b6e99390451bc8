"""A small network with a straight path: what is linear in the features is learned as such, the rest crosses them.

    x = features, standardised over the training lists, cut at 4 deviations; unknown ones are 0 and flagged
    score = w . x + v . relu(B relu(A x + a) + b)              the mean of several networks of different seeds

Loss: softmax over each list, the rated items sharing the target (ListNet; Cao et al., ICML 2007). PyTorch trains; a
forward pass in NumPy serves.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.ranking.examples import Examples
from recsys.ranking.features import FEATURES

CUT = 4.0
STEPS = 32
"""Points on the way from nothing to a row, at which contributions look at the slope."""
SAMPLE = 2000
LAYERS = ("skip", "in.weight", "in.bias", "mid.weight", "mid.bias", "out")


class Network:
    """A network.

    Args:
        hidden: width of both hidden layers.
        epochs: how often each list is seen.
        lists: in a batch.
        lr: learning rate at the beginning; it falls to 0.
        weight_decay: of AdamW.
        dropout: share of the hidden units that is left out in training.
        members: how many networks.
        seed: of weights, batches and drop-out.
    """

    name = "dnn"

    def __init__(
        self,
        hidden: int = 64,
        epochs: int = 3,
        lists: int = 32,
        lr: float = 0.01,
        weight_decay: float = 1.0,
        dropout: float = 0.2,
        members: int = 3,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "hidden": hidden,
            "epochs": epochs,
            "lists": lists,
            "lr": lr,
            "weight_decay": weight_decay,
            "dropout": dropout,
            "members": members,
            "seed": seed,
        }

    def fit(self, examples: Examples, progress=None) -> "Network":
        """See `Ranker`."""
        from recsys.ranking.network_training import train

        table = examples.features
        known = np.isfinite(table)
        counts = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, table, 0).sum(axis=0) / counts
        spread = np.sqrt((np.where(known, table - mean, 0) ** 2).sum(axis=0) / counts)
        # A feature that says nothing in training says nothing in use: whatever comes then is its mean.
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9)
        flagged = (~known).any(axis=0) & known.any(axis=0)
        state = {"mean": mean, "scale": scale, "flagged": flagged}
        members = train(_inputs(table, state), examples.labels, examples.sizes, self.settings, progress)
        for name in LAYERS:
            state[name] = np.stack([member[name] for member in members]).astype(np.float64)
        self.restore(state)
        some = np.random.default_rng(self.settings["seed"]).permutation(len(table))[:SAMPLE]
        state["importance"] = np.abs(self.contributions(table[some])[:, :-1]).mean(axis=0)
        return self.restore(state)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """See `Ranker`."""
        return self._forward(_inputs(features, self._state))

    def importance(self) -> dict[str, float]:
        """The mean size of each feature's contributions over training rows, as shares; see `Ranker`."""
        shares = self._state["importance"] / max(self._state["importance"].sum(), 1e-12)
        return {name: float(share) for share, name in sorted(zip(shares, FEATURES, strict=True), reverse=True)}

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Integrated gradients (Sundararajan, Taly & Yan, ICML 2017) from the mean row; see `Ranker`.

        An approximation: what the sum over `STEPS` slopes misses of the score is in the last column.
        """
        inputs = _inputs(features, self._state)
        slopes = np.mean([self._slopes(inputs * (step + 0.5) / STEPS) for step in range(STEPS)], axis=0)
        parts, f = slopes * inputs, len(FEATURES)
        told = parts[:, :f].copy()
        told[:, self._state["flagged"]] += parts[:, f:]
        return np.column_stack([told, self._forward(inputs) - told.sum(axis=1)])

    def state(self) -> dict[str, np.ndarray]:
        """See `Ranker`."""
        return self._state

    def restore(self, state: Mapping[str, np.ndarray]) -> "Network":
        """See `Ranker`."""
        self._state = dict(state)
        return self

    def _forward(self, inputs: np.ndarray) -> np.ndarray:
        s = self._state
        total = np.zeros(len(inputs))
        for j in range(len(s["skip"])):
            first = np.maximum(inputs @ s["in.weight"][j].T + s["in.bias"][j], 0)
            second = np.maximum(first @ s["mid.weight"][j].T + s["mid.bias"][j], 0)
            total += inputs @ s["skip"][j] + second @ s["out"][j]
        return total / len(s["skip"])

    def _slopes(self, inputs: np.ndarray) -> np.ndarray:
        """The score's gradient at each row: like `inputs`."""
        s = self._state
        total = np.zeros(inputs.shape)
        for j in range(len(s["skip"])):
            first = inputs @ s["in.weight"][j].T + s["in.bias"][j]
            second = np.maximum(first, 0) @ s["mid.weight"][j].T + s["mid.bias"][j]
            back = ((second > 0) * s["out"][j]) @ s["mid.weight"][j]
            total += s["skip"][j] + ((first > 0) * back) @ s["in.weight"][j]
        return total / len(s["skip"])


def _inputs(features: np.ndarray, state: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the network sees: standardised features, then a flag for each that was unknown in training for some."""
    known = np.isfinite(features)
    standard = np.where(known, (np.where(known, features, 0) - state["mean"]) * state["scale"], 0)
    return np.hstack([np.clip(standard, -CUT, CUT), ~known[:, state["flagged"]]])
