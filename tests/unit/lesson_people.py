"""A tiny catalog with people: who likes what can be counted by hand."""

import numpy as np
import pandas as pd

ITEMS = ["apple", "pear", "cat", "dog", "chair", "riddle"]
S = np.sqrt(0.5)
TEXT = np.array([[1, 0, 0], [S, S, 0], [0, 1, 0], [0, S, S], [0, 0, 1], [-1, 0, 0]], dtype=np.float32)
FRIDAY = 885571200
"""Friday, 23 January 1998, 16:00 UTC; 8 in the morning in the Pacific region."""


def ratings(*rows: tuple) -> pd.DataFrame:
    """Interactions of (user, item, rating) or (user, item, rating, time)."""
    table = pd.DataFrame([(*row, FRIDAY)[:4] for row in rows], columns=["user_id", "item_id", "rating", "timestamp"])
    return table.astype({"user_id": object, "item_id": object, "rating": float, "timestamp": np.int64})


USERS = pd.DataFrame(
    {
        "age": [20.0, 30, 30, np.nan],
        "gender": ["F", "M", "M", "M"],
        "occupation": ["artist", "doctor", "doctor", None],
        "region": ["Pacific", "New England", None, "Canada"],
    },
    index=pd.Index(["ann", "bob", "cy", "dan"], name="user_id"),
)
RATINGS = ratings(
    ("ann", "apple", 5, FRIDAY),
    ("ann", "cat", 2, FRIDAY),
    ("bob", "apple", 4, FRIDAY + 3 * 86_400),
    ("bob", "cat", 4, FRIDAY + 86_400),
    ("cy", "cat", 5),
    ("cy", "dog", 3),
    ("dan", "cat", 1),
)


def many(n_users: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random people of the tiny catalog, each with three to six ratings."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{u:03}", ITEMS[i], int(rng.integers(1, 6)), FRIDAY + int(rng.integers(10**7)))
        for u in range(n_users)
        for i in rng.permutation(6)[: rng.integers(3, 7)]
    ]
    users = pd.DataFrame(
        {
            "age": rng.integers(10, 80, n_users).astype(float),
            "gender": rng.choice(["F", "M"], n_users).astype(object),
            "occupation": rng.choice(["artist", "doctor"], n_users).astype(object),
            "region": rng.choice(["Pacific", "Mountain"], n_users).astype(object),
        },
        index=pd.Index([f"u{u:03}" for u in range(n_users)], name="user_id"),
    )
    return ratings(*rows), users
