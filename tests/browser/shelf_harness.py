"""A tiny app around the shelf: made-up items with drawn shapes for pictures, real MMR over made-up vectors.

Query parameters: `aspect=poster` draws film covers, `layout=grid`, `keep=N` lets only N items through, `slow=SECONDS`
makes Python think, `lose=ID` loses that picture the first time.
"""

import base64
import time

import numpy as np
import streamlit as st

from recsys.ui.shelf import Event, shelf

K, N, STOPS = 10, 60, 101
COLORS = {"Red": "#d1495b", "Green": "#3a8f5c", "Blue": "#3a6ea5", "Yellow": "#e0a526", "Violet": "#7b5ea7"}
COLORS |= {"Orange": "#e2743a"}
SHAPES = {
    "apple": "M50 26c12-14 36-6 34 20-2 26-20 40-34 34-14 6-32-8-34-34-2-26 22-34 34-20zM50 26c-2-8 2-16 10-18",
    "star": "M50 8l12 28 30 3-22 20 6 30-26-15-26 15 6-30L8 39l30-3z",
    "house": "M14 48 50 16l36 32v38H60V62H40v24H14z",
    "fish": "M8 50c14-24 44-26 60-6l22-16v44L68 56C52 76 22 74 8 50z",
    "cup": "M20 28h50v34a16 16 0 0 1-16 16H36a16 16 0 0 1-16-16zM70 36h8a10 10 0 0 1 0 20h-8",
    "tree": "M50 8 80 46H66l18 24H56v20H44V70H16l18-24H20z",
    "moon": "M64 12a40 40 0 1 0 24 54A34 34 0 0 1 64 12z",
    "boat": "M46 10v46H16zM52 22l30 34H52zM12 64h76L76 84H24z",
    "drop": "M50 8c16 24 28 36 28 52a28 28 0 0 1-56 0c0-16 12-28 28-52z",
    "kite": "M50 8l30 34-30 46-30-46z",
}


def uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def make_items() -> dict[str, dict]:
    """60 items, one for each colour and shape; the last one's title is hostile and long."""
    items = {}
    for color, fill in COLORS.items():
        for shape, path in SHAPES.items():
            svg = (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><path d="{path}" fill="{fill}"/></svg>'
            )
            items[f"{color}-{shape}".lower()] = {
                "title": f"{color} {shape}",
                "subtitle": f"shapes · {shape}s",
                "uri": uri(svg),
            }
    items["orange-kite"]["title"] = (
        "<img src=x onerror=alert(1)> & a title so long that no card can hold all of its words"
    )
    items["orange-boat"]["title"] = "قارب برتقالي صغير"
    return items


def poster_items() -> dict[str, dict]:
    """The same ids as films."""
    from recsys.ui.covers import GENRES, cover_svg

    nouns = ["Harbor Letters", "The Last Orchard", "Midnight Ferry", "A Quiet Signal", "Glass Mountain", "Cold Tide"]
    nouns += ["The Cartographer's Daughter", "Static", "Nine Lanterns", "Salt & Iron", "Before the Thaw", "Velvet Hour"]
    genres, films = list(GENRES), {}
    for row, item in enumerate(make_items()):
        title, genre = (
            nouns[row % len(nouns)] + (f" {row // len(nouns) + 1}" if row >= len(nouns) else ""),
            genres[row % len(genres)],
        )
        svg = cover_svg(title, str(1950 + row), genre, seed=row)
        films[item] = {"title": title, "subtitle": f"{1950 + row} · {genre}", "uri": uri(svg)}
    return films


def vectors() -> np.ndarray:
    """(60, 24) float64 unit rows: alike in colour, alike in shape."""
    rng = np.random.default_rng(7)
    colors, shapes = rng.normal(size=(len(COLORS), 24)), rng.normal(size=(len(SHAPES), 24))
    all_of_them = np.array([1.1 * c + s for c in colors for s in shapes]) + 0.25 * rng.normal(size=(N, 24))
    return all_of_them / np.linalg.norm(all_of_them, axis=1, keepdims=True)


def mmr(relevance: np.ndarray, similar: np.ndarray, lam: float, k: int) -> tuple[list[int], list[float], list[int]]:
    """Rows, what was taken off each, and because of which row."""
    rows, taken, rivals = [int(relevance.argmax())], [0.0], [-1]
    while len(rows) < min(k, len(relevance)):
        nearest = similar[:, rows].max(axis=1)
        gain = lam * relevance - (1 - lam) * nearest
        gain[rows] = -np.inf
        best = int(gain.argmax())
        rivals.append(rows[int(similar[best, rows].argmax())])
        taken.append(round(max(0.0, float((1 - lam) * nearest[best])), 3))
        rows.append(best)
    return rows, taken, rivals


