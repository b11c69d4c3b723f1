"""Unfit replies are told, masked replies are made sayable."""

from __future__ import annotations

import pytest

from training.reply_quality import is_boilerplate, is_toxic, same_form, without_unknown_names, words


@pytest.mark.parametrize(
    "text",
    [
        "Hi there! Thanks for reaching out to us.",
        "One moment please.",
        "You're very welcome, have a great day!",
        "This is an automated message. Please do not reply to this email.",
        "Your ticket #12 has been closed.",
        "您好，请稍等。",
        "Hello [NAME_1]! Thank you for your patience.",
    ],
)
def test_boilerplate(text: str) -> None:
    assert is_boilerplate(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hi! You can change the address under Settings.",
        "Thanks for your order; it ships tomorrow.",
        "Yes, we ship to Norway.",
        "您好，可以在设置里修改地址。",
    ],
)
def test_answers_are_no_boilerplate(text: str) -> None:
    assert not is_boilerplate(text)


def test_insults_are_toxic_and_complaints_quoted_back_are_not() -> None:
    assert is_toxic("Well fuck off then")
    assert is_toxic("你他妈的")
    assert not is_toxic("I assume Scunthorpe's classic assistant passes, that is bad luck")


def test_words_of_both_scripts_count() -> None:
    assert words("We don't ship 3 items") == 6
    assert words("可以退货 ok") == 5


@pytest.mark.parametrize(
    ("reply", "sayable"),
    [
        ("Hi [NAME_1], it ships today.", "Hi, it ships today."),
        ("Hi [NAME_1]! It ships today.", "Hi! It ships today."),
        ("Sorry to hear that, [NAME_1]. We will check.", "Sorry to hear that. We will check."),
        ("[NAME_1], we are sorry.", "We are sorry."),
        ("We hear you. [NAME_1], please call.", "We hear you. please call."),
        ("Hi [NAME_1] I am sorry about that.", "Hi, I am sorry about that."),
        ("Thank you [NAME_1] for the praise!", "Thank you for the praise!"),
        ("That is not right, [NAME_1] and I am sorry.", "That is not right, and I am sorry."),
        ("It ships today. ^[NAME_1]", "It ships today."),
        ("It ships today [NAME_1]", "It ships today"),
        ("您好[NAME_1]，可以退货。", "您好，可以退货。"),
        ("Hi [NAME_2], [NAME_1] will call.", "Hi [NAME_2], [NAME_1] will call."),
    ],
)
def test_unknown_names_that_only_address_are_dropped(reply: str, sayable: str) -> None:
    known = {"[NAME_1]", "[NAME_2]"} if "[NAME_2]" in reply else set()
    assert without_unknown_names(reply, known) == sayable


@pytest.mark.parametrize(
    "reply", ["Call us at [PHONE_1].", "I'm sure [NAME_1] will help you.", "Mail [EMAIL_1] please."]
)
def test_a_reply_that_needs_data_nobody_gave_is_refused(reply: str) -> None:
    assert without_unknown_names(reply, {"[EMAIL_2]"}) is None


def test_the_same_reply_in_other_clothes_has_the_same_form() -> None:
    assert same_form("Thanks, flight 12! *TMT") == same_form("thanks — flight 99 ^JB")
