"""A copy of the real embedder tuned to labelled texts: it learns, is kept only where it helps, and serves from disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import Unavailable
from assistant.heard import open_intents, open_mood
from assistant.intent_scope import Acceptor
from assistant.intents import IntentModel, IntentReaders, load_intents
from assistant.learned_models import heads_folder, used_readers
from assistant.mood import MoodModel, load_mood
from assistant.settings import Settings
from assistant.store import Store
from assistant.text_heads import TextHeads
from assistant.tuned_reader import TunedReader, remove_other_readers
from assistant.wiring import build_reader
from retrieval.embed import load_embedder
from retrieval.prepared import WEIGHTS
from retrieval.scripts import is_foreign
from training import intent_tuning, reader_choice
from training.intent_rounds import fit_heads
from training.intent_training import import_intents
from training.mood_training import train_mood
from training.reader_choice import Choice, choose_reader, kept_copy, widened
from training.reader_tuning import Plan, Tuning, may_tune, tuning_source
from training.text_fit import Examples, fit_text_heads

PLAN = Plan(epochs=12, batch=16, together=1.0)
THINGS = ("lamp", "shade", "cable", "bulb", "plant", "pot", "chair", "table", "vase", "clock")
SAYINGS = {  # what matters here is not the thing, which an untuned embedder looks at most
    "pleased": ("I love my {}", "this {} is wonderful", "so happy with the {}", "best {} ever"),
    "angry": ("I hate my {}", "this {} is terrible", "so upset about the {}", "worst {} ever"),
}
CHINESE = {"高兴": ("我很喜欢这个{}", "{}非常好"), "生气": ("我讨厌这个{}", "{}太差了")}


def silent(step: str, done: int, total: int | None) -> None:
    """Progress that nobody sees."""


def said(sayings: dict[str, tuple[str, ...]]) -> tuple[tuple[str, ...], np.ndarray]:
    """Texts with class numbers."""
    rows = [(s.format(t), n) for n, some in enumerate(sayings.values()) for s in some for t in THINGS]
    return tuple(text for text, _ in rows), np.array([number for _, number in rows])


def opposed(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Cosine of the two classes' mean vectors."""
    a, b = (vectors[labels == n].mean(axis=0) for n in (0, 1))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture(scope="module")
def tuned(real_settings: Settings) -> Iterator[Tuning]:
    with tuning_source(real_settings, foreign=False) as source:
        texts, labels = said(SAYINGS)
        tuning = Tuning(source, texts, labels)
        assert opposed(tuning.vectors(texts), labels) > 0.5
        tuning.run(PLAN, silent)
        yield tuning


@pytest.fixture(scope="module")
def reader(tuned: Tuning, tmp_path_factory: pytest.TempPathFactory) -> TunedReader:
    folder = tmp_path_factory.mktemp("heads")
    return kept_copy(tuned, np.array([0.5, 1.0], np.float32), folder)


def test_texts_of_one_class_come_to_lie_together(tuned: Tuning) -> None:
    texts, labels = said(SAYINGS)
    vectors = tuned.vectors(texts)
    assert opposed(vectors, labels) < 0.5
    assert ((vectors @ tuned.prototypes).argmax(axis=1) == labels).mean() > 0.95
    unheard = tuned.vectors(["such a great sofa, thank you", "what an awful sofa, I am furious"])
    assert (unheard @ tuned.prototypes).argmax(axis=1).tolist() == [0, 1]


def test_the_copy_on_disk_reads_as_the_one_that_learnt(tuned: Tuning, reader: TunedReader) -> None:
    texts, _ = said(SAYINGS)
    cosines = (reader.reader.encode_queries(texts) * tuned.vectors(texts)).sum(axis=1)
    assert cosines.min() > 0.999
    assert sorted(path.name for path in reader.folder.parent.iterdir()) == [reader.folder.name]


def test_the_embedder_for_all_languages_can_be_tuned(real_settings: Settings, tmp_path: Path) -> None:
    texts, labels = said(CHINESE)
    with tuning_source(real_settings, foreign=True) as source:
        tuning = Tuning(source, texts, labels)
        before = opposed(tuning.vectors(texts), labels)
        tuning.run(Plan(epochs=3, batch=16, together=0.0), silent)
        tuning.write(tmp_path / "copy")
    vectors = tuning.vectors(texts)
    assert opposed(vectors, labels) < before - 0.3
    assert (load_embedder(str(tmp_path / "copy")).encode_queries(texts) * vectors).sum(axis=1).min() > 0.99


def test_only_the_default_embedders_are_tuned(tmp_path: Path) -> None:
    assert may_tune(Settings(home=tmp_path), foreign=True)
    assert not may_tune(Settings(home=tmp_path, multilingual="never"), foreign=True)
    assert not may_tune(Settings(home=tmp_path, embedder="other"), foreign=False)


def knowing(labels: np.ndarray, sure: float) -> TextHeads:
    """Heads whose only column is the class itself."""
    return TextHeads(
        dense=np.array([[-sure, sure]], np.float32),
        dense_bias=np.zeros(2, np.float32),
        sparse=np.zeros((1 << 16, 2), np.float16),
        sparse_bias=np.zeros(2, np.float32),
        idf=np.zeros(1 << 16, np.float32),
        blend=np.ones(2, np.float32),
    )


