"""Wishes without the wait: the packaged MiniLM's forward pass in NumPy, for queries only.

Importing sentence-transformers takes seven seconds and half a gigabyte, and holds the interpreter while it does; a
visitor who types a wish just after the start would feel it. One short text through six small layers needs neither.
Items are embedded by sentence-transformers; a contract test holds that both give the same vectors.

The network is BERT (Devlin et al. 2019) as sentence-transformers runs it: token, position and segment embeddings,
layers of attention and a feed-forward part, each added and normalised, the mean over tokens scaled to unit length.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer


class QuickMiniLM:
    """A BERT sentence encoder with mean pooling, for queries. Thread-safe.

    Args:
        folder: a sentence-transformers folder of a BERT model.
        name: as a `TextEncoder`'s.
    """

    def __init__(self, folder: Path, name: str) -> None:
        config = json.loads((folder / "config.json").read_text())
        longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.name = name
        self.dim = int(config["hidden_size"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.no_padding()
        self._weights = load_file(folder / "model.safetensors")
        self._layers = [f"encoder.layer.{i}" for i in range(config["num_hidden_layers"])]

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """What somebody asks for: (n, dim) float32 unit rows."""
        vectors = np.stack([self._tokens(text).mean(axis=0) for text in texts])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _tokens(self, text: str) -> np.ndarray:
        """The last layer's vector of each token: (tokens, dim) float32."""
        ids = self._tokenizer.encode(text).ids
        w = self._weights
        x = (
            w["embeddings.word_embeddings.weight"][ids]
            + w["embeddings.position_embeddings.weight"][: len(ids)]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._normalised(x, "embeddings.LayerNorm")
        for layer in self._layers:
            x = self._normalised(x + self._attention(x, layer), f"{layer}.attention.output.LayerNorm")
            inner = _gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._normalised(x + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        return x

    def _attention(self, x: np.ndarray, layer: str) -> np.ndarray:
        """Scaled dot-product attention of all heads: (tokens, dim)."""

        def heads(part: str) -> np.ndarray:  # (heads, tokens, dim / heads)
            projected = self._linear(x, f"{layer}.attention.self.{part}")
            return projected.reshape(len(x), self._heads, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(key.shape[2]))
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        mixed = (weights @ value).transpose(1, 0, 2).reshape(len(x), -1)
        return self._linear(mixed, f"{layer}.attention.output.dense")

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * np.float32(0.5) * (np.float32(1) + erf(x / np.float32(np.sqrt(2))))
