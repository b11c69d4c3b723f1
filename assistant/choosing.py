"""What a customer answers to what the assistant asked: which meaning is meant, and whether a person shall come.

Looks at words only; what is asked is decided in `policy.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.engines import ChatMessage
from assistant.language import bare
from assistant.phrases import asks_again, offered, offers_person

_YES = re.compile(
    r"(?:(?:yes|yeah|yep|yup|sure|ok|okay|right|correct|exactly|please|thanks?|thank you|it is|i do"
    r"|(?:i mean )?that(?: one|'s it| is it|'s right| is right)?) ?)+"
    r"|(?:是的?|对的?|嗯+|没错|好的?|就?是这个|谢谢)+"
)
_THANKS = re.compile(r"(?:(?:thanks?|thank you) ?)+|(?:谢谢)+")  # alone, as good as a goodbye
_NO = re.compile(
    r"(?:(?:no|nope|nah|not (?:now|yet|really|necessary|needed)|never ?mind|don't|i don't|i'm (?:good|fine|ok|okay)"
    r"|it's (?:ok|okay|fine)|all good|thanks?|thank you|that's (?:ok|okay|fine|all)) ?)+"
    r"|(?:不(?:用|需要|必|要)?了?|没事了?|没关系|算了|先不用了?|暂时不(?:用|需要)了?|谢谢你?|多谢)+"
)
_OPENING = r"(?:yes |yeah |ok |okay |i mean |it's |是|对|嗯|就?是|我[要想]问的?是)*"
_CLOSING = r"(?: please| thanks?| thank you|吧|谢谢)*"
_NUMBERED = (  # the first, the second, ...; what is asked back has at most five
    r"(?:the )?(?:first|1st|1)(?: one| option)?|option 1|number (?:one|1)|第[一1]个?",
    r"(?:the )?(?:second|2nd|2)(?: one| option)?|option 2|number (?:two|2)|第[二2]个?",
    r"(?:the )?(?:third|3rd|3)(?: one| option)?|option 3|number (?:three|3)|第[三3]个?",
    r"(?:the )?(?:fourth|4th|4)(?: one| option)?|option 4|number (?:four|4)|第[四4]个?",
    r"(?:the )?(?:fifth|5th|5)(?: one| option)?|option 5|number (?:five|5)|第[五5]个?",
)
_ANY_NUMBER = re.compile(
    r"(?:the )?(?:\d{1,2}(?:st|nd|rd|th)?|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
    r"(?: one| option)?(?: please)?|(?:option|number) \w+|第.{1,2}个"
)
_LAST = r"(?:the )?last(?: one| option)?|最后[一1]?个?"


def asked_back(messages: Sequence[ChatMessage]) -> tuple[str, ...]:
    """The options that the last message may choose from; none if the assistant did not ask back."""
    return offered(messages[-2].content) if len(messages) > 1 and messages[-2].role == "assistant" else ()


def chosen(text: str, options: Sequence[str]) -> str | None:
    """The option that a message stands for; None if it says something else."""
    said = bare(text)
    named = next((option for option in options if bare(option) == said), None)
    if named is not None or not options:
        return named
    if len(options) == 1:
        return options[0] if _agrees(said) else None
    patterns = [*_NUMBERED[: len(options)], _LAST]
    hit = next((i for i, one in enumerate(patterns) if re.fullmatch(f"{_OPENING}(?:{one}){_CLOSING}", said)), None)
    return None if hit is None else options[min(hit, len(options) - 1)]


def leaves_open(messages: Sequence[ChatMessage]) -> bool:
    """Is it still to be asked which of several options is meant: after a yes, or a number that none of them has?"""
    if len(asked_back(messages)) < 2 or all(message.role != "user" for message in messages[:-2]):
        return False
    said = bare(messages[-1].content)
    return not asks_again(messages[-2].content) and (_agrees(said) or bool(_ANY_NUMBER.fullmatch(said)))


def confirms(messages: Sequence[ChatMessage]) -> bool:
    """Does the last message say no more than yes to what was told, where nothing was asked?"""
    if len(messages) < 2 or messages[-2].role != "assistant" or asked_back(messages):
        return False
    return not messages[-2].content.rstrip().endswith(("?", "？")) and _agrees(bare(messages[-1].content))


def wants_offered_person(messages: Sequence[ChatMessage]) -> bool | None:
    """Does the last message accept the person whom the assistant has just offered? None if it says something else."""
    if len(messages) < 2 or messages[-2].role != "assistant" or not offers_person(messages[-2].content):
        return None
    said = bare(messages[-1].content)
    if _agrees(said):
        return True
    return False if _NO.fullmatch(said) and not _THANKS.fullmatch(said) else None


def _agrees(said: str) -> bool:
    return bool(_YES.fullmatch(said)) and not _THANKS.fullmatch(said)
