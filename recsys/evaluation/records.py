"""Records: what was measured, on which data, with what, as JSON.

The project ships the records of MovieLens 100K, made by `python -m recsys evaluate`; what is measured on a machine goes
under its data folder and is preferred. A record counts for the data whose hash it carries and for no other.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from recsys.settings import Settings

SHIPPED = Path(__file__).parent / "measured"
PROTOCOLS = ("ms-75-25", "chronological", "cold-users", "cold-items", "continue", "ranking", "funnel", "replay")


def write_record(folder: Path, record: dict) -> Path:
    """Writes a record into a folder, over an earlier one of the same catalog and protocol."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['catalog']}-{record['protocol']}.json"
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    draft.replace(path)
    return path


def read_records(settings: Settings, catalog: str) -> dict[str, dict]:
    """The records of a catalog by protocol: this machine's, else the shipped ones. Damaged files are passed over."""
    found = {}
    for protocol in PROTOCOLS:
        for folder in (folder_of(settings), SHIPPED):
            record = _read(folder / f"{catalog}-{protocol}.json")
            if record is not None:
                found[protocol] = record
                break
    return found


def folder_of(settings: Settings) -> Path:
    """Where this machine keeps what it measured."""
    return settings.data / "measured"


def _read(path: Path) -> dict | None:
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return (
        record
        if isinstance(record, dict) and "data" in record and {"models", "retrieve", "clients"} & record.keys()
        else None
    )


def best_by_likes(record: dict | None, data_hash: str, spaces: Mapping[str, str]) -> list[dict]:
    """Which space measured best at each number of likes, by a record of cold-users.

    Args:
        record: of the protocol `cold-users`; None for none.
        data_hash: of the data that are to be served; a record of others tells nothing.
        spaces: by name of a model that has a space, the space.

    Returns:
        `{likes, space, model, ndcg@10, over, over_ndcg@10}` from the fewest likes on, one wherever the best changes:
        `over` is the best of the others.
    """
    if record is None or record["data"]["hash"] != data_hash:
        return []
    curves = {
        m["model"]: {p["m"]: p["ndcg@10"] for p in m["curve"] if p["order"] == "random"} for m in record["models"]
    }
    curves = {model: curve for model, curve in curves.items() if model in spaces}
    rules: list[dict] = []
    for m in sorted({m for curve in curves.values() for m in curve if m > 0}):
        ranked = sorted((model for model in curves if m in curves[model]), key=lambda name: (-curves[name][m], name))
        if ranked and (not rules or rules[-1]["model"] != ranked[0]):
            best, over = ranked[0], (ranked[1] if len(ranked) > 1 else None)
            rule = {"likes": m, "space": spaces[best], "model": best, "ndcg@10": curves[best][m]}
            rules.append(rule | ({} if over is None else {"over": over, "over_ndcg@10": curves[over][m]}))
    return rules
