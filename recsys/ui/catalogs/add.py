"""Adding a catalog of one's own: files, what their columns mean, what would come of it, and off it goes."""

import html
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from recsys.errors import InvalidInput, TastespaceError
from recsys.importing import offered, words_of
from recsys.sources.imported import columns
from recsys.sources.imported.archive import open_pictures
from recsys.sources.imported.check import Offer, preview
from recsys.sources.imported.languages import known_to
from recsys.sources.imported.people import ROLES as PEOPLE_ROLES
from recsys.sources.imported.people import as_id, people_roles
from recsys.sources.imported.report import Report
from recsys.sources.imported.tables import Table, read_table
from recsys.sources.pictures import picture_and_thumbnail
from recsys.ui import resources
from recsys.ui.catalogs import draft
from recsys.ui.catalogs.following import imports, tell
from recsys.ui.covers import cover_svg
from recsys.ui.pictures import as_uri, svg_uri
from recsys.ui.words import plain

TABLE_MB, PICTURES_MB = 500, 2000
SHOWN = 6
SIDE = 160
KINDS = {
    "category": "one of a few values",
    "tags": "several values",
    "number": "number",
    "flag": "yes or no",
    "year": "year of a date",
    "none": "not used",
}
MEANS = {
    "id": "tells items apart, and what pictures are found by where no column names them",
    "title": "what people read",
    "description": "what the text encoder reads beside the title",
    "tags": "words, split at commas, semicolons or bars",
    "category": "what kind of thing it is: people choose from these",
    "picture": "a file name in the ZIP",
    "price": "a number to filter by, whatever the currency",
    "date": "its year becomes a filter",
}
EXAMPLE = """\
id,title,description,category,tags,price
mug-1,Blue enamel mug,Sturdy camping mug of enamelled steel,Kitchen,camping|steel|blue,12.50
mug-2,Espresso cups,Four small cups of white porcelain,Kitchen,coffee|porcelain|white,24.00
pan-1,Cast iron pan,Heavy pan that keeps its heat and lasts for life,Kitchen,iron|cooking,45.00
board-1,Olive wood board,Board for bread and cheese with a fine grain,Kitchen,wood|cooking,32.00
lamp-1,Paper lantern,Round lantern of white rice paper,Lighting,paper|white,19.00
lamp-2,Reading lamp,Brass lamp with a bendable arm for the bedside,Lighting,brass|reading,64.00
lamp-3,Camping lantern,Bright lantern for tents that runs for forty hours,Lighting,camping|steel,29.00
lamp-4,String of lights,Ten metres of small warm lights for the garden,Lighting,garden|party,15.00
rug-1,Striped wool rug,Hand-woven rug with red stripes,Living room,wool|red|woven,140.00
rug-2,Jute mat,Rough round mat of natural fibre,Living room,jute|woven,38.00
chair-1,Rocking chair,Chair of bent beech to read in by the fire,Living room,wood|reading,210.00
plaid-1,Wool blanket,Thick blanket in blue checks for cold evenings,Living room,wool|blue,75.00
"""
_CSS = """
.preview { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 0.75rem; }
.preview figure { margin: 0; }
.preview img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 8px; background: #fff;
  border: 1px solid rgba(128, 128, 128, 0.25); }
.preview b { display: block; font-weight: 600; line-height: 1.25; margin-top: 0.3rem; overflow-wrap: anywhere; }
.preview small { opacity: 0.75; display: block; overflow-wrap: anywhere; }
"""


def show() -> None:
    """The whole way from a file to a running import."""
    if resources.SETTINGS.public:
        st.info(
            "This app is open to the public, so nothing can be added or removed here. Run your own to try your "
            "catalog: one command, see the README.",
            icon=":material/lock:",
        )
        return
    left, right = st.columns(2, gap="large")
    with left:
        items = _upload("items", "A table of items", "CSV, Parquet or JSON Lines", TABLE_MB)
    with right:
        images = _upload("images", "Pictures, if there are any", "a ZIP", PICTURES_MB)
    more = {}
    with st.expander("Ratings, people, vectors and encoders", icon=":material/tune:"):
        one, two, three = st.columns(3, gap="medium")
        with one:
            more["interactions"] = _upload("interactions", "Who rated what", "user, item, rating, time", TABLE_MB)
        with two:
            more["users"] = _upload("users", "Who they are", "age, gender, occupation, region", TABLE_MB)
        with three:
            more["vectors"] = _upload("vectors", "Vectors of your own", ".npy, a row an item", PICTURES_MB)
        more |= _encoders()
    if items is None:
        _what_is_needed()
        return
    try:
        table = _table(str(items))
        _with_table(table, Offer("", items, images, **more))
    except TastespaceError as error:
        st.error(f"**{plain(error.what)}**  \n{plain(error.way_out)}", icon=":material/error:")


