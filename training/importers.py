"""Read exported logs of any known format as a stream of conversations, in flat memory.

Finds out the format, reports what is malformed with its place and goes on. Knows nothing of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assistant.conversation import ImportedConversation
from assistant.errors import InvalidInput
from training.chat_formats import alpaca, messages_log, open_webui, sharegpt
from training.csv_rows import Columns, find_columns, row_to_message, row_to_record
from training.helpdesk_formats import People, chatwoot, freshdesk, intercom, zendesk
from training.log_fields import Malformed, identifier
from training.raw_records import Record, Unreadable, layout_of, read_records, sideloaded
from training.record_groups import RecordGroups

FormatName = Literal[
    "auto",
    "messages",
    "openai",
    "sharegpt",
    "alpaca",
    "csv",
    "open-webui",
    "zendesk",
    "intercom",
    "chatwoot",
    "freshdesk",
]
SHOWN_FAILURES = 1000  # told one by one; the rest are counted


class Format(NamedTuple):
    """One shape of log. `fits` looks at a record; `part_of` names the conversation a mere part belongs to."""

    name: FormatName
    parse: Callable[[Mapping[str, Any], str, People], ImportedConversation]
    fits: Callable[[Mapping[str, Any]], bool]
    part_of: Callable[[Mapping[str, Any]], object] = lambda _: None
    parts: str = "messages"  # the list in which gathered parts are put
    own_ids: bool = False  # ids are those of the product, so its name is a safe default source
    by_time: bool = False  # put messages in order of time, exports being in any order


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that was not imported."""

    place: str
    reason: str


