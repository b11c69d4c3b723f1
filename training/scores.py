"""Scores of one reply against its reference and its passages, and intervals over many.

Knows texts and numbers; nothing of models, engines or how replies came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sacrebleu
from rouge_score import rouge_scorer
from rouge_score.tokenizers import Tokenizer

from assistant.language import language_of

RESAMPLES = 2000
ROUGES = ("rouge1", "rouge2", "rougeL")


class _Characters(Tokenizer):  # type: ignore[misc]
    """Chinese has no spaces: every character counts as a word."""

    def tokenize(self, text: str) -> list[str]:
        """The characters of a text without its spaces."""
        return [character for character in text.lower() if character.isalnum()]


_WORDS = rouge_scorer.RougeScorer(list(ROUGES), use_stemmer=True)
_CHARACTERS = rouge_scorer.RougeScorer(list(ROUGES), tokenizer=_Characters())


@dataclass(frozen=True, slots=True)
class Rouge:
    """F1 of shared words, shared pairs of words, and the longest common subsequence; fractions."""

    rouge1: float
    rouge2: float
    rougeL: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where 95 % of its bootstrap resamples lie."""

    mean: float
    low: float
    high: float


def rouge(reference: str, reply: str) -> Rouge:
    """ROUGE with stemming; over characters where the reference is Chinese."""
    scorer = _CHARACTERS if language_of(reference) == "zh" else _WORDS
    found = scorer.score(reference, reply)
    return Rouge(*(float(found[name].fmeasure) for name in ROUGES))


def bleu(references: Sequence[str], replies: Sequence[str]) -> float:
    """Corpus BLEU, 0..100; Chinese is segmented into characters."""
    tokenize = "zh" if _mostly_chinese(references) else "13a"
    return float(sacrebleu.corpus_bleu(list(replies), [list(references)], tokenize=tokenize).score)


def chrf(references: Sequence[str], replies: Sequence[str]) -> float:
    """Corpus chrF, 0..100."""
    return float(sacrebleu.corpus_chrf(list(replies), [list(references)]).score)


def _mostly_chinese(texts: Sequence[str]) -> bool:
    return sum(language_of(text) == "zh" for text in texts) * 2 > len(texts)


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of `values` with its bootstrap interval."""
    array = np.asarray(values, dtype=np.float64)
    means = _resampled_means(array, seed)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(array.mean()), float(low), float(high))


def paired_interval(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Interval:
    """How much better `ours` is than `theirs` on the same cases, with its paired-bootstrap interval."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} scores cannot be paired with {len(theirs)}")
    return mean_interval(np.subtract(ours, theirs).tolist(), seed)


def _resampled_means(values: np.ndarray, seed: int) -> np.ndarray:
    """Means of RESAMPLES draws with replacement, in blocks that stay small in memory."""
    dice = np.random.default_rng(seed)
    blocks = [values[dice.integers(0, len(values), (100, len(values)))].mean(axis=1) for _ in range(RESAMPLES // 100)]
    return np.concatenate(blocks)
