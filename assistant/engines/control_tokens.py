"""Keeps text that people write from passing for a model's control tokens, such as the one that ends a message.

Chat templates put messages between control tokens and models read them wherever they stand, so a customer who types
them could otherwise write the system's or the assistant's part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from assistant.engines import ChatMessage

COMMON = r"<\|[^\s<>|]{1,40}\|>"  # the form most models use; for models whose tokens are not known here


class ControlTokens:
    """Breaks up the given tokens, and those of the common form, wherever they stand in a message."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        # One letter is no control token but a name for padding in some vocabularies.
        known = sorted((token for token in set(tokens) if len(token) > 1), key=len, reverse=True)
        self._pattern = re.compile("|".join([COMMON, *map(re.escape, known)]))

    def text(self, text: str) -> str:
        """`text` with a space after the first letter of each control token."""
        return self._pattern.sub(lambda found: found[0][0] + " " + found[0][1:], text)

    def messages(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The same messages without control tokens in their texts."""
        return [replace(message, content=self.text(message.content)) for message in messages]
