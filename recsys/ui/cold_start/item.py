"""A new item: composed, placed among the others, and shown to whom it would reach."""

import streamlit as st

from recsys.errors import TastespaceError
from recsys.funnel import Funnel
from recsys.lessons.new_item import FIRST, READY, Draft, compose
from recsys.ui import actions, state, warmup
from recsys.ui.lists import aspect, plain_card
from recsys.ui.pictures import thumbnails
from recsys.ui.shelf import shelf
from recsys.ui.words import plain
from recsys.version import Version

NEAR = 200


def new_item(funnel: Funnel) -> None:
    """An item that nobody has seen: where it lands, beside what, and who would get it."""
    view, version = state.view(), funnel.version
    draft = Draft(*view.draft) if any(view.draft) else READY.get(view.catalog, Draft())
    title, description, tags = draft.title, draft.description, draft.tags
    above = st.columns([1, 1], gap="large")
    with above[0]:
        fields = []
        for place, (name, value, help_text) in enumerate(
            (("Title", title, ""), ("Description", description, ""), ("Tags", tags, "Separated by commas."))
        ):
            key = state.shown(f"draft-{name}", value)
            fields.append(key)
            st.text_input(
                name,
                key=key,
                help=help_text or None,
                on_change=state.changed(key, _draft_changer(place, (title, description, tags))),
            )
        picture = _draft_picture(funnel) if "image" in version.spaces else None
        st.caption(
            "Nothing composed here changes the catalog. "
            "A picture (of up to 20 MB) stays in this session and is in no link."
        )
    try:
        found = compose(funnel, Draft(title, description, tags, picture))
    except TastespaceError as error:
        st.info(plain(error), icon=":material/edit:")
        return
    with above[1]:
        _new_item_map(version, found)
    ids = [str(i) for i in version.item_ids[found.rows]]
    shown = {}
    for place, (item, row) in enumerate(zip(ids, found.rows, strict=True)):
        why = [{"label": "Words", "value": round(float(found.by_text[place]), 4), "kind": "words"}]
        if found.by_picture is not None:
            why.append({"label": "Picture", "value": round(float(found.by_picture[place]), 4), "kind": "picture"})
        shown[item] = plain_card(version, int(row), view.profile) | {
            "score": round(float(found.scores[place]), 4),
            "why": why,
        }
    note = "Its neighbours, by words" + (" and picture." if found.by_picture is not None else " alone.")
    data = {
        "catalog": version.name,
        "aspect": aspect(version),
        "cards": shown,
        "shelves": [{"key": "neighbours", "title": "Beside what it would stand", "note": note, "list": ids}],
        "message": None,
    }
    shelf(data, key="neighbours", pictures=lambda wanted: thumbnails(version, wanted), on_event=actions.handle)
    if not found.asked:  # nobody rated these items, and nobody is made up for them
        return
    who = "real users with three likes or more" if found.real else "personas"
    st.markdown(
        f"**{found.reached} of {found.asked}** {who} would find it among their first {FIRST}, on day one and by "
        "content alone."
    )
    near = [(name, place) for name, place in found.audience if place <= NEAR]
    if near:
        named = "user " if found.real else ""
        places = ", ".join(f"{named}{plain(name)} (place {place:,})" for name, place in near)
        st.caption(f"Highest on the list of {places}.")
    elif found.audience:
        st.caption(f"It is near to nobody's taste: its best place on anybody's list is {found.audience[0][1]:,}.")


def _draft_changer(place: int, draft: tuple[str, str, str]):
    def apply(text: str) -> None:
        changed = list(draft)
        changed[place] = " ".join(text.split())[:500]
        # A blank keeps an emptied form from falling back to the ready example.
        state.change("Another new item.", draft=tuple(changed) if any(changed) else (" ", "", ""))

    return apply


def _draft_picture(funnel: Funnel) -> str | None:
    from recsys.sources.pictures import open_upload

    upload = st.file_uploader("Picture", type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tiff"], key="draft-picture")
    if upload is None:
        warmup.load_pictures(funnel)
        return None
    try:
        with st.spinner("Looking at the picture ..."):
            return funnel.encode_wish.add_picture(open_upload(upload.getvalue()))
    except TastespaceError as error:
        st.warning(plain(error), icon=":material/broken_image:")
        return None


def _new_item_map(version: Version, found) -> None:
    from recsys.ui.figures import Marks, map_figure

    figure = map_figure(
        version,
        version.map(found.space),
        version.catalog.categories,
        Marks(picks=found.rows, profile=found.position),
        you="new",
    )
    figure.update_layout(height=380, showlegend=False)
    st.plotly_chart(figure, key="draft-map", config={"displayModeBar": False})
    st.caption("The star is the new item, the rings are its neighbours.")
