"""What the /api/v1 routes refuse over real sockets: too much, odd, foreign; always with the one shape of an error."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web import Site, Talk, eventually, site


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the tests that do not mind each other."""
    with site(tmp_path_factory.mktemp("shop")) as running:
        yield running


def test_event_streams_of_one_conversation_are_bounded(shop: Site) -> None:
    talk = shop.begin()
    with httpx.Client(base_url=shop.url, timeout=20) as client:
        opened = [client.send(client.build_request("GET", f"{talk.path}/events", headers=talk.headers), stream=True)
                  for _ in range(9)]  # fmt: skip
        assert [answer.status_code for answer in opened] == [200] * 8 + [429]
        for answer in opened:
            answer.close()
    eventually(lambda: _streams(shop) == 0, 2)


def _streams(shop: Site) -> float:
    text = shop.client.get("/metrics").text
    return float(next(line for line in text.splitlines() if line.startswith("assistant_event_streams ")).split()[1])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": ""}, 422),
        ({"text": "  \n "}, 422),
        ({"text": None}, 422),
        ({}, 422),
        ({"text": "x" * 4001}, 422),
        ({"text": "hi", "client_message_id": ""}, 422),
        ({"text": "hi", "client_message_id": "x" * 201}, 422),
        ({"text": "hi", "clientMessageId": "typo"}, 422),
        ([], 422),
    ],
)
def test_bad_messages_are_refused_with_their_reason(shop: Site, body: object, status: int) -> None:
    answer = shop.begin().post("/messages", body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "invalid" and answer.json()["error"]["message"]


def test_odd_text_is_stored_or_refused_but_never_breaks_anything(shop: Site) -> None:
    talk = shop.begin()
    headers = talk.headers | {"Content-Type": "application/json"}
    for raw in ('{"text": "\\ud800"}', '{"text": "a\\u0000b"}', '{"text": "\\u2028\\u202e<script>"}', '{"text": "𝕳𝖎"}'):
        answer = shop.client.post(f"{talk.path}/messages", content=raw, headers=headers)
        assert answer.status_code in (200, 422), raw
        if answer.status_code == 200:
            assert "event: completed" in answer.text, raw
    for raw in ('{"text": ', "[" * 50_000, '{"text": ' + "9" * 6000 + "}", b"\xff\xfe"):
        answer = shop.client.post(f"{talk.path}/messages", content=raw, headers=headers)
        assert answer.status_code in (400, 422), raw[:40]
        assert set(answer.json()["error"]) >= {"code", "message"}


def test_unknown_and_foreign_conversations_look_the_same(shop: Site) -> None:
    mine, theirs = shop.begin(), shop.begin()
    found = []
    for other in (theirs.id, str(uuid.uuid4()), "x", "%00", "é", "a" * 64):
        answer = shop.client.get(f"/api/v1/conversations/{other}/messages", headers=mine.headers)
        found.append((answer.status_code, answer.json()))
    assert found[0][0] == 404 and all(other == found[0] for other in found)


def test_a_conversation_without_a_token_belongs_to_nobody_here(shop: Site) -> None:
    conversation = shop.store.create_conversation(channel="cli")
    for token in ("x", "None"):
        answer = Talk(shop, conversation.id, token).post("/close")
        assert answer.status_code == 404
    assert shop.store.conversation(conversation.id).state == "assistant"


def test_rates_are_per_conversation_and_per_address(tmp_path: Path) -> None:
    with site(tmp_path, messages_per_minute=2, address_messages_per_minute=3, conversations_per_minute=4) as shop:
        talk, other, third = shop.begin(), shop.begin(), shop.begin()
        codes = [talk.post("/messages", {"text": "hi"}).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert other.post("/messages", {"text": "hi"}).status_code == 200
        refused = third.post("/messages", {"text": "hi"})
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) in range(1, 61)
        assert refused.json()["error"]["code"] == "rate_limited" and third.messages() == []
        assert [shop.client.post("/api/v1/conversations").status_code for _ in range(2)] == [201, 429]


def test_all_requests_of_an_address_are_counted(tmp_path: Path) -> None:
    with site(tmp_path, requests_per_minute=3) as shop:
        talk = shop.begin()
        assert [talk.post("/close").status_code for _ in range(3)] == [200, 200, 429]
