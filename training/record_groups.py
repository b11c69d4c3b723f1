"""Gather the scattered records of each conversation on disk, so that any order and size of file fits in memory.

Knows nothing of what the records mean.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one conversation in the order they came; `place` is where the first one stood."""

    key: str
    place: str
    about: dict[str, Any]  # what its records say of the conversation, later ones first
    parts: tuple[Mapping[str, Any], ...]


class RecordGroups:
    """A temporary file of records by key; use as a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="assistant-import-")
        self._database = sqlite3.connect(Path(self._folder.name) / "groups.db", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; BEGIN;"
            "CREATE TABLE part (number INTEGER PRIMARY KEY, key TEXT, place TEXT, about TEXT, value TEXT)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._folder.cleanup()

    def add(self, key: str, place: str, about: Mapping[str, Any], part: Mapping[str, Any] | None) -> None:
        """Remember what a record says of its conversation, and the message in it if there is one."""
        row = (key, place, json.dumps(about), None if part is None else json.dumps(part))
        self._database.execute("INSERT INTO part (key, place, about, value) VALUES (?, ?, ?, ?)", row)

    def __iter__(self) -> Iterator[Group]:
        """Conversations in the order their first records came."""
        query = (
            "SELECT part.key, part.place, part.about, part.value FROM part "
            "JOIN (SELECT key, MIN(number) AS first FROM part GROUP BY key) AS start ON start.key = part.key "
            "ORDER BY start.first, part.number"
        )
        with closing(self._database.execute(query)) as rows:
            current: Group | None = None
            parts: list[Mapping[str, Any]] = []
            for key, place, about, value in rows:
                if current is None or current.key != key:
                    if current is not None:
                        yield Group(current.key, current.place, current.about, tuple(parts))
                    current, parts = Group(key, place, {}, ()), []
                current.about.update(json.loads(about))
                if value is not None:
                    parts.append(json.loads(value))
            if current is not None:
                yield Group(current.key, current.place, current.about, tuple(parts))