@pytest.mark.parametrize(("sure", "kept"), [(0.0, True), (50.0, False)])
def test_a_copy_is_kept_only_if_it_helps_the_heads(
    real_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sure: float, kept: bool
) -> None:
    monkeypatch.setattr(reader_choice, "FEWEST", 50)
    texts, labels = said(SAYINGS)
    examples = Examples(texts, (labels * 2.0 - 1)[:, None].astype(np.float32), labels)
    with tuning_source(real_settings, foreign=False) as source:
        choice = choose_reader(
            examples, nothing(examples), lambda some: knowing(some.labels, sure), source, PLAN, tmp_path, silent
        )
    assert choice is not None
    assert (choice.reader is not None, choice.told()["serves"]) == (kept, kept)
    assert choice.together >= choice.heads or not kept
    assert bool(list(tmp_path.glob("reader-*"))) == kept


def test_few_examples_say_nothing(real_settings: Settings, tmp_path: Path) -> None:
    texts, labels = said(SAYINGS)
    with tuning_source(real_settings, foreign=False) as source:
        examples = Examples(texts, np.zeros((len(texts), 1)), labels)
        found: Choice | None = choose_reader(examples, nothing(examples), fit_some, source, PLAN, tmp_path, silent)
    assert found is None


def nothing(examples: Examples) -> Examples:
    return examples.take(np.arange(0))


def fit_some(some: Examples) -> TextHeads:
    return fit_text_heads(some.vectors, some.texts, some.labels)


def test_what_was_learnt_from_files_serves_with_its_copy(
    real_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reader_choice, intent_tuning):
        monkeypatch.setattr(module, "FEWEST", 50)
    # what is easy for the heads is easy for the copy: let the larger say win, so that it serves on any machine
    monkeypatch.setattr(reader_choice, "honest_scale", lambda logits, truth: (1.0, -float(np.abs(logits).sum())))
    (tmp_path / "models").symlink_to(real_settings.models_folder.resolve())
    settings = real_settings.model_copy(update={"home": tmp_path})
    store, reads = Store(settings.sqlalchemy_url), build_reader(settings)
    texts, labels = said(SAYINGS)
    mixed = [(t, ("pleased", "angry")[n]) for t, n in zip(texts, labels, strict=True)]
    file = tmp_path / "examples.jsonl"
    file.write_text("".join(json.dumps({"text": text, "intent": name}) + "\n" for text, name in mixed))
    imported = import_intents(settings, store, reads, file, silent)
    assert imported.tuned is not None
    file.write_text(file.read_text().replace('"pleased"', '"positive"').replace('"angry"', '"negative"'))
    file.write_text(file.read_text().replace('"intent"', '"label"'))
    trained = train_mood(settings, store, reads, file, silent)
    copies = {path.name for path in heads_folder(settings).glob("reader-*")}
    assert imported.tuned["serves"] and trained.tuned["en"]["serves"]
    assert used_readers(store) == copies
    assert len(copies) == 2
    intents, moods = open_intents(settings, store, reads), open_mood(settings, store, reads)
    assert intents is not None and intents.readers is not None and intents.readers.acceptor is not None
    assert imported.cross_validation["threshold"] == round(intents.readers.acceptor.threshold, 4)
    assert moods is not None and set(moods.readers) == {"en"}
    text = "so happy with the new sofa"
    mood = moods.mood(reads.encode_queries([text])[0], text)
    assert mood is not None and mood.sentiment == "positive"


