import tomllib
from itertools import combinations

import numpy as np
import pytest

from recsys.settings import ROOT
from recsys.ui.palette import CATEGORICAL, OTHER

# Machado, Oliveira & Fernandes (2009), severity 1, on linear sRGB.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
CONE = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
CONE += [[0.0883024619, 0.2817188376, 0.6299787005]]
LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
LAB += [[0.0259040371, 0.7827717662, -0.8086757660]]


def linear(color: str) -> np.ndarray:
    """(3,) linear sRGB in [0, 1]."""
    c = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    return np.array(LAB) @ np.cbrt(np.array(CONE) @ np.clip(rgb, 0, 1))


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""
    a, b = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(c)) + 0.05 for c in (one, other))
    return b / a


@pytest.fixture(scope="module")
def theme() -> dict:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]


@pytest.mark.parametrize("vision", VISION)
def test_any_two_categories_can_be_told_apart(vision):
    seen = [oklab(np.array(VISION[vision]) @ linear(c)) for c in CATEGORICAL]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.07


def test_every_category_is_seen_on_both_backgrounds(theme):
    for mode in ("light", "dark"):
        assert min(contrast(c, theme[mode]["backgroundColor"]) for c in (*CATEGORICAL, OTHER)) > 1.5


def test_charts_use_the_same_colours(theme):
    assert tuple(theme["chartCategoricalColors"]) == CATEGORICAL


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_links_can_be_read(theme, mode):
    for background in ("backgroundColor", "secondaryBackgroundColor"):
        assert contrast(theme[mode]["textColor"], theme[mode][background]) > 12
        assert contrast(theme[mode]["linkColor"], theme[mode][background]) > 4.5
