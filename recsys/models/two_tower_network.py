"""The two-tower network and how it is trained. The only part of the models that needs torch.

    item     v_i = c_i + id_i                 c_i = W2 relu(W1 [content, categories, year] + mean of its entities)
    person   h   = start + sum over the history of (like_i + W5 c_i) / |history| ** 0.5 + facts + moment
             q   = h + W4 relu(W3 h)          relevance = q . v

Loss: softmax over the items drawn in a batch (Covington, Adams & Sargin, RecSys 2016), each logit less the logarithm of
the chance that its item was drawn (the logQ correction; Bengio & Senecal 2003; Yi et al., RecSys 2019). So the score
learns log p(item | person), popularity included, and nothing is taken off when it is served. Items of the batch that
somebody is known to have rated count as no negative of theirs.

Of each history a share goes in and the rest is what has to be found, as in a denoising autoencoder; some histories are
cut much shorter. Ids, facts and moments are left out at random, so that each may be missing in use: an item that nobody
has rated has its content, somebody who has rated nothing has their facts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BAG_POWER = 0.5
DROP_CONTENT = 0.1
DROP_FACTS = 0.5
CUT_SHORT = 0.2
"""Share of the histories of which next to nothing goes in."""


@dataclass(frozen=True, eq=False)
class Items:
    """What items are made of.

    Attributes:
        dense: (n, f) float32: content vector, categories, year.
        entities: all items' entities, one after the other, (e,) int64.
        offsets: (n + 1,) int64, where each item's begin.
        n_entities: how many different ones there are.
    """

    dense: np.ndarray
    entities: np.ndarray
    offsets: np.ndarray
    n_entities: int


class Network(nn.Module):
    """Both towers; see the module's text.

    Args:
        items: what they are made of.
        facts: by signal, how many groups it has; a code of -1 stands for unknown.
        n_knots: how many knots the axis of time has.
        dim: dimension of the space.
        hidden: width of the hidden layers.
    """

    def __init__(self, items: Items, facts: Mapping[str, int], n_knots: int, dim: int, hidden: int) -> None:
        super().__init__()
        n = len(items.dense)
        self.register_buffer("dense", torch.as_tensor(items.dense), persistent=False)
        self.register_buffer("entities", torch.as_tensor(items.entities), persistent=False)
        self.register_buffer("offsets", torch.as_tensor(items.offsets), persistent=False)
        self.entity = nn.EmbeddingBag(max(items.n_entities, 1), hidden, mode="mean", include_last_offset=True)
        self.content_in = nn.Linear(items.dense.shape[1], hidden)
        self.content_out = nn.Linear(hidden, dim)
        self.item = nn.Embedding(n, dim)
        self.like = nn.Embedding(n, dim)
        self.like_content = nn.Linear(dim, dim, bias=False)
        self.start = nn.Parameter(torch.zeros(dim))
        self.fact = nn.ModuleDict({name: nn.Embedding(size, dim) for name, size in facts.items()})
        self.moment = nn.Parameter(0.02 * torch.randn(dim, n_knots))
        self.query_in = nn.Linear(dim, hidden)
        self.query_out = nn.Linear(hidden, dim)
        for module in (self.entity, self.item, self.like, *self.fact.values()):
            nn.init.normal_(module.weight, std=0.02)

    def contents(self) -> Tensor:
        """What the items' content says: (n, dim)."""
        hidden = self.content_in(self.dense) + self.entity(self.entities, self.offsets)
        return self.content_out(F.dropout(F.relu(hidden), DROP_CONTENT, self.training))

    def item_vectors(self, contents: Tensor, has_id: Tensor) -> Tensor:
        """The item tower: (n, dim), from content and, where `has_id` (n, 1) is 1, id."""
        return contents + has_id * self.item.weight

    def history_vectors(self, contents: Tensor, has_id: Tensor) -> Tensor:
        """What each item adds to the bag of who has rated it: (n, dim)."""
        return has_id * self.like.weight + self.like_content(contents)

    def queries(self, bags: Tensor, facts: Mapping[str, Tensor], moments: Tensor) -> Tensor:
        """The user tower: (rows, dim).

        Args:
            bags: (rows, dim), sums of history vectors over the root of the history's length.
            facts: (rows,) codes by signal, -1 unknown.
            moments: (rows, knots), weights of the knots of time, all 0 where unknown.
        """
        h = self.start + bags + moments @ self.moment.T
        for name, embedding in self.fact.items():
            h = h + (facts[name] >= 0)[:, None] * embedding(facts[name].clamp(min=0))
        return h + self.query_out(F.relu(self.query_in(h)))


