"""Conversations out of the exports of Zendesk, Intercom, Chatwoot and Freshdesk.

One function per product, from a record as its API gives it. Private notes are dropped, bots and people told
apart. Shapes are those of the products' API references. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.conversation import Author, ImportedConversation, ImportedMessage
from training.log_fields import (
    Malformed,
    identifier,
    identifier_or_none,
    mapping,
    name_or_none,
    said,
    sequence,
    stars_or_none,
    text,
    time_or_none,
)

People = Mapping[str, Mapping[str, Any]]  # user records by id, where an export has them

ZENDESK_SOLVED = frozenset({"solved", "closed"})
ZENDESK_AUTOMATED = 4  # comment flag: generated automatically
INTERCOM_CUSTOMERS = frozenset({"user", "lead", "contact"})
INTERCOM_SHOWN = frozenset({"comment", "quick_reply", "open", "close"})
CHATWOOT_TYPES: Mapping[object, str] = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}
FRESHDESK_RESOLVED, FRESHDESK_CLOSED = 4, 5
FRESHDESK_SURVEY = 6  # conversation source: feedback form


def zendesk(record: Mapping[str, Any], source: str, people: People) -> ImportedConversation:
    """A ticket with its public comments: `{"id", "requester_id", …, "comments": […]}` or `{"ticket", "comments"}`."""
    ticket = mapping(record["ticket"], "ticket") if "ticket" in record else record
    comments = record.get("comments", ticket.get("comments", []))
    if isinstance(comments, Mapping):
        comments = comments.get("comments", [])
    comments = [mapping(comment, f"comment {i}") for i, comment in enumerate(sequence(comments, "comments"), start=1)]
    known = dict(people) | _zendesk_people(record) | _zendesk_people(ticket)
    requester = ticket.get("requester_id") or _inner_id(ticket, "requester")
    if requester is None and comments:  # whoever wrote first
        requester = min(comments, key=lambda comment: str(comment.get("created_at"))).get("author_id")
    customers = {str(requester), *map(str, ticket.get("collaborator_ids") or ())}
    messages: list[ImportedMessage] = []
    for comment in comments:
        if comment.get("public", True) is not False:
            messages += _zendesk_comment(comment, customers, known)
    if not comments:
        messages = said(
            "customer",
            text(ticket.get("description"), "description"),
            created_at=time_or_none(ticket.get("created_at")),
        )
    rating = ticket.get("satisfaction_rating")
    rating = rating if isinstance(rating, Mapping) else {}
    score = str(rating.get("score") or "")
    return ImportedConversation(
        source=source,
        external_id=identifier(ticket.get("id"), "ticket id"),
        messages=tuple(messages),
        customer_id=identifier_or_none(requester),
        resolved=str(ticket["status"]).lower() in ZENDESK_SOLVED if ticket.get("status") else None,
        satisfaction=5 if score.startswith("good") else 1 if score.startswith("bad") else None,
        satisfaction_comment=name_or_none(rating.get("comment")),
    )


def _zendesk_people(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    people = record.get("users") or []
    inner = [record.get(key) for key in ("requester", "submitter", "assignee")]
    return {str(p["id"]): p for p in [*people, *inner] if isinstance(p, Mapping) and "id" in p}


def _inner_id(ticket: Mapping[str, Any], key: str) -> object:
    inner = ticket.get(key)
    return inner.get("id") if isinstance(inner, Mapping) else None


def _zendesk_comment(comment: Mapping[str, Any], customers: set[str], people: People) -> list[ImportedMessage]:
    author_id = str(comment.get("author_id"))
    writer = comment.get("author")
    person = writer if isinstance(writer, Mapping) else people.get(author_id, {})
    metadata = comment.get("metadata")
    flags = metadata.get("flags") if isinstance(metadata, Mapping) else None
    via = comment.get("via")
    channel = str(via.get("channel") if isinstance(via, Mapping) else "")
    author: Author = "customer" if author_id in customers or person.get("role") == "end-user" else "person"
    if "bot" in channel:
        author = "assistant"
    elif author_id == "-1" or channel in ("rule", "system") or ZENDESK_AUTOMATED in (flags or ()):
        author = "system"
    body = next((comment[key] for key in ("html_body", "plain_body", "body") if comment.get(key)), "")
    return said(
        author,
        text(body, "comment body"),
        name=name_or_none(person.get("name")),
        created_at=time_or_none(comment.get("created_at")),
        external_id=identifier_or_none(comment.get("id")),
    )


def intercom(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """A conversation: its `source` message and the parts of `conversation_parts` that customers see."""
    opening = mapping(record.get("source"), "source")
    parts = record.get("conversation_parts") or []
    if isinstance(parts, Mapping):
        parts = parts.get("conversation_parts", [])
    messages = _intercom_message(opening, record.get("created_at"))
    for i, item in enumerate(sequence(parts, "conversation_parts"), start=1):
        part = mapping(item, f"part {i}")
        if part.get("part_type", "comment") in INTERCOM_SHOWN and not part.get("redacted"):
            messages += _intercom_message(part, part.get("created_at"))
    rating = record.get("conversation_rating")
    rating = rating if isinstance(rating, Mapping) else {}
    state = record.get("state") or ("open" if record.get("open") else None)
    return ImportedConversation(
        source=source,
        external_id=identifier(record.get("id"), "conversation id"),
        messages=tuple(messages),
        customer_id=_intercom_customer(record, opening),
        resolved=state == "closed" if state else None,
        satisfaction=stars_or_none(rating.get("rating")),
        satisfaction_comment=name_or_none(rating.get("remark")),
    )


def _intercom_message(part: Mapping[str, Any], created_at: object) -> list[ImportedMessage]:
    writer = part.get("author")
    writer = writer if isinstance(writer, Mapping) else {}
    kind = str(writer.get("type") or "")
    automatic = writer.get("from_ai_agent") or writer.get("is_ai_answer") or kind == "bot"
    operator = str(writer.get("email") or "").startswith("operator+") or writer.get("name") == "Operator"
    author: Author = (
        "customer" if kind in INTERCOM_CUSTOMERS or not kind else "assistant" if automatic or operator else "person"
    )
    return said(
        author,
        text(part.get("body"), "body"),
        name=name_or_none(writer.get("name")),
        created_at=time_or_none(created_at),
        external_id=identifier_or_none(part.get("id")),
    )


def _intercom_customer(record: Mapping[str, Any], opening: Mapping[str, Any]) -> str | None:
    contacts = record.get("contacts") or record.get("customers") or []
    if isinstance(contacts, Mapping):
        contacts = contacts.get("contacts", [])
    writer = opening.get("author")
    for person in [*contacts, *([writer] if isinstance(writer, Mapping) else [])]:
        if isinstance(person, Mapping) and person.get("type", "contact") in INTERCOM_CUSTOMERS:
            return identifier_or_none(person.get("id"))
    return None


def chatwoot(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """A conversation with `messages`, as the conversation API and webhooks give it."""
    messages: list[ImportedMessage] = []
    satisfaction: Mapping[str, Any] = {}
    for i, item in enumerate(sequence(record.get("messages"), "messages"), start=1):
        message = mapping(item, f"message {i}")
        attributes = message.get("content_attributes")
        attributes = attributes if isinstance(attributes, Mapping) else {}
        if message.get("content_type") == "input_csat":
            submitted = attributes.get("submitted_values")
            answer = submitted.get("csat_survey_response") if isinstance(submitted, Mapping) else None
            satisfaction = answer if isinstance(answer, Mapping) else satisfaction
        elif not message.get("private") and not attributes.get("deleted"):
            messages += _chatwoot_message(message, attributes)
    meta = record.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    sender = meta.get("sender")
    customer = (
        sender.get("id") if isinstance(sender, Mapping) else record.get("contact_id") or _chatwoot_contact(record)
    )
    status = record.get("status")
    return ImportedConversation(
        source=source,
        external_id=identifier(record.get("id"), "conversation id"),
        messages=tuple(messages),
        customer_id=identifier_or_none(customer),
        resolved=status in (1, "resolved") if status is not None else None,
        satisfaction=stars_or_none(satisfaction.get("rating")),
        satisfaction_comment=name_or_none(satisfaction.get("feedback_message")),
    )


def _chatwoot_message(message: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[ImportedMessage]:
    kind = CHATWOOT_TYPES.get(message.get("message_type"), message.get("message_type"))
    sender = message.get("sender")
    sender = sender if isinstance(sender, Mapping) else {}
    sender_type = str(message.get("sender_type") or sender.get("type") or "").lower()
    if kind not in ("incoming", "outgoing", "activity", "template"):
        raise Malformed(f"message_type is {kind!r}, not 0 to 3")
    if kind == "activity":
        return []
    bot = kind == "template" or "bot" in sender_type or "captain" in sender_type
    author: Author = "customer" if kind == "incoming" else "assistant" if bot else "person"
    email = attributes.get("email")
    content = email.get("text_content") if isinstance(email, Mapping) else None
    reply = content.get("reply") if isinstance(content, Mapping) else None
    return said(
        author,
        text(reply or message.get("content"), "content"),
        name=name_or_none(sender.get("name")),
        created_at=time_or_none(message.get("created_at")),
        external_id=identifier_or_none(message.get("id")),
    )


def _chatwoot_contact(record: Mapping[str, Any]) -> object:
    for message in record["messages"]:
        sender = message.get("sender")
        if isinstance(sender, Mapping) and str(sender.get("type")).lower() == "contact":
            return sender.get("id")
    return None


def freshdesk(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """A ticket with `conversations`; the description is the customer's first message."""
    ticket = mapping(record["helpdesk_ticket"], "helpdesk_ticket") if "helpdesk_ticket" in record else record
    requester = ticket.get("requester")
    requester = requester if isinstance(requester, Mapping) else {}
    name = name_or_none(requester.get("name"))
    opening = text(ticket.get("description") or ticket.get("description_text"), "description")
    messages = said("customer", opening, name=name, created_at=time_or_none(ticket.get("created_at")))
    notes = ticket.get("conversations") if ticket.get("conversations") is not None else ticket.get("notes", [])
    items = [mapping(note, f"conversation {i}") for i, note in enumerate(sequence(notes, "conversations"), start=1)]
    items = [mapping(note.get("helpdesk_note", note), "helpdesk_note") for note in items]
    for note in items:
        if not note.get("private") and note.get("source") != FRESHDESK_SURVEY:
            messages += _freshdesk_note(note, name)
    status = ticket.get("status")
    customer = ticket.get("requester_id") or requester.get("id")
    customer = customer or next((note.get("user_id") for note in items if note.get("incoming")), None)
    return ImportedConversation(
        source=source,
        external_id=identifier(ticket.get("id", ticket.get("display_id")), "ticket id"),
        messages=tuple(messages),
        customer_id=identifier_or_none(customer),
        resolved=status in (FRESHDESK_RESOLVED, FRESHDESK_CLOSED) if isinstance(status, int) else None,
    )


def _freshdesk_note(note: Mapping[str, Any], customer_name: str | None) -> list[ImportedMessage]:
    incoming = bool(note.get("incoming"))
    return said(
        "customer" if incoming else "person",
        text(note.get("body") or note.get("body_html") or note.get("body_text"), "body"),
        name=customer_name if incoming else name_or_none(note.get("user_name")),
        created_at=time_or_none(note.get("created_at")),
        external_id=identifier_or_none(note.get("id")),
    )
