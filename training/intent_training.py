"""From a file of intent examples to the classifier that serves: import, embed what is new, fit, publish.

Knows the order of the steps; fitting is `intent_fit.py`, the file formats are `raw_records.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import InvalidInput
from assistant.intents import IntentModel
from assistant.learned_models import fingerprint, heads_folder, publish_model, serving_model, used_readers
from assistant.privacy import Masker
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_intents import (
    IntentExample,
    add_examples,
    examples_hash,
    intent_example,
    intent_examples,
    newest_model,
)
from assistant.store_logs import LogFilter
from assistant.tuned_reader import remove_other_readers
from assistant.understand import small_talk
from retrieval.by_script import Reads
from retrieval.staging import StagedVectors, find_rows, text_keys
from retrieval.version import EmbedderId
from training.intent_acceptance import Acceptance
from training.intent_background import SENTENCES
from training.intent_fit import Fit, fit_intents
from training.intent_rounds import Taught
from training.intent_tuning import tune_intents
from training.raw_records import Unreadable, read_records
from training.reader_choice import Tried
from training.text_fit import Examples

Progress = Callable[[str, int, int | None], None]

ENCODED_AT_ONCE = 256
MOST_CONFUSED = 50
MOST_DISCOVERED = 3000
LONGEST_OPENING = 500  # characters
VERSION = "5"  # of the fitting; another one fits again


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """A record of the file that is no example."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class IntentImport:
    """What an import did. `cross_validation`: see training.intent_acceptance; empty while nothing was fitted."""

    added: int
    unchanged: int
    failed: tuple[ExampleFailure, ...]
    intents: int
    examples: int
    out_of_scope: int
    fitted: bool
    cross_validation: dict[str, float] = field(default_factory=dict)
    tuned: Tried | None = None  # whether a tuned copy of the embedder serves, and why

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def read_examples(file: Path) -> tuple[list[IntentExample], list[ExampleFailure]]:
    """Examples of a JSONL or CSV file with `text` (or `utterance`) and `intent`, plain or gzipped."""
    examples: list[IntentExample] = []
    failures: list[ExampleFailure] = []
    for record in read_records(file):
        if isinstance(record, Unreadable):
            failures.append(ExampleFailure(record.place, record.reason))
            continue
        text, intent = record.value.get("text", record.value.get("utterance")), record.value.get("intent")
        if not isinstance(text, str) or not isinstance(intent, str):
            failures.append(ExampleFailure(record.place, 'needs "text" and "intent", both text'))
            continue
        try:
            examples.append(intent_example(text, intent))
        except InvalidInput as error:
            failures.append(ExampleFailure(record.place, str(error)))
    return examples, failures


def import_intents(settings: Settings, store: Store, embedder: Reads, file: Path, progress: Progress) -> IntentImport:
    """Add a file's examples to those in the store and fit the classifier again if anything changed."""
    examples, failures = read_examples(file)
    if not examples:
        raise InvalidInput(f"{str(file)!r} has no example; each needs text and intent" + first_of(failures))
    added = add_examples(store, examples, file.name)
    everything = intent_examples(store)
    fitted = fit_store(settings, store, embedder, everything, progress)
    model = newest_model(store, "intents")
    inside = [example.intent for example in everything if example.intent is not None]
    return IntentImport(
        added=added,
        unchanged=len(examples) - added,
        failed=tuple(failures),
        intents=len(set(inside)),
        examples=len(everything),
        out_of_scope=len(everything) - len(inside),
        fitted=fitted,
        cross_validation=model.details["cross_validation"] if model else {},
        tuned=model.details.get("tuned") if model else None,
    )


def first_of(failures: Sequence[ExampleFailure]) -> str:
    """What is wrong with the first of them, in brackets; nothing of none."""
    return f" ({failures[0].place}: {failures[0].reason})" if failures else ""


