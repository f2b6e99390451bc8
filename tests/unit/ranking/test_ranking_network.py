"""The network that serves is the one that was trained."""

import subprocess
import sys

import numpy as np
import torch

from recsys.ranking.features import FEATURES
from recsys.ranking.network import CUT, LAYERS, Network, _inputs
from recsys.ranking.network_training import Member


def test_numpy_gives_what_torch_gives():
    torch.manual_seed(0)
    f = len(FEATURES)
    members = [Member(f + 1, 8, 0.5).eval() for _ in range(3)]
    for member in members:
        torch.nn.init.normal_(member.skip.weight)
    arrays = [member.arrays() for member in members]
    flagged = np.arange(f) == 2
    state = {"mean": np.zeros(f), "scale": np.ones(f), "flagged": flagged, "importance": np.ones(f)}
    state |= {name: np.stack([own[name] for own in arrays]) for name in LAYERS}
    ranker = Network().restore(state)
    rows = np.random.default_rng(0).normal(size=(50, f))
    rows[::3, 2] = np.nan
    with torch.no_grad():
        inputs = torch.as_tensor(_inputs(rows, state), dtype=torch.float32)
        expected = torch.stack([member(inputs) for member in members]).mean(0).numpy()
    np.testing.assert_allclose(ranker.scores(rows), expected, rtol=1e-5, atol=1e-5)


def test_what_the_network_sees():
    """Standardised, cut, 0 where unknown; a flag for the one that training did not always know."""
    state = {"mean": np.array([1.0, 0, 0]), "scale": np.array([2.0, 1, 0]), "flagged": np.array([False, True, False])}
    seen = _inputs(np.array([[2.0, np.nan, 5], [99, -99, np.nan]]), state)
    np.testing.assert_array_equal(seen, [[2, 0, 0, 1], [CUT, -CUT, 0, 0]])


def test_serving_imports_no_torch_and_features_no_library_at_all():
    told = (
        "import sys\n"
        "import recsys.ranking.serving, recsys.ranking.network\n"
        "print(sorted({'torch', 'lightgbm', 'implicit', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout.strip() == "[]"
