"""The exports of help desks are recognised and read into conversations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests import exports
from tests.reading_logs import read, turns

ZENDESK_TURNS = [
    ("customer", "Where is my parcel?"),
    ("person", "It arrives & is yours on Monday: track it (https://t.example/1)."),
    ("system", "This ticket was solved."),
]


def test_zendesk_tickets_with_users_beside_them(tmp_path: Path) -> None:
    file = {"users": exports.ZENDESK_USERS, "tickets": [exports.zendesk_ticket()], "count": 1}
    reader, (ticket,) = read(exports.write_json(tmp_path / "export.json", file))
    assert (reader.format.name, reader.failed, ticket.source, ticket.external_id) == ("zendesk", 0, "zendesk", "35436")
    assert turns(ticket) == ZENDESK_TURNS
    assert [message.name for message in ticket.messages] == ["Rosa Diaz", "Ben Ode", None]
    assert ticket.messages[1].created_at == datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
    assert (ticket.customer_id, ticket.resolved, ticket.satisfaction, ticket.satisfaction_comment) == (
        "11",
        True,
        5,
        "quick!",
    )


def test_zendesk_tickets_as_lines_and_with_their_comments_beside_them(tmp_path: Path) -> None:
    ticket = exports.zendesk_ticket()
    comments = [comment | {"ticket_id": ticket["id"]} for comment in ticket.pop("comments")]
    lines = exports.write_lines(tmp_path / "a.jsonl.gz", [{"ticket": ticket, "comments": {"comments": comments}}])
    apart = exports.write_json(tmp_path / "b.json", {"tickets": [ticket], "comments": comments})
    flat = exports.write_json(tmp_path / "c.json", comments[::-1])
    for path in (lines, apart, flat):
        assert turns(read(path)[1][0]) == ZENDESK_TURNS, path


def test_a_zendesk_ticket_without_comments_has_its_description(tmp_path: Path) -> None:
    ticket = exports.zendesk_ticket()
    del ticket["comments"]
    assert turns(read(exports.write_json(tmp_path / "t.json", {"tickets": [ticket]}))[1][0]) == [
        ("customer", "Where is my parcel?")
    ]


def test_intercom_conversations(tmp_path: Path) -> None:
    for name, value in (
        ("list.json", {"conversations": [exports.intercom_conversation()]}),
        ("one.json", exports.intercom_conversation()),
    ):
        reader, (chat,) = read(exports.write_json(tmp_path / name, value))
        assert (reader.format.name, chat.external_id, chat.customer_id) == ("intercom", "1911149811", "5bc8f7")
        assert turns(chat) == [
            ("customer", "Can I change my address?"),
            ("assistant", "One moment"),
            ("person", "Yes, under Settings."),
        ]
        assert (chat.resolved, chat.satisfaction, chat.messages[2].name) == (True, 4, "Mark Strong")
        assert chat.messages[0].created_at == datetime.fromtimestamp(1539897198, UTC)


def test_chatwoot_conversations_whole_and_in_pieces(tmp_path: Path) -> None:
    messages = exports.chatwoot_messages()
    whole = {"id": 7, "inbox_id": 1, "status": "resolved", "messages": messages, "meta": {"sender": {"id": 99}}}
    expected = [
        ("assistant", "Hi!"),
        ("customer", "Do you ship to Oslo?"),
        ("assistant", "Let me see"),
        ("person", "We do, in three days."),
    ]
    for name, value in (
        ("whole.json", {"data": {"meta": {}, "payload": [whole]}}),
        ("pieces.json", {"meta": {}, "payload": messages}),
    ):
        reader, (chat,) = read(exports.write_json(tmp_path / name, value))
        assert (reader.format.name, chat.external_id, chat.customer_id, chat.satisfaction) == ("chatwoot", "7", "99", 5)
        assert turns(chat) == expected
    shuffled = [
        json.loads(json.dumps(m).replace('"conversation_id": 7', f'"conversation_id": {c}'))
        for m in messages
        for c in (7, 8)
    ]
    reader, chats = read(exports.write_lines(tmp_path / "mixed.jsonl", shuffled))
    assert [(chat.external_id, turns(chat)) for chat in chats] == [("7", expected), ("8", expected)]


def test_freshdesk_tickets(tmp_path: Path) -> None:
    reader, (ticket,) = read(exports.write_json(tmp_path / "f.json", [exports.freshdesk_ticket()]))
    assert (reader.format.name, ticket.external_id, ticket.customer_id, ticket.resolved) == (
        "freshdesk",
        "20",
        "1",
        True,
    )
    assert turns(ticket) == [
        ("customer", "I want a refund"),
        ("person", "Sure, within five days."),
        ("customer", "Thank you!"),
    ]
    single = read(exports.write_json(tmp_path / "one.json", exports.freshdesk_ticket()))[1]
    legacy = {"helpdesk_ticket": {"display_id": 20, "description": "I want a refund", "notes": []}}
    assert turns(single[0]) == turns(ticket)
    assert turns(read(exports.write_lines(tmp_path / "legacy.jsonl", [legacy]))[1][0]) == turns(ticket)[:1]
