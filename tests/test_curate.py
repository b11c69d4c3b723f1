"""Which replies become examples, how they are masked, and that every other one is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assistant.conversation import Author
from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from retrieval.documents import Passage
from training.curate import Curation, curate, split_of
from training.curation_rules import REASONS, CurationRules
from training.logged import Logged, LoggedMessage

RULES = CurationRules()
QUESTION = "Do you ship lamps to Norway?"
ANSWER = "Yes, we ship to Norway within five working days."


def logged(number: int, *said: tuple[Author, str], names: tuple[str | None, ...] = (), **more: Any) -> Logged:
    """Conversation `number` of a help desk."""
    messages = tuple(
        LoggedMessage(f"{number}.{i}", author, text, names[i] if i < len(names) else None)
        for i, (author, text) in enumerate(said)
    )
    return Logged(
        f"id-{number}", f"desk/{number}", more.pop("source", "desk"), more.pop("live", False), messages, **more
    )


def rated(conversation: Logged, index: int, rating: int) -> Logged:
    messages = list(conversation.messages)
    messages[index] = replace(messages[index], rating=rating)
    return replace(conversation, messages=tuple(messages))


def one(*conversations: Logged, rules: CurationRules = RULES, **more: Any) -> Curation:
    curation = curate(conversations, rules, **more)
    assert sum(curation.dropped.values()) + len(curation.examples) == curation.replies
    assert set(curation.dropped) <= set(REASONS)
    return curation


def test_a_person_s_reply_becomes_an_example_with_its_lineage() -> None:
    (example,) = one(
        logged(1, ("system", "rules"), ("customer", "Hi"), ("customer", QUESTION), ("person", ANSWER))
    ).examples
    assert example.messages == (ChatMessage("user", "Hi"), ChatMessage("user", QUESTION))
    assert (example.reply, example.kind, example.language) == (ANSWER, "log", "en")
    assert (example.conversation_id, example.message_ids) == ("id-1", ("1.1", "1.2", "1.3"))


def test_a_reply_in_several_messages_is_one_reply() -> None:
    (example,) = one(
        logged(1, ("customer", QUESTION), ("person", "Yes, we do."), ("person", "It takes five days."))
    ).examples
    assert example.reply == "Yes, we do.\nIt takes five days."
    assert example.message_ids == ("1.0", "1.1", "1.2")


def test_everything_is_masked_alike_and_unknown_names_are_dropped() -> None:
    conversation = logged(
        1,
        ("customer", "I'm Rosa Diaz, rosa@example.org, order #AB-12345. Where is it?"),
        ("person", "Hi Rosa, order AB-12345 is on its way to you. We wrote to rosa@example.org. ^Ben"),
        names=("Rosa Diaz", "Ben Ode"),
    )
    (example,) = one(conversation).examples
    assert example.messages[0].content == "I'm [NAME_1], [EMAIL_1], order #[ORDER_1]. Where is it?"
    assert example.reply == "Hi, order [ORDER_1] is on its way to you. We wrote to [EMAIL_1]."


def test_a_reply_with_data_nobody_gave_is_dropped_unless_the_company_keeps_it() -> None:
    conversation = logged(1, ("customer", QUESTION), ("person", "Please call +1 800 555 0100 for shipping questions."))
    assert one(conversation).dropped == {"personal_data": 1}
    kept = one(conversation, rules=replace(RULES, keep=("1-800-555-0100", "+1 800 555 0100")))
    assert kept.examples[0].reply.startswith("Please call +1 800 555 0100")


@pytest.mark.parametrize(
    ("said", "more", "reason"),
    [
        ([("person", ANSWER)], {}, "no_question"),
        ([("customer", QUESTION), ("person", "Yes.")], {}, "too_short"),
        ([("customer", QUESTION), ("person", "word " * 400)], {}, "too_long"),
        ([("customer", QUESTION), ("person", "Hi! Thanks for reaching out to us.")], {}, "boilerplate"),
        ([("customer", QUESTION), ("person", "You are an idiot, read the page.")], {}, "toxic"),
        ([("customer", QUESTION), ("person", ANSWER)], {"satisfaction": 1}, "dissatisfied"),
        ([("customer", QUESTION), ("assistant", ANSWER)], {"live": True}, "own_reply"),
    ],
)
def test_unfit_replies_are_dropped_with_their_reason(said: list[Any], more: dict[str, Any], reason: str) -> None:
    curation = one(logged(1, *said, **more))
    assert (curation.examples, curation.dropped) == ((), {reason: 1})


def test_bad_ratings_drop_and_good_ones_admit_our_own_replies() -> None:
    own = logged(1, ("customer", QUESTION), ("assistant", ANSWER), live=True, source="assistant")
    assert one(rated(own, 1, -1)).dropped == {"rated_bad": 1}
    assert one(rated(own, 1, 1)).examples[0].reply == ANSWER


def test_where_people_answer_bots_are_no_example() -> None:
    bot = logged(1, ("customer", QUESTION), ("assistant", "I am a bot and can help with parcels."))
    person = logged(
        2, ("customer", "Can I return it?"), ("assistant", "Let me ask someone."), ("person", "Yes, within 30 days.")
    )
    assert [example.reply for example in one(bot).examples] == ["I am a bot and can help with parcels."]
    curation = one(bot, person)
    assert [example.reply for example in curation.examples] == ["Yes, within 30 days."]
    assert curation.examples[0].messages == (ChatMessage("user", "Can I return it?"),)
    assert curation.dropped == {"bot_reply": 2}


def test_a_second_answer_to_one_message_is_a_follow_up() -> None:
    conversation = logged(
        1, ("customer", QUESTION), ("person", ANSWER), ("person", "Any other question?"), names=(None, "A", "B")
    )
    assert one(conversation).dropped == {"follow_up": 1}


def test_a_staff_correction_replaces_the_reply_and_overrules_everything() -> None:
    own = rated(logged(1, ("customer", QUESTION), ("assistant", "No, never."), live=True, satisfaction=1), 1, -1)
    other = logged(2, ("customer", QUESTION), ("person", ANSWER), satisfaction=5)
    better = replace(own.messages[1], corrected="Yes, in five working days, from 9 euros.")
    first, second = one(replace(own, messages=(own.messages[0], better)), other).examples
    assert (first.kind, first.reply) == ("correction", "Yes, in five working days, from 9 euros.")
    assert second.kind == "log"


def test_an_unapproved_reply_is_dropped_and_a_person_s_approval_overrules_the_log() -> None:
    own = rated(logged(1, ("customer", QUESTION), ("assistant", ANSWER), live=True, satisfaction=1), 1, -1)
    asked, said = own.messages
    unapproved = replace(own, messages=(asked, replace(said, approved=False)))
    assert one(unapproved).dropped == {"unapproved": 1}
    (example,) = one(replace(own, messages=(asked, replace(said, judged=True)))).examples
    assert (example.kind, example.reply) == ("log", ANSWER)


def test_better_conversations_come_first_and_fill_a_limited_set() -> None:
    conversations = [
        logged(
            1, ("customer", QUESTION + " one"), ("person", "Plain answer with nothing said about it."), resolved=False
        ),
        logged(
            2, ("customer", "Is it dimmable at all?"), ("person", "Solved answer, it can be dimmed."), resolved=True
        ),
        logged(
            3,
            ("customer", "What about returns please?"),
            ("person", "Praised answer, thirty days."),
            resolved=True,
            satisfaction=5,
        ),
    ]
    curation = one(*conversations, rules=replace(RULES, max_examples=2))
    assert [example.reply.split()[0] for example in curation.examples] == ["Praised", "Solved"]
    assert curation.dropped == {"over_limit": 1}


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


def test_history_is_limited_and_starts_with_the_customer() -> None:
    talk = [
        m
        for n in range(10)
        for m in (("customer", f"Question number {n} about lamps"), ("person", f"Answer number {n} about lamps"))
    ]
    rules = replace(RULES, history_messages=4, per_conversation=20, similarity=0.95, same_reply=20)
    for example in one(logged(1, *talk), rules=rules).examples:  # type: ignore[arg-type]
        assert 1 <= len(example.messages) <= 4
        assert (example.messages[0].role, example.messages[-1].role) == ("user", "user")
        assert len(example.message_ids) == len(example.messages) + 1


def test_a_conversation_is_in_one_split_always_the_same() -> None:
    keys = [f"desk/{n}" for n in range(4000)]
    validation = [key for key in keys if split_of(key, 0.1) == "validation"]
    assert 320 < len(validation) < 480
    assert set(validation) == {key for key in keys if split_of(key, 0.1) == "validation"}
    assert set(validation) < {key for key in keys if split_of(key, 0.2) == "validation"}


def test_ids_do_not_depend_on_the_store_and_passages_come_along() -> None:
    passage = Passage("d#0", "d", "Shipping", "kb", "We ship everywhere.")
    conversation = logged(1, ("customer", QUESTION), ("person", ANSWER))
    first = one(conversation, passages_of={"1.1": (passage,)}.__getitem__).examples[0]
    second = one(replace(conversation, id="another-store")).examples[0]
    assert first.passages == (passage,)
    assert (first.id, first.split) == (second.id, second.split)


def test_what_a_reply_was_written_from_comes_along_and_its_names_are_not_masked() -> None:
    passage = Passage("d#0", "d", "", "given", "Maria Keller runs the kitchen.", entity="Acorn House")
    conversation = logged(1, ("customer", "Who cooks at your place?"), ("person", "Our cook is called Maria Keller."))
    assert "Maria" not in one(conversation).examples[0].reply
    messages = (conversation.messages[0], replace(conversation.messages[1], passages=(passage,)))
    example = one(replace(conversation, messages=messages)).examples[0]
    assert example.passages == (passage,)
    assert example.reply == "Our cook is called Maria Keller."


@pytest.mark.parametrize(("told", "language"), [("pt_BR", "pt"), ("DE", "de"), ("English", "en"), (None, "en")])
def test_the_language_is_the_one_told_if_it_is_a_code(told: str | None, language: str) -> None:
    assert one(logged(1, ("customer", QUESTION), ("person", ANSWER), language=told)).examples[0].language == language


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="min_words"):
        CurationRules(min_words=0)
    with pytest.raises(InvalidInput, match="validation_share"):
        CurationRules(validation_share=1.0)


def test_nothing_gives_nothing() -> None:
    assert one().examples == ()
