"""Names are found in noisy conversations, and the newest one counts."""

from __future__ import annotations

import pytest

from retrieval.entities import Entities, Named
from retrieval.lexical import LexicalIndex

NAMES = [
    "Hotel Zelos San Francisco",
    "Hotel Zoe Fisherman's Wharf",
    "Good Hotel",
    "Orchard Garden Hotel",
    "Adelaide Hostel",
    "Cotogna",
    "Rooster & Rice - Marina",
    "Rooster & Rice - SoMa",
    "Pier 39",
    "Crab House at Pier 39",
    "Seven Hills",
    "全聚德烤鸭店",
]
TEXTS = [f"{name} has parking. It is good for kids and good for groups." for name in NAMES for _ in range(5)]
ENTITIES = Named.of([name for name in NAMES for _ in range(5)], LexicalIndex.build(TEXTS)).entities


def first(*said: str) -> str | None:
    """The name most in play."""
    weights = ENTITIES.in_play(said)
    return ENTITIES.names[max(weights, key=weights.__getitem__)] if weights else None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("how about the hotel zealous", "Hotel Zelos San Francisco"),
        ("tell me about the zelos", "Hotel Zelos San Francisco"),
        ("i have orchid garden hotel for you", "Orchard Garden Hotel"),
        ("there is adelayed hostel", "Adelaide Hostel"),
        ("what about koto nya", "Cotogna"),
        ("i want to see pier thirty nine", "Pier 39"),
        ("a table at crab house at pier thirty nine", "Crab House at Pier 39"),
        ("rooster and rice in soma please", "Rooster & Rice - SoMa"),
        ("the good hotel is nice", "Good Hotel"),
        ("去全聚德烤鸭店吃饭", "全聚德烤鸭店"),
    ],
)
def test_misheard_and_shortened_names_are_found(said: str, name: str) -> None:
    assert first(said) == name


@pytest.mark.parametrize(
    "said", ["sounds good", "we are seven people", "is it good for kids", "", "?!", "do you have rice"]
)
def test_everyday_words_are_hardly_a_name(said: str) -> None:
    assert max(ENTITIES.in_play([said]).values(), default=0.0) < 0.3


def test_the_newest_name_counts_most() -> None:
    assert (
        first("how about hotel zelos", "no, something else", "then cotogna perhaps", "do they have parking")
        == "Cotogna"
    )


def test_a_name_stays_in_play_while_nothing_else_is_named() -> None:
    said = ["adelaide hostel is cheap", "book it", "for how many", "two", "done, anything else", "is there parking"]
    assert first(*said) == "Adelaide Hostel"


def test_a_place_to_be_near_is_not_what_is_meant() -> None:
    assert first("cotogna is near pier thirty nine", "what are the hours") == "Cotogna"


def test_an_ordinal_points_into_the_last_list() -> None:
    said = ["i have hotel zelos, orchard garden hotel and adelaide hostel"]
    assert first(*said, "the second one sounds nice") == "Orchard Garden Hotel"
    assert first(*said, "the last one please") == "Adelaide Hostel"


def test_a_telling_word_picks_among_what_was_listed() -> None:
    assert first("there is hotel zelos or orchard garden hotel", "the orchard then") == "Orchard Garden Hotel"


def test_mentions_say_where_they_stand() -> None:
    (mention,) = ENTITIES.mentions("is the adelaide hostel open")
    assert (ENTITIES.names[mention.name], mention.start, mention.end) == ("Adelaide Hostel", 2, 4)
    assert mention.strength > 0.9


def test_passages_without_a_name_belong_to_none() -> None:
    named = Named.of([None, "Cotogna", None], LexicalIndex.build(["a", "b", "c"]))
    assert named.owner.tolist() == [-1, 0, -1]
    assert Named.of([None], LexicalIndex.build(["a"])).in_play(["cotogna"]) == {}


def test_one_name_alone_works() -> None:
    only = Entities(["Cotogna"], lambda word: 1)
    assert [only.names[m.name] for m in only.mentions("is cotogna open")] == ["Cotogna"]


def test_a_name_of_everyday_words_counts_when_said_in_full() -> None:
    houses = ["Home from Home", "A and B Guest House", "Cotogna"]
    entities = Entities(houses, lambda word: 0 if word == "cotogna" else 3)
    weights = entities.in_play(["i would like to stay at home from home"])
    assert weights[0] > 0.7 and max(weights, key=weights.__getitem__) == 0
