"""Macro-F1 of mood heads on airline tweets and Chinese food-delivery reviews: trained on 80 %, scored on the rest.

    python -m benchmarks.mood_quality

Floors: linear SVM over TF-IDF .760 (airline) and .889 (Chinese). Also scores the shipped heads, which saw none of it.
"""

from __future__ import annotations

import gzip
import json

import numpy as np
from sklearn.metrics import f1_score

from assistant.heard import SHIPPED
from assistant.mood import SENTIMENTS, load_mood
from assistant.settings import load_settings
from assistant.wiring import build_reader
from benchmarks.development_sets import DATA
from retrieval.by_script import Reads
from training.mood_training import fit_blended


def main() -> None:
    """Print one line a set."""
    embedder = build_reader(load_settings())
    shipped = load_mood(SHIPPED)
    for name, language in (("airline_dev", "en"), ("waimai_zh_dev", "zh")):
        with gzip.open(DATA / "sentiment" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        texts = [row["text"] for row in rows]
        labels = np.array([SENTIMENTS.index(row["sentiment"]) for row in rows])
        vectors = encode(embedder, texts)
        held = np.random.default_rng(5).permutation(len(texts)) % 5 == 0
        inside, rest = np.flatnonzero(~held), np.flatnonzero(held)
        heads, validated = fit_blended(vectors[inside], [texts[i] for i in inside], labels[inside])
        asked = [texts[i] for i in rest]
        guessed = heads.log_chances(vectors[rest], asked).argmax(axis=1)
        untrained = shipped.sentiment[language].log_chances(vectors[rest], asked)
        if language == "zh":  # these reviews are never neutral
            untrained[:, 1] = -np.inf
        print(
            f"{name}: macro-F1 {f1_score(labels[rest], guessed, average='macro'):.4f} on {len(rest)} "
            f"(cross-validated {validated:.4f}, blend {heads.blend.round(2)}); shipped heads "
            f"{f1_score(labels[rest], untrained.argmax(axis=1), average='macro'):.4f}",
            flush=True,
        )


def encode(embedder: Reads, texts: list[str]) -> np.ndarray:
    """(n, d) rows."""
    return embedder.encode_queries(texts)


if __name__ == "__main__":
    main()