def fit_store(
    settings: Settings, store: Store, embedder: Reads, everything: Sequence[IntentExample], progress: Progress
) -> bool:
    """Fit and publish; False when the serving classifier is already that of these examples, or they are too few."""
    mark = fingerprint(embedder)
    content = hashlib.sha256(f"{VERSION} {examples_hash(everything)}".encode()).hexdigest()
    serving = serving_model(settings, store, "intents", mark)
    if serving is not None and serving[0].examples_hash == content:
        return False
    if sum(count > 1 for intent, count in Counter(e.intent for e in everything).items() if intent is not None) < 2:
        return False
    vectors = vectors_of(settings, embedder, [e.text for e in everything], progress)
    taught = taught_by([(e.text, e.intent) for e in everything], vectors, embedder)
    fit = fit_intents(taught, progress)

    def publish(model: IntentModel, measured: Acceptance, tuned: Tried | None, made_of: str) -> None:
        publish_model(
            settings,
            store,
            "intents",
            lambda file: model.save(file, embedder.name),
            examples_hash=made_of,
            embedder=mark,
            details={
                "cross_validation": measured.told(),
                "tuned": tuned,
                "confused": confused(taught.names, fit),
                "examples": len(everything),
                "readers": [copy.folder.name for copy in model.readers.copies.values()] if model.readers else [],
            },
        )

    # Tuning takes minutes; if it is interrupted, the next import begins it again.
    publish(fit.model, fit.acceptance, None, "")
    tuned = tune_intents(settings, fit.model, taught, progress)
    if tuned is None:
        publish(fit.model, fit.acceptance, None, content)
    else:
        model = replace(fit.model, readers=tuned.readers)
        publish(model, tuned.acceptance or fit.acceptance, tuned.told(), content)
    remove_other_readers(heads_folder(settings), used_readers(store))
    return True


def taught_by(rows: Sequence[tuple[str, str | None]], vectors: np.ndarray, embedder: Reads) -> Taught:
    """What texts with their intent (None: out of scope) and unit vectors teach; intents in the order of their names."""
    names = tuple(sorted({intent for _, intent in rows if intent is not None}))
    number = {name: position for position, name in enumerate(names)}
    labels = np.array([-1 if intent is None else number[intent] for _, intent in rows])
    titles = tuple(spoken(name) for name in names)
    return Taught(
        names=names,
        titles=Examples(titles, embedder.encode_queries(titles), np.arange(len(names))),
        examples=Examples(tuple(text for text, _ in rows), vectors, labels),
        background=Examples(SENTENCES, embedder.encode_queries(SENTENCES), np.full(len(SENTENCES), -1)),
    )


def spoken(name: str) -> str:
    """An intent's name as words: "card_arrival" and "cardArrival" are "card arrival"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", apart).lower().split()) or name


def confused(names: Sequence[str], fit: Fit) -> list[dict[str, Any]]:
    """The pairs of intents that cross-validation mixes up most: true, taken for, count, share of the true one."""
    total = Counter(true for true, _ in fit.pairs)
    wrong = Counter((true, best) for true, best in fit.pairs if true != best)
    return [
        {"intent": names[true], "taken_for": names[best], "count": count, "share": round(count / total[true], 3)}
        for (true, best), count in wrong.most_common(MOST_CONFUSED)
    ]


def vectors_of(settings: Settings, embedder: Reads, texts: Sequence[str], progress: Progress) -> np.ndarray:
    """(n, d) unit rows; texts embedded before are read from the home folder."""
    probe = embedder.encode_queries(["a probe"])[0]
    identity = EmbedderId(embedder.name, embedder.dimension, tuple(float(x) for x in probe))
    staged = StagedVectors(heads_folder(settings) / "vectors", identity)
    unique = list(dict.fromkeys(texts))
    missing = [unique[i] for i in np.flatnonzero(find_rows(staged.keys, text_keys(unique)) < 0)]
    for start in range(0, len(missing), ENCODED_AT_ONCE):
        progress("Reading examples", start, len(missing))
        some = missing[start : start + ENCODED_AT_ONCE]
        staged.append(some, embedder.encode_queries(some))
    return staged.read(find_rows(staged.keys, text_keys(texts)))


def first_words(store: Store, source: str | None) -> list[str]:
    """What customers opened their conversations with, masked, each once; at most MOST_DISCOVERED."""
    said: dict[str, None] = {}
    for transcript in store.iter_conversations(LogFilter(source=source)):
        text = next((m.text for m in transcript.messages if m.author == "customer"), "")
        if text.strip() and not small_talk(text):
            said.setdefault(Masker().mask(" ".join(text.split())[:LONGEST_OPENING]))
        if len(said) >= MOST_DISCOVERED:
            break
    return list(said)
