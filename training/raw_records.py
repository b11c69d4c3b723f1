"""Stream the records of an exported log: JSON Lines, JSON documents and CSV, plain or gzipped, in flat memory.

Says where each record stands and why one cannot be read; knows nothing of what the records mean.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import ijson
from ijson.common import ObjectBuilder

from assistant.errors import InvalidInput, NotFound

LONGEST_RECORD = 32 * 1024 * 1024  # bytes of one record
SMALL_DOCUMENT = 16 * 1024 * 1024  # bytes of a JSON document that is simply loaded
# where exports keep their list of records, most telling first
LISTS = ("tickets", "conversations", "chats", "data.payload", "payload", "data", "results", "items", "comments")

Layout = Literal["lines", "array", "document", "csv"]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the file has it. `place` is for people: "line 3", "tickets 7"."""

    place: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is no record, and why."""

    place: str
    reason: str


Raw = Record | Unreadable


class _Counted(io.RawIOBase):
    """Bytes of a file, with their number told as they are read, and a limit on what one record may take."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self._file = path.open("rb")
        self._progress = progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._progress(count)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Bounded:
    """Passes reads on until more than LONGEST_RECORD bytes were read since `begin`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = LONGEST_RECORD

    def begin(self) -> None:
        """What is read from here on has the whole limit again."""
        self._left = LONGEST_RECORD

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, 65536) if size >= 0 else 65536)
        self._left -= len(data)
        if self._left < 0:
            raise InvalidInput(f"a record is longer than {LONGEST_RECORD:,} bytes")
        return data


@contextmanager
def open_log(path: Path, progress: Callable[[int], None]) -> Iterator[IO[bytes]]:
    """The decompressed bytes; `progress` is told the bytes read from disk. Raises NotFound, InvalidInput."""
    if not path.exists():
        raise NotFound(f"no file {str(path)!r}")
    if path.is_dir():
        raise InvalidInput(f"{str(path)!r} is a folder; name the exported file in it")
    with io.BufferedReader(_Counted(path, progress), 1 << 16) as raw:
        gzipped = raw.peek(2)[:2] == b"\x1f\x8b"
        if not gzipped:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked, io.BufferedReader(unpacked, 1 << 16) as file:
            yield file


def read_records(path: Path, progress: Callable[[int], None] = lambda _: None) -> Iterator[Raw]:
    """Every record of the file in order; what cannot be read is reported and the rest goes on where it can."""
    layout = layout_of(path)
    readers = {"lines": _lines, "array": _array, "document": _document, "csv": _csv}
    try:
        yield from readers[layout](path, progress)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Unreadable("end of file", f"the gzip file is damaged from here on: {error}")


def sideloaded(path: Path, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a top-level list such as `users` that helps to read the records; none in other layouts."""
    if layout_of(path) != "document":
        return
    with open_log(path, lambda _: None) as file:
        try:
            yield from (item for item in ijson.items(file, f"{name}.item", use_float=True) if isinstance(item, dict))
        except (ijson.JSONError, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile):
            return  # reading the records reports it


