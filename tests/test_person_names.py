"""Names of people are found by lists, capitals and context, without masking ordinary words."""

from __future__ import annotations

import pytest

from assistant.person_names import find_names


def names(text: str, known: tuple[str, ...] = (), house: tuple[str, ...] = ()) -> list[str]:
    return [text[start:end] for start, end in find_names(text, known, house)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi Kyle, that is correct", ["Kyle"]),
        ("It's under my partner's name Johan van der Berg", ["Johan van der Berg"]),
        ("Thanks to Mr. Okonkwo-Smith and Dr Lee", ["Mr. Okonkwo-Smith", "Dr Lee"]),
        ("my name is will smith", ["will smith"]),
        ("Will Smith wrote to me", ["Will Smith"]),
        ("I spoke to Jean-Luc O'Brien Jr. yesterday", ["Jean-Luc O'Brien Jr"]),
        ("Ulrika, Donnell M. and Priya helped", ["Ulrika", "Donnell M", "Priya"]),
        ("this is jennifer, mike told me to call", ["jennifer", "mike"]),
        ("we met Horvatinčić and Ragnarsdóttir", ["Horvatinčić", "Ragnarsdóttir"]),
        ("Best regards,\nÁrpád Szabó", ["Árpád Szabó"]),
        ("Anna: is Tom's parcel there?", ["Anna", "Tom"]),
        ("SARAH IS WAITING", ["SARAH"]),
        ("cc Xyvlo Mbeki please", ["Xyvlo Mbeki"]),
    ],
)
def test_found(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Mark the box, grant access, and may I ask for more grace? Will do.",
        "On Friday in May we fly from Austin to Paris via San Francisco",
        "Best Western hotel, Chase Bank, Jackson Street, Kelly Airport",
        "I'm Platinum. I’m so tired, thats it, im done. Thx pls",
        "#AnnaRocks @johnsmith and anna_b",
        "The new Galaxy is great. Terms of Service apply.",
        "",
    ],
)
def test_not_found(text: str) -> None:
    assert names(text) == []


def test_known_names_and_house_words_decide() -> None:
    assert names("thanks qorvex", known=("qorvex",)) == ["qorvex"]
    assert names("Spend Avios with Zorbix", house=("avios",)) == ["Zorbix"]
