"""Which replies may be learnt from: who approved a reply, when, and exactly which text.

An approval binds to the hash of the text as it was shown; a text that changes later is no longer approved. Knows
nothing of curation or of what people see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from assistant.conversation import ImportedConversation
from assistant.errors import InvalidInput, NotFound
from assistant.storable import clean, clean_or_none, identifier
from assistant.store_logs import LIVE
from assistant.store_rows import get_row
from assistant.tables import ConversationRow, MessageRow, RatingRow, now
from assistant.tables_learning import ApprovalRow, ApprovedBy

if TYPE_CHECKING:
    from assistant.store import Store  # which imports this module

REPLIES = ("assistant", "person")  # authors whose messages can be approved
IMPORTED = "imported by operator"
ApproveRule = Literal["none", "rated_good"]
PAGE = 500


@dataclass(frozen=True, slots=True)
class Approval:
    """`valid`: neither revoked nor is the message's text another one by now."""

    message_id: str
    text: str  # of the message, as it is now
    corrected: str | None
    kind: ApprovedBy
    by: str
    created_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    reinstated: bool
    valid: bool


def text_hash(text: str) -> str:
    """sha256 of a reply's text, which approvals bind to."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def approve_reply(store: Store, message_id: str, by: str, corrected: str | None = None) -> Approval:
    """A person approves a reply as it reads now, or a better text in its place; replaces an earlier approval.

    Raises NotFound, and InvalidInput for a message that is no reply or a correction that says nothing.
    """
    if corrected is not None and not corrected.strip():
        raise InvalidInput(f"the corrected text of message {message_id!r} is empty; leave it out to approve as it is")
    with store.writing() as session:
        message = _reply(session, message_id)
        row = session.get(ApprovalRow, message_id)
        if row is None:
            row = ApprovalRow(message_id=message_id, reinstated=False)
            session.add(row)
        row.reinstated = row.reinstated or row.revoked_at is not None
        row.content_hash, row.corrected = text_hash(message.text), clean_or_none(corrected)
        row.kind, row.by, row.created_at = "person", identifier("by", by), now()
        row.revoked_at = row.revoked_by = None
        session.flush()
        return _approval(row, message.text)


def revoke_approval(store: Store, message_id: str, by: str) -> Approval:
    """The reply is not learnt from any more, and no rule approves it again. Raises NotFound, InvalidInput."""
    with store.writing() as session:
        message = _reply(session, message_id)
        row = session.get(ApprovalRow, message_id)
        if row is None:
            raise NotFound(f"message {message_id!r} was never approved")
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by = now(), identifier("by", by)
        session.flush()
        return _approval(row, message.text)


def revoke_all(store: Store, message_ids: Sequence[str], by: str) -> int:
    """Revoke many approvals at once, as when a flood of them is found; returns how many stood until now."""
    who, revoked = identifier("by", by), 0
    with store.writing() as session:
        for start in range(0, len(message_ids), PAGE):
            ids = message_ids[start : start + PAGE]
            standing = ApprovalRow.message_id.in_(ids) & ApprovalRow.revoked_at.is_(None)
            changed = update(ApprovalRow).where(standing).values(revoked_at=now(), revoked_by=who)
            revoked += len(session.scalars(changed.returning(ApprovalRow.message_id)).all())
    return revoked


def restore_all(store: Store, revoked_by: str, by: str) -> int:
    """A person takes back a false alarm: every approval that `revoked_by` (such as "run ID") revoked stands again.

    Replies whose text changed since are left out, for nobody saw the new text. Raises NotFound when there is none.
    """
    who, restored = identifier("by", by), 0
    with store.writing() as session:
        query = select(ApprovalRow, MessageRow.text).join(MessageRow, MessageRow.id == ApprovalRow.message_id)
        query = query.where(ApprovalRow.revoked_by == clean(revoked_by), ApprovalRow.revoked_at.is_not(None))
        found = session.execute(query).all()
        if not found:
            raise NotFound(f"no approval is revoked by {revoked_by!r}; see `assistant approvals list --revoked`")
        for row, text in found:
            if row.content_hash == text_hash(text):
                row.kind, row.by, row.created_at, row.reinstated = "person", who, now(), True
                row.revoked_at = row.revoked_by = None
                restored += 1
    return restored


def approvals(store: Store, *, after: Approval | None = None, limit: int = PAGE) -> list[Approval]:
    """Approvals, revoked ones too, oldest first; `after` is the last one of the page before."""
    row = ApprovalRow
    query = select(row, MessageRow.text).join(MessageRow, MessageRow.id == row.message_id)
    query = query.order_by(row.created_at, row.message_id).limit(limit)
    if after is not None:
        query = query.where(tuple_(row.created_at, row.message_id) > (after.created_at, after.message_id))
    with store.reading() as session:
        return [_approval(found, text) for found, text in session.execute(query)]


def approvals_of(store: Store, message_ids: Collection[str]) -> dict[str, Approval]:
    """The approvals of these messages, by message id."""
    row, ids = ApprovalRow, list(message_ids)
    found: dict[str, Approval] = {}
    with store.reading() as session:
        for start in range(0, len(ids), PAGE):
            query = select(row, MessageRow.text).join(MessageRow, MessageRow.id == row.message_id)
            for approved, text in session.execute(query.where(row.message_id.in_(ids[start : start + PAGE]))):
                found[approved.message_id] = _approval(approved, text)
    return found


def approve_imported(session: Session, records: Sequence[ImportedConversation], by: str) -> int:
    """The rule of `logs import`: replies of these imported records count as approved by the operator.

    Our own assistant's replies in an export that came home do not: they need a person. Within the import's own
    transaction; returns how many approvals are new.
    """
    pairs = [(record.source, record.external_id) for record in records]
    theirs = tuple_(ConversationRow.source, ConversationRow.external_id).in_(pairs)
    not_ours = or_(MessageRow.author == "person", ConversationRow.source != LIVE)
    query = (
        select(MessageRow.id, MessageRow.text, ApprovalRow.content_hash, ApprovalRow.revoked_at)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .outerjoin(ApprovalRow, ApprovalRow.message_id == MessageRow.id)
        .where(theirs, MessageRow.author.in_(REPLIES), not_ours)
    )
    return _approve_by_rule(session, [tuple(row) for row in session.execute(query)], by)


def approve_rated_good(store: Store) -> int:
    """The rule `rated_good`: live replies that customers rated good, and nobody judged yet, count as approved."""
    query = (
        select(MessageRow.id, MessageRow.text, ApprovalRow.content_hash, ApprovalRow.revoked_at)
        .join(RatingRow, (RatingRow.message_id == MessageRow.id) & (RatingRow.value == 1))
        .join(ConversationRow, (ConversationRow.id == MessageRow.conversation_id) & ConversationRow.source.is_(None))
        .outerjoin(ApprovalRow, ApprovalRow.message_id == MessageRow.id)
        .where(MessageRow.author.in_(REPLIES), ApprovalRow.message_id.is_(None))
    )
    with store.writing() as session:
        return _approve_by_rule(session, [tuple(row) for row in session.execute(query)], "rule rated_good")


def _approve_by_rule(session: Session, found: Sequence[tuple[Any, ...]], by: str) -> int:
    """`found`: message id, its text, hash and revocation of an earlier approval (None without one)."""
    added, renewed = [], []
    for id, text, known_hash, revoked_at in found:
        digest = text_hash(text)
        if known_hash is None:
            added.append({"message_id": id, "content_hash": digest, "kind": "rule", "by": by, "created_at": now()})
        elif known_hash != digest and revoked_at is None:
            renewed.append((id, digest))
    if added:
        session.execute(insert(ApprovalRow), added)
    for id, digest in renewed:
        values = {"content_hash": digest, "corrected": None, "kind": "rule", "by": by, "created_at": now()}
        session.execute(update(ApprovalRow).where(ApprovalRow.message_id == id).values(values))
    return len(added) + len(renewed)


def _reply(session: Session, message_id: str) -> MessageRow:
    message = get_row(session, MessageRow, clean(message_id))
    if message.author not in REPLIES:
        raise InvalidInput(f"message {message_id!r} is the {message.author}'s; only replies can be approved")
    return message


def _approval(row: ApprovalRow, text: str) -> Approval:
    return Approval(
        message_id=row.message_id,
        text=text,
        corrected=row.corrected,
        kind=row.kind,
        by=row.by,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        reinstated=row.reinstated,
        valid=row.revoked_at is None and row.content_hash == text_hash(text),
    )
