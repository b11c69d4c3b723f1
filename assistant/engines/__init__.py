"""The protocol every language-model engine speaks, and the data it exchanges.

Engines know messages and tokens; nothing of retrieval, conversations in SQL or the web.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a rendered prompt or of a conversation given by a caller."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to generate. `temperature` 0 is greedy; `stop` strings end the reply and are not in it."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A reply under way: exactly one model and adapter from first to last token.

    Iterate `pieces` to the end or `aclose()` it; both free the slot at once.
    """

    model: str
    adapter: str | None
    pieces: AsyncGenerator[str]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter as engines need it: its id and its self-describing folder."""

    id: str
    folder: Path


class Engine(Protocol):
    """A language model that streams replies."""

    @property
    def model(self) -> str:
        """Name of the base model."""

    @property
    def adapter(self) -> str | None:
        """Id of the adapter that new replies use, None for the base model."""

    @property
    def context_tokens(self) -> int:
        """Tokens one prompt and its reply may take together."""

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """Wait for a slot and start a reply. Raises Overloaded when the queue is full."""

    def count(self, text: str) -> int:
        """Number of the model's tokens in `text` (an estimate for remote engines)."""

    async def use_adapter(self, adapter: Adapter | None) -> None:
        """New replies use `adapter`; those under way finish on theirs."""

    async def close(self) -> None:
        """Free the model."""
