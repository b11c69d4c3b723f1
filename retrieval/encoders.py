"""Runs a transformer that was converted for CTranslate2 over token numbers, without torch.

Knows nothing of texts, pooling or unit vectors.
"""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import numpy as np


class CTranslate2Encoder:
    """A converted transformer: no padding is computed, and short texts take a few milliseconds."""

    def __init__(self, folder: Path, threads: int, numbers: str = "float32") -> None:
        """Load what `convert` wrote, to compute with `numbers`; afterwards the folder is not needed."""
        self._encoder = ctranslate2.Encoder(
            str(folder), device="cpu", compute_type=numbers, inter_threads=1, intra_threads=threads
        )

    def __call__(self, ids: list[list[int]]) -> np.ndarray:
        """(rows, longest row, width) float32 of token numbers; what stands behind the end of a row is undefined."""
        return np.array(self._encoder.forward_batch(ids).last_hidden_state)
