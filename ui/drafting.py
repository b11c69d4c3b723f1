"""Lets the assistant write drafts while a person holds a conversation; customers never see them.

At most a few at a time: a draft is a help, and the replies customers wait for come first.
"""

from __future__ import annotations

import asyncio
import logging

from assistant.conversation import Message
from assistant.errors import AssistantError
from assistant.store_desk import save_draft
from assistant.turn import Assistant
from retrieval.failures import RetrievalError

log = logging.getLogger("assistant.drafts")

AT_ONCE = 4


class Drafts:
    """Drafts under way in this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, assistant: Assistant, message_id: str) -> None:
        """Write a draft for the customer's message in the background; left out when too many are under way."""
        if len(self._tasks) >= AT_ONCE:
            return
        task = asyncio.create_task(self._write(assistant, message_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, assistant: Assistant, message_id: str) -> None:
        try:
            message = await asyncio.to_thread(assistant.store.message, message_id)
            await write_draft(assistant, message)
        except (AssistantError, RetrievalError) as error:  # busy or erased meanwhile: the person answers without it
            log.warning("no draft for message %s: %s", message_id, error)


async def write_draft(assistant: Assistant, message: Message) -> None:
    """What the assistant would answer to the customer's message, stored as a draft."""
    history = await asyncio.to_thread(assistant.history, message)
    reply = await assistant.answer_whole(history)
    await asyncio.to_thread(save_draft, assistant.store, message.id, reply)
