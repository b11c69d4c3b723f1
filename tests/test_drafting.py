"""Drafts: written while a person holds the conversation, never shown to the customer, and bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_desk import current_draft
from tests.chatting import chat_services
from tests.fakes import FakeEngine
from tests.storing import ask
from ui.drafting import AT_ONCE, Drafts

REPLY = "You can **return** lamps within 30 days."


async def test_a_message_to_a_person_gets_a_draft_and_no_reply(store: Store, chat: str, tmp_path: Path) -> None:
    assistant = chat_services(store, load_settings(tmp_path), FakeEngine([REPLY])).assistant
    store.take_over(chat, "Aoife")
    events = [event async for event in assistant.reply(chat, "How long may I return a lamp?")]
    assert [type(event).__name__ for event in events] == ["Accepted", "WaitingForPerson"]
    async with asyncio.timeout(5):
        while (draft := current_draft(store, chat)) is None:
            await asyncio.sleep(0.02)
    assert "30 days" in draft.text and draft.action == "answer"
    assert [message.author for message in store.messages(chat)] == ["customer"]


async def test_drafts_are_bounded_and_an_erased_message_is_no_accident(store: Store, chat: str, tmp_path: Path) -> None:
    assistant = chat_services(store, load_settings(tmp_path), FakeEngine([REPLY] * 50)).assistant
    drafts = Drafts()
    question = ask(store, chat, "How long may I return a lamp?")
    drafts.start(assistant, "erased")
    for _ in range(AT_ONCE + 3):
        drafts.start(assistant, question.id)
    assert len(drafts._tasks) == AT_ONCE
    await asyncio.gather(*drafts._tasks)
    assert not drafts._tasks and current_draft(store, chat) is not None
