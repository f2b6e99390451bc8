"""Tables, people, vectors, languages and pictures of imports: what each file comes to, by hand."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imported_files import HEADER, lines, picture, svg, write, zipped
from PIL import Image

from recsys.errors import InvalidInput
from recsys.settings import Settings
from recsys.sources.imported import check as checking
from recsys.sources.imported.check import Offer, check
from recsys.sources.imported.languages import known_to, language_of, warning
from recsys.sources.imported.people import as_id, people_roles, read_interactions, read_users, read_vectors
from recsys.sources.imported.tables import read_table
from recsys.sources.pictures import is_svg, picture_and_thumbnail, square_picture
from recsys.spreadsheet import to_csv

ITEMS = pd.Index(["1", "2", "3"], name="item_id")


def interactions(tmp_path: Path, text: str):
    return read_interactions(read_table(write(tmp_path, "i.csv", text), "interactions"), ITEMS)


@pytest.mark.parametrize(
    "header",
    ["person,thing,stars,when", "Reviewer Name,asin,overall,reviewTime", "zz,yy,user_rating,rating_date"],
)
def test_columns_of_interactions_are_known_by_names_by_parts_of_names_and_by_the_items(tmp_path, header):
    read, _, _ = interactions(tmp_path, f"{header}\nu,1,4,1000\nv,3,2,2000\n")
    assert read.to_dict("list") == {
        "user_id": ["u", "v"],
        "item_id": ["1", "3"],
        "rating": [4.0, 2.0],
        "timestamp": [1000, 2000],
    }


def test_columns_of_interactions_can_be_mapped(tmp_path):
    table = read_table(write(tmp_path, "i.csv", "a,b,c\nu,1,9\nv,3,7\n"), "interactions")
    with pytest.raises(InvalidInput, match=r"no column user_id.*They have: a, b, c.*--map interactions.user_id=COLUMN"):
        read_interactions(table, ITEMS)
    read, _, _ = read_interactions(table, ITEMS, {"user_id": "a", "rating": "c"})
    assert read["user_id"].tolist() == ["u", "v"] and read["item_id"].tolist() == ["1", "3"]
    assert read["rating"].tolist() == [4.5, 3.5]  # 9 and 7 of 10
    named = read_table(write(tmp_path, "i.csv", "user,item,rating\nu,1,2\n"), "interactions")
    assert people_roles("interactions", named.frame, {"rating": ""}) == {"user_id": "user", "item_id": "item"}
    for mapping, told in (
        ({"stars": "c"}, "nothing called “interactions.stars”"),
        ({"rating": "d"}, "no column “d”"),
        ({"rating": "c", "user_id": "c"}, "both rating and user_id"),
    ):
        with pytest.raises(InvalidInput, match=told):
            read_interactions(table, ITEMS, mapping)
    assert people_roles("users", pd.DataFrame(columns=["id", "Alter", "job"])) == {
        "user_id": "id",
        "age": "Alter",
        "occupation": "job",
    }


def test_what_was_taken_for_what_is_told(tmp_path):
    items = write(tmp_path, "t.csv", "id,title\n1,A\n2,B\n")
    people = write(tmp_path, "i.csv", "a,b\nu,1\nv,2\n")
    offer = Offer("mine", items, interactions=people, mapping={"title": "title", "interactions.user_id": "a"})
    report = check(Settings(), offer).report
    assert report.roles == {
        "id": "id",
        "title": "title",
        "interactions.user_id": "a",
        "interactions.item_id": "b",
    }
    assert "Of the interactions, a is user_id, b is item_id." in report.notes
    with pytest.raises(InvalidInput, match="Columns of users are mapped, and no users were given"):
        check(Settings(), Offer("mine", items, mapping={"users.age": "a"}))


def test_row_numbers_are_a_spreadsheets(tmp_path):
    read = read_table(write(tmp_path, "t.csv", 'a,b\n1,x\n\n2,"two\nlines"\nragged\n4,y,,\n'))
    assert read.frame.index.tolist() == [2, 4, 6] and read.frame["b"].tolist() == ["x", "two\nlines", "y"]
    assert read.numbers.tolist() == [2, 4, 5, 6] and read.dropped[0].rows == [5]
    read = read_table(write(tmp_path, "t.jsonl", lines({"a": 1}, "", {"b": [1, "x"]}, "no")))
    assert read.frame.index.tolist() == [1, 3] and read.numbers.tolist() == [1, 3, 4]
    assert read.frame["b"].tolist() == [None, ["1", "x"]]


def test_parquet_keeps_its_types(tmp_path):
    table = pd.DataFrame({"n": [1, 2], "s": ["a", None], "d": pd.to_datetime(["2001-02-03", None]), "l": [["x"], []]})
    table.to_parquet(tmp_path / "t")
    read = read_table(tmp_path / "t").frame
    assert read.index.tolist() == [1, 2] and read["n"].tolist() == [1, 2] and read["l"].tolist() == [["x"], []]
    assert read["s"].tolist() == ["a", None] and read["d"].iloc[0].startswith("2001-02-03")


@pytest.mark.parametrize(
    ("cell", "expected"), [(7.0, "7"), (7, "7"), (" x ", "x"), (None, ""), (True, ""), (7.5, "7.5")]
)
def test_ids(cell, expected):
    assert as_id(cell) == expected


def test_interactions_without_ratings_and_times(tmp_path):
    read, dropped, notes = interactions(tmp_path, "customer,product\nu,1\nv,2\nu,9\nu,1\n")
    assert read.to_dict("list") == {
        "user_id": ["v", "u"],
        "item_id": ["2", "1"],
        "rating": [5.0, 5.0],
        "timestamp": [1, 3],
    }
    assert [(d.reason, d.rows) for d in dropped] == [("unknown item", [4]), ("rated again later", [2])]
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("ratings", "expected"), [((1, 5), (1, 5)), ((2, 10), (1, 5)), ((0, 1), (1, 5)), ((20, 90), (1, 4.5))]
)
def test_ratings_are_brought_to_one_scale_and_it_says_so(tmp_path, ratings, expected):
    read, _, notes = interactions(tmp_path, "user,item,rating\nu,1,{}\nu,2,{}\n".format(*ratings))
    assert tuple(read["rating"]) == expected
    assert any("scale" in note or "0 was read" in note for note in notes) == (ratings != (1, 5))


def test_times_in_any_form(tmp_path):
    text = "user,item,when\nu,1,2001-09-09T01:46:40Z\nu,2,1000000000\nu,3,1000000000000\n"
    assert interactions(tmp_path, text)[0]["timestamp"].tolist() == [10**9] * 3


def test_users(tmp_path):
    table = read_table(write(tmp_path, "u.csv", "id,Age,sex,shoe\nu,30,f,38\nv,,,40\nu,1,m,1\n,2,m,2\n"), "users")
    users, dropped, notes = read_users(table)
    assert users.index.tolist() == ["u", "v"] and users["gender"].iloc[0] == "f" and users["gender"].isna().iloc[1]
    assert [(d.reason, d.rows) for d in dropped] == [("no id", [5]), ("the same id as an earlier row", [4])]
    assert "shoe are not used" in notes[0]


def test_vectors_follow_the_rows_of_the_table_that_were_kept(tmp_path):
    np.save(tmp_path / "v.npy", np.array([[3, 4], [1, 0], [0, 0], [0, 9]], dtype=np.int32))
    vectors, dropped = read_vectors(tmp_path / "v.npy", np.array([2, 3, 5, 6]), np.array([2, 5, 6]))
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0], [0, 1]], atol=1e-7)
    assert dropped[0].rows == [5]


TITLES = {
    "German": "Kaffeebecher aus Emaille;Bratpfanne Gusseisen 28 cm;Schneidebrett Olivenholz;Papierlaterne rund;"
    "Leselampe Messing;Wollteppich gestreift;Schaukelstuhl Buche;Kinderfahrrad 16 Zoll;Gartenschlauch 20 m",
    "French": "Tasse à café émaillée;Poêle en fonte 28 cm;Lanterne en papier;Lampe de lecture laiton;Fauteuil à "
    "bascule;Vélo enfant 16 pouces;Tuyau d'arrosage;Chemise homme coton;Oreiller en plumes;Couverture chaude",
    "Spanish": "Taza de café esmaltada;Sartén de hierro fundido;Tabla de cortar madera de olivo;Farol de papel;"
    "Lámpara de lectura latón;Mecedora de haya;Bicicleta infantil;Manguera de jardín;Almohada de plumas",
    "Danish": "Kaffekrus i emalje;Støbejernspande;Skærebræt oliventræ;Papirlygte;Læselampe messing;Stribet uldtæppe;"
    "Gyngestol i bøg;Børnecykel 16 tommer;Vandtæt damejakke;Haveslange 20 meter;Dunpude;Varmt tæppe",
    "Finnish": "Emalinen kahvimuki;Valurautapannu;Leikkuulauta oliivipuuta;Paperilyhty;Raidallinen villamatto;"
    "Keinutuoli pyökkiä;Lasten polkupyörä;Vedenpitävä naisten takki;Puutarhaletku;Untuvatyyny;Lämmin peitto",
    "Hungarian": "Zománcozott kávésbögre;Öntöttvas serpenyő;Papírlámpás;Kerti fényfüzér;Csíkos gyapjúszőnyeg;"
    "Bükkfa hintaszék;Gyerekkerékpár;Vízálló női kabát;Kerti tömlő;Férfi pamut ing;Pehelypárna;Meleg takaró",
    "Vietnamese": "Cốc cà phê tráng men;Chảo gang đúc;Thớt gỗ ô liu;Đèn lồng giấy;Thảm len sọc;Ghế bập bênh;Xe đạp "
    "trẻ em;Áo khoác nữ chống nước;Ống tưới vườn;Gối lông vũ;Chăn ấm",
    "Czech": "Smaltovaný hrnek na kávu;Litinová pánev;Prkénko z olivového dřeva;Papírová lucerna;Světelný řetěz do "
    "zahrady;Houpací křeslo;Dětské kolo;Zahradní hadice;Pánská bavlněná košile;Péřový polštář;Teplá deka",
    "Polish": "Emaliowany kubek do kawy;Patelnia żeliwna;Lampion papierowy;Girlanda świetlna do ogrodu;Fotel bujany;"
    "Rower dziecięcy;Wodoodporna kurtka damska;Wąż ogrodowy;Koszula męska bawełniana;Ciepły koc",
    "Turkish": "Emaye kahve kupası;Döküm tava;Zeytin ağacı kesme tahtası;Kağıt fener;Bahçe ışık zinciri;Çizgili yün "
    "halı;Sallanan sandalye;Çocuk bisikleti;Bahçe hortumu;Kuş tüyü yastık;Kalın battaniye",
    "Dutch": "Koffiemok emaille;Gietijzeren koekenpan;Snijplank olijfhout;Papieren lantaarn;Leeslamp messing;Gestreept "
    "wollen tapijt;Schommelstoel beuken;Kinderfiets 16 inch;Waterdichte damesjas;Tuinslang 20 meter;Warme deken",
    "Russian": "Эмалированная кружка;Чугунная сковорода;Бумажный фонарь;Садовая гирлянда;Кресло-качалка;Детский "
    "велосипед;Женская непромокаемая куртка;Полосатый шерстяной ковёр;Латунная лампа для чтения",
    "Japanese": "ホーロー マグカップ;鋳鉄フライパン;オリーブのまな板;紙ランタン;ロッキングチェア;子供用自転車",
    "Arabic": "كوب قهوة مطلي بالمينا;مقلاة حديد;فانوس ورقي;مصباح قراءة نحاسي;كرسي هزاز;دراجة أطفال",
    "English": "Blue enamel mug;Espresso cups;Cast iron pan;Olive wood board;Paper lantern;Reading lamp;Camping "
    "lantern;String of lights;Striped wool rug;Jute mat;Rocking chair;Wool blanket",
}
"""Titles of a small shop: nouns, and hardly a function word."""


@pytest.mark.parametrize("language", TITLES)
def test_the_language_of_titles_is_told(language):
    titles = TITLES[language].split(";")
    assert language_of(titles) == language_of(titles * 20) == language
    told = warning(titles, Settings().text_encoder)
    assert f"look like {language}," in told if language != "English" else told == ""


def test_most_of_a_catalog_decides_what_its_language_is():
    english, german = TITLES["English"].split(";") * 25, TITLES["German"].split(";") * 25
    assert language_of(english + german[:100]) == "English" and language_of(german + english[:100]) == "German"
    assert language_of(german + english[: len(german)]) == ""  # half and half
    assert language_of(["X-100", "42", ""] * 50) == language_of([]) == ""


def test_an_encoder_that_knows_the_language_or_many_is_no_reason_to_warn():
    default, german = Settings().text_encoder, TITLES["German"].split(";")
    assert known_to(default) == "English" and "multilingual" in warning(german, default)
    assert warning(german, "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2") == ""
    assert "cannot be told from here" in warning(german, "some/model")


def test_the_model_of_languages_waits_until_somebody_checks_an_import():
    program = "import sys, recsys.importing; print('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"


def test_a_catalog_in_another_language_is_warned_of_and_says_so_itself(tmp_path):
    rows = "".join(f"{i},der Hut und die Uhr {i} für das Haus mit dem Garten\n" for i in range(9))
    checked = check(Settings(), Offer("mine", write(tmp_path, "t.csv", "id,title\n" + rows)))
    (warned,) = checked.report.warnings
    assert "look like German" in warned and warned in checked.catalog.about
    named = Offer("mine", tmp_path / "t.csv", text_encoder="a/multilingual-model")
    assert check(Settings(), named).report.warnings == []


def test_pictures_of_pixels_become_squares(tmp_path):
    wide = picture("JPEG", size=(60, 20))
    square = square_picture(wide, 64)
    assert square.size == (64, 64) and square.getpixel((32, 2)) == (255, 255, 255)  # padded, nothing is cut off
    large, small = picture_and_thumbnail(wide, 64, 16)
    assert Image.open(io.BytesIO(large)).size == (64, 64) and Image.open(io.BytesIO(small)).size == (16, 16)
    assert picture_and_thumbnail(b"Dear Sir", 64, 16) == (b"", b"") and is_svg(svg("")) and not is_svg(wide)


def test_pictures_are_found_by_file_name_path_or_id(tmp_path):
    names = {"pics/A.PNG": picture(), "pics/b.png": picture("JPEG"), "3.webp": picture("WEBP"), "spare.png": picture()}
    archive = zipped(tmp_path / "p.zip", names)
    table = write(tmp_path, "t.csv", HEADER + "1,A,x,a.png\n2,B,x,pics\\b.png\n3,C,x,\n")
    checked = check(Settings(), Offer("mine", table, images=archive))
    assert checked.catalog.items["image"].tolist() == ["pics/A.PNG", "pics/b.png", None]
    bare = write(tmp_path, "bare.csv", "id,title\n1,A\nb,B\n3,C\n")
    checked = check(Settings(), Offer("mine", bare, images=archive))
    assert checked.catalog.items["image"].tolist() == [None, "pics/b.png", "3.webp"]
    assert checked.report.pictures == 2 and any("2 files of p.zip belong to no item" in n for n in checked.report.notes)


def test_the_report_counts_everything_and_opens_safely_in_a_spreadsheet(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.sources.imported.report.TOLD_ROWS", 2)
    rows = "".join(f",nobody {i}\n" for i in range(5)) + "1,=HYPERLINK()\n"
    report = check(Settings(), Offer("mine", write(tmp_path, "t.csv", "id,title\n" + rows))).report
    (dropped,) = report.document()["dropped"]
    assert dropped == {"what": "items", "reason": "no id", "count": 5, "rows": [2, 3]}
    assert report.csv().count("items,") == 5
    table = pd.DataFrame({"=1": ["=1", "+1", "-1", "@x", "\tx", "\rx", "plain", None, ("=a", "b")], "n": -1.0})
    cells = to_csv(table).split("\n")
    assert cells[0] == "'=1,n" and cells[1] == "'=1,-1.0" and '"\'=a, b"' in to_csv(table) and "plain" in cells[7]


def test_a_check_says_which_pictures_it_has_not_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "LOOKED_THROUGH", 1)
    broken = picture("JPEG", size=(99, 99))[:900]
    archive = zipped(tmp_path / "p.zip", {"1.jpg": broken, "2.jpg": broken})
    table = write(tmp_path, "t.csv", "id,title\n1,A\n2,B\n")
    report = check(Settings(), Offer("mine", table, images=archive)).report
    assert report.pictures == 1 and any("the first 1 were decoded" in note for note in report.notes)


def test_nothing_that_is_no_offer_comes_through(tmp_path):
    with pytest.raises(InvalidInput, match="no column user_id"):
        interactions(tmp_path, "who,whom,item\nu,w,1\n")
