"""LambdaRank with gradient-boosted trees, by the library LightGBM.

LambdaRank (Burges 2010, "From RankNet to LambdaRank to LambdaMART"): each pair of a rated and an unrated item of one
list pulls their scores apart, weighted by how much nDCG would change if the two were swapped. The trees are small, each
sees a part of the lists and of the features, and what a model of ratings finds good may only raise a score.
"""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.ranking.examples import Examples
from recsys.ranking.features import FEATURES

RISING = ("als", "two_tower", "together", "content")
"""More of these never lowers a score: a model of ratings may be unsure, but it is not upside down."""


class Gbdt:
    """Gradient-boosted trees.

    Args:
        trees: how many.
        leaves: of each tree.
        learning_rate: how far each tree moves the scores.
        min_rows: of the least leaf, but no more than a fiftieth of all rows: few people must do with less.
        l2: pulls the leaves' values to 0.
        feature_share, list_share: what part of features and lists each tree sees.
        top: pairs count where one of the two is among so many best.
        seed: of the parts.
    """

    name = "gbdt"

    def __init__(
        self,
        trees: int = 100,
        leaves: int = 15,
        learning_rate: float = 0.05,
        min_rows: int = 5000,
        l2: float = 50.0,
        feature_share: float = 0.5,
        list_share: float = 0.7,
        top: int = 30,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "trees": trees,
            "leaves": leaves,
            "learning_rate": learning_rate,
            "min_rows": min_rows,
            "l2": l2,
            "feature_share": feature_share,
            "list_share": list_share,
            "top": top,
            "seed": seed,
        }
        self._lock = threading.Lock()

    def fit(self, examples: Examples, progress=None) -> "Gbdt":
        """See `Ranker`."""
        import lightgbm

        own = self.settings
        parameters = {
            "objective": "lambdarank",
            "lambdarank_truncation_level": own["top"],
            "num_leaves": own["leaves"],
            "learning_rate": own["learning_rate"],
            "min_data_in_leaf": min(own["min_rows"], max(len(examples.labels) // 50, 1)),
            "lambda_l2": own["l2"],
            "feature_fraction": own["feature_share"],
            "bagging_fraction": own["list_share"],
            "bagging_freq": 1,
            "bagging_by_query": True,
            "monotone_constraints": [int(name in RISING) for name in FEATURES],
            "seed": own["seed"],
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        table = lightgbm.Dataset(
            examples.features,
            examples.labels.astype(np.int32),
            group=examples.sizes,
            feature_name=list(FEATURES),
            free_raw_data=True,
        )
        callbacks = []
        if progress is not None:
            callbacks.append(lambda env: progress(env.iteration + 1, own["trees"], "gbdt"))
        booster = lightgbm.train(parameters, table, own["trees"], callbacks=callbacks)
        return self.restore({"trees": np.frombuffer(booster.model_to_string().encode(), dtype=np.uint8)})

    def scores(self, features: np.ndarray) -> np.ndarray:
        """See `Ranker`."""
        return self._ask(features)

    def importance(self) -> dict[str, float]:
        """How much each feature's splits lowered the loss (LightGBM's gain), as shares; see `Ranker`."""
        gains = self._trees().feature_importance("gain")
        shares = gains / max(gains.sum(), 1e-12)
        return {name: float(share) for share, name in sorted(zip(shares, FEATURES, strict=True), reverse=True)}

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """LightGBM's own: exact Shapley values of the trees (Lundberg et al. 2018); see `Ranker`."""
        return self._ask(features, pred_contrib=True)

    def state(self) -> dict[str, np.ndarray]:
        """See `Ranker`."""
        return self._state

    def restore(self, state: Mapping[str, np.ndarray]) -> "Gbdt":
        """See `Ranker`."""
        self._state, self._booster = {"trees": state["trees"]}, None
        return self

    def _ask(self, features: np.ndarray, **how) -> np.ndarray:
        if not len(features):
            return np.zeros((0, len(FEATURES) + 1) if how else 0)
        table = np.ascontiguousarray(features, dtype=np.float64)
        return np.asarray(self._trees().predict(table, num_threads=1, **how), dtype=np.float64)

    def _trees(self):
        """LightGBM's model; read when it is first asked, since the library takes a second to import."""
        with self._lock:
            if self._booster is None:
                import lightgbm

                self._booster = lightgbm.Booster(model_str=self._state["trees"].tobytes().decode())
            return self._booster