def _what_is_needed() -> None:
    st.markdown("#### What a table may tell")
    st.markdown("\n".join(f"- **{role}**: {meaning}" for role, meaning in MEANS.items()))
    st.caption(
        "Only a title is really needed. Columns are guessed by their names and values, and can be corrected; all "
        "others become filters. Nothing leaves this machine."
    )
    with st.container(horizontal=True):
        if st.button("Try it with an example", icon=":material/play_arrow:", key="example"):
            draft.put("items", "example", "example.csv").write_text(EXAMPLE)
            st.rerun()
        st.download_button(
            "The example's file",
            EXAMPLE,
            "example.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )


# -- Files ------------------------------------------------------------------------------------------------------------


def _upload(kind: str, label: str, what: str, most_mb: int) -> Path | None:
    """A place to drop a file; the path that it was saved to. It stays when somebody looks at another page."""
    key = f"upload-{kind}-{draft.turn()}"
    given = st.file_uploader(
        f"{label} ({what})", key=key, max_upload_size=most_mb, on_change=_taken_away, args=(kind, key)
    )
    path = draft.files().get(kind)
    if given is not None and (path is None or path.parent.name != given.file_id):
        path = draft.put(kind, given.file_id, safe_name(given.name, kind))
        with path.open("wb") as file:
            shutil.copyfileobj(given, file)
    elif given is None and path is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/draft: **{plain(path.name)}** :gray[is still here]", width="content")
            away = {"icon": ":material/close:", "type": "tertiary", "on_click": draft.drop, "args": (kind,)}
            st.button("Take away", key=f"drop-{kind}", **away)
    return path


def _taken_away(kind: str, key: str) -> None:
    if st.session_state.get(key) is None:
        draft.drop(kind)


def safe_name(name: str, kind: str) -> str:
    """A file name that leads nowhere, and that sentences can be made with."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[-60:] or kind


def _encoders() -> dict[str, str | None]:
    usual, (left, right) = resources.SETTINGS, st.columns(2, gap="medium")
    with left:
        what = "Any sentence-transformers model, by its hub name or folder. The usual one knows English."
        text = _encoder("Text encoder", usual.text_encoder, what)
    with right:
        image = _encoder("Image encoder", usual.image_encoder, "Any open_clip model: ARCHITECTURE/PRETRAINED.")
    return {"text_encoder": text, "image_encoder": image}


def _encoder(label: str, usual: str, what: str) -> str | None:
    text = st.text_input(label, placeholder=usual, help=what, key=f"{label}-{draft.turn()}", persist_state="session")
    return text.strip() or None


@st.cache_resource(max_entries=5, show_spinner="Reading the table ...")
def _table(path: str, what: str = "items") -> Table:
    return read_table(Path(path), what)


@st.cache_resource(max_entries=8, show_spinner=False)
def _planned(path: str, mapping: tuple[tuple[str, str], ...], kinds: tuple[tuple[str, str], ...]) -> columns.Plan:
    return columns.plan(_table(path).frame, dict(mapping), dict(kinds))


# -- Columns ----------------------------------------------------------------------------------------------------------


def _with_table(table: Table, offer: Offer) -> None:
    guessed = _planned(str(offer.items), (), ())
    # Widgets of one table are none of another's: what was mapped there means nothing here.
    stamp = offer.items.parent.name
    left, right = st.columns([3, 4], gap="large")
    with left:
        st.markdown(f"#### {len(table.numbers):,} rows, {len(table.frame.columns)} columns")
        offer = _named(offer, stamp)
        mapping = _mapping(table, guessed, stamp)
    plan = _planned(str(offer.items), tuple(mapping.items()), ())
    with left:
        kinds = _kinds(table, plan, stamp)
        people = _people(offer, plan)
    plan = _planned(str(offer.items), tuple(mapping.items()), tuple(kinds.items()))
    changed = {role: column for role, column in mapping.items() if column != guessed.roles.get(role, "")}
    offer = replace(offer, mapping=changed | people, facets=kinds)
    with right:
        st.markdown("#### So they will look")
        _cards(table, plan, offer.images)
        _check(offer)


def _named(offer: Offer, stamp: str) -> Offer:
    suggested = suggested_name(offer.items.name)
    one, two = st.columns(2)
    with one:
        name = _text("Name", suggested, f"name-{stamp}", help="In links and commands: a-z, 0-9, - and _.")
    with two:
        label = _text("Title", suggested.replace("-", " ").capitalize(), f"label-{stamp}", max_chars=60)
    terms = "under which terms the data may be used"
    licence = _text("Licence", "", f"licence-{stamp}", max_chars=500, placeholder=terms)
    return replace(offer, name=name.strip(), label=label.strip(), licence=licence.strip())


def _text(label: str, value: str, key: str, **more) -> str:
    """A field that keeps what was written into it while somebody looks at another page."""
    return st.text_input(label, value, key=key, persist_state="session", **more)


def suggested_name(file: str) -> str:
    """A name for a catalog, of the name of its file."""
    return re.sub(r"[^a-z0-9]+", "-", file.rsplit(".", 1)[0].lower()).strip("-")[:41].strip("-") or "mine"


def _mapping(table: Table, guessed: columns.Plan, stamp: str) -> dict[str, str]:
    """Which column has which role, as somebody wants it; an empty one for none."""
    st.markdown(
        "**What each column is**  \n:gray[Guessed by names and values. Correct what is wrong: the cards follow.]"
    )
    offered, mapping = ["", *map(str, table.frame.columns)], {}
    places = [column for _ in range(len(columns.ROLES) // 2) for column in st.columns(2)]
    for place, role in zip(places, columns.ROLES, strict=True):
        with place:
            mapping[role] = st.selectbox(
                role.capitalize(),
                offered,
                offered.index(guessed.roles.get(role, "")),
                format_func=lambda column: column or "none",
                key=f"map-{stamp}-{role}",
                help=MEANS[role][:1].upper() + MEANS[role][1:] + ".",
                persist_state="session",
            )
    return mapping


def _people(offer: Offer, plan: columns.Plan) -> dict[str, str]:
    """Which columns of interactions and users are what, where somebody wants another than the guessed one."""
    changed = {}
    for what, roles in PEOPLE_ROLES.items():
        path: Path | None = getattr(offer, what)
        if path is None:
            continue
        frame = _table(str(path), what).frame
        guessed = _people_guessed(str(path), what, str(offer.items), plan.roles.get("id"))
        st.markdown(f"**What each column of the {what} is**")
        offered = ["", *map(str, frame.columns)]
        places = [column for _ in range(-(-len(roles) // 2)) for column in st.columns(2)]
        for place, role in zip(places, roles, strict=False):
            with place:
                chosen = st.selectbox(
                    role.removesuffix("_id").capitalize(),
                    offered,
                    offered.index(guessed.get(role, "")),
                    format_func=lambda column: column or "none",
                    key=f"map-{path.parent.name}-{what}-{role}",
                    persist_state="session",
                )
            if chosen != guessed.get(role, ""):
                changed[f"{what}.{role}"] = chosen
    return changed


@st.cache_data(max_entries=16, show_spinner=False)
def _people_guessed(path: str, what: str, items: str, id_column: str | None) -> dict[str, str]:
    frame = _table(items).frame
    ids = frame.index.map(str) if id_column is None else frame[id_column].map(as_id)
    return people_roles(what, _table(path, what).frame, ids=pd.Index(ids))


def _kinds(table: Table, plan: columns.Plan, stamp: str) -> dict[str, str]:
    """Which kind of filter columns become, where somebody wants another than the guessed one."""
    inferred = {p.column: p.kind for p in plan.facets if p.column}
    taken = {column for role, column in plan.roles.items() if role in ("id", "title", "description", "picture")}
    rows = [
        {
            "column": str(column),
            "becomes": KINDS[inferred.get(column, "none")],
            "such as": ", ".join(map(str, table.frame[column].dropna().head(3)))[:60],
        }
        for column in table.frame.columns
        if column not in taken
    ]
    if not rows:
        return {}
    st.markdown("**What people can filter by**")
    edited = st.data_editor(
        rows,
        hide_index=True,
        disabled=["column", "such as"],
        column_config={"becomes": st.column_config.SelectboxColumn(options=list(KINDS.values()), required=True)},
        key=f"kinds-{stamp}-{'-'.join(sorted(taken))}",
    )
    by_words = {words: kind for kind, words in KINDS.items()}
    chosen = {row["column"]: by_words[row["becomes"]] for row in edited}
    return {column: kind for column, kind in chosen.items() if kind != inferred.get(column, "none")}


# -- Cards ------------------------------------------------------------------------------------------------------------


def _cards(table: Table, plan: columns.Plan, images: Path | None) -> None:
    items = preview(table, plan, SHOWN)
    pictures = {} if images is None else _pictures(str(images), tuple(map(str, items["image"])))
    cards = []
    for place, (asked, item) in enumerate(zip(items["image"], items.to_dict("records"), strict=True)):
        category = _first(item[plan.categories])
        picture = pictures.get(str(asked)) or svg_uri(cover_svg(item["title"], "", category, place))
        words = " · ".join(part for part in (category, ", ".join(item["tags"][:3])) if part)
        cards.append(
            f'<figure><img src="{picture}" alt=""><b>{html.escape(item["title"][:80])}</b>'
            f"<small>{html.escape(words[:80])}</small></figure>"
        )
    st.html(f'<style>{_CSS}</style><div class="preview">{"".join(cards)}</div>')


def _first(category: object) -> str:
    """The first of an item's categories; empty where it has none, or all have the same."""
    first = category[0] if isinstance(category, tuple) and category else category
    return first if isinstance(first, str) and first != "all" else ""


@st.cache_data(max_entries=32, show_spinner=False)
def _pictures(images: str, names: tuple[str, ...]) -> dict[str, str]:
    """Small pictures of an archive as data URIs, by the name that they are asked by; those that can be shown."""
    found = {}
    with open_pictures(Path(images)) as pictures:
        for name in names:
            with suppress(InvalidInput):  # the check says which pictures cannot be used, and why
                member = pictures.find(name)
                if member is not None:
                    found[name] = as_uri(picture_and_thumbnail(pictures.read(member), SIDE, SIDE)[1])
    return found


# -- Checking and starting --------------------------------------------------------------------------------------------


def _check(offer: Offer) -> None:
    st.markdown("#### What will come of it")
    asked = repr(offer)
    report: Report | None = st.session_state.get("checked")
    if report is None or st.session_state.get("checked_for") != asked:
        st.caption("Reads every row and looks at the pictures, and tells how long the import will take.")
        if not st.button("Check everything", type="primary", icon=":material/fact_check:"):
            return
        bar = st.progress(0.0, "Reading ...")
        report = offered(
            resources.SETTINGS, offer, lambda done, total, what: bar.progress(done / max(total, 1), f"{what} ...")
        ).report
        bar.empty()
        st.session_state.checked, st.session_state.checked_for = report, asked
    _estimate(report.estimate)
    if st.button(f"Import {report.taken:,} items", type="primary", icon=":material/upload:", key="import"):
        imports().start(offer, draft.folder())
        draft.hand_over(offer.name)
        st.rerun()
    tell(report.document(), "check", report.csv)
    st.caption(f"Text encoder: {offer.text_encoder or resources.SETTINGS.text_encoder}. {_languages(offer)}")
    st.code(command(offer), language="bash", wrap_lines=True)


def _languages(offer: Offer) -> str:
    known = known_to(offer.text_encoder or resources.SETTINGS.text_encoder)
    return f"It knows {known}." if known else "Which languages it knows cannot be told from here."


def _estimate(told: dict) -> None:
    building = [step for step in told["steps"] if step["step"] != "check rows"]  # what was measured a moment ago
    own = sum(step["measured"] for step in building)
    basis = (
        "by what this machine took before"
        if own == len(building)
        else "by what an ordinary machine with two cores takes"
        if not own
        else f"{own} of {len(building)} steps by what this machine took before"
    )
    about = "A guess: about" if told["guessed"] else "About"
    st.markdown(f"**{about} {duration(told['seconds'])} and {told['bytes'] / 1e6:,.0f} MB on disk**, {basis}.")
    for sentence in told["guessed"]:
        st.caption(plain(sentence))
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in (*told["plan"], *told["skipped"])))
    with st.expander("The steps", icon=":material/list:"):
        st.dataframe(
            [
                {
                    "step": step["step"],
                    "items": step["items"],
                    "seconds": step["seconds"],
                    "measured here": step["measured"],
                }
                for step in told["steps"]
            ],
            hide_index=True,
        )


def duration(seconds: float) -> str:
    """Seconds in words: `40 s`, `3 minutes`, `1.5 hours`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def command(offer: Offer) -> str:
    """The command that imports the same, with the files where their owner has them."""
    files = {
        kind: Path(path.name)
        for kind in ("items", "images", "vectors", "interactions", "users")
        if (path := getattr(offer, kind)) is not None
    }
    return f"python -m recsys {shlex.join(words_of(replace(offer, **files)))}"