def _has(*keys: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: all(key in record for key in keys)


def _first(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    items = record.get(key)
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, Mapping) else {}


def _is_open_webui(record: Mapping[str, Any]) -> bool:
    chat = record.get("chat", record)
    history = chat.get("history") if isinstance(chat, Mapping) else None
    return isinstance(history, Mapping) and "messages" in history


def _is_zendesk(record: Mapping[str, Any]) -> bool:
    comments = "comments" in record and not isinstance(record["comments"], (str, int))
    ticket = "requester_id" in record and ("via" in record or "submitter_id" in record)
    return comments or (ticket and "conversations" not in record) or _zendesk_ticket(record) is not None


def _zendesk_ticket(record: Mapping[str, Any]) -> object:
    return record.get("ticket_id") if "author_id" in record and ("body" in record or "html_body" in record) else None


def _is_freshdesk(record: Mapping[str, Any]) -> bool:
    ticket = "conversations" in record and "from" not in _first(record, "conversations")
    return ticket or "helpdesk_ticket" in record or _freshdesk_ticket(record) is not None


def _freshdesk_ticket(record: Mapping[str, Any]) -> object:
    return record.get("ticket_id") if "incoming" in record and "private" in record else None


def _is_chatwoot(record: Mapping[str, Any]) -> bool:
    listed = "messages" in record and ("inbox_id" in record or "message_type" in _first(record, "messages"))
    return listed or _chatwoot_conversation(record) is not None


def _chatwoot_conversation(record: Mapping[str, Any]) -> object:
    return record.get("conversation_id") if "message_type" in record else None


MESSAGES = Format("messages", messages_log, _has("messages"))
CSV = Format("csv", messages_log, lambda _: False, by_time=True)
# in this order, since later shapes are looser
FORMATS = (
    Format("open-webui", open_webui, _is_open_webui, own_ids=True),
    Format("intercom", intercom, lambda r: isinstance(r.get("source"), Mapping), own_ids=True, by_time=True),
    Format("chatwoot", chatwoot, _is_chatwoot, _chatwoot_conversation, own_ids=True, by_time=True),
    Format("sharegpt", sharegpt, lambda r: "from" in _first(r, "conversations")),
    Format("freshdesk", freshdesk, _is_freshdesk, _freshdesk_ticket, "conversations", own_ids=True, by_time=True),
    Format("alpaca", alpaca, _has("instruction", "output")),
    MESSAGES,
    Format("zendesk", zendesk, _is_zendesk, _zendesk_ticket, "comments", own_ids=True, by_time=True),
)


class LogReader:
    """Iterate once over the conversations of a file; the counts are complete when the iteration has ended."""

    def __init__(
        self,
        path: Path,
        format: FormatName = "auto",
        source: str | None = None,
        columns: Mapping[str, str] | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`columns`: of CSV, see `csv_rows.MEANINGS`. `progress` is told bytes read. Raises NotFound, InvalidInput."""
        self.path = path
        self.read = 0  # conversations
        self.empty = 0  # records without a message that customers see
        self.failed = 0
        self.failures: list[Failure] = []
        self._progress = progress
        self._columns = columns or {}
        is_csv = layout_of(path) == "csv"
        if is_csv and format not in ("auto", "csv"):
            raise InvalidInput(f"{str(path)!r} is no JSON, so it cannot be of format {format!r}")
        if format == "csv" and not is_csv:
            raise InvalidInput(f"{str(path)!r} is JSON, not CSV")
        self.format = CSV if is_csv else self._find_format(format)
        stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        self.source = source or (self.format.name if self.format.own_ids else stem)

    def _find_format(self, name: FormatName) -> Format:
        """The one named, or the one that the first readable record looks like."""
        if name != "auto":
            return MESSAGES if name == "openai" else next(format for format in FORMATS if format.name == name)
        keys: list[str] = []
        for count, raw in enumerate(read_records(self.path)):
            if isinstance(raw, Record):
                found = next((format for format in FORMATS if format.fits(raw.value)), None)
                if found:
                    return found
                keys = keys or list(raw.value)[:12]
            if count > 100:
                break
        seen = f"its records have the fields {', '.join(map(repr, keys))}" if keys else "it has no JSON object"
        raise InvalidInput(f"{str(self.path)!r} is of no known format: {seen}")

    def __iter__(self) -> Iterator[ImportedConversation]:
        """Every conversation that can be read, its messages in order of time."""
        with RecordGroups() as groups:
            people = (
                {str(p["id"]): p for p in sideloaded(self.path, "users") if "id" in p} if self.format.own_ids else {}
            )
            columns: Columns | None = None
            for raw in read_records(self.path, self._progress):
                if isinstance(raw, Unreadable):
                    self._fail(raw.place, raw.reason)
                    continue
                if self.format is CSV:
                    columns = columns or find_columns(list(raw.value), self._columns)
                whole = self._whole(raw, columns, groups)
                if whole is not None:
                    yield from self._parsed(raw.place, whole, people)
            if self.format is CSV and columns is None and not self.failed:
                raise InvalidInput(f"{str(self.path)!r} is neither JSON nor CSV with a header and rows")
            for group in groups:
                about = {"id": group.key} | group.about | {self.format.parts: list(group.parts)}
                yield from self._parsed(group.place, about, people)

    def _whole(self, raw: Record, columns: Columns | None, groups: RecordGroups) -> Mapping[str, Any] | None:
        """The record if it is a whole conversation; a part of one is put aside."""
        try:
            if columns is not None:
                if columns.paired:
                    return row_to_record(raw.value, columns)
                key, about, message = row_to_message(raw.value, columns)
                groups.add(key, raw.place, about, message)
                return None
            if not self.format.fits(raw.value):
                raise Malformed(f"does not look like {self.format.name}: has {', '.join(list(raw.value)[:8])}")
            part_of = self.format.part_of(raw.value)
            if part_of is not None:
                groups.add(identifier(part_of, "conversation id"), raw.place, {}, raw.value)
                return None
            if self.format.name == "zendesk" and "comments" not in raw.value:
                # its comments may follow in a list of their own
                groups.add(identifier(raw.value.get("id"), "ticket id"), raw.place, raw.value, None)
                return None
            return raw.value
        except Malformed as error:
            self._fail(raw.place, str(error))
            return None

    def _parsed(self, place: str, record: Mapping[str, Any], people: People) -> Iterator[ImportedConversation]:
        try:
            conversation = self.format.parse(record, self.source, people)
        except (Malformed, InvalidInput) as error:
            self._fail(place, str(error))
            return
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # a field of a type no export has; whatever it is, the other records are imported
            self._fail(place, f"unexpected structure ({type(error).__name__}: {error})")
            return
        if not any(message.author != "system" for message in conversation.messages):
            self.empty += 1
            return
        self.read += 1
        yield _by_time(conversation) if self.format.by_time else conversation

    def _fail(self, place: str, reason: str) -> None:
        self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append(Failure(place, reason))


def _by_time(conversation: ImportedConversation) -> ImportedConversation:
    """Messages in order of time if every one has a time; equal times keep their order."""
    times = [message.created_at for message in conversation.messages if message.created_at]
    if len(times) < len(conversation.messages) or times == sorted(times):
        return conversation
    ordered = sorted(zip(times, range(len(times)), strict=True))
    return replace(conversation, messages=tuple(conversation.messages[i] for _, i in ordered))
