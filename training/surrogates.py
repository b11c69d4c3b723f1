"""Made-up data in place of placeholders, only while a model reads: it is trained on texts like those it will serve.

A customer writes "order 48213", not "[ORDER_1]"; a model that never saw a number would answer with the placeholder.
Files of training data keep their placeholders. Knows nothing of tokens or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from assistant.engines import ChatMessage
from assistant.identifiers import Kind
from assistant.privacy import PLACEHOLDER
from training.examples import Example

NAMES = (
    "Anna Ben Carla David Emma Felix Grace Hugo Iris Jack Kate Leo Maria Noah Olivia Paul Quinn Rosa Sam Tina Uma "
    "Victor Wendy Xavier Yara Zoe Aisha Boris Chen Diego Elif Farid Gita Hana Igor Jonas Kofi Lena Mehmet Nadia"
).split()
STREETS = "Mill Oak Station Church Garden Harbour Castle Meadow River Park".split()


def _digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choices("0123456789", k=count))


# example.com, 192.0.2.0/24 and 555-01xx belong to nobody (RFC 2606, RFC 5737, North American Numbering Plan).
_MADE: dict[Kind, Callable[[random.Random], str]] = {
    "NAME": lambda dice: dice.choice(NAMES),
    "EMAIL": lambda dice: f"{dice.choice(NAMES).lower()}{_digits(dice, 2)}@example.com",
    "URL": lambda dice: f"https://example.com/{_digits(dice, 5)}",
    "IP": lambda dice: f"192.0.2.{dice.randrange(1, 255)}",
    "IBAN": lambda dice: f"XX00 {_digits(dice, 4)} {_digits(dice, 4)} {_digits(dice, 4)}",
    "CARD": lambda dice: f"0000 {_digits(dice, 4)} {_digits(dice, 4)} {_digits(dice, 4)}",
    "ID": lambda dice: f"00-{_digits(dice, 7)}",
    "ORDER": lambda dice: _digits(dice, 6),
    "PHONE": lambda dice: f"+1 202-555-01{_digits(dice, 2)}",
    "ADDRESS": lambda dice: f"{dice.randrange(1, 99)} {dice.choice(STREETS)} Street",
}


def with_surrogates(example: Example) -> Example:
    """The same example with every placeholder filled, one value for one placeholder of a conversation."""

    def value(match: re.Match[str]) -> str:
        kind = next(known for known in _MADE if known == match[1])
        return _MADE[kind](random.Random(f"{example.conversation_id}/{match.group()}"))

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(value, text)

    messages = tuple(ChatMessage(message.role, filled(message.content)) for message in example.messages)
    return replace(example, messages=messages, reply=filled(example.reply))
