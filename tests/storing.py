"""What several tests of the store share: a reply to store, a message to send, work done at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from assistant.conversation import Citation, Intent, Message, Reply
from assistant.store import Store

Result = TypeVar("Result")

REPLY = Reply(
    text="Thirty days.",
    action="answer",
    citations=(Citation("returns.md", "returns.md#0", "within 30 days", heading_path=("Returns", "When")),),
    evidence=0.9,
    intent=Intent("return", 0.8),
    language="en",
    model="tiny",
    adapter="lora-1",
    timings_ms={"total": 12.5},
    trace={
        "question": "How long may I return?",
        "hits": [{"passage_id": "returns.md#0", "score": 0.7}],
        "prompt_version": "1",
        "index_version": "v3",
        "reason": "evidence",
    },
)


def together(count: int, work: Callable[[int], Result]) -> list[Result]:
    """Results of `work(0)` .. `work(count - 1)`, started at the same moment in as many threads."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Result:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def ask(store: Store, chat: str, text: str = "hi", key: str | None = None) -> Message:
    return store.add_customer_message(chat, text, key)[0]
