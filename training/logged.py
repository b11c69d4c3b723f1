"""A logged conversation as curation sees it, whether it comes from the store or straight from a file.

Pure data; knows nothing of rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from assistant.conversation import Author, ImportedConversation, Message, Transcript
from assistant.store_approvals import Approval
from assistant.store_logs import LIVE
from retrieval.documents import Passage


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """`id` is the stored message's, or `<conversation>#<position>` of a file's.

    `approved`: the reply may be learnt from as it reads, or as `corrected`, staff's better text. To train on a file is
    to approve what is in it.
    """

    id: str
    author: Author
    text: str
    name: str | None = None
    rating: int | None = None
    approved: bool = True
    corrected: str | None = None
    approved_at: datetime | None = None  # None in files
    judged: bool = False  # approved by a person who looked at this very reply
    reinstated: bool = False  # a person approved it again after it was revoked
    passages: tuple[Passage, ...] = ()  # what a reply was written from, where the log has it


@dataclass(frozen=True, slots=True)
class Logged:
    """`key` names the conversation wherever it is imported, so that splits stay the same; `id` is the stored one's."""

    id: str
    key: str
    source: str
    live: bool  # held by this assistant, not imported
    messages: tuple[LoggedMessage, ...]
    customer_id: str | None = None
    language: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None


def _message(message: Message, approval: Approval | None, given: tuple[Passage, ...]) -> LoggedMessage:
    said = LoggedMessage(
        message.id, message.author, message.text, message.name, message.rating, approved=False, passages=given
    )
    if approval is None or not approval.valid:
        return said
    judged = approval.kind == "person"
    return replace(
        said,
        approved=True,
        corrected=approval.corrected,
        approved_at=approval.created_at,
        judged=judged,
        reinstated=approval.reinstated,
    )


def from_transcript(
    transcript: Transcript, approvals: Mapping[str, Approval], given: Mapping[str, tuple[Passage, ...]]
) -> Logged:
    """A conversation of the store, with the approvals of its replies and the passages given with them by message id."""
    conversation = transcript.conversation
    live = conversation.source is None or conversation.source == LIVE
    return Logged(
        id=conversation.id,
        key=f"{conversation.source or LIVE}/{conversation.external_id or conversation.id}",
        source=conversation.source or LIVE,
        live=live,
        messages=tuple(_message(m, approvals.get(m.id), given.get(m.id, ())) for m in transcript.messages),
        customer_id=conversation.customer_id,
        language=conversation.language,
        resolved=conversation.resolved,
        satisfaction=conversation.satisfaction,
    )


def from_imported(conversation: ImportedConversation) -> Logged:
    """A conversation of a file."""
    key = f"{conversation.source}/{conversation.external_id}"
    return Logged(
        id=key,
        key=key,
        source=conversation.source,
        live=conversation.source == LIVE,
        messages=tuple(
            LoggedMessage(f"{key}#{position}", m.author, m.text, m.name, m.rating, passages=m.passages)
            for position, m in enumerate(conversation.messages, start=1)
        ),
        customer_id=conversation.customer_id,
        language=conversation.language,
        resolved=conversation.resolved,
        satisfaction=conversation.satisfaction,
    )
