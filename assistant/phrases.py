"""The sentences the assistant says by itself, in English and Chinese.

Knows nothing of when they are said (policy) or of the words of the user interface (ui/words.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language's sentences; `{…}` are filled by the turn."""

    dont_know: str
    hand_over: str
    clarify: str
    clarify_one: str
    which: str
    greeting: str
    thanks: str
    all_right: str
    goodbye: str
    how_are_you: str
    who_are_you: str
    foreign_quote: str
    older_says: str
    disagree: str
    agree_on_person: str


ENGLISH = Phrases(
    dont_know="I'm sorry, I don't have information about that. Would you like to talk to a person?",
    hand_over="Of course. I have asked a colleague to join this conversation.",
    clarify="I want to be sure I understand. Do you mean one of these?",
    clarify_one="I want to be sure I understand. Do you mean this?",
    which="Which one do you mean? You can also say “the first one”.",
    greeting="Hello! I'm the assistant of {company}. How can I help you?",
    thanks="You're welcome! Is there anything else I can help with?",
    all_right="All right. Is there anything else I can help with?",
    goodbye="Goodbye, and thank you for contacting {company}.",
    how_are_you="I'm doing well, thank you! How can I help you?",
    who_are_you=(
        "I'm the automatic assistant of {company}. I answer from our help pages, and I can bring in a person any time."
    ),
    foreign_quote="This is what our help pages say (in another language): {quote}",
    older_says="(An older page, “{title}” of {date}, says: {quote})",
    disagree="Our help pages disagree on this.",
    agree_on_person="Would you like to talk to a person to be sure?",
)

CHINESE = Phrases(
    dont_know="抱歉，我没有找到相关的信息。需要为您转接人工客服吗？",
    hand_over="好的，我已经请同事加入这次对话。",
    clarify="我想确认一下您的问题，您指的是下面哪一个？",
    clarify_one="我想确认一下您的问题，您指的是这个吗？",
    which="请问是哪一个？您也可以说“第一个”。",
    greeting="您好！我是{company}的智能客服，请问有什么可以帮您？",
    thanks="不客气！还有什么可以帮您的吗？",
    all_right="好的。还有什么可以帮您的吗？",
    goodbye="再见，感谢您联系{company}。",
    how_are_you="我很好，谢谢！请问有什么可以帮您？",
    who_are_you="我是{company}的智能客服，会根据我们的帮助资料回答问题，也可以随时为您转接人工客服。",
    foreign_quote="我们的资料中这样写道（原文为其他语言）：{quote}",
    older_says="（较早的资料《{title}》（{date}）写的是：{quote}）",
    disagree="我们的资料对此说法不一。",
    agree_on_person="需要为您转接人工客服确认吗？",
)


def phrases(language: str) -> Phrases:
    """The sentences of a language code; English where we have none."""
    return CHINESE if language == "zh" else ENGLISH


def clarification(language: str, options: Sequence[str], again: bool = False) -> str:
    """Ask which of the options is meant, or whether the only one is; `again` if the answer to that left it open."""
    said = phrases(language)
    asking = said.which if again else said.clarify if len(options) > 1 else said.clarify_one
    return "\n".join((asking, *(f"- {option}" for option in options)))


def offered(text: str) -> tuple[str, ...]:
    """The options of a clarification; none if the text is not one."""
    opening, *options = text.split("\n- ")
    askings = {asking for said in (ENGLISH, CHINESE) for asking in (said.clarify, said.clarify_one, said.which)}
    return tuple(options) if opening in askings else ()


def asks_again(text: str) -> bool:
    """Is a message of the assistant the second asking which of the options is meant?"""
    return text.startswith((ENGLISH.which, CHINESE.which))


def offers_person(text: str) -> bool:
    """Does a message of the assistant end with the offer to bring in a person?"""
    return text.endswith(
        tuple(offer for said in (ENGLISH, CHINESE) for offer in (said.dont_know, said.agree_on_person))
    )


def accepts_decline(text: str) -> bool:
    """Is a message of the assistant what it says when the customer does not want a person?"""
    return text in (ENGLISH.all_right, CHINESE.all_right)
