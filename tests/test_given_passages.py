"""Knowledge beside cases and logged replies becomes passages; anything else is refused with the reason."""

from __future__ import annotations

import pytest

from assistant.errors import InvalidInput
from training.given_passages import given_passages, passage_words


def test_knowledge_becomes_passages_named_after_its_owner() -> None:
    first, second = given_passages("case 7", [{"text": "Opens at 7.", "entity": "Acorn House"}, {"text": "Free."}])
    assert (first.id, first.text, first.entity) == ("case 7#0", "Opens at 7.", "Acorn House")
    assert (second.id, second.document_id, second.entity) == ("case 7#1", "case 7", None)
    assert given_passages("case 7", None) == given_passages("case 7", []) == ()


def test_words_of_a_passage_are_those_that_knowledge_makes_public() -> None:
    (passage,) = given_passages("a", [{"text": '"Maria" cooks, they say.', "entity": "Acorn House"}])
    assert {"Maria", "Acorn", "House", "cooks"} <= passage_words(passage)


@pytest.mark.parametrize("knowledge", ["text", {"text": "x"}, ["text"], [{}], [{"text": " "}], [{"text": 7}]])
def test_what_is_no_list_of_texts_is_refused(knowledge: object) -> None:
    with pytest.raises(InvalidInput, match="knowledge"):
        given_passages("a", knowledge)
