"""Texts to unit vectors with any sentence-transformers model.

Knows nothing of passages or indexes; texts come in, rows come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from retrieval.errors import EmbedderMissing

BATCH = 32


class Embedder:
    """A loaded sentence-transformers model. Safe to use from several threads."""

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        self._model = model
        self.name = name
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(model.max_seq_length or 512)

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a text in order; `progress` gets the number done so far."""
        unique = list(dict.fromkeys(texts))
        unique.sort(key=len, reverse=True)
        number = {text: i for i, text in enumerate(unique)}
        rows = np.empty((len(unique), self.dimension), dtype=np.float32)
        for start in range(0, len(unique), BATCH):
            batch = unique[start : start + BATCH]
            rows[start : start + len(batch)] = self._model.encode(
                batch, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            )
            if progress is not None:
                progress(min(len(texts), start + len(batch)))
        return rows[[number[text] for text in texts]]

    def encode_query(self, text: str) -> np.ndarray:
        """(dimension,) float32 unit vector of one question."""
        return self.encode([text])[0]

    def tokens(self, text: str) -> int:
        """Number of the model's tokens in `text`, without the special ones."""
        return len(self._model.tokenizer.tokenize(text))


def load_embedder(folder_or_name: str, threads: int = 0) -> Embedder:
    """Load a sentence-transformers folder or hub id; `threads` 0 keeps torch's choice. Raises EmbedderMissing."""
    if threads > 0:
        torch.set_num_threads(threads)
    try:
        model = SentenceTransformer(folder_or_name, device="cuda" if torch.cuda.is_available() else "cpu")
    except (OSError, ValueError) as error:
        raise EmbedderMissing(folder_or_name, str(error)) from error
    return Embedder(model, folder_or_name)
