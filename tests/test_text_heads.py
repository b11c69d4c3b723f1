"""The two linear heads: fitted, blended, stored, and absent classes never winning."""

from __future__ import annotations

import numpy as np

from assistant.ngrams import COLUMNS, counted, known_share, rarity, weighted
from assistant.text_heads import heads_from
from training.mood_training import fit_blended
from training.text_fit import fit_text_heads

TEXTS = [f"{word} {n}" for word in ("good", "bad", "plain") for n in ("day", "food", "shop", "song", "book", "film")]
LABELS = np.repeat(np.arange(3), 6)
VECTORS = np.eye(3, dtype=np.float32)[LABELS]


def test_rows_have_unit_length_and_cover_chinese() -> None:
    counts = counted(["很好吃", "bad food"])
    rows = weighted(counts, rarity(counts))
    assert rows.shape == (2, COLUMNS)
    assert np.allclose(np.sqrt(rows.multiply(rows).sum(axis=1)), 1, atol=1e-5)


def test_words_never_seen_are_unknown() -> None:
    idf = rarity(counted(TEXTS))
    assert known_share(counted(["good food"]), idf)[0] > 0.5
    assert known_share(counted(["zebra quartz"]), idf)[0] == 0


def test_heads_tell_their_classes_and_survive_storing() -> None:
    heads = fit_text_heads(VECTORS, TEXTS, LABELS)
    stored = heads_from(heads.tensors("x"), "x")
    chances = stored.log_chances(VECTORS, TEXTS)
    assert (chances.argmax(axis=1) == LABELS).all()
    assert np.allclose(np.exp(chances).sum(axis=1), 1, atol=1e-4)


def test_two_classes_have_a_column_each() -> None:
    two = LABELS < 2
    heads = fit_text_heads(VECTORS[two], [t for t, keep in zip(TEXTS, two, strict=True) if keep], LABELS[two])
    assert heads.dense.shape == (3, 2)


def test_a_class_without_examples_never_wins() -> None:
    ends = LABELS != 1
    texts = [t for t, keep in zip(TEXTS, ends, strict=True) if keep]
    heads, score = fit_blended(VECTORS[ends], texts, LABELS[ends])
    assert score == 1.0
    assert set(heads.log_chances(VECTORS, TEXTS).argmax(axis=1)) == {0, 2}
