"""Personal data with a form of its own is found, what only looks like it is not."""

from __future__ import annotations

import re

import pytest

from assistant.identifiers import ORDER_PATTERNS, find_identifiers, luhn

ORDERS = [re.compile(source, re.ASCII) for source in ORDER_PATTERNS]


def found(text: str) -> list[tuple[str, str]]:
    """Kind and text of the first claim on each stretch, in order."""
    chosen: list[tuple[int, int, str]] = []
    for start, end, kind in find_identifiers(text, ORDERS):
        if not any(start < e and s < end for s, e, _ in chosen):
            chosen.append((start, end, kind))
    return [(kind, text[start:end]) for start, end, kind in sorted(chosen)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jón.o'neil+tag@mail.example.co.uk.", [("EMAIL", "jón.o'neil+tag@mail.example.co.uk")]),
        ("ann (at) example (dot) com", [("EMAIL", "ann (at) example (dot) com")]),
        ("邮箱zhang@example.cn谢谢", [("EMAIL", "zhang@example.cn")]),
        ("(see https://x.example/a_(b)?c=1).", [("URL", "https://x.example/a_(b)?c=1")]),
        (
            "on www.example.org, or shop.example.com/path",
            [("URL", "www.example.org"), ("URL", "shop.example.com/path")],
        ),
        ("look at blog.example.museum/lamps please", [("URL", "blog.example.museum/lamps")]),
        ("网址https://x.cn/a?b=1查看", [("URL", "https://x.cn/a?b=1")]),
        ("from 192.168.0.1 and 2001:db8::8a2e:370:7334", [("IP", "192.168.0.1"), ("IP", "2001:db8::8a2e:370:7334")]),
        ("card 4111-1111-1111-1111", [("CARD", "4111-1111-1111-1111")]),
        ("my card 4111 1111 1111 1112 (mistyped)", [("CARD", "4111 1111 1111 1112")]),
        ("GB82 WEST 1234 5698 7654 32 please", [("IBAN", "GB82 WEST 1234 5698 7654 32")]),
        ("gb82west12345698765432", [("IBAN", "gb82west12345698765432")]),
        ("SSN 078-05-1120", [("ID", "078-05-1120")]),
        ("passport number is X1234567", [("ID", "X1234567")]),
        ("护照号码：E12345678", [("ID", "E12345678")]),
        ("order #12345-XY and booking ref QZ7K2P", [("ORDER", "12345-XY"), ("ORDER", "QZ7K2P")]),
        ("the PNR is GHYTKL", [("ORDER", "GHYTKL")]),
        ("tracking 1234567890123456789012", [("ORDER", "1234567890123456789012")]),
        ("account 12345678", [("ORDER", "12345678")]),
        ("+44 (0)20 7946 0958", [("PHONE", "+44 (0)20 7946 0958")]),
        (
            "(555) 123-4567 ext. 89 or 555.123.4567x12",
            [("PHONE", "(555) 123-4567 ext. 89"), ("PHONE", "555.123.4567x12")],
        ),
        ("you can call 33 93 31", [("PHONE", "33 93 31")]),
        ("手机13812345678", [("PHONE", "13812345678")]),
    ],
)
def test_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "on 11/10/2017 at 10:30:15, 2017-11-10, 2017-2018, 10.11.2017",
        "it cost $1,200,000.50, 1 200 000 dollars or 1200000000 EUR",
        "ok.so I did.Then it was in.it",
        "version 1.2.3, seats 12-14, 24-48 hours, 737-800",
        "order 2 pizzas for the account manager, ticket please",
        "time 12:30:45 and ratio a::b",
        "DE00 0000 0000 0000 0000 00",
        "my confirmation was late",
    ],
)
def test_not_found(text: str) -> None:
    assert found(text) == []


def test_luhn_catches_every_single_wrong_digit() -> None:
    number = "4539578763621486"
    assert luhn(number)
    for place in range(len(number)):
        wrong = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        assert not luhn(wrong)
