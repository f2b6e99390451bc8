"""Clip art: cleaning by literal expectations, and the whole on a Debian package made here, hostile members included."""

import io
import math
import tarfile

import pytest

from recsys.errors import CatalogError
from recsys.settings import Settings
from recsys.sources import clipart
from recsys.sources.download import sha256_of

PUBLIC = "http://web.resource.org/cc/PublicDomain"


def svg(title="", keywords=(), shape="1", creator="", description="", date="", licence=PUBLIC) -> bytes:
    """A file as the library has them; `shape` is what tells two pictures apart."""
    bag = "".join(f"<rdf:li>{word}</rdf:li>" for word in keywords)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cc="http://web.resource.org/cc/" width="9" height="9">
<metadata><rdf:RDF><cc:Work rdf:about=""><dc:title>{title}</dc:title><dc:description>{description}</dc:description>
<dc:subject><rdf:Bag>{bag}</rdf:Bag></dc:subject>
<dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator><dc:date>{date}</dc:date>
<cc:license rdf:resource="{licence}"/></cc:Work></rdf:RDF></metadata><rect width="{shape}"/></svg>""".encode()


def package(path, members: dict[str, bytes | str], compression: str = "xz") -> None:
    """Writes a Debian package. A str is a symbolic link's target."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compression}") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{compression}": data.getvalue()}
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in parts.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))


def at(path: str) -> str:
    return f"./{clipart.ROOT}/{path}"


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_members_below_the_clip_art_folder_only(tmp_path, compression):
    deb = tmp_path / "a.deb"
    members = {
        at("food/apple.svg"): b"apple",
        at("food/apple.png"): b"no svg",
        at("food/link.svg"): "../plants/tree.svg",
        at("food/out.svg"): "../../../../../../etc/passwd.svg",
        at("food/absolute.svg"): "/usr/share/openclipart/svg/food/apple.svg",
        at("../../../../etc/evil.svg"): b"evil",
        "/etc/evil.svg": b"evil",
        f"/{clipart.ROOT}x/evil.svg": b"evil",
        "../evil.svg": b"evil",
    }
    package(deb, members, compression)
    assert dict(clipart.members(deb)) == {"food/apple.svg": b"apple", "food/link.svg": "plants/tree.svg"}


@pytest.mark.parametrize("content", [b"", b"!<arch>\n", b"no archive at all" * 9, b"!<arch>\n" + b"debris".ljust(60)])
def test_a_file_that_is_no_package_is_an_error(tmp_path, content):
    (tmp_path / "a.deb").write_bytes(content)
    with pytest.raises(CatalogError, match="Debian package"):
        list(clipart.members(tmp_path / "a.deb"))


def test_a_package_cut_short_is_an_error(tmp_path):
    package(tmp_path / "a.deb", {at("food/apple.svg"): bytes(range(256)) * 400})
    whole = (tmp_path / "a.deb").read_bytes()
    (tmp_path / "a.deb").write_bytes(whole[:-200])
    with pytest.raises(CatalogError, match="Debian package"):
        list(clipart.members(tmp_path / "a.deb"))


def test_links_are_led_to_their_end_and_left_out_folders_stay_out():
    members = {
        "food/apple.svg": b"apple",
        "shapes/star.svg": b"star",
        "shapes/square.svg": b"square",
        "office/star.svg": "shapes/star.svg",
        "office/twice.svg": "office/star.svg",
        "office/round.svg": "office/round.svg",
        "office/nowhere.svg": "office/gone.svg",
        "shapes/apple.svg": "food/apple.svg",
    }
    files, links = clipart.wanted(members.items())
    assert files == {"food/apple.svg": b"apple", "shapes/star.svg": b"star"}
    assert links == {"office/star.svg": "shapes/star.svg", "office/twice.svg": "shapes/star.svg"}


