"""Small made-up exports in the shapes that support tools give, for the tests of importing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any


def write_json(path: Path, value: object) -> Path:
    """One JSON document."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), "utf-8")
    return path


def write_lines(path: Path, values: list[Any]) -> Path:
    """JSON Lines; strings are written as they are, so that they can be broken."""
    lines = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


ZENDESK_USERS = [
    {"id": 11, "name": "Rosa Diaz", "role": "end-user", "email": "rosa@example.org"},
    {"id": 21, "name": "Ben Ode", "role": "agent"},
]


def zendesk_ticket(id: int = 35436) -> dict[str, Any]:
    """A solved ticket with a mail exchange, a private note and an automatic notice."""
    return {
        "id": id,
        "subject": "Late parcel",
        "description": "Where is my parcel?",
        "requester_id": 11,
        "submitter_id": 11,
        "assignee_id": 21,
        "status": "solved",
        "via": {"channel": "email"},
        "satisfaction_rating": {"score": "good", "comment": "quick!"},
        "created_at": "2024-03-01T09:00:00Z",
        "comments": [
            {
                "id": 1,
                "type": "Comment",
                "author_id": 11,
                "public": True,
                "body": "Where is my parcel?\n\n-- \nRosa",
                "html_body": '<div class="zd-comment"><p>Where is <b>my</b> parcel?</p><p>--<br>Rosa Diaz</p></div>',
                "created_at": "2024-03-01T09:00:00Z",
                "via": {"channel": "email"},
            },
            {
                "id": 2,
                "author_id": 21,
                "public": False,
                "body": "customer is angry",
                "created_at": "2024-03-01T09:05:00Z",
            },
            {
                "id": 3,
                "author_id": 21,
                "public": True,
                "html_body": "<p>It arrives &amp; is yours on Monday: <a href='https://t.example/1'>track it</a>.</p>"
                "<p>Best regards,<br>Ben Ode<br>Acme Care</p>"
                '<div class="gmail_quote">On Fri, Mar 1, 2024 Rosa wrote: <blockquote>Where is</blockquote></div>',
                "created_at": "2024-03-01T10:30:00+01:00",
            },
            {
                "id": 4,
                "author_id": -1,
                "public": True,
                "body": "This ticket was solved.",
                "created_at": "2024-03-02T09:00:00Z",
            },
        ],
    }


def intercom_conversation(id: str = "1911149811") -> dict[str, Any]:
    """A closed conversation: customer, bot, note, person; rated."""
    person = {"type": "admin", "id": "274", "name": "Mark Strong", "email": "mark@acme.example"}
    customer = {"type": "user", "id": "5bc8f7", "name": "Ada", "email": "ada@example.org"}
    bot = {"type": "bot", "id": "0", "name": "Fin", "from_ai_agent": True}
    return {
        "type": "conversation",
        "id": id,
        "created_at": 1539897198,
        "state": "closed",
        "open": False,
        "source": {
            "type": "conversation",
            "id": "269650473",
            "delivered_as": "customer_initiated",
            "subject": "",
            "body": "<p>Can I change my address?</p>",
            "author": customer,
        },
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "5bc8f7"}]},
        "conversation_rating": {"rating": 4, "remark": "fine", "contact": {"type": "contact", "id": "5bc8f7"}},
        "conversation_parts": {
            "type": "conversation_part.list",
            "total_count": 5,
            "conversation_parts": [
                {
                    "id": "1",
                    "part_type": "comment",
                    "body": "<p>One moment</p>",
                    "created_at": 1539897200,
                    "author": bot,
                },
                {
                    "id": "2",
                    "part_type": "note",
                    "body": "<p>check fraud list</p>",
                    "created_at": 1539897210,
                    "author": person,
                },
                {"id": "3", "part_type": "assignment", "body": None, "created_at": 1539897220, "author": person},
                {
                    "id": "4",
                    "part_type": "comment",
                    "body": "<p>Yes, under Settings.</p>",
                    "created_at": 1539897300,
                    "author": person,
                },
                {"id": "5", "part_type": "close", "body": None, "created_at": 1539897400, "author": person},
            ],
        },
    }


