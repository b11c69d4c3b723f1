"""Tokens, ownership, API keys and what counts as this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from assistant.errors import NotFound, Unauthorized
from assistant.settings import load_settings
from assistant.store import Store
from ui.identity import (
    bearer,
    from_this_machine,
    is_loopback,
    new_token,
    own_conversation,
    own_message,
    require_api_key,
    token_hash,
)


def scope(server: Any = ("127.0.0.1", 8000), **headers: str) -> dict[str, Any]:
    """A request's scope; header names with `_` for `-`."""
    raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": "/", "server": server, "headers": raw}


def test_tokens_are_long_random_and_stored_as_their_hash_only() -> None:
    tokens = [new_token() for _ in range(100)]
    assert len({token for token, _ in tokens}) == 100
    assert all(len(token) >= 43 and hashed == token_hash(token) and token not in hashed for token, hashed in tokens)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_anything_but_a_bearer_token_is_unauthorized(value: str) -> None:
    with pytest.raises(Unauthorized):
        bearer(Headers({"Authorization": value}))


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer(Headers({"authorization": "bearer  abc"})) == "abc"


async def test_a_conversation_opens_to_its_own_token_only(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    token, hashed = new_token()
    mine = store.create_conversation(channel="api", token_hash=hashed)
    other_token, other_hash = new_token()
    theirs = store.create_conversation(channel="api", token_hash=other_hash)
    nobodys = store.create_conversation(channel="cli")
    message, _ = store.add_customer_message(theirs.id, "private")
    try:
        assert (await own_conversation(store, mine.id, token)).id == mine.id
        assert (await own_message(store, message.id, other_token)).id == message.id
        told = set()
        for conversation_id in (theirs.id, nobodys.id, "unknown", ""):
            with pytest.raises(NotFound) as refused:
                await own_conversation(store, conversation_id, token)
            told.add(str(refused.value))
        for wrong in (hashed, "", other_token[:-1], "\udcff"):
            with pytest.raises(NotFound):
                await own_conversation(store, theirs.id, wrong)
        for message_id in (message.id, "unknown"):
            with pytest.raises(NotFound) as refused:
                await own_message(store, message_id, token)
            told.add(str(refused.value))
        assert len(told) == 2  # one sentence for conversations, one for messages
    finally:
        store.close()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_loopback_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "example.com", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "2130706433"]
)
def test_other_names_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_calls_through_a_proxy_do_not_come_from_this_machine() -> None:
    assert from_this_machine(scope())
    assert not from_this_machine(scope(X_Forwarded_For="203.0.113.9"))
    assert not from_this_machine(scope(Via="1.1 proxy"))
    assert not from_this_machine(scope(server=("10.0.0.5", 8000)))
    assert not from_this_machine(scope(server=None))
    assert not from_this_machine(scope(server=("/run/assistant.sock", None)))


def test_without_keys_only_this_machine_may_use_the_keyed_endpoints(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    require_api_key(Request(scope()), settings)
    with pytest.raises(Unauthorized, match="set api_keys"):
        require_api_key(Request(scope(server=("10.0.0.5", 8000))), settings)


def test_with_keys_everybody_needs_one(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, api_keys=["key-one", "key-two"])
    require_api_key(Request(scope(Authorization="Bearer key-two")), settings)
    for headers in ({}, {"Authorization": "Bearer key"}, {"Authorization": "Bearer "}, {"Authorization": "key-one"}):
        with pytest.raises(Unauthorized):
            require_api_key(Request(scope(**headers)), settings)