@dataclass(frozen=True, eq=False)
class Training:
    """P people to learn from.

    Attributes:
        rated: (P, n) bool.
        facts: by signal (P,) int64, -1 unknown.
        times: (P, n) float64, Unix seconds, where rated.
        contexts: by signal (P, n) int8, the group of each rating's moment, -1 unknown.
        knots: (k,) float64, the axis of time in seconds; empty where moments tell nothing.
    """

    rated: np.ndarray
    facts: Mapping[str, np.ndarray]
    times: np.ndarray
    contexts: Mapping[str, np.ndarray]
    knots: np.ndarray

    def on(self, knots: np.ndarray) -> "Training":
        """The same with another axis of time."""
        return replace(self, knots=knots)


def train(
    network: Network,
    people: Training,
    settings: Mapping[str, float],
    steps: int,
    lr: float,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[dict]:
    """Trains a network in place.

    Args:
        network: with its parameters as they are to begin with.
        people: to learn from.
        settings: `rows`, `targets`, `keep`, `drop_id`, `weight_decay`, `seed`; see `TwoTower`.
        steps: so many batches; the learning rate falls to 0 along them.
        lr: the learning rate at the beginning.
        progress: called with (done, total, what).

    Returns:
        The training curve: `{step, loss}`, the mean loss since the last point.
    """
    draw = torch.Generator().manual_seed(settings["seed"])
    n_rows, keep = settings["rows"], settings["keep"]
    rated = torch.as_tensor(people.rated, dtype=torch.float32)
    times = torch.as_tensor(people.times)
    facts = {name: torch.tensor(codes) for name, codes in people.facts.items()}
    contexts = {name: torch.tensor(codes).long() for name, codes in people.contexts.items()}
    knots = torch.as_tensor(people.knots)
    sizes = rated.sum(1)
    chance = torch.where(sizes >= 2, sizes.sqrt(), 0.0)
    if not chance.any():  # nobody has two ratings: there is nothing to find from anything
        return []
    chance /= chance.sum()
    log_q = ((chance / sizes.clamp(min=1)) @ rated).clamp(min=1e-12).log()
    has_rating = (rated.sum(0) > 0).float()[:, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=settings["weight_decay"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    curve, losses = [], []
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings["seed"])  # drop-out draws from the global generator
        for step in range(steps):
            rows = torch.multinomial(chance, n_rows, replacement=True, generator=draw)
            known = rated[rows]
            given, left = _parted(known, keep, draw)
            targets = torch.multinomial(left, settings["targets"], replacement=True, generator=draw)
            at = targets[:, 0]
            here = {name: codes[rows] for name, codes in facts.items()}
            here |= {name: codes[rows, at] for name, codes in contexts.items()}
            here = {name: torch.where(_present(n_rows, draw), codes, -1) for name, codes in here.items()}
            moments = knot_weights(times[rows, at], knots) * _present(n_rows, draw)[:, None]

            has_id = has_rating * (torch.rand(len(has_rating), 1, generator=draw) >= settings["drop_id"])
            contents = network.contents()
            bags = given @ network.history_vectors(contents, has_rating)
            bags = bags / given.sum(1, keepdim=True).clamp(min=1) ** BAG_POWER
            query = network.queries(bags, here, moments)
            drawn = targets.reshape(-1)
            logits = query @ network.item_vectors(contents, has_id)[drawn].T - log_q[drawn]
            own = logits.gather(1, torch.arange(drawn.numel()).reshape(targets.shape))
            others = logits.masked_fill(known[:, drawn].bool(), -torch.inf).logsumexp(1, keepdim=True)
            loss = (torch.logaddexp(others, own) - own).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if (step + 1) % max(steps // 20, 1) == 0 or step + 1 == steps:
                curve.append({"step": step + 1, "loss": round(float(np.mean(losses)), 5)})
                losses = []
                if progress is not None:
                    progress(step + 1, steps, "two-tower")
    network.eval()
    return curve


def _parted(known: Tensor, keep: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random share of each history, and the rest, which is never empty: (rows, n) each."""
    shares = torch.full((len(known), 1), keep)
    short = torch.rand(len(known), 1, generator=draw) < CUT_SHORT
    shares = torch.where(short, keep * torch.rand(len(known), 1, generator=draw) ** 2, shares)
    given = known * (torch.rand(known.shape, generator=draw) < shares)
    left = known - given
    everything = left.sum(1) == 0
    given[everything], left[everything] = 0.0, known[everything]
    return given, left


def _present(rows: int, draw: torch.Generator) -> Tensor:
    return torch.rand(rows, generator=draw) >= DROP_FACTS


def knot_weights(seconds: Tensor, knots: Tensor) -> Tensor:
    """Moments as mixtures of the two knots around them: (rows, k) float32; no columns without knots."""
    if len(knots) < 2:
        return torch.zeros(len(seconds), len(knots))
    width = knots[1] - knots[0]
    return (1 - (seconds.clamp(knots[0], knots[-1])[:, None] - knots).abs() / width).clamp(min=0).float()
