"""Facts of people and moments as groups: age bands, regions, time of day. One vocabulary for priors and networks."""

import numpy as np
import pandas as pd

DEMOGRAPHICS = ("age", "gender", "occupation", "region")
CONTEXT = ("time", "weekend")
SIGNALS = (*DEMOGRAPHICS, *CONTEXT)

AGES = {"under 18": 18, "18-24": 25, "25-34": 35, "35-44": 45, "45-54": 55, "55 and over": np.inf}
"""The bands of age, with the age at which each ends."""
TIMES = ("night", "morning", "afternoon", "evening")
"""Six hours each, from midnight on."""
WEEKEND = ("no", "yes")

UTC_OFFSETS = {
    "New England": -5,
    "Mid-Atlantic": -5,
    "Upper South": -5,
    "Southeast": -5,
    "Great Lakes": -5,
    "Upper Midwest": -6,
    "Central Midwest": -6,
    "South Central": -6,
    "Mountain": -7,
    "Pacific": -8,
}
"""Each region's usual standard time, in hours from UTC. Canada spans six zones, so its hours cannot be known."""


def age_band(age: float) -> str | None:
    """The band that an age in years falls into, or None for NaN."""
    return None if np.isnan(age) else next(band for band, end in AGES.items() if age < end)


def demographics(users: pd.DataFrame | None) -> dict[str, tuple[pd.Series, tuple[str, ...]]]:
    """Each person's value of each signal: codes by user id, -1 where unknown, and the values they stand for."""
    found: dict[str, tuple[pd.Series, tuple[str, ...]]] = {}
    for signal in DEMOGRAPHICS if users is not None else ():
        if signal not in users.columns:
            continue
        if signal == "age":
            ages = users["age"].to_numpy(dtype=np.float64, na_value=np.nan)
            codes, values = np.searchsorted(list(AGES.values()), ages, side="right"), tuple(AGES)
            codes[np.isnan(ages)] = -1
        else:
            codes, labels = pd.factorize(users[signal].astype(object), sort=True)
            values = tuple(map(str, labels))
        found[signal] = pd.Series(codes, index=users.index), values
    return found


def utc_offsets(users: pd.DataFrame | None, people: np.ndarray) -> np.ndarray:
    """Each rating person's hours from UTC: (P,) float64, NaN where they cannot be known."""
    if users is None or "region" not in users.columns:
        return np.full(len(people), np.nan)
    return users["region"].map(UTC_OFFSETS).reindex(people).to_numpy(dtype=np.float64)


def contexts(times: np.ndarray, offsets: np.ndarray) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """Time of day and weekend of moments: codes and the values they stand for."""
    hours = (times + (offsets * 3600).astype(np.int64)) // 3600
    days = (hours // 24 + 3) % 7  # 1 January 1970 was a Thursday; Monday is 0
    return {"time": (hours % 24 // 6, TIMES), "weekend": ((days >= 5).astype(np.int64), WEEKEND)}
