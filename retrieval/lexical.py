"""Keyword search with BM25 over texts numbered from 0: English words by their stems, Chinese cut into words.

Knows nothing of passages or vectors.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

from retrieval.scripts import simplified

_HAN = "一-鿿㐀-䶿"
_TERM = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:['’][^\W_{_HAN}]+)?")
_STOP = frozenset(
    """a an and are as at be but by can could did do does for from had has have how i if in is it its me my of on or our
    so that the their there these they this to was we were what when where which who will with would you your
    something anything everything someone anyone somebody anybody everyone everybody
    的 了 吗 呢 吧 啊 我 你 您 是 在 有 和 就 都 也 请 请问 怎么 什么 可以""".split()
)
_LENGTH_WEIGHT = 0.5  # BM25's b: .5 beats the usual .75 on manuals (LOG.md)
_ABOUT = "lexical.json"
_LOADING = threading.Lock()


class _Stemmers(threading.local):
    """One English stemmer a thread, since a stemmer may not be shared."""

    def __init__(self) -> None:
        self.english = Stemmer.Stemmer("english")


_STEMMERS = _Stemmers()


@cache
def _segmenter() -> Any:
    """jieba with its dictionary; loaded silently and never from its cache file in the shared temp folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba still looks for pkg_resources
        import jieba
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def words(text: str) -> list[str]:
    """The index terms of a text in order: lower case, without function words, English stemmed, Chinese segmented."""
    terms: list[str] = []
    for found in _TERM.findall(simplified(unicodedata.normalize("NFKC", text)).lower()):
        if "㐀" <= found[0] <= "鿿":
            with _LOADING:
                segmenter = _segmenter()
            terms.extend(term for term in segmenter.cut_for_search(found) if term not in _STOP)
        elif found not in _STOP:
            terms.append(_STEMMERS.english.stemWord(found.replace("’", "'")))
    return terms


class LexicalIndex:
    """BM25 scores of texts; immutable once built, safe to use from several threads."""

    def __init__(self, size: int, vocabulary: dict[str, int], model: bm25s.BM25 | None) -> None:
        self.size = size
        self._vocabulary = vocabulary
        self._model = model  # None without any term

    @classmethod
    def build(cls, texts: Iterable[str]) -> LexicalIndex:
        """Index texts in order."""
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in texts]
        if not vocabulary:
            return cls(len(ids), vocabulary, None)
        model = bm25s.BM25(method="lucene", b=_LENGTH_WEIGHT)
        model.index((ids, vocabulary), show_progress=False, create_empty_token=False)
        return cls(len(ids), vocabulary, model)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON (no pickle) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {"size": self.size, "terms": len(self._vocabulary)}
        (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        if self._model is not None:
            self._model.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """The inverse of `save`; arrays are mapped, not read."""
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        if about["terms"] == 0:
            return cls(about["size"], {}, None)
        model = bm25s.BM25.load(folder, load_corpus=False, mmap=True)
        return cls(about["size"], model.vocab_dict, model)

    def scores(self, terms: Sequence[str]) -> np.ndarray:
        """(size,) float32 BM25 scores of every text for the distinct `terms`, as `words` gives them."""
        total = np.zeros(self.size, dtype=np.float32)
        if self._model is not None:
            matrix = self._model.scores
            for term in dict.fromkeys(terms):
                start, end = self._column(term)
                total[matrix["indices"][start:end]] += matrix["data"][start:end]
        return total

    def rarity(self, terms: Sequence[str]) -> np.ndarray:
        """(len(terms),) float32 inverse document frequencies; unknown terms get the highest."""
        counts = np.array([end - start for start, end in map(self._column, terms)], dtype=np.float32)
        return np.log1p((self.size - counts + 0.5) / (counts + 0.5))

    def unheard(self, terms: Sequence[str]) -> float:
        """The share 0..1 of some terms that no text uses; 0 without terms."""
        unknown = sum(start == end for start, end in map(self._column, terms))
        return unknown / len(terms) if terms else 0.0

    @property
    def terms(self) -> Iterable[str]:
        """Every term, as `words` gives them."""
        return self._vocabulary

    def texts_with(self, term: str) -> np.ndarray:
        """The numbers of the texts that use a term."""
        start, end = self._column(term)
        return np.asarray(self._model.scores["indices"][start:end]) if self._model is not None else np.empty(0, int)

    def frequency(self, text: str) -> int:
        """How many texts use the most frequent of the text's terms; all of them for words that are not indexed."""
        return max((end - start for start, end in map(self._column, words(text))), default=self.size)

    def search(self, query: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (int64) and scores (float32) of at most `k` texts that share a term, best first."""
        scores = self.scores(words(query))
        top = best(scores, k)
        return top, scores[top]

    def _column(self, term: str) -> tuple[int, int]:
        number = self._vocabulary.get(term)
        if number is None or self._model is None:
            return 0, 0
        ends = self._model.scores["indptr"]
        return int(ends[number]), int(ends[number + 1])


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Numbers (int64) of at most `k` positive scores, best first, ties in order."""
    if k <= 0 or len(scores) == 0:
        return np.empty(0, dtype=np.int64)
    top = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    top = np.sort(top[scores[top] > 0])
    return top[np.argsort(-scores[top], kind="stable")].astype(np.int64)
