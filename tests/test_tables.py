"""Ids sort by time or tell nothing; the database itself refuses what the rules forbid."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from assistant.database import WRITE, open_engine, parse_url
from assistant.store import Store
from assistant.tables import Base, ConversationRow, HandOverRow, MessageRow, RatingRow, uuid4, uuid7


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A writing engine on a database with conversation "c" and its messages "m1" and "m2"."""
    Store(database_url).close()
    opened = open_engine(parse_url(database_url))
    writing = opened.execution_options(**WRITE)
    with writing.begin() as connection:
        connection.execute(insert(ConversationRow).values(id="c", channel="web"))
        for number in (1, 2):
            values = {"id": f"m{number}", "position": number, "client_message_id": f"k{number}"}
            connection.execute(insert(MessageRow).values(conversation_id="c", author="customer", text="hi", **values))
    yield writing
    opened.dispose()


def test_version_7_ids_sort_by_time() -> None:
    ids = []
    for _ in range(20):
        ids.append(uuid7())
        time.sleep(0.00001)  # far less than a millisecond
    assert ids == sorted(ids)
    parsed = [uuid.UUID(id) for id in ids]
    assert {(id.version, id.variant) for id in parsed} == {(7, uuid.RFC_4122)}
    moment = datetime.fromtimestamp((parsed[0].int >> 80) / 1000, UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


def test_ids_do_not_repeat() -> None:
    assert len({uuid7() for _ in range(20_000)}) == len({uuid4() for _ in range(20_000)}) == 20_000


MESSAGE = {"id": "m3", "conversation_id": "c", "position": 3, "author": "customer", "text": "hi"}


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (MessageRow, MESSAGE | {"position": 2}),
        (MessageRow, MESSAGE | {"position": 0}),
        (MessageRow, MESSAGE | {"client_message_id": "k1"}),
        (MessageRow, MESSAGE | {"conversation_id": "unknown"}),
        (MessageRow, MESSAGE | {"author": "stranger"}),
        (MessageRow, MESSAGE | {"in_reply_to": "unknown"}),
        (MessageRow, MESSAGE | {"text": None}),
        (RatingRow, {"message_id": "m1", "value": 2}),
        (RatingRow, {"message_id": "unknown", "value": 1}),
        (ConversationRow, {"channel": "web", "state": "gone"}),
        (ConversationRow, {"channel": "web", "satisfaction": 6}),
    ],
)
def test_the_database_refuses_what_breaks_a_rule(engine: Engine, table: type[Base], values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(table).values(values))


def test_one_reply_and_one_open_hand_over(engine: Engine) -> None:
    reply = {"conversation_id": "c", "author": "assistant", "text": "yes", "in_reply_to": "m1"}
    with engine.begin() as connection:
        connection.execute(insert(MessageRow).values(id="r1", position=3, **reply))
        connection.execute(insert(HandOverRow).values(conversation_id="c", reason="asked"))
        done = {"conversation_id": "c", "reason": "asked", "closed_at": datetime.now(UTC)}
        connection.execute(insert(HandOverRow), [done | {"id": "h1"}, done | {"id": "h2"}])
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(MessageRow).values(id="r2", position=4, **reply))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(HandOverRow).values(conversation_id="c", reason="again"))


def test_an_imported_conversation_is_named_once(engine: Engine) -> None:
    named = {"channel": "zendesk", "source": "zendesk", "external_id": "1"}
    with engine.begin() as connection:
        connection.execute(insert(ConversationRow).values(named))
        for _ in range(2):  # live chats have no such name
            connection.execute(insert(ConversationRow).values(channel="web"))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(ConversationRow).values(named))
