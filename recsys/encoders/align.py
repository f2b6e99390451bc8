"""Learning the head of `lite0-minilm`: a picture's pooled features into the text space, from picture-caption pairs.

Both towers stay as they are. The head is two layers, 1280 -> 768 -> 384, trained with the contrastive loss of CLIP
(Radford et al. 2021), whose targets are softened by how alike the captions are. A tenth of the pictures is held out,
by caption: captions that are nearly the same stay on one side, or the test would be answered from memory.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch.nn import functional

from recsys.encoders.packaged import HEAD_FILE
from recsys.errors import CatalogError

Progress = Callable[[int, int, str], None]

FEATURES = 1280
HIDDEN = 768
FORMAT = 1

HELD_OUT = 0.1  # share of the pictures
NEAR = 0.8  # share of common words from which two captions count as nearly the same
LARGEST_HELD_OUT = 0.02  # a group of captions larger than this share always trains

EPOCHS = 40
BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
DROPOUT = 0.5  # of the features and of the hidden layer
SOFTNESS = 0.05  # temperature of the targets
RANKS = (1, 5, 10)

_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Head:
    """The learned layers: w2 gelu(w1 x + b1), to be scaled to unit length.

    Attributes:
        w1: (768, 1280) float32.
        b1: (768,) float32.
        w2: (384, 768) float32.
    """

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features (n, 1280) as (n, 384) float32 unit rows."""
        hidden = functional.gelu(torch.from_numpy(features @ self.w1.T + self.b1)).numpy()
        vectors = hidden @ self.w2.T
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def align(
    features: np.ndarray,
    text_vectors: np.ndarray,
    captions: Sequence[str],
    seed: int = 0,
    out: Path = HEAD_FILE,
    progress: Progress | None = None,
) -> dict:
    """Learns the head and writes it; see `learn_head`.

    Returns:
        The report, which the file carries too.
    """
    head, report = learn_head(features, text_vectors, captions, seed, progress)
    save_head(head, report, out)
    return report


def learn_head(
    features: np.ndarray,
    text_vectors: np.ndarray,
    captions: Sequence[str],
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Head, dict]:
    """Learns the head on nine tenths of the pairs and measures it on the rest, which it never sees.

    The same pairs and seed give the same head, bit for bit, on one machine.

    Args:
        features: (n, 1280) float32, the pictures' pooled features.
        text_vectors: (n, d) float32 unit rows, the captions' vectors.
        captions: (n,) what the split is made by.
        seed: of the split and of the training.
        progress: called with (done, total, what).

    Returns:
        The head, as `save_head` keeps it, and the report: `recall@1`, `recall@5` and `recall@10` (share of the
        held-out groups of captions for which a picture of the group is among the k nearest of all held-out pictures;
        every group counts once), `own_recall@k` (share of the held-out pictures that their own caption finds, though
        pictures of nearly the same caption compete), `chance@10`, counts, seed and the hash of the data.

    Raises:
        CatalogError: too few pairs to hold any out.
        ValueError: arrays that do not fit together.
    """
    features = np.ascontiguousarray(features, dtype=np.float32)
    text_vectors = np.ascontiguousarray(text_vectors, dtype=np.float32)
    if not len(features) == len(text_vectors) == len(captions):
        raise ValueError(f"expected as many of each, got {len(features)}, {len(text_vectors)}, {len(captions)}")
    groups = caption_groups(captions)
    held_out = hold_out(groups, seed)
    if not held_out.any() or held_out.all():
        raise CatalogError(
            f"{len(captions)} pictures with {len(np.unique(groups))} different captions are too few to learn from.",
            "Build the clipart catalog first: python -m recsys build --catalog clipart",
        )
    head = _train(features[~held_out], text_vectors[~held_out], seed, progress)
    head = Head(*(array.astype(np.float16).astype(np.float32) for array in (head.w1, head.b1, head.w2)))
    vectors = head(features[held_out])
    report = {
        "pictures": len(captions),
        "trained_on": int((~held_out).sum()),
        "held_out": int(held_out.sum()),
        "held_out_groups": len(np.unique(groups[held_out])),
        **retrieval(vectors, text_vectors[held_out], groups[held_out]),
        "seed": seed,
        "epochs": EPOCHS,
        "data_sha256": _data_sha256(features, text_vectors, captions),
    }
    return head, report


def caption_groups(captions: Sequence[str]) -> np.ndarray:
    """Which captions are nearly the same: (n,) int, one number a group.

    Two captions are, where at least 80% of their words are common to both (Jaccard; numbers and punctuation are no
    words), and so are those that a chain of such pairs connects.
    """
    words = [sorted(set(_WORD.findall(caption.lower()))) or ["?"] for caption in captions]
    vocabulary = {word: i for i, word in enumerate(sorted({w for ws in words for w in ws}))}
    sizes = np.array([len(ws) for ws in words])
    columns = [vocabulary[w] for ws in words for w in ws]
    rows = np.repeat(np.arange(len(words)), sizes)
    shape = (len(words), len(vocabulary))
    contains = csr_matrix((np.ones(len(columns), dtype=np.float32), (rows, columns)), shape=shape)
    common = (contains @ contains.T).tocoo()
    alike = common.data >= NEAR * (sizes[common.row] + sizes[common.col] - common.data) - 1e-6
    pairs = csr_matrix((alike[alike], (common.row[alike], common.col[alike])), shape=common.shape)
    return connected_components(pairs, directed=False)[1]


