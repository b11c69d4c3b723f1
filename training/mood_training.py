"""Learn mood heads from a team's labelled messages, or from the product's own sentences.

Knows the order of the steps and the labels; the heads are fitted by `text_fit.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from assistant.errors import InvalidInput
from assistant.language import language_of
from assistant.learned_models import fingerprint, heads_folder, publish_model, used_readers
from assistant.mood import LANGUAGES, SENTIMENTS, MoodModel
from assistant.settings import Settings
from assistant.store import Store
from assistant.text_heads import TextHeads
from assistant.tuned_reader import remove_other_readers
from retrieval.by_script import Reads
from training.intent_training import ExampleFailure, first_of, vectors_of
from training.mood_sentences import MoodSentence, mood_sentences
from training.raw_records import Unreadable, read_records
from training.reader_choice import Choice, Tried, choose_reader, widened
from training.reader_tuning import Plan, may_tune, tuning_source
from training.text_fit import Examples, Logits, fit_text_heads, honest_scale

Progress = Callable[[str, int, int | None], None]

URGENCY = {"urgent": True, "calm": False, "not_urgent": False}
FOLDS = 4
DENSE_C = 20.0  # moods are noisier than intents
RATIOS = (0.5, 1.0, 2.0, 4.0, 8.0)  # of the n-gram head to the other one, of which cross-validation picks
OWN_C = 4.0
OWN_BLEND = (0.6, 1.5)
PLAN = Plan(epochs=2, batch=32, together=0.0)
FEWEST = 8  # examples of each class below which nothing is learnt


@dataclass(frozen=True, slots=True)
class MoodTraining:
    """What was learnt from: examples by language, and cross-validated macro-F1 by `sentiment.en` and the like.

    `tuned`: whether a tuned copy of the embedder serves, and why; by language, where there were enough to try.
    """

    examples: dict[str, int]
    macro_f1: dict[str, float]
    tuned: dict[str, Tried] = field(default_factory=dict)
    failed: tuple[ExampleFailure, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def read_moods(file: Path) -> tuple[list[MoodSentence], list[ExampleFailure]]:
    """Messages of a JSONL or CSV file with `text` and `label` (or `sentiment`): a sentiment, urgent, or calm."""
    found: list[MoodSentence] = []
    failures: list[ExampleFailure] = []
    for record in read_records(file):
        if isinstance(record, Unreadable):
            failures.append(ExampleFailure(record.place, record.reason))
            continue
        text, label = record.value.get("text"), record.value.get("label", record.value.get("sentiment"))
        name = label.strip().lower() if isinstance(label, str) else ""
        if not isinstance(text, str) or not text.strip():
            failures.append(ExampleFailure(record.place, 'needs "text"'))
        elif name in SENTIMENTS:
            found.append(MoodSentence(text, name, None))
        elif name in URGENCY:
            found.append(MoodSentence(text, None, URGENCY[name]))
        else:
            allowed = ", ".join((*SENTIMENTS, *URGENCY))
            failures.append(ExampleFailure(record.place, f"label {label!r} is not one of {allowed}"))
    return found, failures


def train_mood(
    settings: Settings, store: Store, embedder: Reads, file: Path | None, progress: Progress
) -> MoodTraining:
    """Fit and publish. A file's labels replace the product's own sentences, by language and kind."""
    given, failures = read_moods(file) if file else ([], [])
    if file and not given:
        raise InvalidInput(f"{str(file)!r} has no labelled message; each needs text and label" + first_of(failures))
    texts = [sentence.text for sentence in (*given, *mood_sentences())]
    vectors = dict(zip(texts, vectors_of(settings, embedder, texts, progress), strict=True))
    model, scores = fit_moods(given, vectors, progress)
    tuned: dict[str, Tried] = {}
    made_of = hashlib.sha256("\n".join(texts).encode()).hexdigest()

    def publish(model: MoodModel) -> None:
        publish_model(
            settings,
            store,
            "mood",
            lambda path: model.save(path, fingerprint(embedder)),
            examples_hash=made_of,
            embedder=fingerprint(embedder),
            details={"macro_f1": scores, "tuned": tuned, "examples": len(given), "readers": _folders(model)},
        )

    publish(model)  # tuning takes minutes and may be interrupted
    for language in LANGUAGES:
        if choice := tune_mood(settings, model, given, language, vectors, progress):
            tuned[language] = choice.told()
            if choice.reader is not None:
                model = replace(model, readers={**model.readers, language: choice.reader})
                publish(model)
    remove_other_readers(heads_folder(settings), used_readers(store))
    languages = [language_of(sentence.text) for sentence in given]
    return MoodTraining({la: languages.count(la) for la in LANGUAGES}, scores, tuned, tuple(failures))


def fit_moods(
    given: Sequence[MoodSentence], vectors: dict[str, np.ndarray], progress: Progress
) -> tuple[MoodModel, dict[str, float]]:
    """Heads by language from the given sentences, or where they are too few from the product's own."""
    sentiment: dict[str, TextHeads] = {}
    urgency: dict[str, TextHeads] = {}
    scores: dict[str, float] = {}
    own = list(mood_sentences())
    for language in LANGUAGES:
        for kind, heads in (("sentiment", sentiment), ("urgency", urgency)):
            progress(f"Fitting {kind} {language}", 0, None)
            theirs = _labelled(given, language, kind)
            rows = theirs or _labelled(own, language, kind)
            texts, labels = [text for text, _ in rows], np.array([label for _, label in rows])
            rows_of = np.stack([vectors[text] for text in texts])
            if theirs:
                heads[language], scores[f"{kind}.{language}"] = fit_blended(rows_of, texts, labels)
            else:  # sentences made from patterns say nothing of how sure to be of real messages
                fitted = fit_text_heads(rows_of, texts, labels, c=OWN_C, balanced=True)
                heads[language] = replace(fitted, blend=np.array(OWN_BLEND, dtype=np.float32))
    return MoodModel(sentiment, urgency), scores


