"""What a cycle judges by: the same paper for every model, and slices by intent where intents were learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from assistant.conversation import Intent
from assistant.engines import ChatMessage
from assistant.settings import load_settings
from tests.fakes import FakeEmbedder
from training.cases import Case
from training.cycle_data import slices_of, with_intents
from training.held_out import FIXED, JudgedBy

CASES = tuple(
    Case(f"c{number}", (ChatMessage("user", text),), "Yes.")
    for number, text in enumerate(("Where is my parcel?", "Tell me a joke."))
)


@dataclass
class ParcelsOnly:
    """Knows one intent by one word."""

    def classify(self, vectors: np.ndarray, texts: list[str]) -> list[Intent | None]:
        return [Intent("parcel", 0.9) if "parcel" in text else None for text in texts]


class Embedder(FakeEmbedder):
    def encode_queries(self, texts: list[str]) -> np.ndarray:
        return self.encode(texts)


@pytest.fixture
def slices() -> dict[str, tuple[str, ...]]:
    return slices_of(JudgedBy(CASES, {case.id: FIXED for case in CASES}))


def test_slices_name_set_language_and_turns(slices: dict[str, tuple[str, ...]]) -> None:
    assert slices["c0"] == (FIXED, "language en", "one turn")


def test_intents_are_slices_where_they_were_learnt(
    slices: dict[str, tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.cycle_data.build_embedder", lambda settings: Embedder())
    monkeypatch.setattr("training.cycle_data.open_intents", lambda settings, store, embedder: ParcelsOnly())
    settings, store = load_settings(tmp_path), object()
    found = with_intents(settings, store, CASES, slices)  # type: ignore[arg-type]
    assert found["c0"][-1] == "intent parcel" and found["c1"][-1] == "intent out of scope"
    monkeypatch.setattr("training.cycle_data.open_intents", lambda settings, store, embedder: None)
    assert with_intents(settings, store, CASES, slices) == slices  # type: ignore[arg-type]
