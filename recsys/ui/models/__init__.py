"""The Models page: the story, the leaderboard and its parts, two models on one person, the maps of the spaces."""

import streamlit as st

from recsys.evaluation import story as stories
from recsys.evaluation.splits import PUBLISHED_SEED
from recsys.ui import state
from recsys.ui.link import PROTOCOLS, View
from recsys.ui.models.board import board, learning, overlap, segments
from recsys.ui.models.maps import maps
from recsys.ui.models.person import side_by_side
from recsys.ui.models.records import doubt, records_of, same_data
from recsys.ui.words import plain
from recsys.version import Version

__all__ = [
    "board",
    "command_of",
    "freshness",
    "learning",
    "maps",
    "nothing_measured",
    "origin",
    "overlap",
    "question",
    "record_of",
    "segments",
    "side_by_side",
    "story",
]

QUESTIONS = {"ms-75-25": "The published split", "chronological": "The future"}
_ASKED = {
    "ms-75-25": "Of each item, 75 in 100 ratings at random are learned from; the rest is to be found. It is the split "
    "of a published benchmark, so others' figures can stand beside ours.",
    "chronological": "Of each person, the first 80 in 100 ratings by time are learned from; what they rated last is "
    "to be found. A shop has this question.",
}
_SEARCHED = "The models' settings were chosen on a validation part of what is learned from."
_UNSEARCHED = (
    "No settings were chosen for this question: the models have their defaults, and ALS's was looked up on what the "
    "published split of MovieLens 100K holds back (more at the foot of the page)."
)


def protocol_of(view: View, records: dict) -> str:
    """The protocol that is shown: the one asked for, or the first that was measured."""
    return view.protocol or next((p for p in PROTOCOLS if p in records), PROTOCOLS[0])


def record_of(version: Version, view: View) -> dict | None:
    """The record that the page shows, or None where nothing was measured by any of its protocols."""
    records = records_of(version)
    protocol = protocol_of(view, records)
    if protocol not in records:
        other = next((p for p in PROTOCOLS if p in records), None)
        if other is not None:
            st.info(f"Nothing was measured by the protocol {protocol}; this is {other}.", icon=":material/info:")
        return None if other is None else records[other]
    return records[protocol]


def question(version: Version) -> None:
    """Which question the models are asked."""
    records = records_of(version)
    key = state.shown("protocol", protocol_of(state.view(), records))
    st.segmented_control(
        "What is to be found",
        list(PROTOCOLS),
        key=key,
        required=True,
        format_func=QUESTIONS.get,
        label_visibility="collapsed",
        on_change=state.changed(key, lambda p: state.change(f"Models by: {QUESTIONS[p].lower()}.", protocol=p)),
    )


def story(record: dict, version: Version) -> None:
    """Who wins, by how much, for whom, and at what cost, in sentences of the record."""
    first, *rest = stories.story(record)
    lead, _, more = first.partition(". ")
    st.markdown(f"#### {plain(lead)}.")
    st.markdown("  \n".join(plain(text) for text in (more, *rest) if text))
    doubt([record], version)
    st.caption(f"{_ASKED[record['protocol']]} {_SEARCHED if tuned(record) else _UNSEARCHED}")


def nothing_measured(version: Version) -> None:
    """What can be said of models where nothing was measured."""
    if version.catalog.interactions is None:
        text = (
            f"**Nobody's interactions are known in {plain(version.manifest['label'])}**, so how good a model is cannot "
            "be measured here, and no figure is shown."
        )
        made_up = next((told["from"] for told in version.learned.values()), None)
        if made_up is not None:
            text += (
                f" Its learned spaces come from {plain(made_up)}: they show how such spaces look, and no quality is "
                "claimed for them."
            )
        note = "This would measure the models on simulated people, and say so:"
    else:
        text = f"**Nothing was measured yet on {plain(version.manifest['label'])}.** A record takes some minutes:"
        note = "It is kept for this page:"
    st.info(text, icon=":material/science:")
    st.caption(note)
    st.code(_command(version.name, PROTOCOLS[0]), language="bash", wrap_lines=True)


def _command(catalog: str, protocol: str) -> str:
    return f"python -m recsys evaluate --catalog {catalog} --protocol {protocol} --json"


def command_of(record: dict) -> str:
    """The command that measures a record again: a tuned one is tuned again, or it would be another record."""
    return _command(record["catalog"], record["protocol"]) + (" --tune" if tuned(record) else "")


def tuned(record: dict) -> dict[str, dict]:
    """How the settings of each model were chosen; empty for a record whose models have their defaults."""
    return {m["model"]: m["tuning"] for m in record["models"] if m.get("tuning")}


