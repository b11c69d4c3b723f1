"""What the desk reads and writes of conversations: the inbox, replies by a person, notes, drafts, canned answers.

Works on the sessions of a `Store`. Every write by a member of staff first looks whether somebody else holds the
conversation, in the same transaction; knows nothing of logins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, SelectBase, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from assistant import store_hand_overs
from assistant.conversation import Citation, Conversation, HandOver, Message, Reply
from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.storable import clean
from assistant.store import Store
from assistant.store_messages import trace_values
from assistant.store_rows import append_message, lock_conversation, open_hand_over
from assistant.tables import ConversationRow, HandOverRow, MessageRow, TraceRow
from assistant.tables_staff import CannedAnswerRow, DraftRow, NoteRow, TicketRow

View = Literal["waiting", "mine", "all"]
MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A conversation as the inbox lists it, with the customer's latest message."""

    conversation: Conversation
    hand_over: HandOver | None
    last: Message | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the tabs of the inbox show."""

    waiting: int
    mine: int
    tickets: int


@dataclass(frozen=True, slots=True)
class Note:
    """What one member of staff tells the others."""

    id: str
    author: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """What the assistant would answer to the customer's message `message_id`."""

    message_id: str
    text: str
    action: str
    evidence: float
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """A text staff use often."""

    id: str
    title: str
    text: str
    author: str


# The inbox


def inbox(store: Store, view: View, name: str, search: str = "", limit: int = MOST_ITEMS) -> list[InboxItem]:
    """Those who wait longest first; otherwise the latest first. `name` is whose conversations `mine` are."""
    query = _with_hand_over(_chosen(view, name)).limit(limit)
    if search.strip():
        query = query.where(_found(clean(search.strip())))
    oldest_first = view == "waiting"
    query = query.order_by(HandOverRow.requested_at if oldest_first else ConversationRow.updated_at.desc())
    with store.reading() as session:
        rows = session.execute(query).all()
        last = _last_of_customers(session, [conversation.id for conversation, _ in rows])
        return [
            InboxItem(conversation.to_conversation(), held.to_hand_over() if held else None, last.get(conversation.id))
            for conversation, held in rows
        ]


def counts(store: Store, name: str) -> Counts:
    """How many wait, how many `name` holds, how many tickets are open."""
    with store.reading() as session:
        waiting = _count(session, _with_hand_over(_chosen("waiting", name)))
        mine = _count(session, _with_hand_over(_chosen("mine", name)))
        return Counts(waiting, mine, _count(session, select(TicketRow.id).where(TicketRow.closed_at.is_(None))))


def pulse(store: Store) -> str:
    """Changes whenever the desk has something new to show."""
    newest = select(
        select(func.max(ConversationRow.updated_at)).scalar_subquery(),
        select(func.max(DraftRow.message_id)).scalar_subquery(),
        select(func.max(NoteRow.id)).scalar_subquery(),
        select(func.count(TicketRow.id)).where(TicketRow.closed_at.is_(None)).scalar_subquery(),
    )
    with store.reading() as session:
        return " ".join(map(str, session.execute(newest).one()))


def _count(session: Session, query: SelectBase) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _with_hand_over(chosen: ColumnElement[bool]) -> Select[ConversationRow, HandOverRow]:
    is_open = and_(HandOverRow.conversation_id == ConversationRow.id, HandOverRow.closed_at.is_(None))
    return select(ConversationRow, HandOverRow).outerjoin(HandOverRow, is_open).where(chosen)


def _chosen(view: View, name: str) -> ColumnElement[bool]:
    match view:
        case "waiting":
            return ConversationRow.state == "waiting"
        case "mine":
            return and_(ConversationRow.state == "person", HandOverRow.taken_by == name)
    return and_(ConversationRow.source.is_(None), ConversationRow.next_position > 1)


def _found(words: str) -> ColumnElement[bool]:
    said = MessageRow.text.icontains(words, autoescape=True)
    return or_(
        ConversationRow.id == words,
        ConversationRow.customer_id == words,
        select(MessageRow.id).where(MessageRow.conversation_id == ConversationRow.id, said).exists(),
    )


def _last_of_customers(session: Session, conversations: Sequence[str]) -> dict[str, Message]:
    latest = (
        select(MessageRow.conversation_id, func.max(MessageRow.position))
        .where(MessageRow.conversation_id.in_(conversations), MessageRow.author == "customer")
        .group_by(MessageRow.conversation_id)
    )
    query = select(MessageRow).where(tuple_(MessageRow.conversation_id, MessageRow.position).in_(latest))
    return {row.conversation_id: row.to_message() for row in session.scalars(query)}


# What a person does


def say(store: Store, conversation_id: str, name: str, text: str) -> Message:
    """A person's message; Conflict unless `name` holds the conversation."""
    with store.writing() as session:
        conversation = lock_conversation(session, conversation_id)
        store_hand_overs.refuse_closed(conversation)
        if _holder(session, conversation) != name:
            _refuse_others(session, conversation, name)
            raise Conflict("take this conversation over before you answer")
        return append_message(session, conversation, author="person", text=clean(text), name=name).to_message()


