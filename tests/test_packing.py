"""Packs hold every target once, share beginnings, and come in a reproducible order."""

from __future__ import annotations

import pytest

from training.dataset import Encoded
from training.packing import batch_order, micro_batches, pack, shared_prefix


def row(prompt: list[int], reply: list[int]) -> Encoded:
    return Encoded((*prompt, *reply), ((len(prompt), len(prompt) + len(reply)),))


ROWS = [row([1, 2, 3, 4], [5, 6]), row([1, 2, 3, 9, 9], [7]), row([1, 2, 3, 4, 4], [8, 8, 8])]


def test_every_reply_token_is_a_target_of_the_token_before_it() -> None:
    packed = pack(ROWS)
    pairs = list(zip(packed.ids[0][packed.loss_at].tolist(), packed.targets.tolist(), strict=True))
    assert pairs == [(4, 5), (5, 6), (9, 7), (4, 8), (8, 8), (8, 8)]


def test_a_common_beginning_is_computed_once() -> None:
    packed = pack(ROWS)
    assert packed.prefix == 3
    assert packed.ids.shape[1] == 3 + sum(len(one.ids) - 1 - 3 for one in ROWS)
    assert packed.tokens == sum(len(one.ids) for one in ROWS)


def test_positions_go_on_after_the_shared_beginning() -> None:
    assert pack(ROWS).positions.tolist() == [[0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6]]


def test_the_shared_beginning_ends_before_the_first_loss() -> None:
    same = row([1, 2, 3], [4])
    assert shared_prefix([same, same]) == 2
    assert shared_prefix([same]) == 0
    assert shared_prefix([row([1], [2]), row([1], [3])]) == 0


def test_micro_batches_keep_every_example_and_the_limit() -> None:
    parts = micro_batches(ROWS * 5, most=20)
    assert sorted(one.ids for part in parts for one in part) == sorted(one.ids for one in ROWS * 5)
    assert all(pack(part).ids.shape[1] <= 20 for part in parts)
    assert [len(part) for part in micro_batches(ROWS, most=1)] == [1, 1, 1]


@pytest.mark.parametrize(("epochs", "steps"), [(1.0, 4), (2.0, 7), (0.3, 1)])
def test_batches_cover_the_epochs_in_an_order_of_the_seed(epochs: float, steps: int) -> None:
    order = batch_order(13, 4, epochs, seed=1)
    assert len(order) == steps
    assert order == batch_order(13, 4, epochs, seed=1) != batch_order(13, 4, epochs, seed=2)
    flat = [number for batch in order for number in batch]
    assert len(flat) == round(13 * epochs)
    assert epochs < 1 or sorted(flat[:13]) == list(range(13))
