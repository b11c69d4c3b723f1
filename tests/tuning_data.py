"""Small training examples and settings shared by the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from assistant.engines import ChatMessage
from assistant.settings import Settings, load_settings
from retrieval.documents import Passage
from training.examples import Example
from training.recipe import Recipe

QUICK = Recipe(
    rank=4,
    batch=4,
    epochs=3,
    learning_rate=0.01,
    validations=4,
    validation_examples=4,
    checkpoint_steps=2,
    general=0.0,
    grounded=0.0,
    precision="float32",  # on every processor, so that the same is learnt
)
TOPICS = ("parcel", "refund", "invoice", "password", "warranty", "delivery", "voucher", "account")


def passage(text: str, number: int = 0) -> Passage:
    return Passage(f"d#{number}", "d", "", "test", text)


def example(number: int, split: Literal["train", "validation"] = "train") -> Example:
    """A question on one of a few topics, its passage and a reply with a pattern to learn."""
    topic = TOPICS[number % len(TOPICS)]
    return Example(
        id=f"{split}-{number}",
        conversation_id=f"{split}-{number}",
        messages=(ChatMessage("user", f"Where is my {topic}?"),),
        reply=f"Your {topic} is on its way.",
        language="en",
        split=split,
        passages=(passage(f"Every {topic} travels within {number} days."),) if number % 2 else (),
    )


def examples(count: int = 16) -> list[Example]:
    return [example(i) for i in range(count)] + [example(i, "validation") for i in range(4)]


def settings_for(model: Path, home: Path) -> Settings:
    return load_settings(home, model=str(model), company="Lantern")