def give_back(store: Store, conversation_id: str, name: str) -> Conversation:
    """The assistant answers again; Conflict when somebody else holds it or it is closed."""
    with store.writing() as session:
        conversation = lock_conversation(session, conversation_id)
        _refuse_others(session, conversation, name)
        store_hand_overs.give_back(session, conversation)
        return conversation.to_conversation()


def close(store: Store, conversation_id: str, name: str, resolved: bool = True) -> Conversation:
    """End the conversation; Conflict when somebody else holds it."""
    with store.writing() as session:
        conversation = lock_conversation(session, conversation_id)
        _refuse_others(session, conversation, name)
        store_hand_overs.close(session, conversation)
        conversation.resolved = resolved
        return conversation.to_conversation()


def _holder(session: Session, conversation: ConversationRow) -> str | None:
    hand_over = open_hand_over(session, conversation.id)
    return hand_over.taken_by if hand_over and conversation.state == "person" else None


def _refuse_others(session: Session, conversation: ConversationRow, name: str) -> None:
    holder = _holder(session, conversation)
    if holder is not None and holder != name:
        raise Conflict(f"{holder} holds this conversation")


# Notes


def add_note(store: Store, conversation_id: str, name: str, text: str) -> Note:
    """A note for the other members of staff."""
    with store.writing() as session:
        conversation = lock_conversation(session, conversation_id)
        row = NoteRow(conversation_id=conversation.id, author=name, text=clean(text))
        session.add(row)
        session.flush()
        return _note(row)


def notes(store: Store, conversation_id: str) -> list[Note]:
    """The conversation's notes, oldest first."""
    query = select(NoteRow).where(NoteRow.conversation_id == conversation_id).order_by(NoteRow.id)
    with store.reading() as session:
        return [_note(row) for row in session.scalars(query)]


def _note(row: NoteRow) -> Note:
    return Note(row.id, row.author, row.text, row.created_at)


# Drafts


def save_draft(store: Store, message_id: str, reply: Reply) -> None:
    """Keep what the assistant would say to this message; a later draft for it replaces it."""
    with store.writing() as session:
        message = session.get(MessageRow, message_id, with_for_update=True)  # two drafts at once: one after the other
        if message is None:
            raise NotFound(f"there is no message {message_id!r}")
        session.merge(
            DraftRow(
                message_id=message.id,
                conversation_id=message.conversation_id,
                text=clean(reply.text),
                action=reply.action,
                evidence=reply.evidence,
                citations=[asdict(citation) for citation in reply.citations],
            )
        )


def current_draft(store: Store, conversation_id: str) -> StoredDraft | None:
    """The draft for the customer's latest message, unless a person has answered since."""
    answered = (
        select(func.coalesce(func.max(MessageRow.position), 0))
        .where(MessageRow.conversation_id == conversation_id, MessageRow.author == "person")
        .scalar_subquery()
    )
    query = (
        select(DraftRow)
        .join(MessageRow, MessageRow.id == DraftRow.message_id)
        .where(DraftRow.conversation_id == conversation_id, MessageRow.position > answered)
        .order_by(MessageRow.position.desc())
        .limit(1)
    )
    with store.reading() as session:
        row = session.scalars(query).one_or_none()
        if row is None:
            return None
        citations = tuple(Citation.from_dict(citation) for citation in row.citations)
        return StoredDraft(row.message_id, row.text, row.action, row.evidence, citations)


# Canned answers


def add_canned_answer(store: Store, title: str, text: str, author: str) -> CannedAnswer:
    """A text to be used again. Raises InvalidInput when title or text is empty."""
    if not title.strip() or not text.strip():
        raise InvalidInput("a canned answer needs a title and a text")
    row = CannedAnswerRow(title=clean(title.strip()), text=clean(text.strip()), author=author)
    with store.writing() as session:
        session.add(row)
        session.flush()
        return _canned(row)


def canned_answers(store: Store) -> list[CannedAnswer]:
    """All of them, by title."""
    with store.reading() as session:
        return [_canned(row) for row in session.scalars(select(CannedAnswerRow).order_by(CannedAnswerRow.title))]


def remove_canned_answer(store: Store, canned_id: str) -> None:
    """Raises NotFound."""
    with store.writing() as session:
        row = session.get(CannedAnswerRow, clean(canned_id))
        if row is None:
            raise NotFound(f"there is no canned answer {canned_id!r}")
        session.delete(row)


def _canned(row: CannedAnswerRow) -> CannedAnswer:
    return CannedAnswer(row.id, row.title, row.text, row.author)


# Traces


def traces(store: Store, conversation_id: str) -> dict[str, dict[str, Any]]:
    """How each of the assistant's replies came about, by message id."""
    query = (
        select(TraceRow)
        .join(MessageRow, MessageRow.id == TraceRow.message_id)
        .where(MessageRow.conversation_id == conversation_id)
    )
    with store.reading() as session:
        return {row.message_id: trace_values(row) for row in session.scalars(query)}
