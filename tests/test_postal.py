"""Postal addresses of common forms are found, sentences with numbers are not."""

from __future__ import annotations

import pytest

from assistant.postal import find_addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I live at 221B Baker Street, London NW1 6XE now", "221B Baker Street"),
        ("ship it to 12 Old Mill Rd, Apt 4, Springfield, IL 62704", "12 Old Mill Rd, Apt 4, Springfield, IL 62704"),
        ("meine Adresse: Lindenstraße 12, 10969 Berlin", "Lindenstraße 12"),
        ("in Via Giuseppe Verdi 45 suite 3", "Via Giuseppe Verdi 45 suite 3"),
        (
            "14 Long Lane\n Suite 286\n El Tornadizo\n Gabon 66298\nThanks",
            "14 Long Lane\n Suite 286\n El Tornadizo\n Gabon 66298",
        ),
        ("send to P.O. Box 123", "P.O. Box 123"),
        ("寄往上海市浦东新区世纪大道100号3号楼502室", "上海市浦东新区世纪大道100号3号楼502室"),
    ],
)
def test_found(text: str, expected: str) -> None:
    assert any(expected in text[start:end] for start, end in find_addresses(text)), find_addresses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I waited 3 hours and 20 minutes",
        "2 bags on the way to gate 14",
        "flight 12 left at 10 from gate B4",
        "no numbers on Baker Street",
        "路上花了3个小时，一共100元",
    ],
)
def test_not_found(text: str) -> None:
    assert find_addresses(text) == []
