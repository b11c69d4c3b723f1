"""A month's figures, and unanswered questions that mean the same counted together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from assistant.conversation import Action
from assistant.store import Store
from assistant.store_insights import days, gaps, languages, moods
from assistant.tables import now
from retrieval.embed import Embedder
from tests.storing import REPLY, ask


class ByFirstWord:
    """Texts that begin with the same word have the same vector."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        words = list(dict.fromkeys(text.split()[0] for text in texts))
        return np.eye(len(words), dtype=np.float32)[[words.index(text.split()[0]) for text in texts]]


def test_a_day_in_figures(store: Store) -> None:
    for number in range(3):
        chat = store.create_conversation(channel="web").id
        reply = store.add_reply(chat, ask(store, chat).id, replace(REPLY, language="zh" if number else "en"))
        store.rate(reply.id, -1 if number else 1)
        if number == 2:
            store.request_person(chat, "asked_for_person")
        store.set_satisfaction(chat, 5 - number)
    store.create_conversation(channel="web")  # nobody said anything
    (day,) = days(store)
    assert day.day == now().date().isoformat()
    assert (day.conversations, day.handed_over, day.thumbs_up, day.thumbs_down, day.satisfaction) == (3, 1, 1, 2, 4.0)
    assert languages(store) == {"zh": 2, "en": 1}
    assert moods(store) == []


def test_gaps_are_grouped_and_wishes_for_a_person_are_none(store: Store) -> None:
    chat = store.create_conversation(channel="web").id
    for question in ("warranty of lamps", "gift cards?", "warranty for pots", "person please"):
        reason = "asked_for_person" if question.startswith("person") else "thin_evidence"
        reply = replace(REPLY, action="hand_over", trace={**REPLY.trace, "question": question, "reason": reason})
        store.add_reply(chat, ask(store, chat, question).id, reply)
    found = gaps(store, cast(Embedder, ByFirstWord()))
    assert [gap.questions for gap in found] == [("warranty for pots", "warranty of lamps"), ("gift cards?",)]
    assert found[0].title == "warranty for pots"
    assert gaps(store, cast(Embedder, ByFirstWord()), past=0) == []


@pytest.mark.parametrize(
    ("then", "counted"),
    [
        ((), ["warranty of lamps"]),
        ((("yes", "answer", "evidence"),), []),
        ((("person please", "hand_over", "asked_for_person"),), ["warranty of lamps"]),
        ((("warranty of pots", "hand_over", "thin_evidence"),), ["warranty of pots"]),
    ],
)
def test_what_was_asked_back_and_never_answered_is_a_gap(
    store: Store, then: tuple[tuple[str, Action, str], ...], counted: list[str]
) -> None:
    chat = store.create_conversation(channel="web").id
    for question, action, reason in (("warranty of lamps", "clarify", "one_meaning"), *then):
        reply = replace(REPLY, action=action, trace={**REPLY.trace, "question": question, "reason": reason})
        store.add_reply(chat, ask(store, chat, question).id, reply)
    found = gaps(store, cast(Embedder, ByFirstWord()))
    assert [question for gap in found for question in gap.questions] == counted
