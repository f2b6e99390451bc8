"""Pictures by open_clip: any of its models, from the hub, a checkpoint file or a folder, through the same code."""

import logging
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from recsys.encoders.inference import fast_inference, in_batches, unit_rows
from recsys.encoders.revision import content_revision, folder_revision, hub_revision
from recsys.errors import InvalidInput, quoted
from recsys.settings import DEFAULT_IMAGE_ENCODER

BATCH = 16  # faster than 32 or 64, whose activations leave the processor's cache


class ClipEncoder:
    """An open_clip model as an `ImageEncoder`.

    Args:
        model: the loaded model.
        preprocess: turns an RGB picture into its input, (3, h, w).
        text: the text encoder of the same space.
        name: the setting that loads it and the revision.
    """

    def __init__(self, model: torch.nn.Module, preprocess: Callable, text, name: str) -> None:
        self.model = model.eval().to(memory_format=torch.channels_last)
        self.text = text
        self.name = name
        self.dim = text.dim
        self._preprocess = preprocess

    @property
    def text_name(self) -> str:
        """Name of the text encoder that shares the space."""
        return self.text.name

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Words that pictures are looked for with: (n, dim) float32 unit rows."""
        return self.text.encode_queries(texts)

    def encode_query_pictures(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """Pictures that others are looked for with: (n, dim) float32 unit rows."""
        return self.encode_items(pictures)

    def encode_items(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """The items' pictures, of any size and mode, transparency on white: (n, dim) float32 unit rows."""
        return unit_rows(self._run(self.model.encode_image, pictures, self.dim))

    def _run(self, network: Callable, pictures: Sequence[Image.Image], width: int) -> np.ndarray:
        """The network's output for each picture: (n, width) float32."""

        def batch(part: slice) -> np.ndarray:
            inputs = torch.stack([self._preprocess(on_white(picture)) for picture in pictures[part]])
            with fast_inference():
                return network(inputs.to(memory_format=torch.channels_last)).float().numpy()

        return in_batches(batch, len(pictures), BATCH, width)


class ClipText:
    """The text tower of an open_clip model as a `TextEncoder`.

    Args:
        model: the loaded model.
        tokenizer: its tokenizer.
        name: `clip:` and the setting that loads it, and the revision.
    """

    def __init__(self, model: torch.nn.Module, tokenizer: Callable, name: str) -> None:
        self.name = name
        self._model = model
        self._tokenizer = tokenizer
        self.dim = self._tower([""]).shape[1]

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """What somebody asks for: (n, dim) float32 unit rows."""
        return unit_rows(in_batches(lambda part: self._tower(texts[part]), len(texts), BATCH, self.dim))

    def encode_items(self, texts: Sequence[str]) -> np.ndarray:
        """What describes an item: (n, dim) float32 unit rows."""

        def batch(part: slice) -> np.ndarray:
            with fast_inference():
                return self._tower(texts[part])

        return unit_rows(in_batches(batch, len(texts), BATCH, self.dim))

    @torch.inference_mode()
    def _tower(self, texts: Sequence[str]) -> np.ndarray:
        return self._model.encode_text(self._tokenizer(list(texts))).float().numpy()


def on_white(picture: Image.Image) -> Image.Image:
    """A picture of any mode in RGB, what is transparent in white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def load_clip(setting: str) -> ClipEncoder:
    """Loads an open_clip model.

    Args:
        setting: `ARCHITECTURE/PRETRAINED` (a tag or a checkpoint file), `hf-hub:OWNER/REPOSITORY`, or a folder with an
            `open_clip_config.json` and weights.

    Raises:
        InvalidInput: there is no such model here, and the hub does not give it.
    """
    architecture, pretrained = _source(setting)
    try:
        with _no_root_log():
            model, _, preprocess = open_clip.create_model_and_transforms(
                architecture, pretrained=pretrained, require_pretrained=True
            )
            tokenizer = open_clip.get_tokenizer(architecture)
    except Exception as error:  # whatever a hub, a file or a configuration can do wrong
        raise InvalidInput(
            f"The image encoder {quoted(setting)} cannot be loaded: {_reason(architecture, pretrained)}",
            f"Check the name and the network, or use the packaged one: {DEFAULT_IMAGE_ENCODER}",
        ) from error
    revision = _revision(setting, pretrained)
    name = setting if revision is None else f"{setting}@{revision}"
    return ClipEncoder(model, preprocess, ClipText(model.eval(), tokenizer, f"clip:{name}"), name)


@contextmanager
def _no_root_log():
    """Without open_clip's own words on the terminal, which it logs at the root; our sentence says it."""
    root = logging.getLogger()
    disabled, root.disabled = root.disabled, True
    try:
        yield
    finally:
        root.disabled = disabled


def _source(setting: str) -> tuple[str, str | None]:
    """open_clip's architecture and its pretrained weights; None where the first names both."""
    if setting.startswith("hf-hub:"):
        return setting, None
    folder = Path(setting).expanduser()
    if setting and folder.is_dir():
        return f"local-dir:{folder}", None
    architecture, slash, pretrained = setting.partition("/")
    if not slash or not architecture or not pretrained:
        raise InvalidInput(
            f"There is no image encoder called {quoted(setting)}.",
            f"Name an open_clip model like ViT-B-32/laion2b_s34b_b79k, a folder, or {DEFAULT_IMAGE_ENCODER}.",
        )
    return architecture, pretrained


def _reason(architecture: str, pretrained: str | None) -> str:
    """The likeliest reason, in words."""
    if pretrained is None:
        return "there is no complete open_clip model of that name here, and the model hub did not give it."
    if architecture not in open_clip.list_models():
        return f"open_clip knows no architecture {quoted(architecture)}."
    if Path(pretrained).is_file():
        return f"its file does not hold the weights of a {architecture}."
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if pretrained not in tags:
        known = f"{', '.join(tags[:5])} and {len(tags) - 5} more" if len(tags) > 5 else ", ".join(tags) or "none"
        return f"there is neither a file nor a set of weights {quoted(pretrained)}. open_clip has for it: {known}."
    return "its weights are not on this machine, and the model hub did not give them."


def _revision(setting: str, pretrained: str | None) -> str | None:
    """The revision of the weights; None where a tag names them for good."""
    if pretrained is not None:
        return content_revision([Path(pretrained)]) if Path(pretrained).is_file() else None
    if setting.startswith("hf-hub:"):
        return hub_revision(setting.removeprefix("hf-hub:"), ("open_clip_config.json",))
    return folder_revision(Path(setting).expanduser())
