"""Products become known by turning up all over a log; names do not."""

from __future__ import annotations

from training.house_words import LEAST_CONVERSATIONS, HouseWords


def test_a_word_of_many_conversations_is_no_name_unless_people_are_addressed_by_it() -> None:
    house = HouseWords()
    for _ in range(LEAST_CONVERSATIONS):
        house.count(["How do I spend my Zorbix points?", "Hi Qorvex, you can spend Zorbix online."])
    house.count(["Is Xylvatron included?"])
    assert house.words() == {"zorbix"}
