"""Erasing in SQL, on both kinds of databases: all of one customer, nobody else, a receipt that tells nothing."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from assistant.pseudonyms import conversation_hash, customer_hash
from assistant.store import Store
from assistant.store_erasure import belongings, erase, erasures, receipt_of
from assistant.store_shadow import ShadowDraft, save_shadow_draft
from assistant.tables import Base
from assistant.tables_learning import HeldOutRow, RunRow
from tests.storing import REPLY, ask

QUESTION = "Where is the lamp with the zxqvelvet shade that I ordered?"


def chat_of(store: Store, customer: str) -> str:
    """A conversation with a reply, a rating, a hand-over, a shadow draft and a held-out case; returns its id."""
    chat = store.create_conversation(channel="web", customer_id=customer).id
    reply = store.add_reply(chat, ask(store, chat, QUESTION).id, replace(REPLY, text="The zxqvelvet shade is here."))
    store.rate(reply.id, -1, "zxqvelvet")
    store.request_person(chat, "asked_for_person")
    save_shadow_draft(store, ShadowDraft(reply.id, "new", "A zxqvelvet shade.", "model", None, 0.9, 0.1))
    with store.writing() as session:
        case = {"text": QUESTION}
        session.add(HeldOutRow(example_id=f"case-{chat}", conversation_id=chat, content_hash="x", example=case))
    return chat


def test_all_rows_of_the_customer_go_and_nobody_elses(store: Store) -> None:
    theirs, other = chat_of(store, "anna"), chat_of(store, "bert")
    with store.writing() as session:
        session.add(RunRow(trigger="x", result={"said": [f'"{QUESTION}"', "kept"]}))
    found = belongings(store, "anna")
    assert found.conversation_ids == {theirs} and len(found.message_ids) == 2
    assert conversation_hash(theirs) in found.conversation_hashes and found.case_ids == {f"case-{theirs}"}
    counts = erase(store, found, {"receipt": "r1"})
    assert counts == {
        "conversations": 1,
        "hand_overs": 1,
        "held_out": 1,
        "messages": 2,
        "ratings": 1,
        "runs": 1,
        "shadow_drafts": 1,
        "traces": 1,
    }
    everything = ""
    with store.reading() as session:
        for table in Base.metadata.sorted_tables:
            everything += str(session.execute(select(table)).all())
    assert theirs not in everything and "anna" not in everything and other in everything
    assert everything.count("zxqvelvet") == 5  # bert's message, reply, rating, draft and case
    assert "[erased]" in everything and "kept" in everything


def test_receipts_are_kept_by_hash_and_grow_with_a_returning_customer(store: Store) -> None:
    first = chat_of(store, "anna")
    erase(store, belongings(store, "anna"), {"receipt": "r1"})
    second = chat_of(store, "anna")
    erase(store, belongings(store, "anna"), {"receipt": "r2"})
    (kept,) = erasures(store)
    assert kept.customer_hash == customer_hash("anna") and kept.receipt["receipt"] == "r2"
    assert {conversation_hash(first), conversation_hash(second)} <= kept.conversation_hashes
    assert receipt_of(store, customer_hash("anna")) == kept.receipt
    assert receipt_of(store, customer_hash("bert")) is None


def test_an_unknown_customer_has_nothing(store: Store) -> None:
    found = belongings(store, "nobody")
    assert not found.conversation_ids and not found.message_ids
