"""Erasing a customer from SQL: what is theirs, its deletion in one transaction, and the receipt that stays.

Whatever refers to a conversation or message goes with it, also rows of tables without a foreign key to it; results of
learning that quote it are blanked. Knows nothing of files, data sets or adapters.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, Text, delete, func, select, update
from sqlalchemy.orm import Session

from assistant.pseudonyms import conversation_hash, customer_hash
from assistant.storable import identifier
from assistant.store import Store
from assistant.store_logs import LIVE
from assistant.tables import Base, ConversationRow, MessageRow, now
from assistant.tables_learning import HeldOutRow, JobRow, RunRow, RunStepRow
from assistant.tables_serving import ErasureRow
from assistant.tables_sites import VisitorRow
from assistant.tables_staff import TicketRow

SHORTEST_WORDS = 16  # characters from which a text is taken for this customer's own, wherever it turns up
SHORTEST_ID = 6
ERASED = "[erased]"
CHUNK = 500  # ids in one statement
NOT_COPIES = {"conversations", "messages", "erasures"}


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is a customer's in SQL. `words` are what gives them away in any file."""

    customer_id: str
    conversation_ids: frozenset[str]
    conversation_hashes: frozenset[str]  # of stored ids and of names in log files
    message_ids: frozenset[str]
    case_ids: frozenset[str]  # held-out cases made of their conversations
    words: frozenset[str]

    @property
    def customer_hash(self) -> str:
        """What stands for the customer where nothing personal may."""
        return customer_hash(self.customer_id)


@dataclass(frozen=True, slots=True)
class Erasure:
    """A receipt as stored, with what finds the customer's traces in adapters trained later."""

    customer_hash: str
    conversation_hashes: frozenset[str]
    receipt: Mapping[str, Any]


def belongings(store: Store, customer_id: str) -> Belongings:
    """Everything in SQL that a customer left; empty for an unknown one."""
    customer_id = identifier("customer_id", customer_id)
    with store.reading() as session:
        chats = list(session.scalars(select(ConversationRow).where(ConversationRow.customer_id == customer_id)))
        ids = [chat.id for chat in chats]
        messages = _of(session, MessageRow, MessageRow.conversation_id, ids)
        cases = _of(session, HeldOutRow, HeldOutRow.conversation_id, ids)
        visitors = _of(session, VisitorRow, VisitorRow.conversation_id, ids)
        tickets = _of(session, TicketRow, TicketRow.conversation_id, ids)
    keys = {f"{chat.source or LIVE}/{chat.external_id or chat.id}" for chat in chats}
    said = {message.text.strip() for message in messages if message.author == "customer"}
    said |= {chat.satisfaction_comment for chat in chats if chat.satisfaction_comment}
    known = {customer_id, *(visitor.email or "" for visitor in visitors), *(ticket.contact for ticket in tickets)}
    message_ids = frozenset(message.id for message in messages)
    words = {text for text in said if len(text) >= SHORTEST_WORDS}
    words |= {text for text in known if len(text) >= SHORTEST_ID}
    return Belongings(
        customer_id=customer_id,
        conversation_ids=frozenset(ids),
        conversation_hashes=frozenset(map(conversation_hash, [*ids, *keys])),
        message_ids=message_ids,
        case_ids=frozenset(case.example_id for case in cases),
        words=frozenset(words | set(ids) | message_ids),
    )


def erase(store: Store, found: Belongings, receipt: Mapping[str, Any]) -> dict[str, int]:
    """Delete it all and keep `receipt`, in one transaction; returns how many rows went, by table.

    SQLite's files keep no byte of it afterwards; PostgreSQL's until they are vacuumed.
    """
    with store.writing() as session:
        counts = _delete_copies(session, found)
        counts["messages"] = len(found.message_ids)
        counts["conversations"] = len(found.conversation_ids)
        counts |= _blank(session, found)
        for ids in _chunks(found.conversation_ids):
            session.execute(delete(ConversationRow).where(ConversationRow.id.in_(ids)))
        counts = {table: count for table, count in sorted(counts.items()) if count}
        _keep_receipt(session, found, {**receipt, "rows": counts})
    store.empty_log()
    return counts