def layout_of(path: Path) -> Layout:
    """By the first character and the beginning of the second line."""
    with open_log(path, lambda _: None) as file:
        try:
            first, second = _filled_line(file), _filled_line(file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(f"{str(path)!r} is no gzip file: {error}") from error
    if not first:
        raise InvalidInput(f"{str(path)!r} is empty")
    start = first.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if start == b"[":
        return "array"
    if start != b"{":
        return "csv"
    return "lines" if second[:1] == b"{" else "document"


def _filled_line(file: IO[bytes]) -> bytes:
    while line := file.readline(LONGEST_RECORD):
        if line.strip():
            return line
    return b""


def _lines(path: Path, progress: Callable[[int], None]) -> Iterator[Raw]:
    with open_log(path, progress) as file:
        number = 0
        while line := file.readline(LONGEST_RECORD + 1):
            number += 1
            place = f"line {number}"
            if len(line) > LONGEST_RECORD:
                while line and not line.endswith(b"\n"):
                    line = file.readline(1 << 20)
                yield Unreadable(place, f"longer than {LONGEST_RECORD:,} bytes")
            elif line.strip():
                yield _parsed(place, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)


def _parsed(place: str, text: bytes) -> Raw:
    try:
        return _checked(place, json.loads(text))
    except (ValueError, RecursionError) as error:
        return Unreadable(place, f"not JSON: {error}")


def _checked(place: str, value: object) -> Raw:
    if isinstance(value, dict):
        return Record(place, value)
    return Unreadable(place, f"not an object but {str(value)[:60]!r}")


def _array(path: Path, progress: Callable[[int], None]) -> Iterator[Raw]:
    return _streamed(path, "item", "record", progress)


def _streamed(path: Path, prefix: str, name: str, progress: Callable[[int], None]) -> Iterator[Raw]:
    """The items under an ijson prefix; a syntax error ends the file, since nothing says where the next one begins."""
    number = 0
    with open_log(path, progress) as file:
        try:
            for value in _items(file, prefix):
                number += 1
                yield _checked(f"{name} {number}", value)
        except (ijson.JSONError, UnicodeDecodeError, InvalidInput, RecursionError) as error:
            reason = f"unreadable from here to the end of the file: {error}; JSON Lines would lose one record only"
            yield Unreadable(f"{name} {number + 1}", reason)


def _items(file: IO[bytes], prefix: str) -> Iterator[Any]:
    """The values under an ijson prefix. Raises InvalidInput for too long a one, and what ijson raises.

    Only what is being built counts as long: other lists of the file may have any length.
    """
    bounded = _Bounded(file)
    builder: ObjectBuilder | None = None
    for where, event, value in ijson.parse(bounded, use_float=True):
        if builder is None:
            bounded.begin()
            if where != prefix:
                continue
            builder = ObjectBuilder()
        builder.event(event, value)
        if where == prefix and event not in ("start_map", "map_key", "start_array"):
            yield builder.value
            builder = None


def _document(path: Path, progress: Callable[[int], None]) -> Iterator[Raw]:
    """One JSON object: a single record, or one of LISTS in it."""
    with open_log(path, lambda _: None) as file:
        text = file.read(SMALL_DOCUMENT + 1)
    if len(text) <= SMALL_DOCUMENT:
        progress(path.stat().st_size)
        yield from _small_document(text)
        return
    prefix = _list_prefix(path)
    if prefix is None:
        yield Unreadable("document", f"one object of more than {SMALL_DOCUMENT:,} bytes without a list of records")
        return
    yield from _streamed(path, f"{prefix}.item", prefix, progress)
    if prefix == "tickets":
        yield from _streamed(path, "comments.item", "comments", lambda _: None)


def _small_document(text: bytes) -> Iterator[Raw]:
    parsed = _parsed("document", text.removeprefix(codecs.BOM_UTF8))
    if isinstance(parsed, Unreadable):
        yield parsed
        return
    lists = [(name, items) for name in LISTS if (items := _at(parsed.value, name))]
    # a single ticket or conversation also has lists: those of its messages
    if not lists or any(
        key in parsed.value
        for key in ("messages", "source", "history", "chat", "ticket", "requester_id", "helpdesk_ticket")
    ):
        yield parsed
        return
    if lists[0][0] == "conversations" and "from" in lists[0][1][0]:
        yield parsed
        return
    name, items = lists[0]
    yield from (_checked(f"{name} {i}", item) for i, item in enumerate(items, start=1))
    if name == "tickets":
        yield from (_checked(f"comments {i}", item) for i, item in enumerate(_at(parsed.value, "comments"), start=1))


def _at(value: Mapping[str, Any], path: str) -> list[Any]:
    """The list of objects at a dotted path, or an empty one."""
    found: Any = value
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, list) and found and isinstance(found[0], Mapping) else []


def _list_prefix(path: Path) -> str | None:
    """Where the first of LISTS starts in a large document."""
    with open_log(path, lambda _: None) as file:
        for prefix, event, _ in ijson.parse(file, use_float=True):
            if event == "start_array" and prefix in LISTS:
                return str(prefix)
    return None


def _csv(path: Path, progress: Callable[[int], None]) -> Iterator[Raw]:
    with open_log(path, lambda _: None) as file:
        start = file.readline(65536)
    encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    delimiter = max(",;\t|", key=start.decode(encoding, "ignore").count)
    csv.field_size_limit(LONGEST_RECORD)
    with open_log(path, progress) as file:
        rows = csv.DictReader(io.TextIOWrapper(file, encoding, newline=""), delimiter=delimiter, strict=True)
        number = 1  # the header
        while True:
            number += 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                yield Unreadable(f"row {number}", f"not UTF-8 ({error}); save the file as UTF-8 and import it again")
                return
            except csv.Error as error:
                yield Unreadable(f"row {number}", f"not CSV: {error}")
                continue
            if None in row or None in row.values():
                yield Unreadable(f"row {number}", f"has not the {len(rows.fieldnames or ())} columns of the header")
            else:
                yield Record(f"row {number}", row)