def hold_out(groups: np.ndarray, seed: int) -> np.ndarray:
    """Draws whole groups until a tenth of the pictures is held out: (n,) bool."""
    sizes = np.bincount(groups)
    held = np.zeros(len(sizes), dtype=bool)
    count = 0
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if count >= HELD_OUT * len(groups):
            break
        if sizes[group] <= max(1, LARGEST_HELD_OUT * len(groups)):
            held[group] = True
            count += sizes[group]
    return held[groups]


def retrieval(vectors: np.ndarray, text_vectors: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """How well captions find pictures; `learn_head` says what is measured.

    Args:
        vectors: (n, d) float32 unit rows, the pictures.
        text_vectors: (n, d) float32 unit rows, their captions.
        groups: (n,) int, which captions are nearly the same.
    """
    similarity = text_vectors @ vectors.T
    own = (similarity > np.diag(similarity)[:, None]).sum(axis=1)
    best = np.where(groups[:, None] == groups, similarity, -np.inf).max(axis=1, keepdims=True)
    any_of_group = (similarity > best).sum(axis=1)
    weights = 1.0 / np.bincount(groups)[groups]
    weights /= weights.sum()
    measured = {f"recall@{k}": round(float(weights[any_of_group < k].sum()), 4) for k in RANKS}
    measured |= {f"own_recall@{k}": round(float((own < k).mean()), 4) for k in RANKS}
    return measured | {"chance@10": round(_chance(groups, 10), 4)}


def _chance(groups: np.ndarray, k: int) -> float:
    """Expected recall@k of a random order: mean over the groups of 1 - P(none of its pictures among k drawn)."""
    n = len(groups)
    _, sizes = np.unique(groups, return_counts=True)
    missed = np.ones(len(sizes))
    for drawn in range(min(k, n)):
        missed *= np.maximum(n - sizes - drawn, 0) / (n - drawn)
    return float(1 - missed.mean())


def _train(features: np.ndarray, text_vectors: np.ndarray, seed: int, progress: Progress | None) -> Head:
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    inputs, targets = torch.from_numpy((features - mean) / spread), torch.from_numpy(text_vectors)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first = torch.nn.Linear(features.shape[1], HIDDEN)
        second = torch.nn.Linear(HIDDEN, text_vectors.shape[1], bias=False)
        net = torch.nn.Sequential(torch.nn.Dropout(DROPOUT), first, torch.nn.GELU(), torch.nn.Dropout(DROPOUT), second)
        log_scale = torch.nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        optimizer = torch.optim.AdamW([*net.parameters(), log_scale], LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        steps = EPOCHS * -(-len(inputs) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
        for epoch in range(EPOCHS):
            if progress is not None:
                progress(epoch, EPOCHS, "learning the head")
            for rows in torch.randperm(len(inputs)).split(BATCH):
                vectors = functional.normalize(net(inputs[rows]), dim=1)
                loss = _contrastive(vectors, targets[rows], log_scale.exp())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    if progress is not None:
        progress(EPOCHS, EPOCHS, "learning the head")
    # The head takes features as they come, so the scaling goes into its first layer.
    weight = first.weight.detach().numpy() / spread
    return Head(weight, first.bias.detach().numpy() - weight @ mean, second.weight.detach().numpy().copy())


def _contrastive(vectors: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """CLIP's loss, picture to text and back; nearly the same captions share the target instead of competing."""
    similarity = scale * vectors @ texts.T
    wanted = torch.softmax(texts @ texts.T / SOFTNESS, dim=1)
    return (functional.cross_entropy(similarity, wanted) + functional.cross_entropy(similarity.T, wanted)) / 2


def _data_sha256(features: np.ndarray, text_vectors: np.ndarray, captions: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (features.tobytes(), text_vectors.tobytes(), json.dumps(list(captions)).encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def save_head(head: Head, report: dict, path: Path) -> None:
    """Writes a head in half precision, with its report; the same head gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.npz")
    arrays = {name: getattr(head, name).astype(np.float16) for name in ("w1", "b1", "w2")}
    np.savez(draft, **arrays, report=np.array(json.dumps({"format": FORMAT, **report}, sort_keys=True)))
    draft.replace(path)


def load_head(path: Path = HEAD_FILE) -> tuple[Head, dict]:
    """Reads a head and its report.

    Raises:
        CatalogError: the file is no head.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            head = Head(*(file[name].astype(np.float32) for name in ("w1", "b1", "w2")))
            return head, json.loads(str(file["report"]))
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise CatalogError(
            f"{path.name} is no head of lite0-minilm.", "Learn it again: python -m recsys align"
        ) from error
