"""Pictures: what is drawn lands where it should, and an upload is a picture or a sentence."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from recsys.errors import InvalidInput
from recsys.sources.pictures import MAX_SIDE, SLATE, open_upload, render_svg, thumbnail, webp

RED, WHITE = (255, 0, 0), (255, 255, 255)


def drawing(body: str, size: str = 'width="100" height="100"', encoding: str = "UTF-8") -> bytes:
    head = f'<?xml version="1.0" encoding="{encoding}"?><svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return f"{head}{body}</svg>".encode(encoding)


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], within: int = 12) -> bool:
    return max(abs(a - b) for a, b in zip(image.getpixel(at), colour, strict=True)) <= within


@pytest.mark.parametrize(
    "size",
    [
        'width="100" height="100"',
        'width="100pt" height="100pt" viewBox="0 0 100 100"',
        'width="100mm" height="100mm" viewBox="0 0 100 100"',
        'width="100000" height="100000" viewBox="0 0 100 100"',
        'width="0.01in" height="0.01in" viewBox="0 0 100 100"',
        'width="100%" height="100%" viewBox="0 0 100 100"',
        'viewBox="0 0 100 100"',
        'width="10" height="10" viewBox="0 0 100 100"',
    ],
)
def test_a_drawing_fills_the_square_whatever_its_units(size):
    image = render_svg(drawing('<rect width="100" height="100" fill="red"/>', size), 64)
    assert image.size == (64, 64) and image.mode == "RGB"
    pixels = np.asarray(image)
    red = (pixels == RED).all(axis=2)
    assert red[3:61, 3:61].all()  # 2 pixels of margin, and one that may be blurred
    assert not red[:2].any() and not red[-2:].any() and not red[:, :2].any() and not red[:, -2:].any()


def test_a_small_drawing_on_a_large_page_is_brought_near():
    page = drawing('<rect x="400" y="700" width="20" height="10" fill="red"/>', 'width="744" height="1052"')
    pixels = np.asarray(render_svg(page, 64))
    red = np.argwhere((pixels == RED).all(axis=2))
    assert red.min(axis=0).tolist() == pytest.approx([17, 2], abs=1)  # 60 wide, 30 high, in the middle
    assert red.max(axis=0).tolist() == pytest.approx([46, 61], abs=1)


def test_a_line_of_a_thousand_to_one_can_be_drawn():
    image = render_svg(drawing('<rect width="1000" height="1" fill="black"/>', 'width="1000" height="1"'), 64)
    assert image.size == (64, 64) and np.asarray(image).min() < 128


def test_white_art_is_shown_on_slate_and_black_lines_on_white():
    assert render_svg(drawing('<circle cx="50" cy="50" r="40" fill="white"/>'), 64).getpixel((0, 0)) == SLATE
    lines = '<path d="M10 10L90 90" stroke="black" stroke-width=".3" fill="none"/>'
    assert render_svg(drawing(lines), 64).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize(
    "svg",
    [
        b"",
        b"no svg",
        b"\x00\xff\xfe",
        b"<svg",
        drawing(""),
        drawing('<rect x="500" width="9" height="9"/>'),
        drawing("<rect>"),
    ],
)
def test_what_cannot_be_drawn_is_none(svg):
    assert render_svg(svg, 64) is None


def test_other_encodings_are_understood():
    body = '<desc>Grüße</desc><rect width="100" height="100" fill="red"/>'
    assert near(render_svg(drawing(body, encoding="iso-8859-1"), 32), (16, 16), RED)
    broken = drawing(body, encoding="iso-8859-1").replace(b"iso-8859-1", b"UTF-8")
    assert near(render_svg(broken, 32), (16, 16), RED)


def test_a_thumbnail_is_small_square_webp():
    data = thumbnail(Image.new("RGB", (300, 150), RED), 112)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("WEBP", (112, 112))
    assert near(image.convert("RGB"), (56, 56), RED) and near(image.convert("RGB"), (56, 5), WHITE)
    assert len(data) < 2000
    assert Image.open(io.BytesIO(webp(Image.new("RGB", (300, 150), RED)))).size == (300, 150)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_usual_formats_open(form):
    image = open_upload(saved(Image.new("RGB", (40, 30), RED), form))
    assert (image.mode, image.size, image.info) == ("RGB", (40, 30), {"note": ""})
    assert near(image, (20, 15), RED)


def test_large_pictures_are_shrunk_and_small_ones_are_not_enlarged():
    assert open_upload(saved(Image.new("RGB", (3000, 1500)), "JPEG")).size == (MAX_SIDE, MAX_SIDE // 2)
    assert open_upload(saved(Image.new("1", (3000, 1500)), "PNG")).size == (MAX_SIDE, MAX_SIDE // 2)
    assert open_upload(saved(Image.new("RGB", (1, 1)), "PNG")).size == (1, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_any_mode_gives_rgb(mode):
    form = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    image = open_upload(saved(Image.new(mode, (20, 10)), form))
    assert (image.mode, image.size) == ("RGB", (20, 10))


def test_cmyk_keeps_its_colours():
    assert near(open_upload(saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG")), (10, 10), RED)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = Image.fromarray(np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16))
    pixels = np.asarray(open_upload(saved(ramp, "PNG")))[..., 0].ravel()
    np.testing.assert_allclose(pixels, np.arange(256), atol=1)
    dark = Image.fromarray(np.full((4, 4), 200, dtype=np.uint16))  # 200 of 65,535 is black, not light grey
    assert open_upload(saved(dark, "PNG")).getpixel((0, 0)) == (1, 1, 1)


def test_transparency_becomes_white():
    assert open_upload(saved(Image.new("RGBA", (9, 9), (255, 0, 0, 0)), "PNG")).getpixel((4, 4)) == WHITE
    palette = Image.new("P", (9, 9), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert open_upload(saved(palette, "PNG", transparency=0)).getpixel((4, 4)) == WHITE
    half = open_upload(saved(Image.new("RGBA", (9, 9), (0, 0, 0, 128)), "PNG")).getpixel((4, 4))
    assert half == pytest.approx((127, 127, 127), abs=1)


def test_a_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    sideways = Image.new("RGB", (40, 20), WHITE)
    sideways.paste(RED, (0, 0, 10, 20))
    image = open_upload(saved(sideways, "JPEG", exif=exif.tobytes(), quality=95))
    assert image.size == (20, 40)
    assert near(image, (10, 3), RED, 40) and near(image, (10, 30), WHITE, 40)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_said_so(form):
    frames = [Image.new("RGB", (10, 10), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    image = open_upload(saved(frames[0], form, save_all=True, append_images=frames[1:]))
    assert near(image, (5, 5), RED)
    assert image.info["note"] == "Only the first of the 3 frames is looked at."


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_000, 5_001), (20_000, 10_000), (100_000, 100_000)])
def test_too_many_pixels_are_refused_before_decoding(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(InvalidInput, match="50 megapixels") as caught:
        open_upload(png_header(*size))
    assert "smaller" in caught.value.way_out


def test_a_picture_cut_short_is_refused():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8))
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = saved(noise, form)
        for part in (0.5, 0.9):
            with pytest.raises(InvalidInput, match="incomplete|no picture"):
                open_upload(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    "data", [b"hello", b"%PDF-1.7", b"<svg/>", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"\0" * 999]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(InvalidInput) as caught:
        open_upload(data)
    assert caught.value.way_out


def test_an_empty_file_is_refused():
    with pytest.raises(InvalidInput, match="empty"):
        open_upload(b"")


def test_damage_anywhere_is_a_sentence_or_a_picture():
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8))
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = bytearray(saved(noise, form))
        for _ in range(60):
            damaged = whole.copy()
            for at in rng.integers(0, min(len(damaged), 300), 3):
                damaged[at] = rng.integers(0, 256)
            with suppress(InvalidInput):
                assert open_upload(bytes(damaged)).mode == "RGB"
