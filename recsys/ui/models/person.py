"""Two models side by side on one real person: what both knew, what each lists, and what was held back."""

import numpy as np
import streamlit as st

import recsys.ui.shelf as shelves
from recsys.errors import TastespaceError
from recsys.evaluation import story
from recsys.evaluation.splits import Task
from recsys.models import MODELS, create
from recsys.ui import actions, resources, state
from recsys.ui.lists import aspect, plain_card
from recsys.ui.pictures import thumbnails
from recsys.ui.words import plain
from recsys.version import Version

SLOW = ("two-tower",)
"""Models that take a minute to learn: nobody is made to wait for them unasked."""
PERSON = "196"
SHOWN = 12


def side_by_side(record: dict, version: Version) -> None:
    """Two models' lists for one person of the published split, what was held back marked on them."""
    if version.ratings is None:
        return
    st.markdown(
        "**Two models, one person**  \n:gray[Both have learned from the published split and know the same of this "
        "person. A ✓ marks what was held back and the list finds.]"
    )
    pair = chosen_models(record)
    if others := _other_settings(record, pair):
        st.caption(
            f"Here {' and '.join(map(story.name_of, others))} {'has' if len(others) == 1 else 'have'} the default "
            "settings, which differ from those chosen for the record above: chosen ones may take long to learn."
        )
    people = sorted((str(p) for p in version.ratings.people), key=lambda p: (len(p), p))
    person = chosen_person(people)
    _choices([m["model"] for m in story.ranked(record)], pair, people, person)
    lists, task = {}, None
    for name in pair:
        found = _computed(version, name)
        if found is not None:
            task, lists[name] = found
    if task is not None:
        _shelves(version, task, lists, person)


def chosen_models(record: dict) -> list[str]:
    """The two models: those of the link that the record has, filled up with its best."""
    ranked = [m["model"] for m in story.ranked(record)]
    wanted = [name for name in state.view().models if name in ranked]
    return list(dict.fromkeys([*wanted, *ranked]))[:2]


def _other_settings(record: dict, pair: list[str]) -> list[str]:
    """Which of the two are measured above with other settings than they have here, the defaults."""
    above = {m["model"]: m.get("settings") for m in record["models"]}
    return [name for name in pair if name in MODELS and above[name] != create(name).settings]


def chosen_person(people: list[str]) -> str:
    """The person of the link, or one to begin with; a sentence where the link's is unknown."""
    wanted, default = state.view().user, PERSON if PERSON in people else people[0]
    if wanted is not None and wanted not in people:
        known = f"users {people[0]} to {people[-1]}"
        st.warning(f"There is no user “{plain(wanted[:20])}”; there are {known}.", icon=":material/link_off:")
    return wanted if wanted in people else default


def _choices(names: list[str], pair: list[str], people: list[str], person: str) -> None:
    columns = st.columns(3)
    for place, label in enumerate(("One model", "The other")[: len(pair)]):
        with columns[place]:
            key = state.shown(f"model-{place}", pair[place])

            def apply(name: str, place: int = place) -> None:
                both = [*pair]
                # Choosing what stands on the other side swaps the two.
                both[1 - place] = both[place] if name == both[1 - place] else both[1 - place]
                both[place] = name
                told = " beside ".join(story.name_of(one) for one in both)
                state.change(f"Now {told}.", models=tuple(both))

            offered = names if len(pair) == 2 else pair
            st.selectbox(
                label,
                offered,
                key=key,
                format_func=story.name_of,
                on_change=state.changed(key, apply) if pair[1:] else None,
            )
    with columns[2]:
        key = state.shown("models-person", person)
        st.selectbox(
            "A real person",
            people,
            key=key,
            format_func=lambda p: f"User {p}",
            on_change=state.changed(key, lambda p: state.change(f"This is user {p}.", user=p)),
            help="Type a number.",
        )


