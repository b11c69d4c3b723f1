from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.remembered import Remembered


class Encoder:
    """Counts what it is asked for; the vector of a text is its length."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_a_text_is_encoded_once_and_rows_keep_their_order() -> None:
    encoder = Encoder()
    remembered = Remembered(encoder)
    assert remembered.encode(["a", "bbb", "a"])[:, 0].tolist() == [1, 3, 1]
    assert remembered.encode(["cc", "bbb"])[:, 0].tolist() == [2, 3]
    assert encoder.asked == [["a", "bbb"], ["cc"]]


def test_the_oldest_are_forgotten_first() -> None:
    encoder = Encoder()
    remembered = Remembered(encoder, capacity=2)
    remembered.encode(["a"])
    remembered.encode(["bb"])
    remembered.encode(["a"])  # now the younger of the two
    remembered.encode(["ccc"])
    remembered.encode(["a"])
    remembered.encode(["bb"])
    assert encoder.asked == [["a"], ["bb"], ["ccc"], ["bb"]]