def test_chinese_intents_get_a_copy_that_reads_them(
    real_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intent_tuning, "FEWEST", 30)
    monkeypatch.setattr(intent_tuning, "FEWEST_WEIGHED", 5)
    monkeypatch.setattr(intent_tuning, "REHEARSALS", 1)
    monkeypatch.setattr(reader_choice, "honest_scale", lambda logits, truth: (1.0, -float(np.abs(logits).sum())))
    (tmp_path / "models").symlink_to(real_settings.models_folder.resolve())
    settings = real_settings.model_copy(update={"home": tmp_path})
    store, reads = Store(settings.sqlalchemy_url), build_reader(settings)
    texts, labels = said(CHINESE)
    names = list(CHINESE)
    file = tmp_path / "examples.jsonl"
    rows = [{"text": text, "intent": names[n]} for text, n in zip(texts, labels, strict=True)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    imported = import_intents(settings, store, reads, file, silent)
    assert imported.tuned is not None and imported.tuned["serves"]
    model = open_intents(settings, store, reads)
    assert model is not None and model.readers is not None
    assert set(model.readers.copies) == {"other"}
    asked = ["这个沙发我太喜欢了", "沙发真糟糕"]
    chances = model.heads.linear.log_chances(reads.encode_queries(asked), asked)
    refined, read = model.readers.refine(chances, asked)
    assert read.all() and [model.names[n] for n in refined.argmax(axis=1)] == names


def test_each_copy_is_asked_about_its_own_scripts(reader: TunedReader) -> None:
    class Decided(TunedReader):
        def opinion(self, texts: Sequence[str]) -> np.ndarray:
            assert all(is_foreign(text) for text in texts)
            return np.tile(np.array([0.0, 9.0]), (len(texts), 1))

    even = np.array([1, 1], np.float32)
    second = Decided(reader.folder, reader.reader, reader.prototypes, even)
    texts = ["I love my sofa", "沙发", "I hate my sofa"]
    undecided = np.log(np.full((3, 2), 0.5))
    refined, read = IntentReaders({"latin": reader, "other": second}, None).refine(undecided, texts)
    assert read.all() and refined.argmax(axis=1).tolist() == [0, 1, 1]
    assert IntentReaders({"latin": reader}, None).refine(undecided, texts)[1].tolist() == [True, False, True]


@pytest.fixture
def heads() -> TextHeads:
    texts, labels = said(SAYINGS)
    flat = np.random.default_rng(0).normal(size=(len(texts), 4)).astype(np.float32)
    return fit_text_heads(flat, [text[-4:] for text in texts], labels)


def test_a_mood_is_heard_with_the_copy(reader: TunedReader, heads: TextHeads) -> None:
    wide = widened(reader, np.array([2, 0]), 3)  # pleased is positive, angry negative
    three = replace(
        heads,
        dense=np.zeros((4, 3), np.float32),
        dense_bias=np.zeros(3, np.float32),
        sparse=np.zeros((len(heads.sparse), 3), np.float16),
        sparse_bias=np.array([0, -1e4, 0], np.float32),
    )
    file = reader.folder.parent / "mood.safetensors"
    MoodModel({"en": three}, {}, {"en": wide}).save(file, "any")
    moods = load_mood(file)
    nothing = np.zeros(4, np.float32)
    pleased, angry = (
        moods.mood(nothing, "this is a lovely sofa"),
        moods.mood(nothing, "this sofa is horrible, I hate it"),
    )
    assert pleased is not None and angry is not None
    assert (pleased.sentiment, angry.sentiment) == ("positive", "negative")
    assert set(moods.only("zh").readers) == set()


def test_an_intent_is_named_with_the_copy_and_other_scripts_without(reader: TunedReader) -> None:
    texts, labels = said(SAYINGS)
    flat = np.random.default_rng(0).normal(size=(len(texts), 4)).astype(np.float32)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    heads = fit_heads(Examples(texts, flat, labels))
    signals = heads.judge(flat[:1], texts[:1])[1].shape[1]
    nothing = np.zeros(signals + 1, np.float32)
    taking = Acceptor(nothing, nothing, threshold=0.0, surest=0.0)
    model = IntentModel(("pleased", "angry"), heads, taking, IntentReaders({"latin": reader}, None))
    file = reader.folder.parent / "intents.safetensors"
    model.save(file, "any")
    loaded = load_intents(file)
    asked = ["what a delightful sofa", "what a dreadful sofa", "沙发"]
    vectors = np.tile(flat[:1], (3, 1))
    named = [intent and intent.name for intent in loaded.classify(vectors, asked)]
    alone = [intent and intent.name for intent in replace(model, readers=None).classify(vectors, asked)]
    assert named[:2] == ["pleased", "angry"]
    assert named[2] == alone[2]
    assert alone[0] == alone[1]  # flat vectors tell the heads nothing
    refusing = replace(taking, threshold=0.9)
    replace(model, readers=IntentReaders({"latin": reader}, refusing)).save(file, "any")
    assert [intent and intent.name for intent in load_intents(file).classify(vectors, asked)] == [None, None, alone[2]]
    replace(model, acceptor=refusing, readers=IntentReaders({"latin": reader}, taking)).save(file, "any")
    assert [intent and intent.name for intent in load_intents(file).classify(vectors, asked)] == [*named[:2], None]


def test_a_copy_is_not_asked_where_the_heads_are_sure(reader: TunedReader) -> None:
    readers = IntentReaders({"latin": reader}, None)
    before = np.log(np.array([[0.01, 0.99], [0.4, 0.6], [0.4, 0.6]]))
    found, theirs = readers.refine(before, ["what a delightful sofa", "what a delightful sofa", "沙发"])
    assert theirs.tolist() == [True, True, False]
    assert (found == before).all(axis=1).tolist() == [True, False, True]
    assert found[1].argmax() == 0


def test_a_changed_copy_is_refused_and_unused_ones_are_deleted(reader: TunedReader, heads: TextHeads) -> None:
    folder = reader.folder.parent
    file = folder / "mood.safetensors"
    MoodModel({"en": heads}, {}, {"en": reader}).save(file, "any")
    (reader.folder / WEIGHTS / "model.bin").write_bytes(b"other")
    with pytest.raises(Unavailable, match="changed"):
        load_mood(file)
    remove_other_readers(folder, set())
    assert reader.folder.exists()  # it was just made and may be about to serve
    os.utime(reader.folder, (0, 0))
    remove_other_readers(folder, {reader.folder.name})
    assert reader.folder.exists()
    remove_other_readers(folder, set())
    assert not reader.folder.exists()
