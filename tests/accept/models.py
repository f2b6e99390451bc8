"""Models: what was asked of them, against the records that the pages show; SAR is measured here and now."""

from recsys.evaluation.protocols import evaluate
from recsys.evaluation.records import read_records
from recsys.learning import lesson_of
from recsys.version import open_current

from . import Row

PUBLISHED_SAR = {"ndcg@10": 0.393819, "precision@10": 0.340615, "recall@10": 0.185377}
ASKED = {"als": 0.46, "ease": 0.48, "two-tower": 0.45}
AIM = 0.50


KEPT = ("ms-75-25", "chronological", "cold-users", "cold-items", "continue", "ranking", "funnel")


def checks(settings) -> list[Row]:
    """SAR to six digits, then the record of the published split and of the cold ones."""
    version = open_current(settings, "movies")
    lesson = lesson_of(version)
    (sar,) = evaluate(lesson.ratings, lesson.side, "ms-75-25", ["sar"])["models"]
    found = {name: sar[name] for name in PUBLISHED_SAR}
    rows = [Row(f"SAR as published: {PUBLISHED_SAR}", f"{found}", found == PUBLISHED_SAR)]
    records = read_records(settings, "movies")
    same = {name: records[name]["data"]["hash"] == lesson.ratings.fingerprint() for name in KEPT if name in records}
    told = f"{sum(same.values())} of {len(KEPT)}: {', '.join(same)}"
    rows.append(
        Row("records of all protocols, of these very data", told, len(same) == len(KEPT) and all(same.values()))
    )
    board = {model["model"]: model for model in records["ms-75-25"]["models"]}
    for name, least in ASKED.items():
        value = board[name]["ndcg@10"]
        tried = len((board[name]["tuning"] or {}).get("validation", ()))
        rows.append(
            Row(f"{name}: nDCG@10 of {least} or more, tuned on validation", f"{value}, {tried} tried", value >= least)
        )
    best = max(board.values(), key=lambda model: model["ndcg@10"])
    over = best["against"]["ease"]
    told = f"{best['model']} {best['ndcg@10']}, +{over['mean']} [{over['low']}, {over['high']}]"
    rows.append(Row("the best beats EASE, paired interval above 0", told, over["low"] > 0))
    rows.append(Row(f"aim: {AIM}", f"{best['ndcg@10']}", best["ndcg@10"] >= AIM))
    cold = {model["model"]: model for model in records["cold-items"]["models"]}
    mf, tower = cold["als"]["auc"], cold["two-tower"]
    rows.append(Row("new items: ALS near chance", f"AUC {mf['mean']}", abs(mf["mean"] - 0.5) < 0.05))
    for other, gain in tower["auc_against"].items():
        told = f"AUC {tower['auc']['mean']}, +{gain['mean']} [{gain['low']}, {gain['high']}]"
        rows.append(Row(f"new items: two-tower above {other}", told, gain["low"] > 0))
    return rows
