"""Revisions follow the weights, and names are read back."""

import pytest

from recsys.encoders.revision import content_revision, folder_revision, split_revision


def test_a_revision_follows_the_content_only(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "model.safetensors").write_bytes(b"weights")
        (tmp_path / folder / "config.json").write_text("{}")
    first = folder_revision(tmp_path / "a")
    assert folder_revision(tmp_path / "b") == first and len(first) == 12
    (tmp_path / "b" / "README.md").write_text("words")
    assert folder_revision(tmp_path / "b") == first
    (tmp_path / "b" / "sub" / "model.safetensors").write_bytes(b"others")
    assert folder_revision(tmp_path / "b") != first


def test_whatever_else_decides_counts_too(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert content_revision([tmp_path / "file"]) != content_revision([tmp_path / "file"], "size 224")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("all-MiniLM-L6-v2", ("all-MiniLM-L6-v2", None)),
        ("all-MiniLM-L6-v2@0123456789ab", ("all-MiniLM-L6-v2", "0123456789ab")),
        ("me@home/model", ("me@home/model", None)),
        ("me@home/model@0123456789ab", ("me@home/model", "0123456789ab")),
    ],
)
def test_names_are_read_back(name, parts):
    assert split_revision(name) == parts