FILES = {
    "food/apple_jane_doe_01.svg": svg("apple", ["fruit", "hash", ""], "1", "Jane Doe [jane@x.org]", date="2005/05/30"),
    "food/fruit/apple_jane_doe_01.svg": svg("Apple", ["Red_Fruit", "unsorted", "a,b,cherry"], "1", "Jane Doe"),
    "signs_and_symbols/flags/europe/france.svg": svg("Apple", ["flag"], "2", "JANE DOE", "A flag."),
    "computer/denco.svg": svg("Firewall", [], "3", licence="http://creativecommons.org/licenses/GPL/2.0/"),
    "computer/broken.svg": b"<svg><metadata></svg>",
    "shapes/stern_01.svg": svg("", [], "4"),
}
LINKS = {"plants/apple.svg": "food/apple_jane_doe_01.svg", "science/astronomy/star.svg": "shapes/stern_01.svg"}


def test_the_catalog_of_some_files():
    catalog = clipart.read(FILES, LINKS)
    items = catalog.items
    assert items.index.tolist() == ["apple", "stern", "apple-europe"]
    assert items["title"].tolist() == ["Apple", "Stern", "Apple"]
    assert items["image"].tolist() == [
        "food/fruit/apple_jane_doe_01.svg",
        "shapes/stern_01.svg",
        "signs_and_symbols/flags/europe/france.svg",
    ]
    assert items["category"].tolist() == ["food", "science", "signs and symbols"]
    assert items["subcategory"].tolist() == ["food/fruit", "science/astronomy", "signs and symbols/flags"]
    assert items["tags"].tolist() == [("red fruit", "cherry", "fruit", "food", "plants"), (), ("flag",)]
    assert items["creator"].tolist() == ["Jane Doe", None, "Jane Doe"]
    assert items["description"].tolist() == ["", "", "A flag."]
    assert items["text"].tolist()[2] == "Apple. signs and symbols, flags, flag. A flag."
    assert catalog.categories == "category" and catalog.interactions is None and catalog.users is None


def test_a_second_load_reads_the_zip_and_not_the_package(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path)
    settings.downloads.mkdir()
    deb = settings.downloads / "openclipart-svg_0.18+dfsg-19_all.deb"
    package(
        deb,
        {at(path): content for path, content in FILES.items()}
        | {at("plants/apple.svg"): "../food/apple_jane_doe_01.svg"},
    )
    monkeypatch.setitem(clipart.DEB, "sha256", sha256_of(deb))
    told = []
    first = clipart.load(settings, lambda *step: told.append(step))
    assert {what for _, _, what in told} >= {"unpack drawings", "read drawings"}
    deb.unlink()
    second = clipart.load(settings)
    assert second.items.equals(first.items)
    read = clipart.picture_reader(settings)
    assert read("food/fruit/apple_jane_doe_01.svg") == FILES["food/fruit/apple_jane_doe_01.svg"]
    assert sorted(path.suffix for path in settings.downloads.iterdir()) == [".zip"]


def test_a_damaged_zip_is_made_again(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path)
    settings.downloads.mkdir()
    deb = settings.downloads / "openclipart-svg_0.18+dfsg-19_all.deb"
    package(deb, {at(path): content for path, content in FILES.items()})
    monkeypatch.setitem(clipart.DEB, "sha256", sha256_of(deb))
    clipart.load(settings)
    (made,) = settings.downloads.glob("*.zip")
    made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    assert len(clipart.load(settings)) == 2


