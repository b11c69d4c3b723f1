"""Vectors of texts that were lately encoded, so that one turn encodes its question once, whoever asks for it.

Knows nothing of models; the oldest are forgotten.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

CAPACITY = 4096  # vectors; 6 MB at 384 dimensions
FEW = 32  # more texts at once are a bulk job, whose vectors nobody asks for again


class Remembered:
    """Safe to use from several threads; two that miss the same text both encode it."""

    def __init__(self, encode: Callable[[Sequence[str]], np.ndarray], capacity: int = CAPACITY) -> None:
        self._encode = encode
        self._capacity = capacity
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, d) unit rows of a few texts in order, those of known ones from memory."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known |= zip(missing, self._encode(missing), strict=True)
        with self._lock:
            for text, vector in known.items():
                self._vectors[text] = vector
                self._vectors.move_to_end(text)
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
        return np.stack([known[text] for text in texts])
