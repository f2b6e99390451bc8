"""Broken links, odd wishes and strange files: each gets a sentence, and nothing is lost."""

import io
import struct
import zlib

import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ALERTS = '[data-testid="stAlert"]'
DELETE = '[data-testid="stFileUploaderDeleteBtn"] button, [data-testid="stFileChipDeleteBtn"] button'
KEPT = "like=222"


def no_traceback(one) -> None:
    assert one.page.locator('[data-testid="stException"]').count() == 0
    assert "Traceback" not in one.page.locator("body").inner_text()
    assert "did not expect" not in one.page.locator("body").inner_text()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (f"catalog=movies&{KEPT}&like=no-such-film", "no-such-film"),
        (f"catalog=movies&{KEPT}&lam=7", "lambda"),
        (f"catalog=movies&{KEPT}&item=<script>alert(1)</script>", "<script>"),
        (f"catalog=movies&{KEPT}&where=weight>=3", "weight"),
        (f"catalog=movies&{KEPT}&where=year>=tomorrow", "tomorrow"),
        (f"catalog=movies&{KEPT}&wish={'much ' * 2000}", "cut at 500"),
        (f"catalog=movies&{KEPT}&where=year%3E%3", "“%3” is none"),
        (f"catalog=movies&{KEPT}&k=%F0%9F", "list length"),
        (f"catalog=<img src=x onerror=alert(1)>&{KEPT}", "not built here"),
    ],
)
def test_a_bad_link_gets_a_sentence_and_the_rest_is_kept(visitor, query, sentence):
    one = visitor()
    one.page.goto(f"{one.app.url}/recommend?{query}")
    one.wait()
    no_traceback(one)
    expect(one.page.locator(ALERTS).filter(has_text=sentence).first).to_be_visible()
    if query.startswith("catalog=movies"):
        one.reads("Liked (1)")
        assert one.query["like"] == ["222"]


def test_a_link_cut_anywhere_opens_something(visitor):
    whole = "catalog=movies&like=222&wish=space+battles+and+robots&where=year%3E%3D1990&lam=0.45&k=8&item=95"
    one = visitor()
    for cut in (12, 20, 40, 66, 70, 81, 85):
        one.page.goto(f"{one.app.url}/recommend?{whole[:cut]}")
        one.wait()
        no_traceback(one)
        assert one.lists[0], whole[:cut]


@pytest.mark.parametrize(
    "wish",
    [
        "   ",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "שלום עולם, מרחבא",
        "**bold** $x^2$ :red[x]",
        "\u202eevil",
    ],
)
def test_odd_wishes_are_just_words(visitor, wish):
    one = visitor().open(query={"catalog": ["movies"], "like": ["222"]})
    field = one.page.get_by_role("textbox", name="What do you wish for?")
    if wish.strip():
        field.fill(wish)
        one.after(lambda: field.press("Enter"))
        one.reads("You wished for")
    else:
        field.fill(wish)
        field.press("Enter")
        one.page.wait_for_timeout(500)
        one.wait()
    no_traceback(one)
    assert len(one.lists[0]) == 10 and one.query["like"] == ["222"]
    assert one.page.locator("img[src=x], script:text('alert(1)')").count() == 0


def picture(mode: str = "RGB", size=(320, 240), **save) -> bytes:
    """A file with a picture of a red apple on white, more or less."""
    image = Image.new("RGB", size, "white")
    image.paste((200, 30, 30), (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
    file = io.BytesIO()
    image.convert(mode).save(file, **{"format": "JPEG", **save})
    return file.getvalue()


def animation() -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of 200 megapixels in its first line, and nothing behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


REFUSED = {
    "words.png": (b"These are words and no picture.", None),
    "nothing.png": (b"", "empty"),
    "truncated.jpg": (picture()[:900], None),
    "bomb.png": (bomb(), "pixels"),
}
TAKEN = {
    "apple.jpg": picture(),
    "cmyk.jpg": picture("CMYK"),
    "animated.gif": animation(),
    "grey.png": picture("L", format="PNG"),
}


@pytest.fixture
def wisher(visitor, clipart):
    one = visitor().open(query={"catalog": [clipart], "like": ["teapot"]})
    one.page.get_by_text("Wish with a picture", exact=True).first.click()

    def upload(name: str, data: bytes) -> None:
        one.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})

    return one, upload


def test_files_that_are_no_wish_are_refused_in_a_sentence(wisher):
    one, upload = wisher
    before = one.lists
    for name, (data, sentence) in REFUSED.items():
        upload(name, data)
        alert = one.page.locator('[data-testid="stSidebar"]').locator(ALERTS).filter(has_text=sentence or "")
        expect(alert.first, name).to_be_visible(timeout=15_000)
        one.wait()
        no_traceback(one)
        assert one.lists == before and one.query["like"] == ["teapot"], name
        one.page.locator(
            '[data-testid="stFileUploaderDeleteBtn"] button, [data-testid="stFileChipDeleteBtn"] button'
        ).first.click()
        expect(alert).to_have_count(0)


def test_pictures_of_every_kind_are_wishes(wisher):
    one, upload = wisher
    for name, data in TAKEN.items():
        before = one.lists
        upload(name, data)
        one.reads("A picture is part of your wish", timeout=60_000)  # the first one waits for the encoder
        one.wait()
        no_traceback(one)
        assert one.lists != before and one.query["like"] == ["teapot"], name
        one.after(one.button("Take the picture back").click)
