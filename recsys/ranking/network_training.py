"""How the ranking network is trained. The only part of the rankers that needs torch."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


@contextmanager
def _one_thread() -> Iterator[None]:
    """Layers this narrow gain nothing from several threads, which wait for each other where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Member(nn.Module):
    """One network; see `recsys.ranking.network`.

    Args:
        inputs: how many.
        hidden: width of both hidden layers.
        dropout: share of the hidden units left out in training.
    """

    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.skip = nn.Linear(inputs, 1, bias=False)
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1, bias=False)
        self.dropout = dropout
        nn.init.zeros_(self.skip.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., inputs) -> (...)"""
        first = F.dropout(F.relu(self.first(inputs)), self.dropout, self.training)
        second = F.dropout(F.relu(self.second(first)), self.dropout, self.training)
        return (self.skip(inputs) + self.out(second)).squeeze(-1)

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights by the names of `recsys.ranking.network.LAYERS`."""
        named = {
            "skip": self.skip.weight[0],
            "in.weight": self.first.weight,
            "in.bias": self.first.bias,
            "mid.weight": self.second.weight,
            "mid.bias": self.second.bias,
            "out": self.out.weight[0],
        }
        return {name: weight.detach().numpy().copy() for name, weight in named.items()}


def train(
    inputs: np.ndarray,
    labels: np.ndarray,
    sizes: np.ndarray,
    settings: Mapping[str, float],
    progress: Callable[[int, int, str], None] | None = None,
) -> list[dict[str, np.ndarray]]:
    """Trains the members one after the other.

    Args:
        inputs: (r, i) float, the lists' rows, one list after the other.
        labels: (r,) bool.
        sizes: (g,) rows of each list, each with a label.
        settings: see `recsys.ranking.network.Network`.
        progress: called with (done, total, what).

    Returns:
        The weights of each member.
    """
    place = np.arange(sizes.max())
    begins = np.cumsum(sizes) - sizes
    inside = place < sizes[:, None]
    rows = np.where(inside, begins[:, None] + place, 0)
    table = torch.as_tensor(inputs, dtype=torch.float32)
    rows, inside = torch.as_tensor(rows), torch.as_tensor(inside)
    target = torch.as_tensor(labels)[rows].float() * inside
    target = target / target.sum(1, keepdim=True)
    batches = -(-len(sizes) // settings["lists"])
    steps, members = settings["epochs"] * batches, []
    with torch.random.fork_rng(devices=[]), _one_thread():
        for number in range(settings["members"]):
            torch.manual_seed(settings["seed"] + number)  # weights, batches and drop-out draw from it
            member = Member(inputs.shape[1], settings["hidden"], settings["dropout"])
            optimizer = torch.optim.AdamW(member.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"])
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
            member.train()
            for epoch in range(settings["epochs"]):
                for lists in torch.randperm(len(sizes)).split(settings["lists"]):
                    scores = member(table[rows[lists]]).masked_fill(~inside[lists], -torch.inf)
                    logs = torch.log_softmax(scores, 1).masked_fill(~inside[lists], 0.0)
                    loss = -(target[lists] * logs).sum(1).mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                if progress is not None:
                    progress(number * settings["epochs"] + epoch + 1, settings["members"] * settings["epochs"], "dnn")
            members.append(member.eval().arrays())
    return members
