"""Lays examples end to end without padding and computes their common beginning only once.

Knows token ids and positions; nothing of text, prompts or optimisation.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.dataset import Encoded

SAME_BEGINNING = 24  # tokens that tell one system message from another


@dataclass(frozen=True, slots=True)
class Pack:
    """Several examples as one stream of n tokens: the shared prefix of p tokens, then each one's rest.

    An example's last token is left out: it is only ever a target.
    """

    ids: Tensor  # (1, n)
    positions: Tensor  # (1, n) place of each token in its own example
    rows: Tensor  # (b, l) place in the stream of each example's rest; padded by 0, which nothing real attends to
    keys: Tensor  # (b, p + l) the same with the prefix in front
    flat: Tensor  # (n - p,) place of each token of the rests in the padded layout of b * l
    mask: Tensor  # (l, p + l) True where a token of the rest may look
    loss_at: Tensor  # (t,) places in the stream whose next token carries loss
    targets: Tensor  # (t,) those next tokens
    tokens: int  # of all examples, each counted whole

    @property
    def prefix(self) -> int:
        """Tokens that all examples share."""
        return self.keys.shape[1] - self.rows.shape[1]

    def to(self, device: torch.device) -> Pack:
        """The same pack on a device."""
        return Pack(
            ids=self.ids.to(device),
            positions=self.positions.to(device),
            rows=self.rows.to(device),
            keys=self.keys.to(device),
            flat=self.flat.to(device),
            mask=self.mask.to(device),
            loss_at=self.loss_at.to(device),
            targets=self.targets.to(device),
            tokens=self.tokens,
        )


def shared_prefix(examples: Sequence[Encoded]) -> int:
    """Tokens that all examples begin with, ending before the first place that carries loss; 0 for one example."""
    if len(examples) == 1:
        return 0
    # The first and last in order differ the earliest.
    first, last = min(e.ids for e in examples), max(e.ids for e in examples)
    longest = min(example.spans[0][0] - 1 for example in examples)
    return next((i for i in range(longest) if first[i] != last[i]), max(0, longest))


def pack(examples: Sequence[Encoded]) -> Pack:
    """Lay out examples as one stream."""
    prefix = shared_prefix(examples)
    ids = list(examples[0].ids[:prefix])
    positions = list(range(prefix))
    width = max(len(example.ids) for example in examples) - 1 - prefix
    rows = torch.zeros(len(examples), width, dtype=torch.long)
    flat: list[int] = []
    loss_at: list[int] = []
    targets: list[int] = []
    for number, example in enumerate(examples):
        begin, rest = len(ids), example.ids[prefix:-1]
        ids += rest
        positions += range(prefix, prefix + len(rest))
        rows[number, : len(rest)] = torch.arange(begin, begin + len(rest))
        flat += range(number * width, number * width + len(rest))
        for start, end in example.spans:
            loss_at += range(begin + start - prefix - 1, begin + end - prefix - 1)
            targets += example.ids[start:end]
    keys = torch.cat([torch.arange(prefix).expand(len(examples), prefix), rows], dim=1)
    mask = torch.arange(prefix + width) <= torch.arange(width)[:, None] + prefix
    return Pack(
        ids=torch.tensor([ids]),
        positions=torch.tensor([positions]),
        rows=rows,
        keys=keys,
        flat=torch.tensor(flat),
        mask=mask,
        loss_at=torch.tensor(loss_at),
        targets=torch.tensor(targets),
        tokens=sum(len(example.ids) for example in examples),
    )


def micro_batches(examples: Sequence[Encoded], most: int) -> list[list[Encoded]]:
    """Cut one batch into parts of at most `most` computed tokens (one example may be longer).

    Sorted by beginning, so that examples with the same instructions come together and share them, then by length, so
    that attention pads little.
    """
    parts: list[list[Encoded]] = []
    for example in sorted(examples, key=lambda e: (e.ids[:SAME_BEGINNING], len(e.ids), e.ids)):
        if parts and _computed([*parts[-1], example]) <= most:
            parts[-1].append(example)
        else:
            parts.append([example])
    return parts


def _computed(examples: Sequence[Encoded]) -> int:
    prefix = shared_prefix(examples)
    return prefix + sum(len(example.ids) - 1 - prefix for example in examples)


def batch_order(count: int, batch: int, epochs: float, seed: int) -> list[list[int]]:
    """Numbers of the examples of every step: each epoch shuffled anew, all from `seed`."""
    dice = random.Random(seed)
    order: list[int] = []
    while len(order) < epochs * count:
        order += dice.sample(range(count), count)
    order = order[: max(1, round(epochs * count))]
    return [order[i : i + batch] for i in range(0, len(order), batch)]
