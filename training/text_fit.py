"""Fit the two linear heads of a text classifier, and how much each of them counts.

Knows numbers only: unit vectors, texts and class numbers 0..c-1 without gaps.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from assistant.ngrams import counted, rarity, weighted
from assistant.text_heads import TextHeads

SCALES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0)  # of logits, of which held-out texts pick

# logits of the dense head, logits of the n-gram head, true classes (-1: of none)
Logits = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with unit vectors and the number of each one's class; -1 is none."""

    texts: tuple[str, ...]
    vectors: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Examples:
        """Some of them, by number or mask."""
        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Examples(tuple(self.texts[i] for i in numbers), self.vectors[numbers], self.labels[numbers])

    def joined(self, more: Examples) -> Examples:
        """These and more of them."""
        return Examples(
            self.texts + more.texts,
            np.concatenate([self.vectors, more.vectors]),
            np.concatenate([self.labels, more.labels]),
        )


def fit_text_heads(
    vectors: np.ndarray, texts: Sequence[str], labels: np.ndarray, *, c: float = 40, balanced: bool = False
) -> TextHeads:
    """Both heads; `balanced`: rare classes count as much as common ones; the blend is a first guess."""
    counts = counted(texts)
    idf = rarity(counts)
    rows = weighted(counts, idf)
    weight = "balanced" if balanced else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough long before the last digit
        dense = LogisticRegression(C=c, max_iter=150, tol=1e-3, class_weight=weight).fit(vectors, labels)
        sparse = LinearSVC(C=c / 40, tol=1e-2, max_iter=300, class_weight=weight).fit(rows, labels)
    dense_weights, dense_bias = _columns(dense.coef_, dense.intercept_)
    sparse_weights, sparse_bias = _columns(sparse.coef_, sparse.intercept_)
    return TextHeads(
        dense=dense_weights,
        dense_bias=dense_bias,
        sparse=sparse_weights.astype(np.float16),
        sparse_bias=sparse_bias,
        idf=idf,
        blend=np.array([1, 2], dtype=np.float32),
    )


def fit_blend(held_out: Sequence[Logits]) -> np.ndarray:
    """Weights of the two heads under which the true classes of held-out texts are likeliest."""

    def loss(log_weights: np.ndarray) -> float:
        total = count = 0.0
        for dense, sparse, truth in held_out:
            rows = np.flatnonzero(truth >= 0)
            logits = np.exp(log_weights[0]) * dense[rows] + np.exp(log_weights[1]) * sparse[rows]
            total += float((np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(rows)), truth[rows]]).sum())
            count += len(rows)
        return total / count

    # The method's own first steps from a logarithm of 0 are far too small.
    wide = np.log([[1.0, 2.0], [2.0, 2.0], [1.0, 4.0]])
    options = {"maxiter": 100, "xatol": 0.02, "fatol": 1e-4, "initial_simplex": wide}
    found = minimize(loss, wide[0], method="Nelder-Mead", options=options)
    return np.asarray(np.exp(found.x), dtype=np.float32)


def honest_scale(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The scale under which the true classes of held-out texts are likeliest, and their loss in nats a text."""
    rows = np.arange(len(truth))
    losses = [float((np.logaddexp.reduce(k * logits, axis=1) - k * logits[rows, truth]).mean()) for k in SCALES]
    best = int(np.argmin(losses))
    return SCALES[best], losses[best]


def _columns(weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One column a class; scikit-learn gives a single row for two."""
    if len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return np.ascontiguousarray(weights.T, dtype=np.float32), bias.astype(np.float32)