def _computed(version: Version, name: str) -> tuple[Task, np.ndarray] | None:
    """A model's lists; None where they have to be asked for first, or cannot be made."""
    stamp = f"{version.name}@{version.id}"
    asked = st.session_state.setdefault("models_asked", set())
    if name in SLOW and (stamp, name) not in asked and not _on_disk(version, stamp, name):
        st.button(
            f"Compute {story.name_of(name)} now (about a minute, once)",
            key=f"compute-{name}",
            icon=":material/play_arrow:",
            on_click=lambda: asked.add((stamp, name)),
        )
        return None
    try:
        with st.spinner(f"{story.name_of(name)} learns the published split, once ..."):
            return _lists(version, stamp, name)
    except TastespaceError as error:
        asked.discard((stamp, name))
        st.warning(plain(error), icon=":material/error:")
        return None


@st.cache_data(max_entries=64, ttl=60, show_spinner=False)
def _on_disk(_version: Version, stamp: str, name: str) -> bool:
    from recsys.learning import has_lists_on_split

    return has_lists_on_split(resources.SETTINGS, _version, name)


@st.cache_resource(max_entries=16, show_spinner=False)
def _lists(_version: Version, stamp: str, name: str) -> tuple[Task, np.ndarray]:
    from recsys.learning import lists_on_split

    return lists_on_split(resources.SETTINGS, _version, name)


def _shelves(version: Version, task: Task, lists: dict[str, np.ndarray], person: str) -> None:
    """Draws a person's history, each model's list for them, and what was held back."""
    data = shelves_of(version, task, lists, person)
    shelves.shelf(data, key="side-by-side", pictures=lambda ids: thumbnails(version, ids), on_event=actions.handle)


def shelves_of(version: Version, task: Task, lists: dict[str, np.ndarray], person: str) -> dict:
    """The same as the data of `recsys.ui.shelf.shelf`."""
    at = int(np.flatnonzero(task.histories.people.astype(str) == person)[0])
    known, held = _rated(task.histories, at), _rated(task.test, at)
    rating = dict(held)
    ids = version.item_ids
    rows = {name: [int(r) for r in found[at] if r >= 0] for name, found in lists.items()}
    cards = {}
    for row, value in known[:SHOWN]:
        cards[str(ids[row])] = plain_card(version, row, state.profile()) | {"reason": f"they rated it {value:g}"}
    listed = {r for own in rows.values() for r in own}
    for row in [*listed, *(r for r, _ in held[:SHOWN])]:
        if row not in rating:
            reason = "not rated by them"
        else:
            reason = f"{'✓ ' if row in listed else ''}held back: rated {rating[row]:g}"
        cards[str(ids[row])] = plain_card(version, row, state.profile()) | {"reason": reason}

    def one(key: str, title: str, note: str, own: list[int]) -> dict:
        return {"key": key, "title": title, "note": note, "list": [str(ids[r]) for r in own]}

    shown = [
        one("known", f"What user {person} rated", _of(known, "known to both models"), [r for r, _ in known[:SHOWN]])
    ]
    for name, own in rows.items():
        hits = sum(r in rating for r in own)
        both = sum(r in other for n, other in rows.items() if n != name for r in own)
        shared = f"; {both} also on the other list" if len(rows) > 1 else ""
        note = f"{hits} of {len(own)} were held back{shared}."
        shown.append(one(f"list-{name}", story.name_of(name), note, own))
    shown.append(one("held", "Held back", _of(held, "to be found"), [r for r, _ in held[:SHOWN]]))
    return {"catalog": version.name, "aspect": aspect(version), "cards": cards, "shelves": shown, "message": None}


def _rated(ratings, at: int) -> list[tuple[int, float]]:
    """A person's rows and ratings, the highest first; of equals the newest."""
    own = np.flatnonzero(ratings.users == at)
    own = own[np.lexsort((ratings.items[own], -ratings.times[own], -ratings.values[own]))]
    return [(int(ratings.items[j]), float(ratings.values[j])) for j in own]


def _of(rated: list, what: str) -> str:
    first = f", the {SHOWN} highest rated first" if len(rated) > SHOWN else ""
    return f"{len(rated):,} ratings, {what}{first}."