def chatwoot_messages() -> list[dict[str, Any]]:
    """Messages of conversation 7: greeting template, customer, note, bot, person, activity, survey."""
    return [
        {
            "id": 1,
            "content": "Hi!",
            "message_type": 3,
            "private": False,
            "created_at": 1700000000,
            "conversation_id": 7,
        },
        {
            "id": 2,
            "content": "Do you ship to Oslo?",
            "message_type": 0,
            "private": False,
            "created_at": 1700000010,
            "conversation_id": 7,
            "sender": {"id": 99, "name": "Kari", "type": "contact"},
        },
        {
            "id": 3,
            "content": "ask logistics",
            "message_type": 1,
            "private": True,
            "created_at": 1700000020,
            "conversation_id": 7,
            "sender": {"id": 5, "name": "Lena", "type": "user"},
        },
        {
            "id": 4,
            "content": "Let me see",
            "message_type": 1,
            "private": False,
            "created_at": 1700000030,
            "conversation_id": 7,
            "sender": {"id": 3, "name": "Robo", "type": "agent_bot"},
        },
        {
            "id": 5,
            "content": "We do, in three days.",
            "message_type": 1,
            "private": False,
            "created_at": 1700000040,
            "conversation_id": 7,
            "sender": {"id": 5, "name": "Lena", "type": "user"},
        },
        {
            "id": 6,
            "content": "Lena resolved",
            "message_type": 2,
            "private": False,
            "created_at": 1700000050,
            "conversation_id": 7,
        },
        {
            "id": 7,
            "content": "Please rate",
            "content_type": "input_csat",
            "content_attributes": {
                "submitted_values": {"csat_survey_response": {"rating": 5, "feedback_message": "super"}}
            },
            "message_type": 3,
            "private": False,
            "created_at": 1700000060,
            "conversation_id": 7,
        },
    ]


def freshdesk_ticket(id: int = 20) -> dict[str, Any]:
    """A resolved ticket with a public answer, a private note and a customer's reply that quotes."""
    return {
        "id": id,
        "subject": "Refund",
        "description": "<div>I want a refund</div>",
        "description_text": "I want a refund",
        "status": 4,
        "requester_id": 1,
        "responder_id": 51,
        "requester": {"id": 1, "name": "Omar"},
        "created_at": "2015-08-24T11:56:51Z",
        "conversations": [
            {
                "id": 3,
                "body": "<div>Thank you!</div><div>On Mon, 24 Aug 2015 Acme wrote:</div><div>&gt; Sure</div>",
                "incoming": True,
                "private": False,
                "user_id": 1,
                "source": 0,
                "created_at": "2015-08-24T13:00:00Z",
            },
            {
                "id": 1,
                "body": "<div>Sure, within five days.</div>",
                "body_text": "Sure, within five days.",
                "incoming": False,
                "private": False,
                "user_id": 51,
                "source": 0,
                "created_at": "2015-08-24T12:00:00Z",
            },
            {
                "id": 2,
                "body_text": "VIP",
                "incoming": False,
                "private": True,
                "user_id": 51,
                "source": 2,
                "created_at": "2015-08-24T12:30:00Z",
            },
        ],
    }


def open_webui_chat(id: str = "c-1") -> dict[str, Any]:
    """A chat whose first answer was generated twice; the second one is current and liked."""

    def node(id: str, parent: str | None, children: list[str], role: str, content: str, **more: Any) -> dict[str, Any]:
        return {"id": id, "parentId": parent, "childrenIds": children, "role": role, "content": content} | more

    return {
        "id": id,
        "user_id": "u-9",
        "title": "Lamps",
        "chat": {
            "title": "Lamps",
            "models": ["smol"],
            "history": {
                "currentId": "m4",
                "messages": {
                    "m1": node("m1", None, ["m2", "m3"], "user", "Which lamp is dimmable?", timestamp=1700000000),
                    "m2": node("m2", "m1", [], "assistant", "None.", model="smol", timestamp=1700000001),
                    "m3": node(
                        "m3",
                        "m1",
                        ["m4"],
                        "assistant",
                        '<details type="reasoning" done="true">\n> hmm\n</details>\nThe Aurora.',
                        model="smol",
                        modelName="Smol",
                        timestamp=1700000002,
                        annotation={"rating": 1, "comment": ""},
                    ),
                    "m4": node("m4", "m3", [], "user", "Thanks", timestamp=1700000003),
                },
            },
            "messages": [],
        },
    }


MESSAGES = {
    "id": "a-1",
    "customer_id": "c-7",
    "resolved": True,
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Is it in stock?", "created_at": "2024-05-01T08:00:00+02:00"},
        {"role": "assistant", "content": "Yes.", "name": "Ida", "rating": 1, "created_at": "2024-05-01T08:01:00+02:00"},
    ],
}