def receipt_of(store: Store, customer: str) -> dict[str, Any] | None:
    """The latest receipt for a customer's hash."""
    with store.reading() as session:
        row = session.get(ErasureRow, customer)
        return dict(row.receipt) if row else None


def erasures(store: Store) -> list[Erasure]:
    """All receipts, oldest first."""
    with store.reading() as session:
        rows = session.scalars(select(ErasureRow).order_by(ErasureRow.erased_at))
        return [Erasure(row.customer_hash, frozenset(row.conversation_hashes), dict(row.receipt)) for row in rows]


def _of(session: Session, table: Any, column: Any, ids: Collection[str]) -> list[Any]:
    """Rows of a table whose column is among `ids`."""
    return [row for chunk in _chunks(ids) for row in session.scalars(select(table).where(column.in_(chunk)))]


def _chunks(ids: Collection[str]) -> list[list[str]]:
    ordered = sorted(ids)
    return [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]


def referring(table: Table) -> list[tuple[Column[Any], str]]:
    """Columns that name a conversation, message or customer, with which of them: by foreign key or by their name."""
    found = []
    for column in table.columns:
        targets = {key.column.table.name for key in column.foreign_keys}
        for noun, home in (("conversation", "conversations"), ("message", "messages"), ("customer", "")):
            if home in targets or column.name == f"{noun}_id":
                found.append((column, noun))
    return found


def _delete_copies(session: Session, found: Belongings) -> dict[str, int]:
    """Delete and count the rows of all other tables that refer to what is erased."""
    ids = {
        "conversation": found.conversation_ids,
        "message": found.message_ids,
        "customer": frozenset({found.customer_id}),
    }
    counts: dict[str, int] = {}
    for table in reversed(Base.metadata.sorted_tables):
        if table.name in NOT_COPIES:
            continue
        for column, noun in referring(table):
            for chunk in _chunks(ids[noun]):
                gone = session.scalar(select(func.count()).select_from(table).where(column.in_(chunk))) or 0
                if gone:
                    session.execute(delete(table).where(column.in_(chunk)))
                    counts[table.name] = counts.get(table.name, 0) + gone
    return counts


def _blank(session: Session, found: Belongings) -> dict[str, int]:
    """Take the customer's words out of what runs and jobs recorded."""
    counts: dict[str, int] = {}
    for row in (RunRow, RunStepRow, JobRow):
        table = row.__table__
        assert isinstance(table, Table)
        texts = [c for c in table.columns if isinstance(c.type, Text) and not c.primary_key and c.name != "key"]
        values = [c for c in table.columns if c.name == "result"]
        for record in session.execute(select(table)).mappings():
            clean = {c.name: _without(record[c], found.words) for c in texts if isinstance(record[c], str)}
            for c in values:
                text = json.dumps(record[c], ensure_ascii=False)
                clean[c.name] = json.loads(_without(text, found.words, quoted=True))
            changed = {name: value for name, value in clean.items() if value != record[name]}
            if changed:
                same = [key == record[key] for key in table.primary_key]
                session.execute(update(table).where(*same).values(changed))
                counts[table.name] = counts.get(table.name, 0) + 1
    return counts


def _without(text: str, words: Collection[str], quoted: bool = False) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(json.dumps(word, ensure_ascii=False)[1:-1] if quoted else word, ERASED)
    return text


def _keep_receipt(session: Session, found: Belongings, receipt: Mapping[str, Any]) -> None:
    """One row a customer; of a customer who came back and is erased again it knows all conversations."""
    row = session.get(ErasureRow, found.customer_hash) or ErasureRow(customer_hash=found.customer_hash)
    row.conversation_hashes = sorted(found.conversation_hashes | set(row.conversation_hashes or ()))
    row.receipt, row.erased_at = dict(receipt), now()
    session.add(row)
