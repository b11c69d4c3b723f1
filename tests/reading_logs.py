"""Reads an exported log and shows what was said in it, for the tests of its formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.conversation import ImportedConversation
from training.importers import LogReader


def read(path: Path, **options: Any) -> tuple[LogReader, list[ImportedConversation]]:
    reader = LogReader(path, **options)
    return reader, list(reader)


def turns(conversation: ImportedConversation) -> list[tuple[str, str]]:
    return [(message.author, message.text) for message in conversation.messages]
