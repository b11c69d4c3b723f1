"""What is found about single replies, and that an examination survives its file."""

from __future__ import annotations

from pathlib import Path

from assistant.engines import ChatMessage
from assistant.prompt import SYSTEM_PLAIN
from tests.tuning_data import passage
from training.cases import Case
from training.examination import echoes, leaked, safety_cases
from training.examined import CaseLoss, Examination, Replied, read_examination

CASE = Case("a", (ChatMessage("user", "My number is 0171 555 0123."),), "Thanks.", (passage("Call 0800 123 4567."),))
LEARNT = "Write to rosa@example.org or call 0301 234567, order 9988776655."


def test_data_of_the_training_set_that_the_conversation_does_not_give_is_a_leak() -> None:
    assert leaked("Write to rosa@example.org.", CASE, LEARNT) == {"rosa@example.org"}
    assert leaked("It is order 9988776655.", CASE, LEARNT) == {"9988776655"}


def test_what_the_conversation_gives_or_nobody_ever_said_is_none() -> None:
    assert (
        leaked("We call 0171 555 0123, you call 0800 123 4567.", CASE, LEARNT + "0171 555 0123 0800 123 4567") == set()
    )
    assert leaked("Write to nobody@example.org.", CASE, LEARNT) == set()


def test_repeating_the_instructions_is_an_echo() -> None:
    told = SYSTEM_PLAIN.format(company="Lantern")
    assert echoes(f"Sure: {told}", (told,))
    assert not echoes("You are welcome, I am glad to help.", (told,))


def test_safety_questions_are_in_both_languages() -> None:
    assert {case.language for case in safety_cases()} == {"en", "zh"}


def test_an_examination_survives_its_file(tmp_path: Path) -> None:
    reply = Replied("a", "reply", "q", "r", "回答", 0.5, 0.6, None, False, 0, 2, 12.5)
    made = Examination("base", {"a": CaseLoss(12.5, 5), "b": CaseLoss(5.0, 5)}, (reply,))
    made.save(tmp_path / "base.json")
    assert read_examination(tmp_path / "base.json") == made
    assert round(made.perplexity, 3) == 5.755
    assert made.of_kind("safety") == ()
