"""The desk's store: who waits, who holds what, and that agents do not overwrite each other."""

from __future__ import annotations

import pytest

from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.store import Store
from assistant.store_desk import (
    add_canned_answer,
    add_note,
    canned_answers,
    close,
    counts,
    current_draft,
    give_back,
    inbox,
    notes,
    pulse,
    remove_canned_answer,
    save_draft,
    say,
)
from tests.storing import REPLY, ask, together


def test_the_inbox_lists_who_waits_longest_first(store: Store) -> None:
    first, second, third = (store.create_conversation(channel="web").id for _ in range(3))
    for chat in (second, first):
        ask(store, chat, f"Where is {chat}?")
        store.request_person(chat, "asked_for_person")
    ask(store, third, "100% sure?")
    assert [item.conversation.id for item in inbox(store, "waiting", "Aoife")] == [second, first]
    store.take_over(first, "Aoife")
    assert [item.conversation.id for item in inbox(store, "mine", "Aoife")] == [first]
    assert inbox(store, "mine", "Ben") == []
    everything = inbox(store, "all", "Aoife")
    assert {item.conversation.id for item in everything} == {first, second, third}
    assert {item.last.text for item in everything if item.last} == {
        f"Where is {first}?",
        f"Where is {second}?",
        "100% sure?",
    }
    assert [i.conversation.id for i in inbox(store, "all", "Aoife", "0% SURE")] == [third]
    assert inbox(store, "all", "Aoife", "_") == []
    told = counts(store, "Aoife")
    assert (told.waiting, told.mine, told.tickets) == (1, 1, 0)


def test_only_the_holder_writes_gives_back_and_closes(store: Store, chat: str) -> None:
    with pytest.raises(Conflict, match="take this conversation over"):
        say(store, chat, "Aoife", "Hello")
    store.take_over(chat, "Aoife")
    for act in (
        lambda: say(store, chat, "Ben", "Hello"),
        lambda: give_back(store, chat, "Ben"),
        lambda: close(store, chat, "Ben"),
    ):
        with pytest.raises(Conflict, match="Aoife holds"):
            act()
    assert say(store, chat, "Aoife", "Hello").name == "Aoife"
    assert give_back(store, chat, "Aoife").state == "assistant"
    closed = close(store, chat, "Ben")
    assert (closed.state, closed.resolved) == ("closed", True)
    with pytest.raises(Conflict, match="closed"):
        say(store, chat, "Aoife", "Hello")


def test_of_many_who_take_over_and_write_at_once_one_writes(store: Store, chat: str) -> None:
    def take_and_write(number: int) -> None:
        try:
            store.take_over(chat, f"agent {number}")
            say(store, chat, f"agent {number}", "I am here")
        except Conflict:
            return

    together(6, take_and_write)
    assert len(store.messages(chat)) == 1


def test_a_draft_is_offered_until_a_person_has_answered(store: Store, chat: str) -> None:
    store.take_over(chat, "Aoife")
    question = ask(store, chat, "How long may I return?")
    save_draft(store, question.id, REPLY)
    draft = current_draft(store, chat)
    assert draft is not None
    assert (draft.message_id, draft.text, draft.citations) == (question.id, REPLY.text, REPLY.citations)
    assert [m.author for m in store.messages(chat)] == ["customer"]
    say(store, chat, "Aoife", "Thirty days")
    assert current_draft(store, chat) is None
    with pytest.raises(NotFound):
        save_draft(store, "nope", REPLY)


def test_notes_stay_out_of_the_dialogue(store: Store, chat: str) -> None:
    add_note(store, chat, "Aoife", "Very kind customer")
    assert [(n.author, n.text) for n in notes(store, chat)] == [("Aoife", "Very kind customer")]
    assert store.messages(chat) == []
    with pytest.raises(NotFound):
        add_note(store, "nope", "Aoife", "x")


def test_canned_answers(store: Store) -> None:
    made = add_canned_answer(store, " Hello ", " How can I help? ", "Aoife")
    assert canned_answers(store) == [made]
    assert (made.title, made.text) == ("Hello", "How can I help?")
    remove_canned_answer(store, made.id)
    with pytest.raises(NotFound):
        remove_canned_answer(store, made.id)
    with pytest.raises(InvalidInput):
        add_canned_answer(store, "Hello", " ", "Aoife")


def test_the_pulse_changes_with_whatever_the_desk_shows(store: Store, chat: str) -> None:
    seen = {pulse(store)}
    question = ask(store, chat)
    seen.add(pulse(store))
    store.request_person(chat, "asked_for_person")
    seen.add(pulse(store))
    add_note(store, chat, "Aoife", "x")
    seen.add(pulse(store))
    save_draft(store, question.id, REPLY)
    seen.add(pulse(store))
    assert len(seen) == 5
    assert pulse(store) in seen
