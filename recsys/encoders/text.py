"""Text by sentence-transformers: the packaged MiniLM, a hub name or a folder, through the same code."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from recsys.encoders.inference import fast_inference, in_batches, unit_rows
from recsys.encoders.packaged import packaged_minilm
from recsys.encoders.revision import folder_revision, hub_revision
from recsys.errors import InvalidInput, quoted
from recsys.settings import DEFAULT_TEXT_ENCODER

BATCH = 32


class SentenceEncoder:
    """A sentence-transformers model as a `TextEncoder`.

    Args:
        model: the loaded model. Where it defines prompts for queries and documents, they are used.
        name: the setting that loads it and the revision.
    """

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        self.model = model
        self.name = name
        self.dim = int(model.get_embedding_dimension())
        # Tokenizers set their padding and truncation up at the first call, which should not happen in several threads.
        self.encode_queries(["warm"])

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """What somebody asks for: (n, dim) float32 unit rows."""
        return self._encode(self.model.encode_query, texts)

    def encode_items(self, texts: Sequence[str]) -> np.ndarray:
        """What describes an item: (n, dim) float32 unit rows.

        Where the processor has bfloat16, it is used: twice as fast, at a cosine of 0.9999 to float32's vectors.
        """

        def encode(part: list[str], **options) -> np.ndarray:
            with fast_inference():
                return self.model.encode_document(part, **options)

        return self._encode(encode, texts)

    def _encode(self, encode: Callable, texts: Sequence[str]) -> np.ndarray:
        # Texts of like length share a batch, which is padded to its longest; the longest come first, so that no
        # processor is left with them at the end.
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))

        def batch(part: slice) -> np.ndarray:
            return encode([texts[i] for i in order[part]], batch_size=BATCH, show_progress_bar=False)

        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        vectors[order] = in_batches(batch, len(texts), BATCH, self.dim)
        return unit_rows(vectors)


def load_sentence_encoder(setting: str) -> SentenceEncoder:
    """Loads a sentence-transformers model.

    Args:
        setting: `all-MiniLM-L6-v2` for the packaged one, a hub name or a folder.

    Raises:
        InvalidInput: there is no such model here, and the hub does not give it.
        ModuleNotFoundError: the packaged one is not installed.
    """
    disable_progress_bar()  # a build shows its own
    packaged = setting == DEFAULT_TEXT_ENCODER
    folder = packaged_minilm() if packaged else Path(setting).expanduser()
    local = bool(setting) and folder.is_dir()
    try:
        model = SentenceTransformer(str(folder) if local else setting, device="cpu")
    except Exception as error:  # whatever a hub, a file or a configuration can do wrong
        raise InvalidInput(
            f"The text encoder {quoted(setting)} cannot be loaded: there is no such folder, the local model cache "
            "has no such model, and the model hub did not give it.",
            f"Check the name and the network, or use the packaged one: {DEFAULT_TEXT_ENCODER}",
        ) from error
    revision = folder_revision(folder) if local else hub_revision(setting, ("modules.json", "config.json"))
    return SentenceEncoder(model.eval(), setting if revision is None else f"{setting}@{revision}")