def test_an_interrupted_repacking_leaves_nothing(tmp_path):
    package(tmp_path / "a.deb", {at(path): content for path, content in FILES.items()})

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clipart.repack(tmp_path / "a.deb", tmp_path / "a.zip", interrupted)
    assert [path.name for path in tmp_path.iterdir()] == ["a.deb"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hash", "unsorted", "", "hash(0x8a3ecd4)", "0x8f48a28", "clip art"], []),
        (
            ["signs_and_symbols", "Flag", "flag ", "  united_nations_member"],
            ["signs and symbols", "flag", "united nations member"],
        ),
        (
            ["rome,italy", "=signs", "signs_and_symbols/weather"],
            ["rome", "italy", "signs", "signs and symbols", "weather"],
        ),
        (["space astronomy planet mars"], ["space", "astronomy", "planet", "mars"]),
        (["11", "747", "snu@autistici.org", "http://www.x.ro", "jane doe", "x" * 41], []),
        (["gijón", "d'aosta", "3d"], ["gijón", "d'aosta"]),
    ],
)
def test_keywords(words, expected):
    assert clipart.clean_keywords(words, "Jane Doe") == expected


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Jakob [chaosinfaith@hotmail.com]", "Jakob"),
        ("zazou (shockwavedj@yahoo.es)", "zazou"),
        ("Mitchell Johnson <silverninja.net/~mitchell>", "Mitchell Johnson"),
        ("fudriot@omic.ch", "fudriot"),
        ("Doe, Jane", "Doe Jane"),
        ("U.S. Army (public domain clipart)", "U.S. Army"),
        ("", None),
        ("???", None),
    ],
)
def test_creators(raw, clean):
    assert clipart.clean_creator(raw) == clean


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2005/05/30", 2005),
        ("6/24/2005", 2005),
        ("September 2005", 2005),
        ("20050510", 2005),
        ("07-28-05", 2005),
        ("2003-10-19", 2003),
        ("Fco. Andrade", math.nan),
        ("", math.nan),
        ("10", math.nan),
        ("1066", math.nan),
        ("2033-01-01", math.nan),
    ],
)
def test_years(date, year):
    assert clipart.year_of(date) == year or (math.isnan(year) and math.isnan(clipart.year_of(date)))


@pytest.mark.parametrize(
    ("path", "creator", "name"),
    [
        ("a/emperor_penguin_ralf_ste_01.svg", "Ralf Stephan", "emperor penguin"),
        ("a/aiga_air_transportation1.svg", "Jean-Victor Balin", "air transportation"),
        ("a/azalea_0_symbol_1m_bwh.svg", "Bryce W. Harrington", "azalea"),
        ("a/BandeMarquageSecurite.svg", "", "Bande Marquage Securite"),
        ("a/balloon-black-aj.svg", "AJ Ashton", "balloon black"),
        ("a/connector-db25.svg", "", "connector db25"),
        ("a/smiley001.svg", "Nicu Buculei", "smiley"),
        ("a/sun01.svg", "Nicu Buculei", "sun"),
        ("a/jane_01.svg", "Jane Doe", ""),
    ],
)
def test_titles_from_file_names(path, creator, name):
    assert clipart.title_from_file(path, creator) == name


def test_a_collections_name_gives_way_to_the_file_name():
    names = ["sheep", "goat", "cow", "horse_01", "horse_02"]
    files = {
        **{f"animals/{n}.svg": svg("Farm set", shape=str(i), creator="Jane Doe") for i, n in enumerate(names)},
        **{f"people/smile_0{i}.svg": svg("Smile", shape=f"1{i}") for i in range(4)},
        "people/a.svg": svg("Clipart by Jane Doe - France", shape="20"),
        "people/jane_doe_01.svg": svg("Jane Doe", shape="21", creator="Jane Doe"),
        "people/b_hash.svg": svg("HASH(0x89c79d4)", shape="22"),
        "people/c.svg": svg("L&amp;Atilde;&amp;copy;zard", shape="23"),
    }
    items = clipart.read(files, {}).items
    assert items["title"].tolist() == [
        *("Cow", "Goat", "Horse", "Horse", "Sheep"),
        *("France", "B hash", "Lézard", "People"),
        *("Smile", "Smile", "Smile", "Smile"),
    ]
    assert items.index.tolist() == [
        *("cow", "goat", "horse", "horse-animals", "sheep"),
        *("france", "b-hash", "lezard", "people"),
        *("smile", "smile-people", "smile-people-2", "smile-people-3"),
    ]


@pytest.mark.parametrize("text", ["Crème brûlée!", "…", "日本", "<script>", "x" * 90, "a b" * 40, "-"])
def test_slugs_suit_links(text):
    assert clipart.re.fullmatch(r"[a-z0-9-]{1,40}", clipart.slug(text))


def test_pictures_are_equal_whatever_their_metadata():
    assert clipart.picture_key(svg("One", ["a"])) == clipart.picture_key(svg("Two", ["b"], creator="X"))
    assert clipart.picture_key(svg(shape="1")) != clipart.picture_key(svg(shape="2"))
