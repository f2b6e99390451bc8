"""Words find pictures: the head's held-out captions, asked again of the vectors that the catalog was built with."""

import numpy as np

from recsys.encoders.align import caption_groups, hold_out, retrieval
from recsys.encoders.packaged import head_report
from recsys.settings import DEFAULT_IMAGE_ENCODER
from recsys.version import built_names, open_current

from . import Row

LEAST = 0.60


def checks(settings) -> list[Row]:
    """One row; none where clip art is not built, or with pictures by another encoder."""
    if "clipart" not in built_names(settings):
        return []
    version = open_current(settings, "clipart")
    if not (version.manifest["encoders"]["image"] or "").startswith(DEFAULT_IMAGE_ENCODER):
        return []
    texts, pictures = (np.asarray(version.spaces[space]) for space in ("text", "image"))
    present = np.flatnonzero(pictures.any(axis=1))
    report = head_report()
    groups = caption_groups(version.catalog.items["text"].to_numpy()[present])
    held = hold_out(groups, report["seed"])
    asked = present[held]
    found = retrieval(pictures[asked], texts[asked], groups[held])
    return [
        Row(
            f"clipart: captions that the head never saw find a picture of theirs, R@10 of {LEAST} or more",
            f"R@10 {found['recall@10']} over {len(asked)} pictures of {len(np.unique(groups[held]))} captions "
            f"(chance {found['chance@10']}); when the head was learned {report['recall@10']}",
            found["recall@10"] >= LEAST,
        )
    ]
