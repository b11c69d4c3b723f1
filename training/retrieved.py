"""Gives training examples the passages that serving would have shown with their question.

Knows the retriever and the turn's reading of a conversation; nothing of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.settings import Settings
from assistant.understand import understand
from assistant.wiring import build_retriever
from retrieval.failures import IndexMissing
from retrieval.search import Retriever
from training.examples import Example


def with_passages(examples: Sequence[Example], retriever: Retriever, settings: Settings) -> list[Example]:
    """Examples without passages get those found with enough evidence to answer; the others stay as they are.

    Raises IndexMissing when there is no knowledge base.
    """
    bare = [i for i, example in enumerate(examples) if not example.passages and example.kind in ("log", "correction")]
    understood = [understand(examples[i].messages) for i in bare]
    asked = [(i, said) for i, said in zip(bare, understood, strict=True) if not said.small_talk]
    found = retriever.search_many(
        [said.topic for _, said in asked],
        settings.prompt_passages,
        [said.said for _, said in asked],
        [said.question for _, said in asked],
    )
    given = list(examples)
    for (i, _), result in zip(asked, found, strict=True):
        if result.evidence >= settings.answer_evidence:
            given[i] = replace(examples[i], passages=tuple(hit.passage for hit in result.hits))
    return given


def with_knowledge(examples: Sequence[Example], settings: Settings) -> Sequence[Example]:
    """`with_passages` over the home's knowledge base; the same examples where there is none."""
    try:
        return with_passages(examples, build_retriever(settings), settings)
    except IndexMissing:
        return examples
