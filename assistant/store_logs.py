"""Writes imported conversations in batches and reads whole transcripts page by page, in flat memory.

Works within a session that `store.py` opened; knows nothing of file formats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from assistant.conversation import (
    Conversation,
    Forgotten,
    ImportCounts,
    ImportedConversation,
    ImportedMessage,
    Message,
    Transcript,
)
from assistant.storable import clean, clean_or_none
from assistant.store_given import write_given
from assistant.tables import ConversationRow, MessageRow, RatingRow, UtcDateTime, now, uuid4, uuid7
from retrieval.documents import Passage

_LOCK_KEY = 0x696D706F7274  # PostgreSQL's advisory lock: two imports of one file must not both add
LIVE = "assistant"  # the source that exports give to conversations that were not imported


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which conversations to read: of one source (LIVE for live chats), started in [since, until)."""

    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def batches(records: Iterable[ImportedConversation], size: int) -> Iterator[list[tuple[ImportedConversation, str]]]:
    """Records with their content hashes, at most `size` at a time, no conversation twice in a batch."""
    batch: dict[tuple[str, str], tuple[ImportedConversation, str]] = {}
    for record in records:
        key = (record.source, record.external_id)
        if key in batch or len(batch) == size:
            yield list(batch.values())
            batch = {}
        batch[key] = (record, record.content_hash)
    if batch:
        yield list(batch.values())


def import_batch(session: Session, batch: Sequence[tuple[ImportedConversation, str]]) -> ImportCounts:
    """Add new conversations, rewrite changed ones in place, leave the others alone."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
    known = _known(session, [record for record, _ in batch])
    live = _live(session, [record.external_id for record, _ in batch if record.source == LIVE])
    added, updated, messages = [], 0, 0
    for record, content_hash in batch:
        if record.source == LIVE and record.external_id in live:
            continue  # an export that came home
        id, known_hash = known.get((record.source, record.external_id), (None, None))
        if id is None:
            added.append((record, content_hash))
        elif known_hash != content_hash:
            _rewrite(session, id, record, content_hash)
            updated += 1
            messages += len(record.messages)
    _insert(session, added)
    messages += sum(len(record.messages) for record, _ in added)
    return ImportCounts(len(added), updated, len(batch) - len(added) - updated, messages)


def _known(session: Session, records: Sequence[ImportedConversation]) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Id and content hash of the records that were imported before."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_source[record.source].append(record.external_id)
    row = ConversationRow
    found = {}
    for source, external_ids in by_source.items():
        query = select(row.external_id, row.id, row.content_hash).where(
            row.source == source, row.external_id.in_(external_ids)
        )
        for external_id, id, content_hash in session.execute(query):
            found[source, str(external_id)] = (id, content_hash)
    return found


def _live(session: Session, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are live chats of this very store."""
    query = select(ConversationRow.id).where(ConversationRow.id.in_(ids), ConversationRow.source.is_(None))
    return set(session.scalars(query)) if ids else set()


def _insert(session: Session, records: Sequence[tuple[ImportedConversation, str]]) -> None:
    conversations: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    ratings: list[dict[str, Any]] = []
    given: dict[str, tuple[Passage, ...]] = {}
    for record, content_hash in records:
        times = _times(record.messages)
        conversation = {"id": uuid4()} | _conversation_values(record, content_hash, times)
        conversations.append(conversation)
        for position, (message, moment) in enumerate(zip(record.messages, times, strict=True), start=1):
            place = {"id": uuid7(), "conversation_id": conversation["id"], "position": position}
            messages.append(place | _message_values(message, moment))
            if message.passages:
                given[place["id"]] = message.passages
            if message.rating is not None:
                ratings.append({"message_id": place["id"], "value": message.rating, "created_at": moment})
    for table, rows in ((ConversationRow, conversations), (MessageRow, messages), (RatingRow, ratings)):
        if rows:
            session.execute(insert(table), rows)
    if given:
        write_given(session, given)


def _rewrite(session: Session, id: str, record: ImportedConversation, content_hash: str) -> None:
    """Messages keep the id of their position, so that what refers to them still does."""
    times = _times(record.messages)
    session.execute(
        update(ConversationRow)
        .where(ConversationRow.id == id)
        .values(_conversation_values(record, content_hash, times))
    )
    old = session.scalars(select(MessageRow.id).where(MessageRow.conversation_id == id).order_by(MessageRow.position))
    ids = list(old)
    session.execute(delete(RatingRow).where(RatingRow.message_id.in_(ids)))
    session.execute(delete(MessageRow).where(MessageRow.id.in_(ids[len(record.messages) :])))
    for position, (message, moment) in enumerate(zip(record.messages, times, strict=True), start=1):
        values = _message_values(message, moment)
        if position <= len(ids):
            message_id = ids[position - 1]
            session.execute(update(MessageRow).where(MessageRow.id == message_id).values(values))
        else:
            message_id = uuid7()
            place = {"id": message_id, "conversation_id": id, "position": position}
            session.execute(insert(MessageRow).values(place | values))
        write_given(session, {message_id: message.passages})
        if message.rating is not None:
            session.execute(insert(RatingRow).values(message_id=message_id, value=message.rating, created_at=moment))


