"""The nouns of retrieval: documents, the passages they are cut into, and hits.

Pure data; knows nothing of files, vectors or ranking.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any


def fields_of(noun: Document | Section | Passage) -> dict[str, Any]:
    """The fields of a noun by name, ready for `json.dumps(…, default=fields_of)`; ten times as fast as `asdict`."""
    return {name: getattr(noun, name) for name in noun.__slots__}


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading path, on one page where pages exist."""

    text: str
    heading_path: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One file, or one row of a FAQ file. FAQ rows have `question` and `answers`, others `sections`."""

    id: str
    title: str
    source: str  # the ingest source name, by default the folder or file given
    path: str  # where a person finds it: file path relative to the given folder
    sections: tuple[Section, ...] = ()
    question: str | None = None
    answers: tuple[str, ...] = ()
    row: int | None = None  # 1-based row or line of a FAQ file
    url: str | None = None
    entity: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    date: str | None = None  # ISO day on which it was last changed, as it says itself

    @property
    def content_hash(self) -> str:
        """sha256 over every field but `row`, which changes with every row above it; a missing date is left out."""
        told = {name: value for name, value in fields_of(self).items() if name != "date" or value}
        payload = json.dumps(told | {"row": None}, default=fields_of)
        return hashlib.sha256(payload.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Passage:
    """What is retrieved, shown and cited. `id` is `<document id>#<n>`, n from 0."""

    id: str
    document_id: str
    title: str
    source: str
    text: str  # as cited; for FAQ rows the answer(s)
    path: str = ""
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    row: int | None = None
    url: str | None = None
    question: str | None = None
    entity: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    date: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping; `Passage.from_dict` reads it back."""
        return fields_of(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Passage:
        """The inverse of `to_dict` (JSON turns tuples into lists)."""
        return cls(**data | {"heading_path": tuple(data["heading_path"]), "tags": tuple(data["tags"])})


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query; `score` orders hits of one query, higher is better."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and `evidence`: the calibrated chance 0..1 that they answer the query."""

    query: str
    hits: tuple[Hit, ...]
    evidence: float
