"""Widgets that steer the view: wish, categories, conditions, blend, space and list length.

Each shows the view and writes back to it; none keeps a state of its own (see `recsys.ui.state`).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from recsys.errors import TastespaceError, quoted
from recsys.lessons.diversity import NAMES
from recsys.personas import WISHES
from recsys.profile import MAX_WISH, clean_wish
from recsys.projection import inside
from recsys.spreadsheet import to_csv
from recsys.ui import actions, resources, state, warmup
from recsys.ui.facets import facets, read_change
from recsys.ui.facts import condition_words, label_of
from recsys.ui.link import ALL_METHODS, MAX_K, View
from recsys.ui.words import SIGNALS, WORDS, plain
from recsys.version import Version

SPACES = {
    "text": "Words",
    "image": "Pictures",
    "blend": "Both",
    "given": "Own vectors",
    "mf": "Factors",
    "two_tower": "Two towers",
}
AUTO = "Best measured"


def wish(version: Version) -> None:
    """The wish in words: also the search."""
    example = WISHES.get(version.name, ("something for a rainy day",))[0]

    def apply(words: str) -> None:
        cleaned = clean_wish(words)
        if len(clean_wish(words, limit=None)) > MAX_WISH:
            state.warn(f"The wish was cut at {MAX_WISH} characters; the text encoder reads no more.")
        note = f"You wished for “{cleaned}”." if cleaned else "You took the wish back."
        state.change(note, profile=state.profile().wishing(cleaned))

    invites = f"A wish in words, such as “{example}”, then Enter: this is also the search"
    deaf = "No words here: this catalog came with vectors alone, and no model knows where a wish lies among them"
    key = state.shown("wish", state.profile().wish)
    with st.container(horizontal=True, vertical_alignment="center", key="wish-box"):
        st.text_input(
            "What do you wish for?",
            key=key,
            placeholder=invites if version.reads_words else deaf,
            disabled=not version.reads_words,
            icon=":material/search:",
            on_change=state.changed(key, apply),
            label_visibility="collapsed",
        )
        st.markdown("", help=WORDS["wish"], width="content")


def picture_wish() -> None:
    """The wish as an uploaded picture; it stays in this browser session and is in no link."""
    from recsys.sources.pictures import open_upload  # no first list waits for what only an upload needs

    funnel, profile = resources.funnel(state.view().catalog), state.profile()
    warmup.load_pictures(funnel)
    upload = st.file_uploader(
        "A picture of what you look for",
        type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tiff"],
        key=f"upload-{st.session_state.get('upload_round', 0)}",
        help="The picture becomes a point like any other. It stays in this session: a copied link does not carry it. "
        "The first picture takes some seconds, while its encoder is loaded.",
    )
    if upload is not None and upload.file_id != st.session_state.get("upload_seen"):
        try:
            with st.spinner("Looking at the picture ..."):
                picture = open_upload(upload.getvalue())
                key = funnel.encode_wish.add_picture(picture)
                warmup.spare_collector()  # the first picture has loaded its encoder
            note = f"You wished with the picture {upload.name}. {picture.info.get('note', '')}"
            state.change(note.strip(), profile=replace(profile, picture=key))
            st.session_state.upload_seen = upload.file_id  # not before: a click may interrupt the encoding
            st.rerun()
        except TastespaceError as error:
            st.warning(plain(error), icon=":material/broken_image:")
    if profile.picture is not None:
        st.caption("A picture is part of your wish. It is in no link.")
        st.button("Take the picture back", on_click=_drop_picture, icon=":material/close:")


def _drop_picture() -> None:
    st.session_state.upload_round = st.session_state.get("upload_round", 0) + 1
    state.change("You took the picture back.", profile=replace(state.profile(), picture=None))


def categories(version: Version) -> None:
    """The categories that are part of the profile: they pull the point, they exclude nothing."""
    counts = version.facets.counts(version.catalog.categories)
    key = state.shown("categories", list(state.profile().categories))

    def apply(chosen: list[str]) -> None:
        note = f"You chose {', '.join(chosen)}." if chosen else "You chose no category."
        state.change(note, profile=state.profile().choosing(chosen))

    st.multiselect(
        f"{version.catalog.facet(version.catalog.categories).label} you like",
        options=list(counts),
        key=key,
        placeholder="Any",
        on_change=state.changed(key, apply),
        help=WORDS["categories"],
    )


def rated(version: Version) -> None:
    """The liked and disliked items, each removable."""
    profile, titles = state.profile(), version.catalog.items["title"]
    for label, ids, icon in (("Liked", profile.likes, "♥"), ("Disliked", profile.dislikes, "✕")):
        if not ids:
            continue
        key, names = state.shown(f"rated-{label}", list(ids)), _told_apart(titles[list(ids)])

        def apply(kept: list[str], ids=ids) -> None:
            for item in set(ids) - set(kept):
                state.change(f"You took back what you said of {titles[item]}.", profile=state.profile().without(item))

        st.pills(
            f"{label} ({len(ids)})",
            options=list(ids),
            format_func=lambda i, icon=icon, names=names: f"{icon} {plain(names[i])}",
            selection_mode="multi",
            key=key,
            on_change=state.changed(key, apply),
            help="Click one to take it back.",
        )


def _told_apart(titles: pd.Series) -> pd.Series:
    """Titles that are all different, by item id: a browser names its choices by their words alone."""
    again = titles.groupby(titles).cumcount()
    return titles.where(again == 0, titles + " (" + (again + 1).astype(str) + ")")


def blend(version: Version) -> None:
    """Which space is searched, and how much the words count against the picture."""
    space = space_of(state.view(), version)
    choices = [*([AUTO] if version.serving else []), *version.spaces]
    chosen = AUTO if version.serving and state.view().space is None else space
    _space_choice("space", "Compare by", "Now comparing by", choices, chosen)
    if version.learned:
        st.caption(plain(why_space(version, space, state.view())))
    if space == "blend":
        key = state.shown("blend", state.view().blend)
        st.slider(
            "Pictures … words",
            0.0,
            1.0,
            step=0.05,
            key=key,
            on_change=state.changed(key, lambda w: state.change(f"Words now count {w:.0%}.", blend=round(w, 2))),
            help=WORDS["blend"],
        )


def why_space(version: Version, space: str, view: View) -> str:
    """Why the list is made in this space, and what it does not understand of the profile: a sentence or two."""
    told, profile = version.learned.get(space), view.profile
    wordy = bool(profile.wish or profile.picture or profile.categories)
    if told is not None and wordy:
        return "This space was learned from ratings and knows no words: wish and categories are not heard here."
    if told is not None and told["simulated"]:
        return f"Learned from {told['from']}: it shows how such a space works, and nothing about real taste."
    if view.space is not None or not version.serving:
        return "" if told is None else f"Learned from {told['from']}."
    if told is None:
        return (
            "You asked in words, so what items are like decides: ratings know no words."
            if wordy
            else "Once you like something, what people rated decides instead of words."
        )
    rule = next(rule for rule in reversed(version.serving) if rule["space"] == space)
    over = f", {rule['over']} {rule['over_ndcg@10']:.2f}" if "over" in rule else ""
    return (
        f"Chosen by measurement: for new people from {rule['likes']} known rating(s) on, {rule['model']} found most of "
        f"what else they rated (nDCG@10 {rule['ndcg@10']:.2f}{over})."
    )


def somebody(version: Version) -> None:
    """Being a real person of the catalog, with all their ratings."""
    if not version.people:
        return
    key = state.shown("person", state.profile().person or "")

    def apply(person: str) -> None:
        person = person.strip()
        if person and person not in version.people:
            known = sorted(version.people, key=lambda p: (len(p), p))
            state.warn(f"There is no user {quoted(person, 20)}; they go from {known[0]} to {known[-1]}.")
            return
        note = f"You are user {person}, with all their ratings." if person else "You are yourself again."
        state.change(note, profile=state.profile().being(person or None))

    st.text_input(
        "Be a real user",
        key=key,
        placeholder="a number, such as 196",
        on_change=state.changed(key, apply),
        help="Somebody of the data set: what they rated counts as yours, and leaves the list.",
    )


def about(version: Version) -> None:
    """What the visitor tells of themselves and of the moment, for the spaces that learned what such people rate."""
    known, space = dict(state.profile().about), space_of(state.view(), version)

    def teller(signal: str):
        def apply(group: str | None) -> None:
            note = f"{SIGNALS[signal]}: {group}." if group else f"{SIGNALS[signal]} is unknown again."
            state.change(note, profile=state.profile().knowing(signal, group))

        return apply

    for signal, groups in version.facts.items():
        key = state.shown(f"about-{signal}", known.get(signal))
        st.selectbox(
            SIGNALS[signal],
            groups,
            index=None,
            key=key,
            placeholder="unknown",
            on_change=state.changed(key, teller(signal)),
        )
    hearing = [s for s, told in version.learned.items() if told.get("facts")]
    if space not in hearing:
        names = " and ".join(SPACES.get(s, s) for s in hearing)
        st.caption(f"Not heard now: of the spaces, {names} alone knows what such people rate. Compare by it above.")


def methods() -> None:
    """Which methods of diversity stand beside the plain list."""
    chosen = state.view().methods
    key = state.shown("methods", list(chosen))

    def apply(names: list[str]) -> None:
        if not names:
            state.warn("At least one method stays beside the plain list.")
            return
        kept = tuple(m for m in ALL_METHODS if m in names)
        state.change(f"Beside the plain list: {', '.join(NAMES[m] for m in kept)}.", methods=kept)

    st.pills(
        "Methods",
        ALL_METHODS,
        selection_mode="multi",
        key=key,
        format_func=NAMES.get,
        on_change=state.changed(key, apply),
        help="What stands beside the plain list. The slider drives them all.",
    )


def length() -> None:
    """The length of the list."""
    key = state.shown("k", state.view().k)
    st.slider(
        "List length",
        1,
        MAX_K,
        key=key,
        on_change=state.changed(key, lambda k: state.change(f"The lists now have {k} items.", k=k)),
    )


def conditions(version: Version) -> None:
    """The conditions on facets, with live counts."""

    def apply(asked: dict) -> None:
        change = read_change(asked, version, state.view().where)
        if change is not None:
            state.change(change[0], where=change[1])

    facets(version, state.view().where, key="facets", on_change=apply)


def active_conditions(version: Version) -> None:
    """The conditions in force, a button each that drops it."""
    where = state.view().where
    if where:
        with st.container(horizontal=True, key="active"):
            st.markdown(":gray[Only]", width="content")
            for number, condition in enumerate(where):
                st.button(
                    plain(condition_words(version.catalog.facet(condition.facet), condition)),
                    key=f"drop-{number}-{condition}",
                    icon=":material/close:",
                    on_click=actions.relax,
                    args=(str(condition),),
                    help=f"Drop this condition, {plain(condition)}.",
                )


def _space_choice(name: str, label: str, note: str, spaces: list[str], chosen: str) -> None:
    """A choice among spaces, where there are several."""
    if len(spaces) > 1:
        key = state.shown(name, chosen)

        def apply(space: str) -> None:
            state.change(f"{note} {SPACES.get(space, space).lower()}.", space=None if space == AUTO else space)

        few = len(spaces) <= 3  # more would be broken into lines, which only pills do nicely
        (st.segmented_control if few else st.pills)(
            label,
            spaces,
            key=key,
            format_func=lambda s: SPACES.get(s, s),
            required=True,
            on_change=state.changed(key, apply),
            help=WORDS["space"],
        )


def space_of(view: View, version: Version) -> str:
    """The space that a view searches: the one it names, or the one that measured best for its profile."""
    return view.space or resources.funnel(version.name).best_space(view.profile)


def map_options(version: Version, space: str, colours: list[str], colour: str, dims: int) -> None:
    """Which space the map shows, in how many dimensions, coloured by what."""
    _space_choice("map-space", "Space", "The map of", list(version.manifest["maps"]), space)
    key = state.shown("colour", colour)
    st.selectbox(
        "Colour by",
        colours,
        key=key,
        format_func=lambda name: label_of(version.catalog.facet(name)),
        on_change=state.changed(key, lambda name: state.change("Other colours.", colour=name)),
    )
    if len(version.manifest["maps"][space]) > 1:
        key = state.shown("dims", dims == 3)
        st.toggle(
            "In three dimensions",
            key=key,
            on_change=state.changed(key, lambda on: state.change("Another view of the map.", dims=3 if on else 2)),
            help="To turn and look around. Selecting works in two dimensions.",
        )


def clicked_item(event) -> str | None:
    """The item whose dot was clicked, alone; None for none, and for a lasso or a box."""
    selection = event.selection if event else None
    if not selection or selection.get("lasso") or selection.get("box"):
        return None
    ids = {p["customdata"][0] for p in selection.get("points", []) if p.get("customdata")}
    return ids.pop() if len(ids) == 1 else None


def selected_rows(event, version: Version, coords: np.ndarray) -> np.ndarray:
    """The rows of the items that a click, a lasso or a box on the map selects: (m,) int.

    A lasso's polygon is tested against all items here: the browser would send back each point it holds.
    """
    selection = event.selection if event else None
    if not selection:
        return np.empty(0, dtype=np.int64)
    areas = [np.column_stack([a["x"], a["y"]]) for a in selection.get("lasso", [])]
    for box in selection.get("box", []):
        (x1, x2), (y1, y2) = box["x"], box["y"]
        areas.append(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))
    if areas and coords.shape[1] == 2:
        return np.flatnonzero(np.any([inside(coords, area) for area in areas], axis=0))
    ids = [p["customdata"][0] for p in selection.get("points", []) if p.get("customdata")]
    return version.rows(dict.fromkeys(i for i in ids if i in version))


@st.cache_data(max_entries=32, show_spinner=False)
def selection_csv(_version: Version, version: str, rows: np.ndarray) -> str:
    """`as_csv`, made once for a selection however often its page runs."""
    return as_csv(_version, rows)


def as_csv(version: Version, rows: np.ndarray) -> str:
    """Items as CSV. A cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
    items = version.catalog.items.iloc[rows].drop(columns=["image", "text"], errors="ignore").reset_index()
    items = items.rename(columns={f.name: f"{f.name} (simulated)" for f in version.catalog.facets if f.simulated})

    for name in items.select_dtypes("float"):
        if (items[name].dropna() % 1 == 0).all():
            items[name] = items[name].astype("Int64")  # a year is 2005, not 2005.0
    return to_csv(items)
