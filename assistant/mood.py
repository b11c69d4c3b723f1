"""How a customer's message sounds: negative, neutral or positive, and whether it cannot wait. English and Chinese.

Small heads on the embedder that reads the language, one pair per language, and beside them a tuned copy of the
embedder where a team's labels were enough for one; the shipped heads belong to the default embedders. Knows texts and
vectors; what to do about a mood is `policy.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from assistant.language import language_of
from assistant.tables_understanding import Sentiment
from assistant.text_heads import TextHeads, heads_from
from assistant.tuned_reader import TunedReader, open_reader

SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
LANGUAGES = ("en", "zh")
SHIPPED = Path(__file__).parent / "data" / "mood.safetensors"


@dataclass(frozen=True, slots=True)
class Mood:
    """`confidence` in the sentiment; `urgency`: chance 0..1 that the message cannot wait."""

    sentiment: Sentiment
    confidence: float
    urgency: float


@dataclass(frozen=True, slots=True)
class MoodModel:
    """Heads by language; a language without heads has no mood."""

    sentiment: Mapping[str, TextHeads]  # classes as in SENTIMENTS
    urgency: Mapping[str, TextHeads]  # 0 can wait, 1 cannot
    readers: Mapping[str, TunedReader] = field(default_factory=dict)  # of sentiment, by language

    def mood(self, vector: np.ndarray, text: str) -> Mood | None:
        """The mood of a message with its unit vector (d,)."""
        language = language_of(text)
        if language not in self.sentiment or not text.strip():
            return None
        heard = self.sentiment[language].log_chances(vector[None], [text])
        if language in self.readers:
            heard = self.readers[language].log_chances([text], heard)
        chances = np.exp(heard[0])
        best = int(chances.argmax())
        urgency = 0.0
        if language in self.urgency:
            urgency = float(np.exp(self.urgency[language].log_chances(vector[None], [text])[0][1]))
        return Mood(SENTIMENTS[best], round(float(chances[best]), 4), round(urgency, 4))

    def only(self, language: str) -> MoodModel:
        """The heads of one language."""
        kept = [{la: head for la, head in heads.items() if la == language} for heads in (self.sentiment, self.urgency)]
        return MoodModel(kept[0], kept[1], {la: reader for la, reader in self.readers.items() if la == language})

    def save(self, file: Path, embedder: str) -> None:
        """Write one safetensors file."""
        tensors: dict[str, np.ndarray] = {}
        for kind, heads in (("sentiment", self.sentiment), ("urgency", self.urgency)):
            for language, head in heads.items():
                tensors |= head.tensors(f"{kind}.{language}")
        for language, reader in self.readers.items():
            tensors |= reader.tensors(f"reader.{language}")
        readers = {language: reader.about() for language, reader in self.readers.items()}
        save_file(tensors, file, metadata={"about": json.dumps({"embedder": embedder, "readers": readers})})


def load_mood(file: Path) -> MoodModel:
    """Read what `save` wrote; the caller has verified the file. Raises Unavailable for a copy that was changed."""
    with safe_open(file, framework="numpy") as tensors:
        about = json.loads(tensors.metadata()["about"])
        read = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)
    present = {tuple(name.split(".")[:2]) for name in read}
    return MoodModel(
        {la: heads_from(read, f"sentiment.{la}") for la in LANGUAGES if ("sentiment", la) in present},
        {la: heads_from(read, f"urgency.{la}") for la in LANGUAGES if ("urgency", la) in present},
        {la: open_reader(file, made, read, f"reader.{la}") for la, made in about.get("readers", {}).items()},
    )


def made_for(file: Path) -> str:
    """The fingerprint of the embedder that the heads of a file belong to."""
    with safe_open(file, framework="numpy") as tensors:
        return str(json.loads(tensors.metadata()["about"])["embedder"])
