"""CSV and JSON Lines: one question with its answers, or one text, a row.

A bad row is reported with its line and the rest go on. Knows nothing of other formats.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from retrieval.dates import day_of
from retrieval.decoding import detect_encoding
from retrieval.documents import Document, Section
from retrieval.parsing import Alive, ParseLimits, SectionBuilder, Unreadable, check_characters, clean, shortened

_TEXT_KEYS = ("text", "content", "body")
_COLUMNS = frozenset(("id", "question", "answer", "answers", "title", "url", "entity", "language", "tags", *_TEXT_KEYS))
_LONGEST_ID = 400
_LONGEST_QUESTION = 4000  # it is repeated in every passage of its answer
_LONGEST_ADDRESS = 2000
_MOST_TAGS = 50
_MOST_LISTED = 100  # bad rows of a file that are named one by one
_HOPELESS = 100  # bad rows before the first good one: not this kind of file at all
_ODD_IN_ID = re.compile(r"[\x00-\x1f\x7f]")
_HEADING_LINE = re.compile(r"^#{1,6}\s+\S", re.MULTILINE)  # a row's text may be Markdown
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_LINK_SCHEMES = frozenset({"http", "https", "mailto"})


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no document; `line` counts from 1."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FaqFile:
    """Where rows come from: `path` on disk, `name` as shown and used for ids, `source` of the documents."""

    path: Path
    name: str
    source: str


def read_rows(file: FaqFile, limits: ParseLimits, alive: Alive) -> Iterator[Document | BadRow]:
    """The documents of a .csv, .jsonl, .csv.gz or .jsonl.gz file, row by row. Raises Unreadable for anything else."""
    is_csv = file.path.name.lower().removesuffix(".gz").endswith(".csv")
    bad, good, line = 0, False, 0
    for line, row in (_csv_rows if is_csv else _jsonl_rows)(file, limits):
        alive()
        found = row if isinstance(row, BadRow) else _document_or_bad(file, line, row, limits)
        if isinstance(found, BadRow):
            bad += 1
            if bad == _HOPELESS and not good:
                raise Unreadable(f"has no good row among its first {bad}; the last one {found.reason}")
            if bad <= _MOST_LISTED:
                yield found
        elif found is not None:
            good = True
            yield found
    if bad > _MOST_LISTED:
        yield BadRow(line, f"is the last of {bad - _MOST_LISTED:,} more bad rows")


def _document_or_bad(file: FaqFile, line: int, row: Mapping[str, Any], limits: ParseLimits) -> Document | BadRow | None:
    try:
        return _document(file, line, row, limits)
    except Unreadable as error:
        return BadRow(line, str(error))


def _jsonl_rows(file: FaqFile, limits: ParseLimits) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    longest = limits.characters * 2
    with _open(file.path, limits) as stream:
        line = 0
        while text := stream.readline(longest):
            line += 1
            if len(text) >= longest and not text.endswith("\n"):
                while text and not text.endswith("\n"):
                    text = stream.readline(longest)
                yield line, BadRow(line, f"is longer than {longest:,} characters")
            elif text.strip():
                yield line, _json_row(line, text)


def _json_row(line: int, text: str) -> Mapping[str, Any] | BadRow:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        return BadRow(line, f"is not JSON: {error}")
    if not isinstance(row, dict):
        return BadRow(line, "is not a JSON object")
    return {key.strip().lower(): value for key, value in row.items()}


def _csv_rows(file: FaqFile, limits: ParseLimits) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    csv.field_size_limit(limits.characters)
    with _open(file.path, limits) as stream:
        head = stream.readline(limits.characters)
        names = _header(head)
        reader = csv.reader(stream, delimiter=_delimiter(head), strict=True)
        while True:
            line = reader.line_num + 2  # the header is line 1 and was read apart
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadRow(line, f"is not CSV: {_plain(error)}")
                continue
            if any(cell.strip() for cell in cells):
                yield line, _csv_row(line, names, cells)


def _header(head: str) -> list[str]:
    names = [name.strip().lower() for name in next(csv.reader([clean(head)], delimiter=_delimiter(head)), [])]
    if not _COLUMNS & set(names) & {"question", *_TEXT_KEYS}:
        shown = ", ".join(names)[:200] or "none"
        raise Unreadable(f"needs a column question (with answer or answers) or text; its columns are: {shown}")
    return names


def _delimiter(head: str) -> str:
    return max(",;\t|", key=lambda mark: len(_COLUMNS & {cell.strip(' "\r\n').lower() for cell in head.split(mark)}))


def _csv_row(line: int, names: list[str], cells: list[str]) -> Mapping[str, Any] | BadRow:
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        return BadRow(line, f"has {len(cells)} cells for {len(names)} columns: quote cells that hold the separator")
    row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    answers = row.get("answers", "").strip()
    if answers.startswith("["):
        try:
            row["answers"] = json.loads(answers)
        except ValueError:
            row["answers"] = answers
    return row


def _plain(error: csv.Error) -> str:
    text = str(error)
    return "a quote is opened and never closed" if "unexpected end" in text else text


def _document(file: FaqFile, line: int, row: Mapping[str, Any], limits: ParseLimits) -> Document | None:
    """The document of a row; None for a row without any content. Raises Unreadable with what is wrong."""
    question, title = _string(row, "question"), _string(row, "title")
    answers = _strings(row, "answers") or _strings(row, "answer")
    text = next((found for key in _TEXT_KEYS if (found := "\n".join(_strings(row, key)))), "")
    if not (question or answers or text):
        if title or _string(row, "id"):
            raise Unreadable("has neither question and answer nor text")
        return None
    if question and not (answers or text):
        raise Unreadable("has a question but no answer")
    if answers and not question:
        raise Unreadable("has an answer but no question")
    if len(question) > _LONGEST_QUESTION:
        raise Unreadable(f"has a question of {len(question):,} characters, more than {_LONGEST_QUESTION:,}")
    check_characters(len(text) + len(question) + sum(map(len, answers)), limits)
    return Document(
        id=_id(row) or f"{file.name}:{line}",
        title=shortened(title or question),
        source=file.source,
        path=file.name,
        sections=() if question else _sections(text, title, limits),
        question=question or None,
        answers=(answers or (text,)) if question else (),
        row=line,
        url=_url(row),
        entity=shortened(_string(row, "entity")) or None,
        language=shortened(_string(row, "language")) or None,
        tags=_tags(row),
        date=day_of(row),
    )


def _sections(text: str, title: str, limits: ParseLimits) -> tuple[Section, ...]:
    if not _HEADING_LINE.search(text):
        return (Section(text),)
    from retrieval.parse_text import add_markdown  # slow to import, and most rows are plain

    builder = SectionBuilder(limits)
    add_markdown(text, builder)
    return builder.sections(title)


def _id(row: Mapping[str, Any]) -> str:
    value = row.get("id")
    if isinstance(value, (dict, list, bool)):
        raise Unreadable(f"id {value!r:.60} is neither text nor a number")
    identifier = "" if value is None else str(value).strip()
    if len(identifier) > _LONGEST_ID or _ODD_IN_ID.search(identifier):
        raise Unreadable(f"id {identifier[:60]!r} is longer than {_LONGEST_ID} characters or holds control characters")
    return clean(identifier)


def _url(row: Mapping[str, Any]) -> str | None:
    url = _string(row, "url")
    scheme = _SCHEME.match(url)
    if scheme and scheme.group(1).lower() not in _LINK_SCHEMES:
        raise Unreadable(f"url {url[:80]!r} is neither http(s) nor mailto")
    if len(url) > _LONGEST_ADDRESS:
        raise Unreadable(f"url is longer than {_LONGEST_ADDRESS:,} characters")
    return url or None


def _string(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if isinstance(value, (dict, list, bool)):
        raise Unreadable(f"{key} is not text")
    text = str(value)
    if "\x00" in text:
        raise Unreadable(f"{key} holds a NUL byte")
    return clean(text).strip()


def _strings(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key)
    if not isinstance(value, list):
        return tuple(text for text in (_string(row, key),) if text)
    texts = (_string({key: item}, key) for item in value)
    return tuple(text for text in texts if text)


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    listed = isinstance(row.get("tags"), list)
    tags = _strings(row, "tags") if listed else re.split(r"[,;，；]", _string(row, "tags"))
    return tuple(shortened(tag) for tag in tags[:_MOST_TAGS] if tag.strip())


def _open(path: Path, limits: ParseLimits) -> IO[str]:
    if not path.name.lower().endswith(".gz"):
        return path.open(encoding=detect_encoding(path), errors="replace", newline="")
    try:
        with gzip.open(path) as packed:
            data = packed.read(limits.expanded_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreadable(f"is not a whole gzip file: {error}") from error
    if len(data) > limits.expanded_bytes:
        raise Unreadable(f"unpacks to more than {limits.expanded_bytes:,} bytes: unpack it and give the plain file")
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline="")
