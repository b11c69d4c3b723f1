"""What a customer's message is: its language, the question it stands for alone, and whether it is only small talk.

Looks at words only; knows nothing of the knowledge base, models or stores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.choosing import asked_back, chosen, confirms, leaves_open, wants_offered_person
from assistant.engines import ChatMessage
from assistant.language import CHINESE, WORD, bare, language_of, language_of_last

SmallTalk = Literal["greeting", "thanks", "goodbye", "how_are_you", "who_are_you", "declined", "agreed"]

# Whole messages only: "thanks, and what about returns?" is a question.
_SMALL_TALK: dict[SmallTalk, re.Pattern[str]] = {
    "greeting": re.compile(
        r"(?:hi+|hello+|hey+|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|(?:hi|hello|hey) there"
        r"|is (?:anyone|anybody|someone) there"
        r"|(?:(?:你们?好+|您好|哈喽|哈啰|嗨|早|早安|早上好|上午好|中午好|下午好|晚上好|在吗|在么|有人在?吗|请问)[啊呀哦]?)+)"
    ),
    "thanks": re.compile(
        r"(?:(?:ok|okay|great|perfect|cool|awesome|got it|alright|oh|good|nice) ?)*"
        r"(?:(?:many )?thanks?(?: you)?|thx|ty|cheers|much appreciated|that helps?"
        r"|that(?:'s| is) (?:great|perfect|helpful|all))?"
        r"(?: a lot| so much| very much| again| that helps| that was helpful| thanks?(?: you)?"
        r"| for (?:your|the|all your) help| for helping)*"
        r""
        r"|(?:好的?|嗯+|行|可以|没事了?|不用了?|没问题|知道了|明白了|了解了?|收到|太好了)*(?:那就?)?"
        r"(?:(?:非常|十分|太|很)?(?:谢谢|感谢|多谢|谢了|麻烦|辛苦)(?:您|你|你们|啦|了|哦|[您你]的(?:帮助|回复))*)?"
    ),
    "goodbye": re.compile(
        r"(?:bye+|good ?bye|bye bye|see (?:you|ya)(?: later| soon)?|take care|再见|拜+|拜拜了?|回头见|下次见|晚安"
        r"|have a (?:nice|good|great) (?:day|one|evening|weekend))"
    ),
    "how_are_you": re.compile(
        r"(?:(?:hi|hello|hey) )?how are you(?: doing)?(?: today)?|how(?:'s| is) it going"
        r"|[你您]好吗|最近(?:怎么样|好吗)|[你您]今天怎么样"
    ),
    "who_are_you": re.compile(
        r"(?:who|what) are you|are you (?:a )?(?:bot|robot|human|real person|real|an ai|ai|a machine)(?: or .*)?"
        r"|what(?:'s| is) your name|am i (?:talking|speaking) (?:to|with) a (?:bot|robot|human|real person|person)"
        r"|what can you do|[你您]是谁|[你您]是(?:不是)?(?:一?个)?(?:机器人|真人|人工|AI|ai|人)(?:吗|还是.{1,4})?"
        r"|[你您]叫什么(?:名字)?|[你您](?:能|会|可以)(?:做|帮我做)?(?:些)?什么"
    ),
}

_ASK_FOR = r"(?:talk|speak|chat|connect(?: me)?|transfer(?: me)?|put me through|get me|switch me|escalate|hand me over)"
_PEOPLE = (
    r"(?:person|human(?: being)?|agent|representative|rep|someone|somebody|operator|advis[oe]r|colleague|manager"
    r"|supervisor|staff(?: member)?|customer (?:service|support|care)|support(?: team)?)"
)
_PERSON_EN = re.compile(
    rf"\b(?:{_ASK_FOR}(?: (?:to|with|this to))? (?:(?:a|an|the|some|your|another) )?"
    rf"(?:(?:real|live|actual|human) )?{_PEOPLE}"
    r"|(?:want|need|would like|get me|give me) an? (?:real|live|human|actual) (?:person|human|agent|being)"
    r"|(?:want|need) (?:a |an )?(?:human|operator)|human (?:agent|please|support)|real person please|agent please)\b"
)
_PERSON_ZH = re.compile(
    r"转?人工(?:客服|服务)?|真人(?:客服)?|(?:找|要|跟|和|叫).{0,4}(?:客服|经理|主管|工作人员)(?:说话|聊|谈|接)?$"
)
# "Is there a fee to talk to an agent?", "人工客服几点上班": asks about people, does not ask for one.
_ABOUT_PERSON = re.compile(r"\b(?:fee|cost|charge|hours|phone number|when (?:can|are)|open)\b|几点|时间|上班|电话|收费")

_POINTS_BACK_EN = re.compile(
    r"\b(?:it|its|it's|that|this|these|those|they|them|their|there|one|ones|he|she|him|her|same|instead|else|either)\b"
)
_OPENS_BACK_EN = re.compile(r"^(?:and|but|or|so|also|then|what about|how about|what if|why|how come|how so|even)\b")
# "without a receipt", "to the Netherlands": the rest of a question, and no verb of its own as far as words tell
_REST_EN = re.compile(
    r"(?:from|to|into|in|inside|outside|on|at|by|via|with|without|for|after|before|during|within|until|under|over)\b"
    r"(?!.*\b(?:is|are|was|were|do|does|did|can|could|will|would|should|how|what|when|where|which|who)\b)"
)
_REST_ZH = re.compile(r"(?:从|到|去|往|在|用|通过)(?!.*(?:吗|么|怎|多少|多久|几|哪|谁|能|可以|是否))")
_REST_WORDS, _REST_HAN = 5, 8
_POINTS_BACK_ZH = re.compile(
    r"它|这个|那个|[这那](?:家|款|件|种|位|边)|这些|那些|这样|那样|那里|那儿|这里|该|其|呢[？?]?$|^那|^还有|^如果"
)

_SHORT_WORDS = 12  # a longer message usually names its own subject
_TOPIC = 4  # customer messages that together are a conversation's topic
_LOOK_BACK = 2  # earlier customer messages that may hold the subject


@dataclass(frozen=True, slots=True)
class Understanding:
    """`question` stands alone: it can be read without the conversation.

    `said` are the conversation's texts, `topic` the last message with the customer's few before it, `offered` what the
    assistant has just asked back about, `chosen` which of it the message stands for, `left_open` that it says yes to
    several or a number that none has.
    """

    language: str
    question: str
    small_talk: SmallTalk | None
    wants_person: bool
    said: tuple[str, ...] = ()
    topic: str = ""
    offered: tuple[str, ...] = ()
    chosen: str | None = None
    left_open: bool = False


def small_talk(text: str) -> SmallTalk | None:
    """The kind of small talk the whole message is, or None."""
    said = bare(text)
    if not said:
        return None
    return next((kind for kind, pattern in _SMALL_TALK.items() if pattern.fullmatch(said)), None)


def wants_person(text: str) -> bool:
    """Does the customer ask for a human being (and not about one)?"""
    said = bare(text)
    return bool(_PERSON_EN.search(said) or _PERSON_ZH.search(said)) and not _ABOUT_PERSON.search(said)


def points_back(text: str) -> bool:
    """Is the message too short or too full of pronouns to be understood alone?"""
    said = bare(text)
    if language_of(text) == "zh":
        length = len(CHINESE.findall(said))
        if length <= 4 or (length <= _REST_HAN and _REST_ZH.match(said)):
            return True
        return length <= 24 and bool(_POINTS_BACK_ZH.search(said))
    words = WORD.findall(said)
    if len(words) > _SHORT_WORDS:
        return False
    if len(words) <= 2 or (len(words) <= _REST_WORDS and _REST_EN.match(said)):
        return True
    return bool(_POINTS_BACK_EN.search(said) or _OPENS_BACK_EN.search(said))


def stand_alone(messages: Sequence[ChatMessage]) -> str:
    """The last message, with the customer's earlier ones in front when it points back to them."""
    asked = [m.content for m in messages if m.role == "user"]
    last = asked[-1]
    earlier = [text for text in asked[:-1] if not small_talk(text)][-_LOOK_BACK:]
    parts = [last]
    while earlier and points_back(parts[0]):
        parts.insert(0, earlier.pop())
    return " ".join(parts)


