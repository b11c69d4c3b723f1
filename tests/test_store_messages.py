"""Messages on both databases: order without gaps, stored once, answered once, traced and rated."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import pytest

from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.store import Store
from tests.storing import REPLY, ask, together


def test_messages_are_listed_in_order_and_page_by_id(store: Store, chat: str) -> None:
    sent = [ask(store, chat, f"m{n}") for n in range(1, 8)]
    assert [m.position for m in sent] == list(range(1, 8))
    assert store.messages(chat) == sent
    assert store.messages(chat, limit=3) == sent[:3]
    assert store.messages(chat, after=sent[2].id, limit=2) == sent[3:5]
    assert store.messages(chat, after=sent[-1].id) == []
    assert store.recent_messages(chat, 2) == sent[-2:]
    assert store.messages_until(sent[4].id, 3) == sent[2:5]
    assert [m.id for m in sent] == sorted(m.id for m in sent)


def test_after_must_be_of_the_same_conversation(store: Store, chat: str) -> None:
    other = ask(store, store.create_conversation(channel="web").id)
    with pytest.raises(NotFound):
        store.messages(chat, after=other.id)


def test_the_same_client_message_id_stores_once(store: Store, chat: str) -> None:
    first, new = store.add_customer_message(chat, "hi", "k")
    again, newer = store.add_customer_message(chat, "hi", "k")
    assert (new, newer) == (True, False)
    assert again == first
    with pytest.raises(Conflict, match="'k'"):
        store.add_customer_message(chat, "something else", "k")
    other = store.create_conversation(channel="web").id
    assert store.add_customer_message(other, "hi", "k")[1]
    assert len(store.messages(chat)) == 1


def test_a_retry_after_closing_still_finds_its_message(store: Store, chat: str) -> None:
    first = ask(store, chat, "hi", "k")
    store.close_conversation(chat)
    assert store.add_customer_message(chat, "hi", "k") == (first, False)
    with pytest.raises(Conflict, match="closed"):
        store.add_customer_message(chat, "hi", "k2")
    with pytest.raises(Conflict, match="closed"):
        store.add_person_message(chat, "hi", "Ann")


def test_racing_retries_store_one_message(store: Store, chat: str) -> None:
    outcomes = together(12, lambda _: store.add_customer_message(chat, "hi", "same"))
    assert sum(new for _, new in outcomes) == 1
    assert len({message.id for message, _ in outcomes}) == 1
    assert [m.position for m in store.messages(chat)] == [1]


def test_positions_have_no_gaps_under_concurrent_threads(store: Store, chat: str) -> None:
    def post(number: int) -> None:
        for n in range(10):
            ask(store, chat, f"{number}/{n}", f"{number}/{n}")
            store.add_person_message(chat, f"{number}/{n}", "Ann")

    together(8, post)
    stored = store.messages(chat)
    assert [m.position for m in stored] == list(range(1, 161))
    for number in range(8):
        own = [m.text for m in stored if m.author == "customer" and m.text.startswith(f"{number}/")]
        assert own == [f"{number}/{n}" for n in range(10)]


def test_positions_have_no_gaps_under_concurrent_processes(database_url: str) -> None:
    store = Store(database_url)
    chat = store.create_conversation(channel="web").id
    program = (
        "import sys\nfrom assistant.store import Store\nstore = Store(sys.argv[1])\n"
        "for n in range(25): store.add_customer_message(sys.argv[2], str(n), sys.argv[3] + str(n % 20))"
    )
    program = program.replace("str(n)", "str(n % 20)", 1)  # the last five are retries
    running = [
        subprocess.Popen([sys.executable, "-c", program, database_url, chat, key], stderr=subprocess.PIPE, text=True)
        for key in "abcd"
    ]
    assert [(p.communicate(timeout=120)[1], p.returncode) for p in running] == [("", 0)] * 4
    assert [m.position for m in store.messages(chat)] == list(range(1, 81))
    store.close()


def test_a_failed_write_leaves_no_gap(store: Store, chat: str) -> None:
    question = ask(store, chat)
    with pytest.raises(Exception, match="not JSON serializable"):
        store.add_reply(chat, question.id, replace(REPLY, trace={"question": "q", "odd": object()}))
    assert store.reply_to(question.id) is None
    assert ask(store, chat).position == 2


def test_a_person_writes_under_a_name(store: Store, chat: str) -> None:
    written = store.add_person_message(chat, "I will look into it", "Ann")
    assert store.message(written.id) == written
    assert (written.author, written.name, written.position) == ("person", "Ann", 1)


def test_a_reply_is_stored_with_its_trace(store: Store, chat: str) -> None:
    question = ask(store, chat)
    stored = store.add_reply(chat, question.id, REPLY)
    assert store.reply_to(question.id) == store.message(stored.id) == stored
    assert (stored.author, stored.action, stored.in_reply_to) == ("assistant", "answer", question.id)
    assert stored.citations == REPLY.citations
    trace = store.trace(stored.id)
    assert datetime.fromisoformat(trace.pop("created_at")).tzinfo is not None
    assert trace == {
        "message_id": stored.id,
        "action": "answer",
        "evidence": 0.9,
        "question": "How long may I return?",
        "intent": {"name": "return", "score": 0.8},
        "language": "en",
        "model": "tiny",
        "adapter": "lora-1",
        "prompt_version": "1",
        "index_version": "v3",
        "hits": [{"passage_id": "returns.md#0", "score": 0.7}],
        "timings_ms": {"total": 12.5},
        "reason": "evidence",
    }
    assert store.conversation(chat).language == "en"


def test_a_message_gets_one_reply_even_in_a_race(store: Store, chat: str) -> None:
    question = ask(store, chat)
    replies = together(8, lambda n: store.add_reply(chat, question.id, replace(REPLY, text=f"reply {n}")))
    assert len(set(replies)) == 1
    assert store.reply_to(question.id) == replies[0]
    assert [m.position for m in store.messages(chat)] == [1, 2]


def test_a_reply_must_answer_a_customers_message_of_its_conversation(store: Store, chat: str) -> None:
    elsewhere = ask(store, store.create_conversation(channel="web").id)
    staff = store.add_person_message(chat, "hello", "Ann")
    for message in (elsewhere, staff):
        with pytest.raises(InvalidInput, match=message.id):
            store.add_reply(chat, message.id, REPLY)


def test_scores_that_json_lacks_become_null(store: Store, chat: str) -> None:
    odd = {"hits": [{"score": float("nan")}, {"score": float("-inf")}], "question": "q"}
    stored = store.add_reply(chat, ask(store, chat).id, replace(REPLY, trace=odd))
    assert store.trace(stored.id)["hits"] == [{"score": None}, {"score": None}]


def test_the_latest_rating_counts(store: Store, chat: str) -> None:
    question = ask(store, chat)
    answer = store.add_reply(chat, question.id, REPLY)
    together(6, lambda n: store.rate(answer.id, 1 if n % 2 else -1))
    store.rate(answer.id, -1, "wrong")
    assert store.message(answer.id).rating == -1
    assert [m.rating for m in store.messages(chat)] == [None, -1]
    with pytest.raises(InvalidInput, match="0"):
        store.rate(answer.id, 0)
    with pytest.raises(InvalidInput, match="customer"):
        store.rate(question.id, 1)
