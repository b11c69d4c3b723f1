"""Training prompts carry the passages that serving would have shown, and only then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from assistant.engines import ChatMessage
from assistant.settings import load_settings
from retrieval.documents import Hit, SearchResult
from retrieval.search import Retriever
from tests.tuning_data import example, passage
from training.retrieved import with_passages


class Searches:
    """Finds one passage, surely for parcels and hardly for anything else."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search_many(
        self, queries: Sequence[str], k: int, conversations: Sequence[Sequence[str]], standing_alone: Sequence[str]
    ) -> list[SearchResult]:
        self.asked += queries
        hits = tuple(Hit(passage("It ships today.", i), 1.0) for i in range(k))
        return [SearchResult(query, hits, 0.9 if "parcel" in query else 0.1) for query in queries]


def test_only_well_supported_questions_get_passages() -> None:
    search = Searches()
    thanks = replace(example(0), messages=(ChatMessage("user", "thanks!"),))
    general = replace(example(0), kind="general")
    given = [example(0), example(2), example(1), thanks, general]
    made = with_passages(given, cast(Retriever, search), load_settings(prompt_passages=2))
    assert [len(one.passages) for one in made] == [2, 0, 1, 0, 0]
    assert made[2:] == given[2:]
    assert search.asked == ["Where is my parcel?", "Where is my invoice?"]
