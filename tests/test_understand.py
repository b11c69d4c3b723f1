"""Language, small talk, asking for a person, and stand-alone questions."""

from __future__ import annotations

import pytest

from assistant.engines import ChatMessage
from assistant.language import language_of
from assistant.phrases import clarification, phrases
from assistant.understand import points_back, small_talk, stand_alone, understand, wants_person


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hi", "greeting"),
        ("Hello there!", "greeting"),
        ("Good morning", "greeting"),
        ("ok great thanks for your help", "thanks"),
        ("Thank you so much!", "thanks"),
        ("bye", "goodbye"),
        ("How are you today?", "how_are_you"),
        ("Are you a bot?", "who_are_you"),
        ("你好", "greeting"),
        ("谢谢您", "thanks"),
        ("再见", "goodbye"),
        ("你好，請問", "greeting"),
        ("您好，在吗？", "greeting"),
        ("好的，謝謝您", "thanks"),
        ("没问题，太感谢了", "thanks"),
        ("你是機器人嗎？", "who_are_you"),
        ("你能做什么？", "who_are_you"),
    ],
)
def test_small_talk_is_recognised(text: str, kind: str) -> None:
    assert small_talk(text) == kind


@pytest.mark.parametrize(
    "text",
    ["thanks, and what about returns?", "hi, where is my order", "is it good?", "你好，怎么退货", "", "???", "👍"],
)
def test_questions_and_noise_are_not_small_talk(text: str) -> None:
    assert small_talk(text) is None


@pytest.mark.parametrize(
    "text",
    ["I want to talk to a human", "Can I speak to customer service?", "agent please", "转人工", "我要找客服"],
)
def test_asking_for_a_person_is_heard(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text", ["What are the hours of customer service?", "人工客服几点上班", "Is my agent code on the bill?", "hello"]
)
def test_asking_about_people_is_not_asking_for_one(text: str) -> None:
    assert not wants_person(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("我的订单在哪里？", "zh"),
        ("iPhone 12 可以退货吗", "zh"),
        ("退貨要幾天", "zh"),
        ("😀", "en"),
    ],
)
def test_language_is_told_by_message(text: str, language: str) -> None:
    assert language_of(text) == language


def test_a_question_that_points_back_takes_its_subject_along() -> None:
    said = [
        ChatMessage("user", "Do you ship to France?"),
        ChatMessage("assistant", "Yes, we do."),
        ChatMessage("user", "and how much is it there?"),
    ]
    assert stand_alone(said) == "Do you ship to France? and how much is it there?"


def test_a_question_that_names_its_subject_stands_alone() -> None:
    said = [ChatMessage("user", "Do you ship to France?"), ChatMessage("user", "How long is the warranty on lamps?")]
    assert stand_alone(said) == "How long is the warranty on lamps?"
    assert not points_back("How long is the warranty on lamps?")


@pytest.mark.parametrize(
    "text", ["without a receipt", "To the Netherlands?", "for a floor lamp", "在都柏林的店", "用支付宝付款"]
)
def test_the_rest_of_a_question_points_back(text: str) -> None:
    assert points_back(text)


@pytest.mark.parametrize(
    "text",
    [
        "For how long is the lamp on sale?",
        "On which days do you deliver?",
        "From which country do you ship?",
        "to return a lamp bought in the store",
        "在哪里可以退货",
        "到货要多久",
        "用什么支付方式",
    ],
)
def test_a_question_that_opens_like_the_rest_of_one_stands_alone(text: str) -> None:
    assert not points_back(text)


def test_small_talk_in_between_does_not_hide_the_subject() -> None:
    said = [
        ChatMessage("user", "Do you sell gift cards?"),
        ChatMessage("user", "thanks"),
        ChatMessage("user", "那个多少钱"),
    ]
    assert stand_alone(said) == "Do you sell gift cards? 那个多少钱"


def test_understanding_covers_all_of_it() -> None:
    understood = understand([ChatMessage("user", "转人工")])
    assert understood.wants_person and understood.language == "zh" and understood.small_talk is None


def test_the_topic_is_what_the_customer_asked_lately() -> None:
    said = [ChatMessage("user", f"question {n}") for n in range(5)]
    said[3:3] = [ChatMessage("assistant", "answer"), ChatMessage("user", "thanks")]
    understood = understand(said)
    assert understood.topic == "question 1\nquestion 2\nquestion 3\nquestion 4"
    assert understood.said == tuple(message.content for message in said)


