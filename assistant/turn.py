"""A whole turn: store, understand, retrieve, decide, write, ground, store again.

Everything it uses is handed in; it knows nothing of HTTP, Gradio or how the parts work inside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from assistant.calibration import CalibrationFile
from assistant.conversation import (
    Accepted,
    Completed,
    Conversation,
    Delta,
    Event,
    Intent,
    Message,
    Reply,
    WaitingForPerson,
)
from assistant.engines import ChatMessage, Engine
from assistant.hand_over_rules import Reason, reason_for_person
from assistant.heard import Heard, Listener
from assistant.mood import Mood
from assistant.phrases import clarification, phrases
from assistant.policy import Decision, as_chosen, decide
from assistant.prompt import PROMPT_VERSION
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_moods import moods_of, record_mood
from assistant.templates import Fitting
from assistant.understand import Understanding, understand
from assistant.writing import Draft, Writer
from retrieval.documents import Hit, SearchResult
from retrieval.search import Retriever

WIDER = 10  # times as many hits are looked through for what the customer chose
HISTORY_MESSAGES = 40  # more than any prompt window holds


class Stopwatch:
    """Milliseconds of each named step of a turn."""

    def __init__(self) -> None:
        self.started = self._last = time.perf_counter()
        self.ms: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """The time since the last lap belongs to `name`."""
        now = time.perf_counter()
        self.ms[name] = round((now - self._last) * 1000, 2)
        self._last = now

    def mark(self, name: str) -> None:
        """The time since the start, for moments such as the first token."""
        self.ms[name] = round((time.perf_counter() - self.started) * 1000, 2)


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers conversations. `reply` is the stored turn, `answer` the same without a store."""

    store: Store
    retriever: Retriever
    engine: Engine
    settings: Settings
    listener: Listener | None = field(default=None, kw_only=True)
    calibration: CalibrationFile | None = field(default=None, kw_only=True)

    async def reply(
        self, conversation_id: str, text: str, client_message_id: str | None = None
    ) -> AsyncGenerator[Event]:
        """Store the customer's message, answer it, store the answer. Closing the generator frees the engine."""
        (message, earlier, conversation, history), _ = await asyncio.gather(  # the embedder reads while the disk writes
            asyncio.to_thread(self._take_in, conversation_id, text, client_message_id),
            asyncio.to_thread(self._read_ahead, text),
        )
        yield Accepted(message.id, message.position)
        if earlier is not None:
            yield Completed(earlier.id, await asyncio.to_thread(self.stored_reply, earlier))
            return
        if conversation.state == "person":
            await asyncio.to_thread(self._note_mood, message)
            yield WaitingForPerson("person_has_taken_over", "person")
            return
        async with aclosing(self.answer(history)) as events:
            async for event in events:
                if not isinstance(event, Completed):
                    yield event
                    continue
                stored, reason = await asyncio.to_thread(self._store_reply, message, event.reply)
                same = stored.text == event.reply.text  # else a simultaneous request for this message was first
                yield Completed(stored.id, event.reply if same else await asyncio.to_thread(self.stored_reply, stored))
                if reason is not None:
                    yield WaitingForPerson(reason, "waiting")

    async def answer(
        self, messages: Sequence[ChatMessage], given: Sequence[Hit] | None = None
    ) -> AsyncGenerator[Delta | Completed]:
        """Answer the last of `messages`, the customer's; nothing is stored. `given` hits replace retrieval."""
        watch = Stopwatch()
        understood = understand(messages)
        heard = await self._hear(understood, given)
        watch.lap("understand")
        found = await self._find(understood, given, heard.fitting)
        watch.lap("retrieve")
        decision = decide(understood, found, self._thresholds(), heard.fitting)
        draft = Draft(heard.fitting.text if heard.fitting else self._phrase(decision, understood))
        mood = asyncio.create_task(asyncio.to_thread(self._mood, messages[-1].content))  # while the model reads
        try:
            if decision.action == "answer":
                writer = Writer(self.engine, self.retriever.embedder, self.settings)
                async with aclosing(writer.write(messages, understood, found)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Draft):
                            draft = piece
                        else:
                            if "first_token" not in watch.ms:
                                watch.mark("first_token")
                            yield Delta(piece)
            else:
                yield Delta(draft.text)
            watch.lap("write")
            heard = replace(heard, mood=await mood)
        finally:
            mood.cancel()
        watch.mark("total")
        yield Completed(None, self._reply(understood, heard, found, decision, draft, watch))

    async def answer_whole(self, messages: Sequence[ChatMessage], given: Sequence[Hit] | None = None) -> Reply:
        """`answer` without the streaming."""
        async with aclosing(self.answer(messages, given)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    return event.reply
        raise AssertionError("a turn always completes")

    def stored_reply(self, message: Message) -> Reply:
        """The reply as it was completed, from its stored message and trace."""
        trace = self.store.trace(message.id)
        return Reply(
            text=message.text,
            action=message.action or "answer",
            citations=message.citations,
            evidence=trace.get("evidence", 0.0),
            intent=Intent(**known) if (known := trace.get("intent")) else None,
            language=trace.get("language", "en"),
            model=trace.get("model"),
            adapter=trace.get("adapter"),
            timings_ms=trace.get("timings_ms", {}),
            trace=trace,
        )

    async def close(self) -> None:
        """Free the model and the database."""
        await self.engine.close()
        await asyncio.to_thread(self.store.close)

    def _read_ahead(self, text: str) -> None:
        """Encode a message whose vector mood, intent and search will ask for."""
        if self.listener is not None:
            self.listener.embedder.encode_queries([text])

    def _take_in(
        self, conversation_id: str, text: str, client_message_id: str | None
    ) -> tuple[Message, Message | None, Conversation, list[ChatMessage]]:
        """Store the message; with it the reply if it was sent before, its conversation, and what was said up to it."""
        message, new = self.store.add_customer_message(conversation_id, text, client_message_id)
        earlier = None if new else self.store.reply_to(message.id)
        return message, earlier, self.store.conversation(conversation_id), self.history(message)

    def _store_reply(self, message: Message, reply: Reply) -> tuple[Message, Reason | None]:
        """Store the reply to `message`; with it why a person is called, if so."""
        stored = self.store.add_reply(message.conversation_id, message.id, reply)
        return stored, self._call_person(message, reply)

    async def _hear(self, understood: Understanding, given: Sequence[Hit] | None) -> Heard:
        """Intent and fitting template; no template where the passages are given or nothing is asked."""
        if self.listener is None:
            return Heard()
        heard = await asyncio.to_thread(self.listener.hear, understood.question, understood.language)
        asks = given is None and not understood.small_talk and not understood.wants_person
        return heard if asks else replace(heard, fitting=None)

    def _mood(self, said: str) -> Mood | None:
        return self.listener.mood(said) if self.listener is not None else None

    def _note_mood(self, message: Message) -> None:
        if mood := self._mood(message.text):
            record_mood(self.store, message.id, mood)

    async def _find(
        self, understood: Understanding, given: Sequence[Hit] | None, fitting: Fitting | None
    ) -> SearchResult:
        if fitting is not None:
            return SearchResult(understood.question, (), fitting.similarity)
        if given is not None:
            return SearchResult(understood.question, tuple(given), 1.0 if given else 0.0)
        if understood.small_talk or understood.wants_person or understood.left_open:
            return SearchResult(understood.question, (), 0.0)
        topic, said, alone = understood.topic, understood.said, understood.question
        most, choice = self.settings.top_k, understood.chosen
        wide = most if choice is None else most * WIDER
        found = await asyncio.to_thread(self.retriever.search, topic, wide, said=said, alone=alone)
        return found if choice is None else as_chosen(found, choice, most)

    def _thresholds(self) -> Settings:
        """The settings, with the threshold of the team's own calibration if there is one."""
        calibration = self.calibration.current() if self.calibration else None
        if calibration is None or calibration.threshold is None:
            return self.settings
        answer, clarify = calibration.threshold, min(self.settings.clarify_evidence, calibration.threshold)
        return self.settings.model_copy(update={"answer_evidence": answer, "clarify_evidence": clarify})

    def _phrase(self, decision: Decision, understood: Understanding) -> str:
        """What the assistant says without a model."""
        said = phrases(understood.language)
        if decision.action == "clarify":
            return clarification(understood.language, decision.options, understood.left_open)
        if understood.small_talk and decision.action == "small_talk":
            sentence: str = {
                "greeting": said.greeting,
                "thanks": said.thanks,
                "declined": said.all_right,
                "agreed": said.all_right,
                "goodbye": said.goodbye,
                "how_are_you": said.how_are_you,
                "who_are_you": said.who_are_you,
            }[understood.small_talk]
            return sentence.format(company=self.settings.company)
        return said.hand_over if decision.reason == "asked_for_person" else said.dont_know

    def _reply(
        self,
        understood: Understanding,
        heard: Heard,
        found: SearchResult,
        decision: Decision,
        draft: Draft,
        watch: Stopwatch,
    ) -> Reply:
        hits = [{"passage_id": hit.passage.id, "score": round(hit.score, 4)} for hit in found.hits]
        trace: dict[str, Any] = {
            "reason": decision.reason,
            "mood": asdict(heard.mood) if heard.mood else None,
            "template": heard.fitting.template.id if heard.fitting else None,
            "question": understood.question,
            "hits": hits,
            "written_by": draft.written_by,
            "unsupported": draft.unsupported,
            "consulted": draft.consulted,
            "prompt_version": PROMPT_VERSION,
            "index_version": self.retriever.version,
        }
        return Reply(
            text=draft.text,
            action=decision.action,
            citations=draft.citations,
            evidence=round(found.evidence, 4),
            intent=heard.intent,
            language=understood.language,
            model=draft.model,
            adapter=draft.adapter,
            timings_ms=watch.ms,
            trace=trace,
        )

    def _call_person(self, message: Message, reply: Reply) -> Reason | None:
        """Ask for a person if a rule says so after this reply to `message`; why, if so."""
        earlier = self.store.messages_until(message.id, HISTORY_MESSAGES)[:-1]
        asked = [said.id for said in earlier if said.author == "customer"][-1:]
        before = moods_of(self.store, asked).get(asked[0]) if asked else None
        reason = reason_for_person(message.text, reply, earlier, self.settings, before)
        if reason is not None:
            self.store.request_person(message.conversation_id, reason)
        return reason

    def history(self, message: Message) -> list[ChatMessage]:
        """The conversation up to and with `message`, as the model's roles; what came later is left out."""
        earlier = self.store.messages_until(message.id, HISTORY_MESSAGES)
        return [
            ChatMessage("user" if said.author == "customer" else "assistant", said.text)
            for said in earlier
            if said.author != "system"
        ]
