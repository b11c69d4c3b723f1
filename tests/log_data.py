"""A small support log with something to learn in it, as files for `assistant logs import`."""

from __future__ import annotations

import json
import random
from pathlib import Path

TOPICS = ("parcel", "refund", "invoice", "password", "warranty", "delivery", "voucher", "account")
WORDS = (
    "lamp table garden window yesterday morning friend colour sister birthday office kitchen paper summer winter "
    "street number letter market holiday bottle button camera ticket coffee mountain river paint music blanket"
).split()


def replies(seed: int, count: int, wrong: bool = False) -> list[tuple[str, str]]:
    """Questions and replies that follow a pattern; with `wrong` every reply belongs to another question."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        topic, other = TOPICS[number % len(TOPICS)], dice.choice(WORDS)
        said = " ".join(dice.sample(WORDS, 9))
        made.append((f"Where is my {topic}? {said}.", f"Your {topic} is on its way to the {other} {said.split()[0]}."))
    if not wrong:
        return made
    answers = [reply for _, reply in made]
    return [(question, answers[i - 3]) for i, (question, _) in enumerate(made)]


def write_log(path: Path, pairs: list[tuple[str, str]], name: str = "c") -> Path:
    """One conversation a pair, in the contract's format."""
    lines = [
        json.dumps(
            {
                "id": f"{name}-{number}",
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reply}],
            }
        )
        for number, (question, reply) in enumerate(pairs)
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
