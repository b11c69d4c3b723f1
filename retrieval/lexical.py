"""Keyword search with BM25 over texts numbered from 0; Chinese is segmented into words.

Knows nothing of passages or vectors.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import bm25s
import jieba
import numpy as np

_WORD = re.compile(r"[一-鿿㐀-䶿]+|[^\W_一-鿿㐀-䶿]+(?:['’][^\W_一-鿿㐀-䶿]+)?")
_HAN = re.compile(r"[一-鿿㐀-䶿]")
_STOP = frozenset(
    "a an and are as at be but by can do does for from had has have how i if in is it its me my of on or our so that "
    "the their there these they this to was we were what when where which who will with you your".split()
)


@cache
def _segmenter() -> Any:
    """jieba with its dictionary, loaded once, silently and without jieba's cache file in the shared temp folder."""
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def words(text: str) -> list[str]:
    """The index terms of a text: lower case, no English function words, Chinese cut into words."""
    terms: list[str] = []
    for found in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if _HAN.match(found):
            terms.extend(_segmenter().cut_for_search(found))
        elif found not in _STOP:
            terms.append(found)
    return terms


class LexicalIndex:
    """BM25 scores of texts, immutable once built."""

    def __init__(self, model: bm25s.BM25, size: int, vocabulary: int) -> None:
        self._model = model
        self.size = size
        self._vocabulary = vocabulary

    @classmethod
    def build(cls, texts: Iterable[str]) -> LexicalIndex:
        """Index texts in order."""
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(w, len(vocabulary)) for w in words(text)] for text in texts]
        model = bm25s.BM25(method="lucene")
        if vocabulary:
            model.index((ids, vocabulary), show_progress=False, create_empty_token=False)
        return cls(model, len(ids), len(vocabulary))

    def save(self, folder: Path) -> None:
        """Write arrays and JSON (no pickle) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lexical.json").write_text(json.dumps({"size": self.size, "vocabulary": self._vocabulary}))
        if not self._empty:
            self._model.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """The inverse of `save`."""
        about = json.loads((folder / "lexical.json").read_text())
        model = bm25s.BM25(method="lucene")
        if about["vocabulary"]:
            model = bm25s.BM25.load(folder, load_corpus=False, mmap=True)
        return cls(model, about["size"], about["vocabulary"])

    def scores(self, query: str) -> np.ndarray:
        """(size,) float32 BM25 scores of every text."""
        known = [] if self._empty else [w for w in words(query) if w in self._model.vocab_dict]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._model.get_scores(known), dtype=np.float32)

    def search(self, query: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (int64) and scores (float32) of the best `k` texts that share a term, best first."""
        scores = self.scores(query)
        k = min(k, self.size)
        top = np.argpartition(-scores, k - 1)[:k] if 0 < k < self.size else np.arange(self.size)
        top = top[np.argsort(-scores[top], kind="stable")]
        top = top[scores[top] > 0]
        return top.astype(np.int64), scores[top]

    @property
    def _empty(self) -> bool:
        return self._vocabulary == 0
