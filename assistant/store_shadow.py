"""Shadow drafts: what a candidate would have answered to live messages, beside what was sent.

Knows nothing of how they are written.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from assistant.storable import clean, clean_or_none
from assistant.store import Store
from assistant.store_rows import get_row
from assistant.tables import MessageRow, TraceRow
from assistant.tables_serving import ShadowDraftRow


@dataclass(frozen=True, slots=True)
class ShadowDraft:
    """A candidate's unseen answer; `message_id` is the reply that was sent, `similarity` their cosine."""

    message_id: str
    candidate: str
    text: str
    written_by: str
    unsupported: str | None
    similarity: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """Candidate against what was sent, over the same live turns; shares 0..1, lengths in characters."""

    candidate: str
    turns: int
    written_by_model: float
    unsupported: float
    length: float
    sent_written_by_model: float
    sent_unsupported: float
    sent_length: float
    similarity: float


def save_shadow_draft(store: Store, draft: ShadowDraft) -> None:
    """Store a draft. Raises NotFound when the message is gone."""
    values = asdict(draft) | {"text": clean(draft.text), "unsupported": clean_or_none(draft.unsupported)}
    with store.writing() as session:
        get_row(session, MessageRow, draft.message_id)
        session.add(ShadowDraftRow(**values))


def compare_shadow(store: Store, candidate: str, since: datetime | None = None) -> ShadowComparison | None:
    """What the drafts of a candidate look like beside the replies that were sent; None without drafts."""
    with store.reading() as session:
        pairs = _pairs(session, candidate, since)
    if not pairs:
        return None
    count = len(pairs)
    return ShadowComparison(
        candidate=candidate,
        turns=count,
        written_by_model=sum(draft.written_by == "model" for draft, _, _ in pairs) / count,
        unsupported=sum(draft.unsupported is not None for draft, _, _ in pairs) / count,
        length=sum(len(draft.text) for draft, _, _ in pairs) / count,
        sent_written_by_model=sum(trace.details.get("written_by") == "model" for _, trace, _ in pairs) / count,
        sent_unsupported=sum(trace.details.get("unsupported") is not None for _, trace, _ in pairs) / count,
        sent_length=sum(length for _, _, length in pairs) / count,
        similarity=sum(draft.similarity for draft, _, _ in pairs) / count,
    )


def _pairs(session: Session, candidate: str, since: datetime | None) -> list[tuple[ShadowDraftRow, TraceRow, int]]:
    query = (
        select(ShadowDraftRow, TraceRow, func.length(MessageRow.text))
        .join(TraceRow, TraceRow.message_id == ShadowDraftRow.message_id)
        .join(MessageRow, MessageRow.id == ShadowDraftRow.message_id)
        .where(ShadowDraftRow.candidate == candidate)
        .order_by(ShadowDraftRow.created_at.desc())
        .limit(10_000)
    )
    if since is not None:
        query = query.where(ShadowDraftRow.created_at >= since)
    return [(draft, trace, int(length)) for draft, trace, length in session.execute(query)]
