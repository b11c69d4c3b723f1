"""Macro-F1 of mood heads on airline tweets and Chinese food-delivery reviews: trained on 80 %, scored on the rest.

    python -m benchmarks.mood_quality

Floors: linear SVM over TF-IDF .760 (airline) and .889 (Chinese). Also scores the shipped heads, which saw none of it.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from assistant.mood import SENTIMENTS, SHIPPED, MoodModel, load_mood
from assistant.settings import Settings, load_settings
from assistant.wiring import build_reader
from benchmarks.development_sets import DATA
from retrieval.by_script import Reads
from training.mood_sentences import MoodSentence, mood_sentences
from training.mood_training import fit_moods, tune_mood


def main() -> None:
    """Print one line a set."""
    settings = load_settings()
    embedder = build_reader(settings)
    shipped = load_mood(SHIPPED)
    for name, language in (("airline_dev", "en"), ("waimai_zh_dev", "zh")):
        with gzip.open(DATA / "sentiment" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        texts = [row["text"] for row in rows]
        labels = np.array([SENTIMENTS.index(row["sentiment"]) for row in rows])
        vectors = encode(embedder, texts)
        held = np.random.default_rng(5).permutation(len(texts)) % 5 == 0
        inside, rest = np.flatnonzero(~held), np.flatnonzero(held)
        asked = [texts[i] for i in rest]
        with tempfile.TemporaryDirectory() as home:
            Path(home, "models").symlink_to(settings.models_folder.resolve())
            found = learnt(load_settings(Path(home)), [rows[i] for i in inside], vectors[inside], language)
        alone = found.sentiment[language].log_chances(vectors[rest], asked)
        both = found.readers[language].log_chances(asked, alone) if language in found.readers else alone
        untrained = shipped.sentiment[language].log_chances(vectors[rest], asked)
        if language == "zh":  # these reviews are never neutral
            untrained[:, 1] = -np.inf
        figures = [f1_score(labels[rest], x.argmax(axis=1), average="macro") for x in (both, alone, untrained)]
        print(
            f"{name}: macro-F1 on {len(rest)}: {figures[0]:.4f} with the tuned copy, {figures[1]:.4f} by the heads; "
            f"shipped heads {figures[2]:.4f}",
            flush=True,
        )


def learnt(settings: Settings, rows: list[dict[str, Any]], vectors: np.ndarray, language: str) -> MoodModel:
    """What `assistant mood train` learns of some labelled messages of one language."""
    given = [MoodSentence(row["text"], row["sentiment"], None) for row in rows]
    own = [sentence.text for sentence in mood_sentences()]
    known = {row["text"]: vector for row, vector in zip(rows, vectors, strict=True)}
    known |= dict(zip(own, encode(build_reader(settings), own), strict=True))
    model, _ = fit_moods(given, known, lambda *_: None)
    choice = tune_mood(settings, model, given, language, known, lambda *_: None)
    return replace(model, readers={language: choice.reader}) if choice and choice.reader else model


def encode(embedder: Reads, texts: list[str]) -> np.ndarray:
    """(n, d) rows."""
    return embedder.encode_queries(texts)


if __name__ == "__main__":
    main()