def _times(messages: Sequence[ImportedMessage]) -> list[datetime]:
    """When each message was written; one without a time stamp has that of the one before (or the first known)."""
    last = next((message.created_at for message in messages if message.created_at), None) or now()
    times = []
    for message in messages:
        last = message.created_at or last
        times.append(last if last.tzinfo else last.replace(tzinfo=UTC))
    return times


def _conversation_values(record: ImportedConversation, content_hash: str, times: Sequence[datetime]) -> dict[str, Any]:
    return {
        "state": "closed",
        "channel": record.source,
        "customer_id": record.customer_id,
        "language": record.language,
        "resolved": record.resolved,
        "satisfaction": record.satisfaction,
        "satisfaction_comment": clean_or_none(record.satisfaction_comment),
        "source": record.source,
        "external_id": record.external_id,
        "content_hash": content_hash,
        "next_position": len(record.messages) + 1,
        "created_at": min(times, default=now()),
        "updated_at": max(times, default=now()),
    }


def _message_values(message: ImportedMessage, moment: datetime) -> dict[str, Any]:
    return {
        "author": message.author,
        "text": clean(message.text),
        "name": clean_or_none(message.name),
        "external_id": clean_or_none(message.external_id),
        "citations": [],
        "created_at": moment,
    }


def read_page(session: Session, chosen: LogFilter, after: Conversation | None, size: int) -> list[Transcript]:
    """The next `size` transcripts in order of (created_at, id) after one conversation."""
    row = ConversationRow
    query = select(row).order_by(row.created_at, row.id).limit(size)
    if chosen.source is not None:
        same = row.source == clean(chosen.source)
        query = query.where(same | row.source.is_(None) if chosen.source == LIVE else same)
    if chosen.since is not None:
        query = query.where(row.created_at >= chosen.since)
    if chosen.until is not None:
        query = query.where(row.created_at < chosen.until)
    if after is not None:
        last = tuple_(literal(after.created_at, UtcDateTime()), literal(after.id))
        query = query.where(tuple_(row.created_at, row.id) > last)
    conversations = [found.to_conversation() for found in session.scalars(query)]
    messages = _messages(session, [conversation.id for conversation in conversations])
    return [Transcript(conversation, tuple(messages[conversation.id])) for conversation in conversations]


def _messages(session: Session, conversation_ids: Sequence[str]) -> dict[str, list[Message]]:
    query = (
        select(MessageRow, RatingRow.value)
        .outerjoin(RatingRow, RatingRow.message_id == MessageRow.id)
        .where(MessageRow.conversation_id.in_(conversation_ids))
        .order_by(MessageRow.conversation_id, MessageRow.position)
    )
    found: dict[str, list[Message]] = defaultdict(list)
    for message, rating in session.execute(query):
        found[message.conversation_id].append(message.to_message(rating))
    return found


def erase(session: Session, customer_id: str) -> Forgotten:
    """Delete a customer's conversations; their messages, traces, ratings and hand-overs go with them."""
    theirs = select(ConversationRow.id).where(ConversationRow.customer_id == customer_id)
    counted = select(func.count()).select_from(MessageRow).where(MessageRow.conversation_id.in_(theirs))
    messages = session.scalar(counted) or 0
    deleted = session.scalars(
        delete(ConversationRow).where(ConversationRow.customer_id == customer_id).returning(ConversationRow.id)
    )
    return Forgotten(customer_id, len(deleted.all()), messages)


def as_imported(transcript: Transcript) -> ImportedConversation:
    """A transcript as another store can import it; live chats get the source LIVE and their id."""
    conversation = transcript.conversation
    return ImportedConversation(
        source=conversation.source or LIVE,
        external_id=conversation.external_id or conversation.id,
        messages=tuple(
            ImportedMessage(said.author, said.text, said.name, said.created_at, said.rating)
            for said in transcript.messages
        ),
        customer_id=conversation.customer_id,
        language=conversation.language,
        resolved=conversation.resolved,
        satisfaction=conversation.satisfaction,
        satisfaction_comment=conversation.satisfaction_comment,
    )
