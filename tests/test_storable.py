"""Text, identifiers and JSON come back from both databases as they went in, or are cleaned or refused as documented."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.conversation import ImportedConversation
from assistant.errors import InvalidInput
from assistant.store import Store
from tests.storing import REPLY, ask

PAIR = "\U0001f600"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b\udc00c", "a\ufffdb\ufffdc"),
        ("\ud83d\ude00", PAIR),
        ("\ufeff\u202e\u0000", "\ufeff\u202e\ufffd"),
    ],
)
def test_text_no_database_can_hold_is_replaced_not_lost(store: Store, chat: str, given: str, kept: str) -> None:
    assert ask(store, chat, given, "k").text == kept
    assert store.add_customer_message(chat, given, "k")[1] is False
    odd = replace(REPLY, text=given, trace={"question": given, "note": [given], given: 1})
    answer = store.add_reply(chat, store.messages(chat)[0].id, odd)
    store.rate(answer.id, 1, given)
    store.set_satisfaction(chat, 3, given)
    store.request_person(chat, given)
    store.add_person_message(chat, given, given)
    assert [m.text for m in store.messages(chat)] == [kept] * 3
    assert store.trace(answer.id)["note"] == [kept]
    assert store.conversation(chat).satisfaction_comment == kept


@pytest.mark.parametrize("bad", ["", "a\x00b", "\ud800", "x" * 256])
def test_identifiers_no_database_can_hold_are_refused(store: Store, chat: str, bad: str) -> None:
    with pytest.raises(InvalidInput, match="client_message_id"):
        store.add_customer_message(chat, "hi", bad)
    with pytest.raises(InvalidInput, match="customer_id"):
        store.create_conversation(channel="web", customer_id=bad)
    with pytest.raises(InvalidInput, match="external_id"):
        ImportedConversation("s", bad, ())
    assert store.messages(chat) == []


def test_naughty_strings_come_back_as_they_went_in(store: Store, chat: str) -> None:
    folder = Path(os.environ.get("ASSISTANT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    file = folder / "security" / "naughty_strings.json"
    if not file.exists():
        pytest.skip(f"no development data: {file} is missing; set ASSISTANT_DATA")
    strings = json.loads(file.read_text("utf-8"))
    for text in strings:
        ask(store, chat, text)
    assert len(strings) > 400
    assert [m.text for m in store.messages(chat, limit=len(strings) + 1)] == strings
