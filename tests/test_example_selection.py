"""No near duplicates, and no more than the caps of a conversation, a customer and an agent allow."""

from __future__ import annotations

from dataclasses import replace

from tests.curation_data import ANSWER, QUESTION, RULES, logged, one


def test_near_duplicates_and_repeated_replies_are_capped() -> None:
    same = [logged(n, ("customer", QUESTION), ("person", ANSWER)) for n in range(3)]
    assert one(*same).dropped == {"near_duplicate": 2}
    questions = [
        "Is it blue?",
        "How heavy is the big one?",
        "Can I pay by invoice next month?",
        "Do dogs like it?",
        "Why so late?",
    ]
    canned = [
        logged(n, ("customer", text), ("person", "Please see our website for that."))
        for n, text in enumerate(questions)
    ]
    assert one(*canned, rules=replace(RULES, same_reply=3)).dropped == {"repeated_reply": 2}


def test_caps_per_conversation_customer_and_agent() -> None:
    topics = [
        "lamps and bulbs",
        "returns after Christmas",
        "invoices for companies",
        "opening hours on Sunday",
        "gift cards",
    ]
    talk = [
        (a, f"{text} {topic}")
        for topic in topics
        for a, text in (("customer", "What about"), ("person", "Here is all about"))
    ]
    long = logged(1, *talk)  # type: ignore[arg-type]
    assert one(long, rules=replace(RULES, per_conversation=2)).dropped == {"conversation_cap": 3}
    short = [
        logged(
            n,
            ("customer", f"What about {topic}"),
            ("person", f"Here is all about {topic}"),
            names=(None, "Ben"),
            customer_id="c",
        )
        for n, topic in enumerate(topics)
    ]
    assert one(*short, rules=replace(RULES, per_customer=3)).dropped == {"customer_cap": 2}
    assert one(*short, rules=replace(RULES, per_agent=4)).dropped == {"agent_cap": 1}
