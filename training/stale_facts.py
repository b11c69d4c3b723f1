"""Questions whose answer changed with the knowledge base, and whether a reply still says what the old document said.

Two sources tell what was said: quotes in stored replies, and approved replies that the candidate learns from whose
sentence the new document has with other figures. Knows documents and words; nothing of models or of the gate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from assistant.adapters import register_now
from assistant.claims import read, sentences
from assistant.engines import ChatMessage
from assistant.grounding import says_nothing, share_supported
from assistant.privacy import Masker
from assistant.prompt import passage_text
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import changes
from assistant.store_changed import Cited, changed_documents, cited_before
from assistant.understand import understand
from assistant.whole_files import write_whole
from assistant.wiring import build_retriever
from retrieval.documents import Passage
from retrieval.search import Retriever
from retrieval.version import current_version
from training.cases import Case
from training.examples import Example

ALIKE = 0.6  # share of a learnt sentence's words in a new one from which they speak of the same thing
SAME = 0.9  # share of a sentence's words from which a reply says that sentence
LEAST_WORDS = 4  # content words; shorter sentences without figures are not told apart
SHOWN = 160  # characters of a fact in a reason
FILE = "stale.json"


@dataclass(frozen=True, slots=True)
class StaleFact:
    """What was said to a question, and the passages found for it now, which do not hold that any more."""

    id: str  # of the stored message, or of the training example
    question: str
    document_id: str
    old: str
    passages: tuple[Passage, ...]

    @property
    def new(self) -> str:
        """What the changed document says now, nearest to the old words; empty when it is gone."""
        theirs = [passage for passage in self.passages if passage.document_id == self.document_id]
        spoken = [sentence for passage in theirs for sentence in sentences(passage_text(passage))]
        return max(spoken, key=lambda sentence: _alike(self.old, sentence), default="")

    @property
    def case(self) -> Case:
        """The question as a model is asked it now."""
        return Case(f"stale {self.id}", (ChatMessage("user", self.question),), self.new or self.old, self.passages)

    def said_in(self, reply: str) -> bool:
        """Whether a reply states the old figures, or without figures the old sentence, that no passage holds now."""
        now = " ".join([self.question, *map(passage_text, self.passages)])
        if figures := read(self.old).facts - read(now).facts:
            return not figures.isdisjoint(read(reply).facts)
        before = Passage("old", self.document_id, "", "", self.old)
        return any(
            len(read(sentence).words) >= LEAST_WORDS
            and share_supported(sentence, [before], SAME) == 1
            and share_supported(sentence, self.passages, SAME) == 0
            for sentence in sentences(reply)
            if not says_nothing(sentence)
        )

    @property
    def words(self) -> str:
        """Question, old and new fact for people; by id where the question is long or holds personal data."""
        plain = " ".join(self.question.split())
        named = repr(plain) if Masker().mask(plain) == plain and len(plain) <= SHOWN else f"the question to {self.id}"
        told = f"now: {self.new[:SHOWN]!r}" if self.new else "which was removed"
        return f"{named}: still says {self.old[:SHOWN]!r} of {self.document_id}, {told}"


def find_stale(
    settings: Settings, store: Store, learnt: Iterable[Example], most: int, retriever: Retriever | None = None
) -> list[StaleFact]:
    """At most `most` questions whose old answer the knowledge base does not hold any more; none without a change."""
    changed = changed_documents(store, _promoted_at(settings, store))
    if not changed or not most or current_version(settings.index_folder) is None:
        return []
    found = retriever or build_retriever(settings)
    stale: dict[tuple[str, str], StaleFact] = {}
    for cited in _once(cited_before(store, changed)):
        if (fact := _outdated(cited, found, settings.prompt_passages)) is not None:
            stale.setdefault((fact.question, fact.old), fact)
        if len(stale) >= most:
            return list(stale.values())
    for fact in _contradicted(learnt, set(changed)):
        stale.setdefault((fact.question, fact.old), fact)
        if len(stale) >= most:
            break
    return list(stale.values())


def save_stale(folder: Path, facts: Sequence[StaleFact]) -> None:
    """Keep them with the run, so that every examination asks the same."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, json.dumps([asdict(fact) for fact in facts], ensure_ascii=False))


def read_stale(folder: Path) -> tuple[StaleFact, ...]:
    """What `save_stale` wrote; nothing where it wrote nothing, or a customer was erased since."""
    if not (folder / FILE).exists():
        return ()
    values = json.loads((folder / FILE).read_text("utf-8"))
    return tuple(StaleFact(**{**v, "passages": tuple(map(Passage.from_dict, v["passages"]))}) for v in values)


def _promoted_at(settings: Settings, store: Store) -> datetime | None:
    serving = register_now(settings).serving
    return next((change.at for change in changes(store, 1) if serving), None)


def _once(cited: Iterable[Cited]) -> Iterator[Cited]:
    seen = set()
    for one in cited:
        key = (" ".join(one.question.lower().split()), one.document_id, one.quote)
        if key not in seen:
            seen.add(key)
            yield one


def _outdated(cited: Cited, retriever: Retriever, most: int) -> StaleFact | None:
    """The quote as a stale fact, unless what is found for the question now still says the same."""
    understood = understand([ChatMessage("user", cited.question)])
    hits = retriever.search(understood.topic, most, said=understood.said).hits
    fact = StaleFact(
        cited.message_id, cited.question, cited.document_id, cited.quote, tuple(hit.passage for hit in hits)
    )
    return fact if fact.said_in(cited.quote) else None


def _contradicted(learnt: Iterable[Example], changed: set[str]) -> Iterator[StaleFact]:
    """Learnt sentences that a changed document, shown with the question, has with other figures."""
    for example in learnt:
        spoken = [s for p in example.passages if p.document_id in changed for s in sentences(passage_text(p))]
        for sentence in sentences(example.reply) if spoken else ():
            nearest = max(spoken, key=lambda other: _alike(sentence, other))
            asked = example.messages[-1].content
            document = next(p.document_id for p in example.passages if nearest in sentences(passage_text(p)))
            fact = StaleFact(example.id, asked, document, sentence, example.passages)
            replaced = read(nearest).facts - read(sentence).facts
            if _alike(sentence, nearest) >= ALIKE and replaced and read(sentence).facts and fact.said_in(sentence):
                yield fact


def _alike(sentence: str, other: str) -> float:
    """Share of the sentence's content words that the other one has too."""
    words = read(sentence).words
    return len(words & read(other).words) / len(words) if words else 0.0
