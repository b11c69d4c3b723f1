"""Find personal data that has a form of its own: mail, links, IP addresses, cards, accounts, ids, orders, phones.

Patterns are confirmed by checksums where those exist. Knows nothing of person names, postal addresses
and placeholders.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Kind = Literal["EMAIL", "URL", "IP", "IBAN", "CARD", "ID", "ORDER", "PHONE", "ADDRESS", "NAME"]


class Found(NamedTuple):
    """Personal data of one kind at characters `start` to `end` of a text."""

    start: int
    end: int
    kind: Kind


# Word boundaries are those of ASCII throughout: Chinese writes digits and Latin words without a gap.
FLAGS = re.IGNORECASE | re.ASCII
CHINESE_TEXT = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"  # characters and full-width punctuation
LOCAL = rf"[^\s<>()\[\]{{}},;:\"@\\{CHINESE_TEXT}]"
EMAIL = re.compile(
    rf"(?<![^\s<>()\[\]{{}},;:\"'@\\{CHINESE_TEXT}])(?!'){LOCAL}{{1,64}}@(?:[^\W_](?:[\w-]{{0,62}})\.|[^\x00-\x7f{CHINESE_TEXT}\w.-]{{1,63}}\.){{1,8}}[a-z]{{2,24}}(?![\w-])"
    r"|(?<![\w.+-])[\w.+-]{1,64} ?[\[(] ?at ?[\])] ?(?:[\w-]{1,63} ?(?:\.|[\[(] ?dot ?[\])]) ?){1,4}[a-z]{2,24}\b",
    FLAGS,
)
# endings that make a bare domain; country codes that are also words (it, in, is, so, be, me, at) are left out
ENDINGS = (
    "com|net|org|info|biz|edu|gov|mil|io|co|app|dev|shop|store|online|site|cloud|tech|xyz|club|eu|uk|us|ca|au|nz|ie|de|"
    "fr|es|pt|nl|se|dk|fi|pl|cz|sk|hu|ro|bg|hr|gr|tr|ru|ua|cn|hk|tw|jp|kr|sg|br|mx|ar|cl|za|ch"
)
PATH = rf"[^\s<>\"“”{CHINESE_TEXT}]"
URL = re.compile(
    rf"(?:\b(?:https?|ftps?)://|\bwww\d?\.){PATH}{{2,2000}}"
    rf"|(?<![\w@.-])(?:[a-z0-9-]{{1,63}}\.){{1,5}}(?:{ENDINGS})(?![\w@-]|\.\w)(?:[/?]{PATH}{{0,2000}})?"
    rf"|(?<![\w@./-])(?:[a-z0-9-]{{2,63}}\.){{1,5}}[a-z]{{2,24}}/{PATH}{{0,2000}}",
    FLAGS,
)
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)", FLAGS)
IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:])", FLAGS)
IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Z0-9])", FLAGS)
IBAN_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
        "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
        "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}
CARD = re.compile(r"(?<![\w.,+-])\d(?:[ -]?\d){12,18}(?!\w|[.,-]\d)", FLAGS)
CARD_CUE = re.compile(r"(?:card|visa|mastercard|amex|\bcc|卡号|信用卡|银行卡)[^\n]{0,20}$", FLAGS)
SSN = re.compile(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])", FLAGS)
CHINESE_ID = re.compile(r"(?<!\d)[1-9]\d{5}(?:18|19|20)\d{2}[01]\d[0-3]\d{4}[\dXx](?![\dA-Za-z])")
ID = re.compile(
    r"(?:passport|licen[cs]e|social security|\bssn|national id|id(?:entity)? card|tax id|护照|身份证|驾驶证|驾照|社保)"
    r"(?:\s?(?:number|no\.?|num|#|号码|号))?\s?(?:is|was|:|#|：|是|为|\()?\s{0,2}"
    r"(?P<value>(?=[A-Z-]{0,10}\d)[A-Z0-9][A-Z0-9-]{4,19})(?![A-Z0-9])",
    FLAGS,
)
LONG_NUMBER = re.compile(r"(?<![\w.,#-])\d{9,30}(?!\w|[.,]\d)", FLAGS)
ORDER_PATTERNS = (
    r"(?i)\b(?:order|confirmation|booking|reservation|ticket|tracking|case|invoice|reference|ref|account|customer|"
    r"member(?:ship)?|policy|claim|locator|pnr|shipment|rma)(?:\s?(?:number|no\.?|num|nr\.?|code|id|#))?"
    r"\s?(?:is|was|:|#|=|\()?\s{0,2}#?(?P<value>(?=[A-Z-]{0,12}\d)[A-Z0-9][A-Z0-9-]{3,23})(?![A-Z0-9-])",
    r"\b(?i:locator|PNR|confirmation(?: code| number| #)?|booking reference)(?: is|:)?\s{1,2}(?P<value>[A-Z]{6})\b",
    r"(?:订单|运单|快递|物流|工单|预订|预约|确认|会员|客户|账)(?:编?号码?|单号|号)\s?(?:是|为|：|:)?\s{0,2}"
    r"(?P<value>[A-Za-z0-9][A-Za-z0-9-]{4,29})",
)
PHONE = re.compile(
    r"(?<![\w#$€£¥])(?<!\d[.,:/])(?:\+ ?|\(\+?)?\d[\d \u00a0().\-–/]{3,28}\d(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?"
    r"(?!\w|[.,:]\d)",
    FLAGS,
)
EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?\d{1,6}$", FLAGS)
PHONE_CUE = re.compile(
    r"(?:phone|tel|mobile|cell|fax|call|text|sms|whatsapp|dial|reach|contact|number is|answer|电话|手机|号码|"
    r"联系|致电|拨打|传真|微信)[^\n]{0,30}$",
    FLAGS,
)
PHONE_AFTER = re.compile(r"\s?[-(,]?\s?(?:fax|office|mobile|cell|home|work|tel)\b", FLAGS)
DATE = re.compile(
    r"[0-3]?\d[-/. ][0-3]?\d[-/. ](?:19|20)\d{2}(?: \d{1,2})?|[0-3]?\d[-/.][0-3]?\d[-/.]\d{2}"
    r"|(?:19|20)\d{2}[-/. ][01]?\d[-/. ][0-3]?\d(?: \d{1,2})?"
    r"|(?:19|20)\d{2} ?[-/–] ?(?:19|20)\d{2}"
)
AMOUNT_AFTER = re.compile(r"\s?(?:usd|eur|gbp|dollars?|euros?|pounds?|miles|points|km|kg|元|块|%|€|\$|£)", FLAGS)


def find_identifiers(text: str, order_patterns: Sequence[re.Pattern[str]]) -> Iterator[Found]:
    """All of them, surest first; stretches may overlap. Each order pattern has a group named `value`."""
    has_digit = any(c.isdigit() for c in text)
    if "." in text or "[" in text or "(" in text:
        yield from (Found(m.start(), _trimmed(m), "URL") for m in URL.finditer(text) if "://" in m.group())
        yield from (Found(*m.span(), "EMAIL") for m in EMAIL.finditer(text))
        yield from (Found(m.start(), _trimmed(m), "URL") for m in URL.finditer(text) if "://" not in m.group())
    if ":" in text or has_digit:
        yield from (Found(*m.span(), "IP") for p in (IPV4, IPV6) for m in p.finditer(text) if _is_ip(m.group()))
    if not has_digit:
        yield from _values(text, order_patterns[1:], "ORDER")
        return
    yield from _ibans(text)
    yield from (Found(*m.span(), "CARD") for m in CARD.finditer(text) if _is_card(text, m))
    yield from (Found(*m.span(), "ID") for p in (CHINESE_ID, SSN) for m in p.finditer(text))
    yield from _values(text, (ID,), "ID")
    yield from _values(text, order_patterns, "ORDER")
    yield from (Found(*m.span(), "PHONE") for m in PHONE.finditer(text) if _is_phone(text, m))
    yield from (Found(*m.span(), "ID") for m in LONG_NUMBER.finditer(text) if not AMOUNT_AFTER.match(text, m.end()))


def _values(text: str, patterns: Sequence[re.Pattern[str]], kind: Kind) -> Iterator[Found]:
    return (Found(*match.span("value"), kind) for pattern in patterns for match in pattern.finditer(text))


def _trimmed(match: re.Match[str]) -> int:
    """The end of a link without the punctuation of the sentence around it."""
    link = match.group().rstrip(".,;:!?'’*_")
    while link.endswith((")", "]", "}")) and link.count(link[-1]) > link.count("([{"[")]}".index(link[-1])]):
        link = link[:-1].rstrip(".,;:!?'’")
    return match.start() + len(link)


def _is_ip(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address.version == 4 or (len(value) > 4 and any(c.isdigit() for c in value))


def _ibans(text: str) -> Iterator[Found]:
    """Those of the length their country has and with the right check digits."""
    for match in IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match.group()[:2].upper(), 0)
        places = [i for i in range(*match.span()) if text[i].isalnum()]
        if not length or len(places) < length:
            continue
        end = places[length - 1] + 1
        goes_on = end < len(text) and text[end].isalnum()
        if not goes_on and _iban_checks("".join(text[i] for i in places[:length])):
            yield Found(match.start(), end, "IBAN")


def _iban_checks(plain: str) -> bool:
    """ISO 13616: the letters as numbers, the first four characters moved to the end, modulo 97 is 1."""
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def luhn(digits: str) -> bool:
    """Whether the check digit at the end of a string of ASCII digits is right (ISO/IEC 7812)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(text: str, match: re.Match[str]) -> bool:
    """A right check digit, or the word "card" shortly before (customers mistype)."""
    digits = re.sub(r"\D", "", match.group())
    return (luhn(digits) and len(set(digits)) > 1) or bool(CARD_CUE.search(text[: match.start()][-40:]))


def _is_phone(text: str, match: re.Match[str]) -> bool:
    """By the number of digits, how they are grouped, and the words around."""
    value = EXTENSION.sub("", match.group())
    count = sum(c.isdigit() for c in value)
    if not 6 <= count <= 16 or DATE.fullmatch(value) or AMOUNT_AFTER.match(text, match.end()):
        return False
    if value[0] == "+" or value != match.group():
        return True
    cue = PHONE_CUE.search(text[max(0, match.start() - 45) : match.start()]) or PHONE_AFTER.match(text, match.end())
    grouped = not value.isdigit()
    return bool(cue) or (count >= 7 and grouped) or count in (10, 11)
