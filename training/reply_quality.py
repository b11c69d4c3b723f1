"""What makes a reply unfit to learn from, and how a fit one is cleaned after masking.

Knows nothing of conversations or of which reply answers what.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from assistant.privacy import PLACEHOLDER

# A small list on purpose: it catches staff losing their temper, and is no judge of customers.
TOXIC = re.compile(
    r"\b(?:f+u+c+k\w*|motherf\w+|bullshit|shit(?:ty|head)?|bitch\w*|cunt\w*|asshole\w*|dickhead\w*|bastard\w*|retard(?:ed)?|"
    r"wank\w*|whore\w*|slut\w*|faggot\w*|nigg(?:er|a)\w*|shut up|you(?:'re| are) (?:an? )?(?:idiot|moron|stupid|liar)|"
    r"kill yourself|go to hell|scheisse|scheiße|arschloch|putain|mierda|cabr[oó]n)\b"
    r"|他妈|妈的|傻逼|傻屄|煞笔|操你|去死|滚蛋|白痴|智障|王八蛋|婊子",
    re.IGNORECASE,
)
# A reply made of nothing but such clauses teaches nothing. `REST` is the rest of a clause.
REST = r"[^.!?]{0,60}"
BOILERPLATE = re.compile(
    "|".join(
        (
            rf"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b{REST}",
            r"(?:many )?(?:thanks?|thx|cheers)(?: you)?(?: so much| a lot| again| very much)?",
            rf"thank(?:s| you) for (?:contacting|reaching out|writing|getting in touch|your \w+){REST}",
            r"you(?:'re|’re| are)?(?: very| most| more than| so)? welcome\b[^.!?]{0,20}",
            r"no problem|anytime|my pleasure|sure|ok(?:ay)?|yes|no|(?:good)?bye|take care",
            rf"(?:one|just a|a) (?:moment|second|minute)(?: please| while{REST})?",
            rf"(?:hello )?please (?:hold|wait|stand by|bear with (?:me|us)){REST}",
            rf"(?:please )?(?:allow|give) me (?:one|a|just a|a few) (?:moment|second|minute)s?{REST}",
            r"let me (?:check|look)(?: into (?:it|this|that))?",
            rf"(?:this is an? )?(?:automated|automatic) (?:message|response|reply|email){REST}",
            rf"(?:please )?do not reply{REST}|(?:how would you|please) rate{REST}",
            rf"(?:your|this|the) (?:ticket|request|case|conversation|e?-?mail|message){REST}"
            rf"(?:has been|was|is) (?:received|created|closed|solved|resolved|updated|merged|assigned){REST}",
            r"(?:have|enjoy) a (?:nice|great|good|lovely|wonderful) (?:day|one|weekend|evening)[^.!?]{0,20}",
            r"(?:is there )?anything else(?: i can (?:help|assist)[^.!?]{0,30})?",
            "您好|你好|谢谢|感谢您的(?:来信|咨询|耐心等待|支持)?|不客气|不用谢|好的|请?稍[等候](?:一下|片刻)?|再见|亲|在的",
            "祝您(?:生活愉快|愉快)|请问(?:还有|有)(?:什么|其他)[^。！？]{0,12}",
        )
    ),
    re.IGNORECASE,
)
CLAUSES = re.compile(r"[.!?;,。！？；，\n]+")
NAME = r"\[NAME_\d{1,9}\]"
HAN = re.compile(r"[\u3400-\u9fff]")


def is_toxic(text: str) -> bool:
    """Whether a reply insults or swears."""
    return bool(TOXIC.search(text))


def is_boilerplate(text: str) -> bool:
    """Whether every clause is greeting, thanks, waiting, notice or farewell."""
    clauses = [part.strip(" \t:：~-–—*^😊🙂👍") for part in CLAUSES.split(PLACEHOLDER.sub("", text))]
    return all(BOILERPLATE.fullmatch(part) for part in clauses if part)


def words(text: str) -> int:
    """Words of alphabetic scripts plus Chinese characters."""
    return len(HAN.findall(text)) + len(re.findall(r"[^\W\u3400-\u9fff]+", text))


def without_unknown_names(reply: str, known: Collection[str]) -> str | None:
    """A masked reply that can be said knowing only `known` placeholders, or None if there is no way.

    A name the conversation does not give is dropped where it only addresses or signs: "Hi [NAME_1]," becomes "Hi,".
    """

    def unknown(match: re.Match[str]) -> bool:
        return any(f"[{kind}_{number}]" not in known for kind, number in PLACEHOLDER.findall(match.group()))

    def cut(pattern: str, replacement: str, text: str) -> str:
        return re.sub(pattern, lambda m: m.expand(replacement) if unknown(m) else m.group(), text)

    if all(match.group() in known for match in PLACEHOLDER.finditer(reply)):
        return reply
    reply = cut(rf"\s{{0,3}}[\^*/~–—-]{{1,3}}\s?{NAME}\s*$", "", reply)  # signed "^Ann"
    reply = cut(rf"^(@?){NAME}\s*[,:!.-]\s*", r"", reply)  # "Ann, we are sorry"
    reply = cut(rf"([.!?]\s+){NAME}\s*[,:-]\s*", r"\1", reply)
    reply = cut(rf"(?i)\b(hi|hello|hey|dear)\s+{NAME}\s+(?=\S)", r"\1, ", reply)  # "Hi Ann I am sorry"
    reply = cut(rf"(?i)\b(thank you|thanks|so sorry)\s+{NAME}\s+(?=(?:for|about|that|to)\b)", r"\1 ", reply)
    reply = cut(rf"(^|, ){NAME}\s+(?=(?:I|We|Your?|The|and|but|we|you)\b)", r"\1", reply)
    reply = cut(
        rf",?\s{{0,3}}{NAME}(?=\s{{0,3}}(?:[,.!?:;。，！？…]|\n|$))", "", reply
    )  # "Hi Ann," and "we hear you, Ann."
    reply = re.sub(r"^\s*([.,!?]\s*)+", "", reply).strip()
    if any(match.group() not in known for match in PLACEHOLDER.finditer(reply)):
        return None
    return reply[:1].upper() + reply[1:]


def same_form(reply: str) -> str:
    """What two replies that say the same word for word have in common: no case, punctuation, numbers, initials."""
    bare = re.sub(r"[*^]\s?[A-Za-z]{1,6}\s*$", "", PLACEHOLDER.sub(" ", reply))
    return " ".join(re.findall(r"[^\W\d_]+", bare.lower()))
