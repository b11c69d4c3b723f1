"""Who answers a conversation: the moves between assistant, waiting, person and closed.

Works within a session that `store.py` opened; each function takes a locked conversation.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from assistant.conversation import State
from assistant.errors import Conflict
from assistant.storable import clean
from assistant.store_rows import open_hand_over
from assistant.tables import ConversationRow, HandOverRow, now


def request_person(session: Session, conversation: ConversationRow, reason: str) -> None:
    """assistant -> waiting; a second request changes nothing."""
    refuse_closed(conversation)
    if conversation.state != "assistant":
        return
    conversation.state = "waiting"
    conversation.updated_at = now()
    session.add(HandOverRow(conversation_id=conversation.id, reason=clean(reason)))


def take_over(session: Session, conversation: ConversationRow, name: str) -> None:
    """assistant or waiting -> person; raises Conflict when another person holds it."""
    refuse_closed(conversation)
    hand_over = open_hand_over(session, conversation.id)
    if hand_over is None:
        hand_over = HandOverRow(conversation_id=conversation.id, reason="taken_over_by_staff")
        session.add(hand_over)
    if conversation.state == "person" and hand_over.taken_by != clean(name):
        raise Conflict(f"{hand_over.taken_by} already holds conversation {conversation.id}")
    if conversation.state != "person":
        conversation.state = "person"
        conversation.updated_at = hand_over.taken_at = now()
        hand_over.taken_by = clean(name)


def give_back(session: Session, conversation: ConversationRow) -> None:
    """waiting or person -> assistant."""
    refuse_closed(conversation)
    _leave(session, conversation, "assistant")


def close(session: Session, conversation: ConversationRow) -> None:
    """Any state -> closed; closing twice changes nothing."""
    _leave(session, conversation, "closed")


def _leave(session: Session, conversation: ConversationRow, state: State) -> None:
    if conversation.state == state:
        return
    conversation.state = state
    conversation.updated_at = now()
    hand_over = open_hand_over(session, conversation.id)
    if hand_over is not None:
        hand_over.closed_at = conversation.updated_at


def refuse_closed(conversation: ConversationRow) -> None:
    """Raises Conflict for a closed conversation."""
    if conversation.state == "closed":
        raise Conflict(f"conversation {conversation.id} is closed; start a new one")