@pytest.mark.parametrize(
    ("asked", "language", "yes", "option"),
    [
        ("My vase came in pieces.", "en", "Yes, please!", "My lamp arrived broken. What do I do?"),
        ("花瓶碎了怎么处理？", "zh", "是的", "收到的灯坏了怎么办？"),
        ("花瓶碎了怎么处理？", "zh", "对，就是这个，谢谢", "My lamp arrived broken."),
        ("My vase came in pieces.", "en", "Yes, that's it. Thanks!", "My lamp arrived broken."),
    ],
)
def test_yes_to_the_only_meaning_stands_for_it(asked: str, language: str, yes: str, option: str) -> None:
    asked_back = ChatMessage("assistant", clarification(language, (option,)))
    found = understand([ChatMessage("user", asked), asked_back, ChatMessage("user", yes)])
    assert (found.question, found.small_talk, found.language) == (option, None, language)
    assert found.topic.endswith(option)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (clarification("en", ("Delivery to France",)), "No, to Spain"),
        (clarification("en", ("Delivery to France", "Delivery to Spain"), again=True), "Yes"),
        (clarification("en", ("Delivery to France", "Delivery to Spain")), "the third"),
        (clarification("en", ("Delivery to France", "Delivery to Spain")), "The second time it came late"),
        ("Delivery takes five days.", "Yes"),
    ],
)
def test_anything_else_is_taken_as_it_is(before: str, said: str) -> None:
    found = understand([ChatMessage("user", "Delivery?"), ChatMessage("assistant", before), ChatMessage("user", said)])
    assert found.topic.endswith(said)
    assert found.chosen is None


@pytest.mark.parametrize("yes", ["yes", "是的", "yes, right"])
def test_yes_to_what_was_told_asks_for_nothing(yes: str) -> None:
    told = ChatMessage("assistant", "Delivery takes five days.")
    asked = ChatMessage("assistant", "Shall I send it to your home?")
    assert understand([ChatMessage("user", "Delivery?"), told, ChatMessage("user", yes)]).small_talk == "agreed"
    assert understand([ChatMessage("user", "Delivery?"), asked, ChatMessage("user", yes)]).small_talk is None
    assert understand([ChatMessage("user", yes)]).small_talk is None


@pytest.mark.parametrize(("language", "yes"), [("en", "yes please"), ("zh", "是的")])
def test_yes_to_several_meanings_leaves_open_which(language: str, yes: str) -> None:
    options = ("Delivery to France", "Delivery to Spain")
    back = ChatMessage("assistant", clarification(language, options))
    found = understand([ChatMessage("user", "Where to?"), back, ChatMessage("user", yes)])
    assert found.left_open and found.chosen is None
    assert (found.question, found.offered) == ("Where to?", options)
    again = ChatMessage("assistant", clarification(language, options, again=True))
    beyond = understand([ChatMessage("user", "Where to?"), back, ChatMessage("user", "the ninth one")])
    assert beyond.left_open and beyond.chosen is None
    assert not understand([back, ChatMessage("user", yes)]).left_open  # nobody asked anything before
    second = understand([ChatMessage("user", "Where to?"), again, ChatMessage("user", "2")])
    assert (second.chosen, second.left_open) == (options[1], False)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("delivery to SPAIN?", 1),
        ("The second one, please", 1),
        ("2", 1),
        ("I mean the 1st", 0),
        ("the last one", 2),
        ("第二个", 1),
        ("我想问的是第三个，谢谢", 2),
        ("最后一个吧", 2),
    ],
)
def test_one_of_several_is_chosen_by_its_words_or_its_place(said: str, place: int) -> None:
    options = ("Delivery to France", "Delivery to Spain", "Returns from Spain")
    back = ChatMessage("assistant", clarification("en", options))
    found = understand([ChatMessage("user", "Spain?"), back, ChatMessage("user", said)])
    assert found.chosen == options[place] and found.topic.endswith(options[place])


@pytest.mark.parametrize(
    ("said", "person", "small_talk"),
    [
        ("yes please", True, None),
        ("OK, thank you!", True, None),
        ("好的", True, None),
        ("是的，谢谢", True, None),
        ("no thanks", False, "declined"),
        ("No, I'm good.", False, "declined"),
        ("不用了，谢谢", False, "declined"),
        ("thanks", False, "thanks"),
        ("谢谢", False, "thanks"),
        ("No refund for lamps?", False, None),
        ("bye", False, "goodbye"),
    ],
)
@pytest.mark.parametrize("offer", [phrases("en").dont_know, f"A says 3.\n{phrases('zh').agree_on_person}"])
def test_a_person_who_was_offered_comes_or_not(said: str, person: bool, small_talk: str | None, offer: str) -> None:
    found = understand([ChatMessage("user", "Mars?"), ChatMessage("assistant", offer), ChatMessage("user", said)])
    assert (found.wants_person, found.small_talk) == (person, small_talk)


def test_yes_brings_nobody_who_was_not_offered() -> None:
    found = understand([ChatMessage("user", "Mars?"), ChatMessage("assistant", "3 days."), ChatMessage("user", "yes")])
    assert not found.wants_person
