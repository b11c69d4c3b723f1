"""What `assistant logs` does: import a file into the store, export the store, tell what curation would make of it.

Plain functions; knows nothing of the command line.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.identifiers import ORDER_PATTERNS
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_approvals import IMPORTED, REPLIES, approvals_of
from assistant.store_given import passages_given
from assistant.store_logs import LogFilter
from training.curate import Curation, Progress, curate, no_progress
from training.curation_rules import REASONS, CurationRules
from training.importers import Failure, FormatName, LogReader
from training.logged import Logged, from_imported, from_transcript

ExportFormat = Literal["messages", "openai"]
APPROVAL_PAGE = 100  # conversations whose approvals are read together
ROLE = {"customer": "user", "assistant": "assistant", "person": "assistant", "system": "system"}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `failed` counts all malformed records, `failures` tells the first of them."""

    format: str
    source: str
    added: int
    updated: int
    unchanged: int
    messages: int
    empty: int  # records without a message that customers see
    failed: int
    failures: tuple[Failure, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LogStats:
    """What the store holds, and what curation would pick and drop, by reason."""

    conversations: int
    messages: Mapping[str, int]  # by author
    sources: Mapping[str, int]
    resolved: Mapping[str, int]
    satisfaction: Mapping[str, int]
    ratings: Mapping[str, int]
    replies: int
    examples: Mapping[str, int]  # by split
    languages: Mapping[str, int]
    dropped: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping, with the reasons in words beside the counts."""
        return asdict(self) | {"reasons": {reason: REASONS[reason] for reason in self.dropped}}


def import_logs(
    store: Store,
    path: Path,
    format: FormatName = "auto",
    source: str | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    approve: bool = True,
) -> ImportReport:
    """Stream a file into the conversations table; a re-import is recognised. Raises InvalidInput, NotFound.

    Whoever imports a log vouches for its replies: they count as approved, unless `approve` is off.
    """
    start = time.monotonic()
    reader = LogReader(path, format, source, columns, progress)
    counts = store.import_conversations(reader, IMPORTED if approve else None)
    return ImportReport(
        format=reader.format.name,
        source=reader.source,
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        messages=counts.messages,
        empty=reader.empty,
        failed=reader.failed,
        failures=tuple(reader.failures),
        seconds=round(time.monotonic() - start, 2),
    )


def export_logs(store: Store, path: Path, format: ExportFormat = "messages", source: str | None = None) -> int:
    """Write the conversations as JSON Lines, whole or not at all; returns how many.

    `messages` keeps everything, so that importing it elsewhere gives the same; `openai` has roles and texts only.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    count = 0
    try:
        with draft.open("w", encoding="utf-8") as file:
            for line in exported_lines(store, format, source):
                file.write(line + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def exported_lines(store: Store, format: ExportFormat = "messages", source: str | None = None) -> Iterator[str]:
    """The conversations, one JSON object a line."""
    for conversation in store.export_conversations(LogFilter(source=source)):
        record = _whole(conversation) if format == "messages" else _openai(conversation)
        yield json.dumps(record, ensure_ascii=False)


def _whole(conversation: ImportedConversation) -> dict[str, Any]:
    record = {
        "id": conversation.external_id,
        "source": conversation.source,
        "customer_id": conversation.customer_id,
        "language": conversation.language,
        "resolved": conversation.resolved,
        "satisfaction": conversation.satisfaction,
        "satisfaction_comment": conversation.satisfaction_comment,
        "messages": [_message(message) for message in conversation.messages],
    }
    return {key: value for key, value in record.items() if value is not None}


def _message(message: ImportedMessage) -> dict[str, Any]:
    record = {
        "role": ROLE[message.author],
        "author": message.author,
        "content": message.text,
        "name": message.name,
        "created_at": message.created_at.isoformat() if message.created_at else None,
        "rating": message.rating,
    }
    return {key: value for key, value in record.items() if value is not None}


def _openai(conversation: ImportedConversation) -> dict[str, Any]:
    return {"messages": [{"role": ROLE[m.author], "content": m.text} for m in conversation.messages]}


def curation_rules(settings: Settings) -> CurationRules:
    """The default rules with what the company set for masking."""
    patterns = (*ORDER_PATTERNS, *settings.order_patterns)
    return CurationRules(order_patterns=patterns, keep=(*settings.company.split(), *settings.mask_keep))


def curate_store(
    store: Store, rules: CurationRules, source: str | None = None, progress: Progress = no_progress
) -> Curation:
    """Curate what the store holds: approved replies only, each as it read when it was approved."""
    return curate(stored_logs(store, source), rules, progress=progress)


def stored_logs(store: Store, source: str | None = None) -> Iterator[Logged]:
    """What the store holds with the standing approvals of its replies, in flat memory."""
    transcripts = store.iter_conversations(LogFilter(source=source))
    while page := list(islice(transcripts, APPROVAL_PAGE)):
        replies = [m.id for t in page for m in t.messages if m.author in REPLIES]
        approved, given = approvals_of(store, replies), passages_given(store, replies)
        yield from (from_transcript(transcript, approved, given) for transcript in page)


def curate_files(paths: Sequence[Path], rules: CurationRules, progress: Progress = no_progress) -> Curation:
    """Curate exported files directly, without a store. Raises InvalidInput, NotFound."""
    readers = [LogReader(path) for path in paths]
    conversations = (from_imported(conversation) for reader in readers for conversation in reader)
    return curate(conversations, rules, progress=progress)


def log_stats(
    store: Store, rules: CurationRules, source: str | None = None, progress: Progress = no_progress
) -> LogStats:
    """Count what is stored and run curation over it without saving anything."""
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("messages", "sources", "resolved", "satisfaction", "ratings")
    }

    def counted() -> Iterator[Logged]:
        for logged in stored_logs(store, source):
            counts["sources"][logged.source] += 1
            counts["resolved"]["unknown" if logged.resolved is None else "yes" if logged.resolved else "no"] += 1
            counts["satisfaction"][str(logged.satisfaction or "unknown")] += 1
            counts["messages"].update(message.author for message in logged.messages)
            counts["ratings"].update("good" if m.rating > 0 else "bad" for m in logged.messages if m.rating)
            yield logged

    curation = curate(counted(), rules, progress=progress)
    return LogStats(
        conversations=curation.conversations,
        **{name: dict(counter) for name, counter in counts.items()},
        replies=curation.replies,
        examples=dict(Counter(example.split for example in curation.examples)),
        languages=dict(Counter(example.language for example in curation.examples)),
        dropped=curation.dropped,
    )