def freshness(version: Version) -> None:
    """What going on with a learned model is worth as ratings come in, against learning anew."""
    record = records_of(version).get("continue")
    if record is None:
        return
    st.markdown("#### As ratings come in")
    st.caption(
        f"Learned from the first {record['train']:,} ratings; then {record['added']:,} more come in, and what came "
        "after them is to be found. How much time does going on save, and is it as good? The settings are "
        f"the defaults; none was chosen for this question. `{command_of(record)}`"
    )
    st.dataframe(
        [
            {
                "model": stories.name_of(one["model"]),
                "nDCG@10 without the new ones": one["before"],
                "going on": one["continued"],
                "learning anew": one["from_zero"],
                "difference, 95%": "{mean:+.3f} [{low:+.3f}, {high:+.3f}]".format(**one["gain"]),
                "going on, s": one["continued_s"],
                "anew, s": one["from_zero_s"],
            }
            for one in record["models"]
        ],
        hide_index=True,
    )


def origin(record: dict, version: Version) -> None:
    """On which data, when, where and with what the record was measured, and how its settings were chosen."""
    st.markdown("#### Where it is from")
    data, machine = record["data"], record.get("machine", {})
    if data.get("simulated"):
        whose = "These are simulated people: the figures say nothing about real ones."
    elif same_data(record, version):
        whose = "These are the very ratings that this catalog has."
    else:
        whose = "**This catalog has other ratings**: measure again to know."
    drawn = record.get("seeds", [PUBLISHED_SEED] if record["protocol"] == PROTOCOLS[0] else [])
    split = f"{', '.join(map(str, drawn))} of the split" if drawn else "none of the split, which goes by time"
    versions = ", ".join(f"{name} {v}" for name, v in record.get("versions", {}).items() if v)
    lines = [
        f"**Data**: {plain(data.get('from', ''))}, fingerprint `{data['hash']}`. {whose}",
        f"**Measured**: {plain(str(record.get('measured_at', 'unknown'))[:16].replace('T', ' '))} UTC, "
        f"in {record.get('seconds', 0):,.0f} s",
        f"**Machine**: {machine.get('cores', '?')} cores, {plain(machine.get('cpu') or 'unknown')}, "
        f"{machine.get('memory_gb', '?')} GB",
        f"**Seeds**: {split}; a model's own is among its settings",
        f"**With**: {plain(versions)}",
    ]
    st.markdown("  \n".join(lines))
    st.code(command_of(record), language="bash", wrap_lines=True)
    box = st.expander("How the settings were chosen", icon=":material/tune:", key="tuning", on_change="rerun")
    if box.open:
        with box:
            _tuning(record, tuned(records_of(version).get(PROTOCOLS[0], {"models": []})))


def _tuning(record: dict, published: dict[str, dict]) -> None:
    """What was tried for a tuned record; for another its settings beside those chosen for the published split."""
    searched = tuned(record)
    if not searched:
        st.caption(
            "Nothing was searched for this question: the models have their defaults. ALS's was found on MovieLens 100K "
            "by looking at what its published split holds back, so no split of those ratings is quite new to it. "
            "Add `--tune` to the command to search for this question."
            + (
                f" Beside the defaults stands what validation chose otherwise within the training data of "
                f"`{PROTOCOLS[0]}`, another split of the same ratings."
                if published
                else ""
            )
        )
        rows = []
        for m in record["models"]:
            row = {"model": stories.name_of(m["model"]), "settings": _listed(m.get("settings") or {}) or "none"}
            rows.append(row | ({"chosen there": _chosen(m, published.get(m["model"]))} if published else {}))
        st.dataframe(rows, hide_index=True)
        return
    st.caption(
        "Each model's grid was searched on a validation part of the training data, never on what is to be found. "
        "nDCG@10 there, everything that was tried:"
    )
    names = [name for name in searched if searched[name].get("validation")]
    for tab, name in zip(st.tabs([stories.name_of(name) for name in names]) if names else [], names, strict=True):
        with tab:
            one = searched[name]
            whole, single = (
                "; ".join(f"{key}: {', '.join(map(str, values))}" for key, values in one.get(part, {}).items())
                for part in ("grid", "stepwise")
            )
            grid = f"Every combination of {plain(whole)}. " if whole else ""
            grid += f"Then one after the other: {plain(single)}." if single else ""
            chosen = _listed(one["chosen"]) or "nothing to choose"
            st.markdown(f"Chosen: **{plain(chosen)}**  \n:gray[{grid or 'No grid.'}]")
            rows = [{**tried["settings"], "nDCG@10": tried["ndcg@10"]} for tried in one["validation"]]
            st.dataframe(sorted(rows, key=lambda row: -row["nDCG@10"]), hide_index=True, height=260)


def _listed(settings: dict) -> str:
    return ", ".join(f"{key} = {value}" for key, value in settings.items())


def _chosen(model: dict, searched: dict | None) -> str:
    """What validation chose for a model elsewhere, as far as it differs from its settings here."""
    if searched is None:
        return "never searched"
    if not searched["chosen"]:
        return "nothing to choose"
    here = model.get("settings") or {}
    return _listed({key: value for key, value in searched["chosen"].items() if here.get(key) != value}) or "the same"