def shelves(items: dict, likes: list[str], dislikes: list[str], lam: float, keep: int) -> dict:
    """The component's data for a profile."""
    names, space = list(items), vectors()
    row_of = {name: row for row, name in enumerate(names)}
    liked = space[[row_of[i] for i in likes]]
    wish = space[row_of["blue-fish"]]
    pull = liked.mean(axis=0) if likes else np.zeros(24)
    push = -0.5 * space[[row_of[i] for i in dislikes]].mean(axis=0) if dislikes else np.zeros(24)
    norm = np.linalg.norm(pull + 0.6 * wish + push)
    parts = {"like": space @ pull / norm, "wish": space @ wish * 0.6 / norm, "dislike": space @ push / norm}
    score = sum(parts.values())
    pool = [i for i in np.argsort(-score, kind="stable") if names[i] not in likes + dislikes][:keep]
    ids = [names[i] for i in pool]
    runs = (
        [mmr(score[pool], space[pool] @ space[pool].T, j / 100, K) for j in range(STOPS)]
        if pool
        else [([], [], [])] * STOPS
    )
    shown = sorted({names[pool[r]] for rows, _, _ in runs for r in rows} | set(ids[:K]), key=ids.index)
    cards = {}
    for i in shown:
        row = row_of[i]
        why = [
            {"label": kind, "value": round(float(v[row]), 3), "kind": kind}
            for kind, v in parts.items()
            if abs(v[row]) > 1e-9
        ]
        nearest = max(likes, key=lambda j: space[row] @ space[row_of[j]]) if likes else None
        reason = (
            f"because you liked {items[nearest]['title']}, {space[row] @ space[row_of[nearest]]:.2f}"
            if nearest
            else "near your wish"
        )
        cards[i] = {
            "title": items[i]["title"],
            "subtitle": items[i]["subtitle"],
            "score": round(float(score[row]), 3),
            "why": why,
            "reason": reason.replace(" 0.", " ."),
            "state": "",
        }
    message = None
    if keep < K:
        text = f"Your conditions leave {keep} of 60 items." if keep else "No item satisfies all conditions."
        message = {"text": text, "relax": [{"label": "Drop “year ≥ 1990”", "value": "year>=1990"}]}
    return {
        "catalog": "shapes", "cards": cards, "message": message,
        "shelves": [
            {"key": "nearest", "title": "Nearest", "note": "Best match first", "list": ids[:K], "wanted": K},
            {
                "key": "varied", "title": "Varied", "note": "Near, but not all the same", "lam": lam, "wanted": K,
                "pool": ids, "stops": [r[0] for r in runs],
                "penalty": [r[1] for r in runs], "rivals": [r[2] for r in runs],
            },
        ],
    }  # fmt: skip


def on_event(event: Event) -> None:
    """Keeps the profile, and a log for the tests."""
    st.session_state.log.append(f"{event.do} {event.id or event.value}")
    if event.do in ("like", "dislike"):
        st.session_state[f"{event.do}s"].append(event.id)
    if event.do == "lam":
        st.session_state.lam = event.value


@st.fragment
def page() -> None:
    """The shelves, and what Python heard of them."""
    state, query = st.session_state, st.query_params
    poster = query.get("aspect") == "poster"
    items = poster_items() if poster else make_items()
    time.sleep(float(query.get("slow", 0)))
    data = shelves(items, state.likes, state.dislikes, state.lam, int(query.get("keep", N)))
    data |= {"aspect": "poster" if poster else "square", "layout": query.get("layout", "row")}
    lost = query.get("lose", "") if not state.asked else ""

    def pictures(ids: list[str]) -> dict[str, str]:
        state.asked = state.asked or lost in ids
        return {i: items[i]["uri"] for i in ids if i != lost}

    shelf(data, key="shelf", pictures=pictures, on_event=on_event)
    st.button("Again")
    st.caption(f"log: {'; '.join(state.log)}.")


def main() -> None:
    """The app."""
    st.set_page_config(page_title="Shelf", layout="wide", menu_items={"About": "A harness."})
    start = {"likes": ["red-apple", "blue-star"], "dislikes": ["yellow-cup"], "lam": 0.7, "log": [], "asked": False}
    for name, value in start.items():
        st.session_state.setdefault(name, value)
    st.header("A visitor who likes red apples")
    page()


if __name__ == "__main__":
    main()