def tune_mood(
    settings: Settings,
    model: MoodModel,
    given: Sequence[MoodSentence],
    language: str,
    vectors: dict[str, np.ndarray],
    progress: Progress,
) -> Choice | None:
    """A copy of the language's embedder tuned to a team's own sentiments, if it is better; None if they are too few."""
    rows = _labelled(given, language, "sentiment")
    if not rows or not may_tune(settings, foreign=language != "en"):
        return None
    texts = tuple(text for text, _ in rows)
    classes, numbers = np.unique([label for _, label in rows], return_inverse=True)
    blend = model.sentiment[language].blend

    def fit(some: Examples) -> TextHeads:
        return replace(fit_text_heads(some.vectors, some.texts, some.labels, c=DENSE_C, balanced=True), blend=blend)

    with tuning_source(settings, foreign=language != "en") as source:
        examples = Examples(texts, np.stack([vectors[text] for text in texts]), numbers)
        nothing = examples.take(np.arange(0))
        choice = choose_reader(examples, nothing, fit, source, PLAN, heads_folder(settings), progress)
    if choice is None or choice.reader is None:
        return choice
    return replace(choice, reader=widened(choice.reader, classes, len(SENTIMENTS)))


def _folders(model: MoodModel) -> list[str]:
    return [reader.folder.name for reader in model.readers.values()]


def _labelled(sentences: Iterable[MoodSentence], language: str, kind: str) -> list[tuple[str, int]]:
    """Texts with class numbers; empty when a class has too few. Two of three sentiments are enough."""
    rows: list[tuple[str, int]] = []
    for sentence in sentences:
        if language_of(sentence.text) != language:
            continue
        if kind == "sentiment" and sentence.sentiment is not None:
            rows.append((sentence.text, SENTIMENTS.index(sentence.sentiment)))
        elif kind == "urgency" and sentence.urgent is not None:
            rows.append((sentence.text, int(sentence.urgent)))
    counts = [sum(label == number for _, label in rows) for number in range(len(SENTIMENTS))]
    return rows if sum(count >= FEWEST for count in counts) >= 2 else []


def fit_blended(vectors: np.ndarray, texts: Sequence[str], labels: np.ndarray) -> tuple[TextHeads, float]:
    """Heads whose blend was found by cross-validation, and the macro-F1 of that; absent classes never win."""
    classes, numbers = np.unique(labels, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(texts)) % FOLDS
    held_out = []
    for number in range(FOLDS):
        inside = np.flatnonzero(fold != number)
        heads = fit_text_heads(
            vectors[inside], [texts[int(i)] for i in inside], numbers[inside], c=DENSE_C, balanced=True
        )
        rest = np.flatnonzero(fold == number)
        held_out.append((*heads.logits(vectors[rest], [texts[int(i)] for i in rest]), numbers[rest]))
    blend, score = _best_blend(held_out)
    heads = replace(fit_text_heads(vectors, texts, numbers, c=DENSE_C, balanced=True), blend=blend)
    width = int(labels.max()) + 1
    return _widened(heads, classes, max(width, 2)), round(score, 4)


def _best_blend(held_out: Sequence[Logits]) -> tuple[np.ndarray, float]:
    """The ratio of the heads with the best macro-F1, scaled so that the chances are as honest as can be; and the F1."""
    dense, sparse, truth = (np.concatenate([part[i] for part in held_out]) for i in range(3))
    scores = [float(f1_score(truth, (dense + r * sparse).argmax(axis=1), average="macro")) for r in RATIOS]
    ratio = RATIOS[int(np.argmax(scores))]
    logits = dense + ratio * sparse
    return honest_scale(logits, truth)[0] * np.array([1, ratio], dtype=np.float32), max(scores)


def _widened(heads: TextHeads, classes: np.ndarray, width: int) -> TextHeads:
    """Columns for every class 0..width-1; one that had no example never wins."""
    if len(classes) == width:
        return heads

    def spread(columns: np.ndarray, rest: float) -> np.ndarray:
        wide = np.full((*columns.shape[:-1], width), rest, dtype=columns.dtype)
        wide[..., classes] = columns
        return wide

    return replace(
        heads,
        dense=spread(heads.dense, 0),
        dense_bias=spread(heads.dense_bias, -1e4),
        sparse=spread(heads.sparse, 0),
        sparse_bias=spread(heads.sparse_bias, -1e4),
    )
