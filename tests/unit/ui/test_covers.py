import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ui.covers import (
    BOX,
    GENRES,
    LEADING,
    MARGIN,
    PLAIN,
    SIZES,
    _style,
    advance,
    clean,
    cover_svg,
    fit,
    measure,
    wrap,
)

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert("x")</script>&amp;'


def title_lines(svg: str) -> list[ET.Element]:
    """The title's text elements; the two before them are the genre and the subtitle."""
    return list(ET.fromstring(svg).iter(f"{SVG}text"))[2:]


def test_the_words_of_a_title_are_on_its_cover_in_order():
    lines = title_lines(cover_svg("The Good, the Bad and the Ugly", "1966", "Western", seed=3))
    assert " ".join(line.text for line in lines) == "The Good, the Bad and the Ugly"


def test_genre_and_subtitle_stand_at_the_top():
    texts = [t.text for t in ET.fromstring(cover_svg("Z", "1969", "Thriller", seed=1)).iter(f"{SVG}text")]
    assert texts[:2] == ["THRILLER", "1969"]


def test_catalog_text_is_never_markup():
    root = ET.fromstring(cover_svg(HOSTILE, HOSTILE, HOSTILE, seed=1))
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "g", "path", "text", "ellipse"}
    assert "<script>" not in cover_svg(HOSTILE, HOSTILE, HOSTILE, seed=1)


@given(st.text(max_size=300), st.text(max_size=40), st.sampled_from([*GENRES, "other"]), st.integers(0, 10_000))
def test_any_title_is_well_formed_and_stays_on_the_cover(title, subtitle, genre, seed):
    svg = cover_svg(title, subtitle, genre, seed)
    lines = title_lines(svg)
    size = float(re.findall(r'font-weight="700" font-size="([\d.]+)"', svg)[0])
    assert lines
    for line in lines:
        assert float(line.get("x")) == MARGIN
        assert float(line.get("textLength")) <= BOX + 0.05
        assert 0.7 * size <= float(line.get("y")) <= 300 - 0.1 * size
    assert len(svg.encode()) < 4096


@pytest.mark.parametrize("genre", [*GENRES, "unknown"])
def test_usual_covers_are_small(genre):
    sizes = [len(cover_svg("The Englishman Who Went Up a Hill", "1995", genre, seed).encode()) for seed in range(30)]
    assert max(sizes) < 2048


def test_the_same_arguments_give_the_same_cover_and_seeds_differ():
    covers = {cover_svg("Fargo", "1996", "Crime", seed) for seed in range(30)}
    assert cover_svg("Fargo", "1996", "Crime", 4) in covers
    assert len(covers) > 20


def test_a_short_title_is_set_larger_than_a_long_one():
    assert fit("M", BOX, 112)[0] == SIZES[0]
    assert fit("M", BOX, 112)[0] > fit("One Flew Over the Cuckoo's Nest", BOX, 112)[0] > SIZES[-1]


def test_what_fits_at_no_size_is_cut_with_an_ellipsis():
    size, lines = fit("word " * 200, BOX, 112)
    assert size == SIZES[-1]
    assert lines[-1].endswith("…")
    assert len(lines) * size * LEADING <= 112


def test_a_word_without_blanks_is_broken_and_loses_nothing():
    word = "千と千尋の神隠し" * 4
    assert "".join(fit(word, BOX, 112)[1]) == word


def test_wrap_puts_as_many_words_on_a_line_as_go():
    room = measure("one two")
    assert wrap(["one", "two", "three"], room) == ["one two", "three"]
    assert wrap(["one", "two", "three"], room - 0.01) == ["one", "two", "three"]


def test_marks_take_no_width_and_wide_letters_more():
    assert advance("\u0301") == 0
    assert advance("i") < advance("n") < advance("M") < advance("神")


def test_clean_drops_what_xml_forbids():
    assert clean("a\x00b\ud800c\n d\uffff") == "a b c d"


def test_an_empty_title_still_has_a_cover():
    assert [line.text for line in title_lines(cover_svg(" \x00 ", "", "", seed=0))] == ["Untitled"]


def test_a_category_that_is_no_genre_has_a_look_of_its_own_and_no_story():
    looks = {category: _style(category) for category in ("lamp", "chair", "mug", "rug", "jacket", "boots", "tent")}
    assert len(set(map(id, looks.values()))) > 3 and not {PLAIN, GENRES["Horror"]} & set(looks.values())
    assert _style("lamp") is looks["lamp"] and _style("") is PLAIN and _style("Horror") is GENRES["Horror"]
    assert "Film" not in cover_svg("A thing", "", "", seed=0) and ">LAMP<" in cover_svg("A thing", "", "lamp", seed=0)
