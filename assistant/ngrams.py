"""Short texts as weighted counts of word and character n-grams, hashed: rows that need no vocabulary on disk.

Chinese is covered by its characters. Knows nothing of what the rows are used for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

BUCKETS = 1 << 15  # of each of the two kinds
COLUMNS = 2 * BUCKETS

_COUNTS = {"n_features": BUCKETS, "alternate_sign": False, "norm": None, "dtype": np.float32}
_WORDS = HashingVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **_COUNTS)
_CHARACTERS = HashingVectorizer(analyzer="char_wb", ngram_range=(1, 5), **_COUNTS)


def counted(texts: Sequence[str]) -> csr_matrix:
    """(n, COLUMNS) logarithmic counts: words and their pairs first, then character n-grams."""
    counts = hstack([_WORDS.transform(texts), _CHARACTERS.transform(texts)], format="csr", dtype=np.float32)
    counts.data = 1 + np.log(counts.data)
    return csr_matrix(counts)


def rarity(counts: csr_matrix) -> np.ndarray:
    """(COLUMNS,) inverse document frequency of each column; 0 for one that was never seen."""
    seen = np.bincount(counts.indices, minlength=COLUMNS)
    return np.where(seen > 0, np.log((1 + counts.shape[0]) / (1 + seen)) + 1, 0).astype(np.float32)


def weighted(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """Rows whose words and whose characters have unit length each, all in all 1."""
    rows = csr_matrix((counts.data * idf[counts.indices], counts.indices, counts.indptr), shape=counts.shape)
    halves = [normalize(rows[:, :BUCKETS]), normalize(rows[:, BUCKETS:])]
    return csr_matrix(hstack(halves, format="csr") * np.float32(0.5**0.5))


def known_share(counts: csr_matrix, idf: np.ndarray) -> np.ndarray:
    """(n,) share 0..1 of a row's word counts that fall on columns seen before."""
    words = counts[:, :BUCKETS]
    known = np.asarray((words > 0).astype(np.float32) @ (idf[:BUCKETS] > 0).astype(np.float32))
    return np.asarray(known / np.maximum(np.diff(words.indptr), 1))
