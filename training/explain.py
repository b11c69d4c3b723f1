"""Why a stored reply says what it says: question, decision, passages, template, versions, nearest training examples.

Reads what the turn recorded and what the index, the register and the data sets hold now; says so where something is
gone meanwhile. Knows nothing of how replies are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assistant.adapter_folder import read_manifest
from assistant.adapter_register import BASE
from assistant.adapters import adapter_folder
from assistant.claims import sentences
from assistant.conversation import Message
from assistant.errors import InvalidInput
from assistant.grounding import Grounding, says_nothing
from assistant.settings import Settings
from assistant.store import Store
from retrieval.documents import Hit, Passage
from retrieval.embed import Embedder
from retrieval.version import Version
from training.nearest_examples import Neighbour, nearest_examples

PassageOf = Callable[[str], Passage | None]  # by id, from the index that is published now


@dataclass(frozen=True, slots=True)
class SeenPassage:
    """A passage the turn found; `text` is None when the knowledge base does not hold it any more."""

    passage_id: str
    score: float
    document_id: str | None
    title: str | None
    text: str | None
    quotes: tuple[str, ...]  # words of it that the reply cites


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that led to one reply.

    `unsupported_share`: of its sentences, those that no passage supports; None where none claims anything. `nearest`:
    training examples of the adapter that was asked, or else `nearest_missing` says why there are none.
    """

    message_id: str
    conversation_id: str
    asked: str
    question: str | None
    reply: str
    decision: Mapping[str, Any]
    passages: tuple[SeenPassage, ...]
    template: Any
    written_by: str | None
    consulted: str | None
    versions: Mapping[str, Any]
    unsupported_sentence: str | None
    unsupported_share: float | None
    timings_ms: Mapping[str, float]
    nearest: tuple[Neighbour, ...]
    nearest_missing: str | None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return asdict(self)


def looked_up_in(version: Version) -> PassageOf:
    """Passages by id from an opened index."""

    def passage_of(passage_id: str) -> Passage | None:
        number = version.number(passage_id)
        return None if number is None else version.passages[number]

    return passage_of


def explain(
    store: Store, settings: Settings, passage_of: PassageOf, embedder: Embedder, message_id: str, most: int = 5
) -> Explanation:
    """Explain the assistant's reply with this id; `most` training examples at most.

    Raises NotFound for an unknown message, InvalidInput for one that the assistant did not write.
    """
    message = store.message(message_id)
    if message.author != "assistant":
        remedy = f"; its reply is {reply.id!r}" if (reply := store.reply_to(message_id)) else ""
        raise InvalidInput(f"message {message_id!r} was written by the {message.author}, not the assistant{remedy}")
    trace = store.trace(message_id)
    asked = store.message(message.in_reply_to).text if message.in_reply_to else ""
    passages = [_seen(hit, passage_of(hit["passage_id"]), message) for hit in trace["hits"]]
    consulted = trace.get("consulted")
    nearest, missing = _nearest(settings, embedder, consulted, trace["question"] or asked, most)
    return Explanation(
        message_id=message_id,
        conversation_id=message.conversation_id,
        asked=asked,
        question=trace["question"],
        reply=message.text,
        decision={name: trace.get(name) for name in ("action", "reason", "evidence", "intent", "language", "mood")},
        passages=tuple(passages),
        template=trace.get("template"),
        written_by=trace.get("written_by"),
        consulted=consulted,
        versions={name: trace.get(name) for name in ("model", "adapter", "prompt_version", "index_version")},
        unsupported_sentence=trace.get("unsupported"),
        unsupported_share=_unsupported_share(message.text, trace["hits"], passage_of, settings.grounding_coverage),
        timings_ms=trace["timings_ms"],
        nearest=nearest,
        nearest_missing=missing,
    )


def _seen(hit: Mapping[str, Any], passage: Passage | None, message: Message) -> SeenPassage:
    return SeenPassage(
        passage_id=hit["passage_id"],
        score=hit["score"],
        document_id=passage.document_id if passage else None,
        title=passage.title if passage else None,
        text=passage.text if passage else None,
        quotes=tuple(cited.quote for cited in message.citations if cited.passage_id == hit["passage_id"]),
    )


def _unsupported_share(
    text: str, hits: Sequence[Mapping[str, Any]], passage_of: PassageOf, coverage: float
) -> float | None:
    found = [passage for hit in hits if (passage := passage_of(hit["passage_id"]))]
    grounding = Grounding([Hit(passage, 1.0) for passage in found], coverage)
    claims = [said for said in sentences(text) if not says_nothing(said) and not grounding.only_repeats(said)]
    if not found or not claims:
        return None
    return round(sum(grounding.support(said) is None for said in claims) / len(claims), 4)


def _nearest(
    settings: Settings, embedder: Embedder, consulted: str | None, question: str, most: int
) -> tuple[tuple[Neighbour, ...], str | None]:
    """The examples nearest to the question, and why there are none."""
    if consulted is None:
        return (), "no model was asked"
    if consulted == BASE:
        return (), "the untuned base model was asked"
    folder = adapter_folder(settings, consulted)
    if not folder.exists():
        return (), f"adapter {consulted} was removed"
    version = settings.datasets_folder / read_manifest(folder).dataset_hash[:16]
    if not version.exists():
        return (), "the data set of the adapter was erased"
    return nearest_examples(version, embedder, question, most), None
