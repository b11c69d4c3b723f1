"""A candidate adapter beside the serving one: it answers a share of conversations (canary), or drafts unseen (shadow).

It has an engine of its own for as long as the trial lasts, so every reply comes from exactly one adapter. Knows nothing
of how a trial is begun, judged or ended.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from assistant.adapter_register import Trial
from assistant.conversation import Reply
from assistant.engines import Engine
from assistant.errors import AssistantError
from assistant.store_shadow import ShadowDraft, save_shadow_draft
from assistant.turn import Assistant

log = logging.getLogger("assistant.adapters")

AnyAssistant = TypeVar("AnyAssistant", bound=Assistant)


def chosen(share: float, *names: str) -> bool:
    """Whether the hash of `names` falls into the share 0..1: the same everywhere and always."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < share


class Candidate:
    """The engine of a trial; it is closed when the trial is over and its last reply is finished."""

    def __init__(self, trial: Trial, engine: Engine) -> None:
        self.trial = trial
        self.engine = engine
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[Engine]:
        """The engine, kept open meanwhile."""
        self._users += 1
        self._idle.clear()
        try:
            yield self.engine
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def retire(self) -> None:
        """Close the engine once nobody uses it."""
        await self._idle.wait()
        await self.engine.close()


class Trials:
    """Which assistant speaks in a conversation, and the shadow draft under way; at most one at a time."""

    def __init__(self) -> None:
        self.candidate: Candidate | None = None
        self._shadow: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def speaker(self, assistant: AnyAssistant, conversation_id: str) -> AsyncIterator[AnyAssistant]:
        """`assistant`, with the candidate's engine where a canary trial has chosen this conversation."""
        candidate = self.candidate
        if candidate and candidate.trial.mode == "canary":
            trial = candidate.trial
            if chosen(trial.share, trial.adapter_id, conversation_id):
                async with candidate.in_use() as engine:
                    yield replace(assistant, engine=engine)
                return
        yield assistant

    def shadow(self, assistant: Assistant, asked: str, answered: str, reply: Reply) -> None:
        """Perhaps let the candidate draft, too, what was just answered; `asked` and `answered` are message ids.

        Left out while another draft is under way: what customers wait for comes first.
        """
        candidate = self.candidate
        if not candidate or candidate.trial.mode != "shadow" or reply.action != "answer" or self._shadow:
            return
        if chosen(candidate.trial.share, candidate.trial.adapter_id, answered):
            self._shadow = asyncio.create_task(self._draft(candidate, assistant, asked, answered, reply))
            self._shadow.add_done_callback(self._shadow_over)

    async def close(self) -> None:
        """End the draft under way and the candidate's engine."""
        if self._shadow:
            self._shadow.cancel()
            await asyncio.gather(self._shadow, return_exceptions=True)
        if candidate := self.candidate:
            self.candidate = None
            await candidate.engine.close()

    def _shadow_over(self, task: asyncio.Task[None]) -> None:
        self._shadow = None
        if not task.cancelled() and (error := task.exception()):
            log.error("a shadow draft failed: %s", type(error).__name__, exc_info=error)

    async def _draft(self, candidate: Candidate, assistant: Assistant, asked: str, answered: str, sent: Reply) -> None:
        started = time.perf_counter()
        try:
            history = await asyncio.to_thread(lambda: assistant.history(assistant.store.message(asked)))
            async with candidate.in_use() as engine:
                silent = Assistant(assistant.store, assistant.retriever, engine, assistant.settings)
                draft = await silent.answer_whole(history)
            seconds = time.perf_counter() - started
            one, other = await asyncio.to_thread(assistant.retriever.embedder.encode, [sent.text, draft.text])
            found = ShadowDraft(
                message_id=answered,
                candidate=candidate.trial.adapter_id,
                text=draft.text,
                written_by=draft.trace["written_by"],
                unsupported=draft.trace["unsupported"],
                similarity=float(one @ other),
                seconds=seconds,
            )
            await asyncio.to_thread(save_shadow_draft, assistant.store, found)
        except AssistantError as error:  # busy, or the conversation was erased meanwhile
            log.warning("no shadow draft for message %s: %s", answered, error)
