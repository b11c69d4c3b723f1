"""The review queue: what deserves a second look, why, and that it leaves with a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.conversation import Reply
from assistant.errors import InvalidInput, NotFound
from assistant.store import Store
from assistant.store_review import mark_reviewed, review_queue
from tests.storing import REPLY, ask


def answered(store: Store, reply: Reply = REPLY) -> tuple[str, str]:
    chat = store.create_conversation(channel="web").id
    return chat, store.add_reply(chat, ask(store, chat, "How long?").id, reply).id


def test_only_doubtful_answers_are_queued_with_their_reasons(store: Store) -> None:
    answered(store)
    answered(store, replace(REPLY, action="small_talk", evidence=0.0))
    answered(
        store, replace(REPLY, action="hand_over", evidence=0.0, trace={**REPLY.trace, "reason": "asked_for_person"})
    )
    _, thin = answered(store, replace(REPLY, evidence=0.2))
    _, disliked = answered(store)
    store.rate(disliked, -1, "too short")
    chat, handed = answered(store)
    store.request_person(chat, "asked_for_person")
    found = review_queue(store, 0.5)
    assert [(item.reply.id, item.why) for item in found] == [
        (handed, ("handed_over",)),
        (disliked, ("thumbs_down",)),
        (thin, ("low_evidence",)),
    ]
    assert (found[1].comment, found[1].question, found[1].adapter) == ("too short", "How long may I return?", "lora-1")


def test_a_verdict_takes_an_answer_out_of_the_queue(store: Store) -> None:
    chat, reply = answered(store, replace(REPLY, evidence=0.2))
    mark_reviewed(store, reply, "dismissed", "Aoife")
    mark_reviewed(store, reply, "approved", "Ben")
    assert review_queue(store, 0.5) == []
    with pytest.raises(InvalidInput, match="customer"):
        mark_reviewed(store, store.messages(chat)[0].id, "approved", "Aoife")
    with pytest.raises(NotFound):
        mark_reviewed(store, "nope", "approved", "Aoife")