def topic(messages: Sequence[ChatMessage]) -> str:
    """The last message after the customer's few before it that are more than small talk."""
    asked = [m.content for m in messages if m.role == "user"]
    return "\n".join([*[text for text in asked[:-1] if not small_talk(text)][1 - _TOPIC :], asked[-1]])


def _kind(messages: Sequence[ChatMessage], person: bool | None) -> SmallTalk | None:
    """The small talk that the last message is; `person`: whether it accepts one who was offered."""
    if person is not None:
        return None if person else "declined"
    return small_talk(messages[-1].content) or ("agreed" if confirms(messages) else None)


def understand(messages: Sequence[ChatMessage]) -> Understanding:
    """Read a conversation whose last message is the customer's."""
    language = language_of_last([message.content for message in messages if message.role == "user"])
    options = asked_back(messages)
    person = wants_offered_person(messages)
    choice = chosen(messages[-1].content, options)
    if choice is not None:
        messages = [*messages[:-1], ChatMessage("user", choice)]
    still_open = leaves_open(messages)
    last = messages[-1].content
    return Understanding(
        language=language,
        question=stand_alone(messages[:-2] if still_open else messages),
        small_talk=_kind(messages, person),
        wants_person=bool(person) or wants_person(last),
        said=tuple(message.content for message in messages if message.role != "system"),
        topic=topic(messages),
        offered=options,
        chosen=choice,
        left_open=still_open,
    )
