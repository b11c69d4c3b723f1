"""A candidate beside the serving one: a fixed share of conversations, unseen drafts, exactly one adapter a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.adapter_register import Trial
from assistant.conversation import Completed, Delta
from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_shadow import ShadowComparison, compare_shadow
from assistant.tables import now
from assistant.turn import Assistant
from tests.fakes import FakeEngine, fake_retriever
from tests.web import GOOD, QUESTION, RETURNS, EndlessEngine
from ui.live import Live
from ui.measure import Metrics
from ui.served import ServedAssistant, as_served
from ui.trials import Candidate, Trials, chosen

WRONG = "You can return any item within 90 days."


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedAssistant]:
    settings = load_settings(tmp_path)
    store = Store(settings.sqlalchemy_url)
    yield as_served(Assistant(store, fake_retriever([RETURNS]), EndlessEngine(), settings), Metrics(), Live())
    store.close()


def candidate(mode: str, share: float = 1.0, reply: str = WRONG, pause: float = 0.0) -> Candidate:
    engine = EndlessEngine(reply, pause)
    engine.adapter = "new"
    return Candidate(Trial("new", "canary" if mode == "canary" else "shadow", share, now()), engine)


async def say(served: ServedAssistant) -> tuple[str, Completed]:
    """One turn in a new conversation; what streamed, and how it ended."""
    chat = served.store.create_conversation(channel="web").id
    streamed, ended = "", None
    async for event in served.reply(chat, QUESTION):
        if isinstance(event, Delta):
            streamed += event.text
        elif isinstance(event, Completed):
            ended = event
    assert ended is not None
    return streamed, ended


def test_the_share_is_kept_and_the_same_conversation_is_always_chosen_alike() -> None:
    picked = [chosen(0.3, "adapter", str(number)) for number in range(2000)]
    assert 0.26 < sum(picked) / 2000 < 0.34
    assert picked == [chosen(0.3, "adapter", str(number)) for number in range(2000)]
    assert picked != [chosen(0.3, "another", str(number)) for number in range(2000)]


async def test_a_canary_answers_its_conversations_only_and_is_named_in_the_trace(served: ServedAssistant) -> None:
    served.trials.candidate = candidate("canary", 0.5, reply=GOOD)
    consulted = [(await say(served))[1].reply.trace["consulted"] for _ in range(24)]
    assert set(consulted) == {"new", "base"}
    served.trials.candidate = None
    assert (await say(served))[1].reply.trace["consulted"] == "base"


async def test_a_reply_under_way_on_a_candidate_finishes_before_its_engine_closes(served: ServedAssistant) -> None:
    running = candidate("canary", reply=GOOD, pause=0.02)
    closed: list[int] = []

    async def close() -> None:
        assert isinstance(running.engine, FakeEngine)
        closed.append(running.engine.running)

    running.engine.close = close  # type: ignore[method-assign]
    served.trials.candidate = running
    turn = asyncio.create_task(say(served))
    await asyncio.sleep(0.1)
    served.trials.candidate = None
    await running.retire()
    assert closed == [0] and (await turn)[1].reply.text == GOOD


async def test_a_shadow_is_never_seen_and_is_compared_with_what_was_sent(served: ServedAssistant) -> None:
    served.trials.candidate = candidate("shadow")
    streamed, ended = await say(served)
    assert ended.reply.text == GOOD and "90" not in streamed and ended.reply.trace["consulted"] == "base"
    async with asyncio.timeout(5):
        while (found := compare_shadow(served.store, "new")) is None:
            await asyncio.sleep(0.01)
    assert isinstance(found, ShadowComparison)
    assert (found.turns, found.unsupported, found.sent_unsupported) == (1, 1.0, 0.0)
    assert (found.written_by_model, found.sent_written_by_model) == (0.0, 1.0)
    assert found.similarity > 0.9 and compare_shadow(served.store, "other") is None
    assert len(served.store.messages(ended.message_id and served.store.message(ended.message_id).conversation_id)) == 2


async def test_shadows_never_queue_up_and_end_with_the_process(served: ServedAssistant) -> None:
    trials: Trials = served.trials
    trials.candidate = candidate("shadow", pause=10)
    for _ in range(3):
        await say(served)
    engine = trials.candidate.engine
    assert isinstance(engine, EndlessEngine)
    async with asyncio.timeout(5):
        while engine.running < 1:
            await asyncio.sleep(0.01)
    assert len(engine.prompts) == 1
    await trials.close()
    assert engine.running == 0 and trials.candidate is None
