"""What an imported reply was written from is kept with it, follows a re-import and goes with the conversation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.store import Store
from assistant.store_given import passages_given
from retrieval.documents import Passage
from training.logs import stored_logs

PASSAGE = Passage("d#0", "d", "", "given", "Breakfast is free.", heading_path=("Rooms",), entity="Acorn House")
REPLY = ImportedMessage("person", "Yes, breakfast is free.", passages=(PASSAGE,))
CHAT = ImportedConversation("desk", "1", (ImportedMessage("customer", "Is breakfast free?"), REPLY), customer_id="c1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'assistant.db'}")


def given(store: Store) -> list[tuple[Passage, ...]]:
    return [message.passages for logged in stored_logs(store) for message in logged.messages]


def test_passages_come_back_with_the_reply(store: Store) -> None:
    store.import_conversations([CHAT])
    assert given(store) == [(), (PASSAGE,)]
    store.close()


def test_a_re_import_replaces_them(store: Store) -> None:
    store.import_conversations([CHAT])
    other = replace(PASSAGE, text="Breakfast costs 9 euros.")
    store.import_conversations([replace(CHAT, messages=(CHAT.messages[0], replace(REPLY, passages=(other,))))])
    assert given(store) == [(), (other,)]
    store.import_conversations([replace(CHAT, messages=(CHAT.messages[0], replace(REPLY, passages=())))])
    assert given(store) == [(), ()]
    store.close()


def test_they_go_with_the_customer(store: Store) -> None:
    store.import_conversations([CHAT])
    ids = [message.id for logged in stored_logs(store) for message in logged.messages]
    assert list(passages_given(store, ids)) == [ids[1]]
    store.forget_customer("c1")
    assert passages_given(store, ids) == {}
    store.close()
