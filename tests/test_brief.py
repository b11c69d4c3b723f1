"""The brief: the customer's questions with what became of them, and a suggestion only when there is one."""

from __future__ import annotations

from dataclasses import replace

from assistant.brief import is_question, last_question, make_brief
from assistant.store import Store
from assistant.store_desk import current_draft, save_draft, traces
from tests.storing import REPLY, ask


def test_a_brief_tells_what_was_asked_and_tried(store: Store, chat: str) -> None:
    first = ask(store, chat, "How long may I return a lamp?")
    reply = store.add_reply(chat, first.id, REPLY)
    store.rate(reply.id, -1)
    ask(store, chat, "hello")
    second = ask(store, chat, "And a broken one?")
    wish = ask(store, chat, "I want to talk to a person")
    store.request_person(chat, "asked_for_person")
    messages = store.messages(chat)
    brief = make_brief(messages, traces(store, chat), store.hand_over(chat), None, "en")
    assert brief.reason == "asked_for_person" and brief.dissatisfied == 1 and brief.suggestion is None
    assert [tried.question for tried in brief.tried] == ["How long may I return a lamp?", "And a broken one?"]
    assert (brief.tried[0].action, brief.tried[0].evidence, brief.tried[0].sources) == ("answer", 0.9, ("returns.md",))
    assert brief.tried[1].action is None
    assert last_question(messages) == second and not is_question(wish.text)


def test_a_draft_that_knows_nothing_is_no_suggestion(store: Store, chat: str) -> None:
    question = ask(store, chat, "How long may I return a lamp?")
    save_draft(store, question.id, REPLY)
    messages = store.messages(chat)
    assert make_brief(messages, {}, None, current_draft(store, chat), None).suggestion is not None
    save_draft(store, question.id, replace(REPLY, action="hand_over"))
    assert make_brief(messages, {}, None, current_draft(store, chat), None).suggestion is None
