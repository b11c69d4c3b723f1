"""What all parsers share: limits, the error with its reason, and the builder that turns headings into paths.

Knows nothing of any file format or of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.documents import Section

RECIPE = "read-2"  # raise with every change of what is read from a file: files are then read again
Alive = Callable[[], None]  # a parser calls it as it gets on, so that slow and stuck are told apart

LONGEST_NAME = 300  # characters of a title, heading or name; they are repeated in every passage
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_WINDOWS = {n: bytes([n]).decode("cp1252", "ignore") for n in range(0x80, 0xA0)}  # meant wherever C1 controls stand
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """What reading one file may take. Past any of them the file is a failure with a reason."""

    memory_bytes: int = 2 << 30
    cpu_seconds: int = 600
    wall_seconds: float = 900
    silent_seconds: float = 60  # without a page or a row
    file_bytes: int = 200 << 20  # CSV and JSONL are read row by row and may be larger
    expanded_bytes: int = 400 << 20  # of a compressed file, unpacked
    characters: int = 5_000_000  # of one document, about 2,500 pages
    pages: int = 5_000


class Unreadable(Exception):
    """A file, or a row of it, that cannot be read; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a file that is one document."""

    title: str
    sections: tuple[Section, ...]
    url: str | None = None
    entity: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    date: str | None = None  # ISO day of the last change, as the file says it
    problems: tuple[str, ...] = ()  # parts that could not be read; the rest is here


@dataclass(slots=True)
class SectionBuilder:
    """Collects headings and blocks of text in document order; `sections()` gives them with their heading paths."""

    limits: ParseLimits
    _path: list[tuple[int, str]] = field(default_factory=list)
    _blocks: list[str] = field(default_factory=list)
    _sections: list[Section] = field(default_factory=list)
    _characters: int = 0
    _bare_heading: bool = False

    def heading(self, level: int, text: str) -> None:
        """Begin a section; `level` 1 is the highest. What is too long for a heading is text."""
        text = " ".join(text.split())
        if not text or len(text) > LONGEST_NAME:
            self.block(text)
            return
        self._flush(next_level=level)
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._path.append((level, text))
        self._count(text)
        self._bare_heading = True

    def block(self, text: str) -> None:
        """Add a paragraph, list, table or code block."""
        text = text.strip("\n")
        if text.strip():
            self._blocks.append(text)
            self._count(text)

    def sections(self, title: str) -> tuple[Section, ...]:
        """All sections; a heading that only repeats the title is not part of the paths."""
        self._flush(next_level=0)
        return tuple(
            Section(s.text, s.heading_path[1:] if s.heading_path[:1] == (title,) else s.heading_path, s.page)
            for s in self._sections
        )

    def _flush(self, next_level: int) -> None:
        path = tuple(text for _, text in self._path)
        if self._blocks:
            self._sections.append(Section("\n\n".join(self._blocks), path))
        elif self._bare_heading and self._path and next_level <= self._path[-1][0]:
            self._sections.append(Section(path[-1], path[:-1]))  # a heading that says it all
        self._blocks = []
        self._bare_heading = False

    def _count(self, text: str) -> None:
        self._characters += len(text)
        check_characters(self._characters, self.limits)


def check_characters(count: int, limits: ParseLimits) -> None:
    """Raise Unreadable past the limit on a document's length."""
    if count > limits.characters:
        raise Unreadable(f"holds more than {limits.characters:,} characters of text: split it into smaller documents")


def table_text(rows: Sequence[Sequence[str]], header: bool) -> str:
    """A table as lines: "column: value; column: value" under a header row, else "value | value"."""
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    rows = [row for row in rows if any(row)]
    if not header or len(rows) < 2:
        return "\n".join(" | ".join(cell for cell in row if cell) for row in rows)
    names, *body = rows
    lines = []
    for row in body:
        named = [(names[i] if i < len(names) else "", cell) for i, cell in enumerate(row) if cell]
        lines.append("; ".join(f"{name}: {cell}" if name else cell for name, cell in named))
    return "\n".join(lines)


def clean(text: str) -> str:
    """Text without control characters, stray surrogates and carriage returns."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text.translate(_WINDOWS)))


def shortened(title: str) -> str:
    """A title on one line and of bounded length."""
    title = " ".join(title.split())
    return title if len(title) <= LONGEST_NAME else title[: LONGEST_NAME - 1].rstrip() + "…"


def title_from(path: Path) -> str:
    """A file's name as words, for documents that do not name themselves."""
    return " ".join(re.split(r"[\s_-]+", path.stem)).strip() or path.name
