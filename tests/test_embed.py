from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from retrieval.embed import BATCH_TOKENS, Embedder, _batches, load_embedder
from retrieval.encoders import CTranslate2Encoder
from retrieval.failures import EmbedderMissing
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared
from retrieval.sentence_models import SentenceTransformersVectors, TorchEncoder, Unconvertible, convert, with_encoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"how do i return a parcel and ship plants query : to".split()]
TEXTS = [
    "how do i return a parcel",
    "ship plants",
    "return return return a parcel and plants",
    "how do i return a parcel",
]


def save_model(folder: Path, prompts: dict[str, str] | None = None) -> Path:
    """A tiny BERT with random weights as a sentence-transformers folder."""
    torch.manual_seed(0)
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    raw.enable_padding(length=24)  # as the default model's tokenizer.json has it
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=16)
    model = SentenceTransformer(modules=[transformer, Pooling(32, "mean"), Normalize()], prompts=prompts, device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("embedder"))


@pytest.fixture(scope="module", autouse=True)
def exact() -> Iterator[None]:
    """Full precision on every processor, so that vectors can be compared digit by digit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.sentence_models.fast_bf16", lambda: False)
        yield


@pytest.fixture(scope="module")
def embedder(folder: Path, exact: None) -> Embedder:
    return load_embedder(str(folder), 1)


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    model = SentenceTransformer(str(folder), device="cpu")
    return np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))


def test_vectors_are_those_of_sentence_transformers(folder: Path, embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, embedder.dimension) == (4, 32)
    np.testing.assert_allclose(vectors, reference(folder, TEXTS), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_convertible_model_runs_in_ctranslate2_and_gives_what_torch_gives(folder: Path, embedder: Embedder) -> None:
    assert isinstance(embedder._vectors, SentenceTransformersVectors)
    assert isinstance(embedder._vectors.encoder, CTranslate2Encoder)
    model = SentenceTransformer(str(folder), device="cpu")
    transformer = model[0]
    assert isinstance(transformer, Transformer)
    plain = with_encoder(model, "plain", TorchEncoder(transformer))
    np.testing.assert_allclose(plain.encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)


def test_where_bfloat16_is_fast_the_model_runs_in_it_and_means_the_same(
    folder: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.sentence_models.fast_bf16", lambda: True)
    fast = load_embedder(str(folder), 1)
    assert isinstance(fast._vectors, SentenceTransformersVectors)
    assert isinstance(fast._vectors.encoder, TorchEncoder)
    vectors = fast.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert ((vectors * embedder.encode(TEXTS)).sum(axis=1) > 0.998).all()


def test_a_model_of_another_make_runs_as_a_whole(folder: Path, embedder: Embedder) -> None:
    whole = with_encoder(SentenceTransformer(str(folder), device="cpu"), "whole", None)
    np.testing.assert_allclose(whole.encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)


def test_what_cannot_be_converted_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unconvertible):
        convert(str(tmp_path), tmp_path / "converted")


def prepare(folder: Path, target: Path, centre: tuple[float, ...] = ()) -> Path:
    """The model of a sentence-transformers folder as a prepared folder."""
    bert = next(path.parent for path in folder.rglob("model.safetensors"))
    convert(str(bert), target / WEIGHTS)
    (target / TOKENIZER).write_text((bert / "tokenizer.json").read_text("utf-8"), encoding="utf-8")
    Prepared("tiny", 32, 16, 1, "query : ", "", centre).save(target)
    return target


def test_a_prepared_folder_gives_the_same_vectors(tmp_path: Path, folder: Path) -> None:
    prepared = load_embedder(str(prepare(folder, tmp_path)), 1)
    assert (prepared.name, prepared.dimension, prepared.max_tokens) == ("tiny", 32, 16)
    np.testing.assert_allclose(prepared.encode(TEXTS), reference(folder, TEXTS), atol=1e-5)
    question = prepared.encode_queries(["return a parcel"])
    np.testing.assert_allclose(question, reference(folder, ["query : return a parcel"]), atol=1e-5)
    assert prepared.unknown_share("return 退货") == 0.5


def test_vectors_of_a_prepared_folder_are_taken_from_its_centre(tmp_path: Path, folder: Path) -> None:
    centre = reference(folder, ["parcel", "plants"]).mean(0)
    prepared = load_embedder(str(prepare(folder, tmp_path, tuple(float(x) for x in centre))), 1)
    expected = reference(folder, TEXTS) - centre
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(prepared.encode(TEXTS), expected, atol=1e-4)


def test_the_same_text_is_encoded_once_and_progress_ends_with_all(embedder: Embedder) -> None:
    seen: list[int] = []
    vectors = embedder.encode([*TEXTS, *TEXTS], progress=seen.append)
    np.testing.assert_array_equal(vectors[:4], vectors[4:])
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert seen == sorted(seen)
    assert seen[-1] == 8


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, 32)


def test_long_texts_are_cut_like_the_model_does(folder: Path, embedder: Embedder) -> None:
    long = " ".join(["parcel"] * 100)
    np.testing.assert_allclose(embedder.encode([long]), reference(folder, [long]), atol=1e-5)
    assert embedder.tokens(long) == 100
    assert embedder.max_tokens == 16


def test_tokens_count_without_marks_and_padding(embedder: Embedder) -> None:
    assert embedder.tokens("how do i return") == 4
    assert embedder.tokens("") == 0


def test_unknown_share_tells_what_the_model_cannot_read(embedder: Embedder) -> None:
    assert embedder.unknown_share("return a parcel") == 0
    assert embedder.unknown_share("return 退货") == 0.5
    assert embedder.unknown_share("") == 0


def test_prompts_of_the_model_are_put_before_questions(tmp_path: Path, folder: Path) -> None:
    prompted = load_embedder(str(save_model(tmp_path, {"query": "query : ", "document": ""})), 1)
    question = prompted.encode_queries(["return a parcel"])
    np.testing.assert_allclose(question, reference(folder, ["query : return a parcel"]), atol=1e-5)
    np.testing.assert_allclose(prompted.encode(["return"]), reference(folder, ["return"]), atol=1e-5)


def test_a_missing_model_names_itself_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EmbedderMissing, match=r"nowhere.*setup"):
        load_embedder(str(tmp_path / "nowhere"), 1)


def test_batches_hold_every_text_once_within_the_token_budget() -> None:
    lengths = [1, 300, 7, 7, 2500, 40] * 50
    batches = list(_batches(lengths))
    assert sorted(n for batch in batches for n in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[n] for n in batch)
        assert len(batch) == 1 or longest * len(batch) <= BATCH_TOKENS
