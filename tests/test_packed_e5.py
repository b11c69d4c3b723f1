"""Unpacking a packed E5 model: a tiny one, written here in the wheel's format."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import InvalidInput
from assistant.packed_e5 import _four_bit, unpack
from retrieval.embed import load_embedder

PIECES = ["<s>", "<pad>", "</s>", "<unk>", *"▁query ▁passage : ▁return ▁a ▁parcel 退 货 ▁".split()]
WIDTH, LAYERS, INNER, WORDS, POSITIONS = 32, 1, 64, len(PIECES) + 2, 24


def packed() -> bytes:
    """A random model of one layer."""
    rng = np.random.default_rng(0)
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, LAYERS, 2, INNER, WORDS, POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + ends.tobytes()
    head += np.full(len(PIECES), -1, "<f4").tobytes() + blob + struct.pack("<iI", 0, 0)
    square, inner = WIDTH * WIDTH, WIDTH * INNER
    sizes = {"emb.word": WORDS * WIDTH, "emb.pos": -POSITIONS * WIDTH, "emb.type": -2 * WIDTH}
    sizes |= {"emb.ln.w": -WIDTH, "emb.ln.b": -WIDTH}
    for name, weights, biases in (("q", square, WIDTH), ("k", square, WIDTH), ("v", square, WIDTH)):
        sizes |= {f"l0.{name}.w": weights, f"l0.{name}.b": -biases}
    for name, weights, biases in (("ao", square, WIDTH), ("fi", inner, INNER), ("fo", inner, WIDTH)):
        sizes |= {f"l0.{name}.w": weights, f"l0.{name}.b": -biases}
    for name in ("aln", "oln"):
        sizes |= {f"l0.{name}.w": -WIDTH, f"l0.{name}.b": -WIDTH}
    return _with_tensors(head, sizes, rng)


def _with_tensors(head: bytes, sizes: dict[str, int], rng: np.random.Generator) -> bytes:
    """The directory and the tensors behind it; a negative size means float32."""
    directory = struct.pack("<i", len(sizes))
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in sizes)
    body = b""
    for name, size in sizes.items():
        if size < 0:
            raw, kind = rng.standard_normal(-size).astype("<f4").tobytes(), 0
        else:
            scale = np.float16(0.1).tobytes()
            raw, kind = b"".join(scale + rng.bytes(16) for _ in range(size // 32)), 1
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, abs(size), offset + len(body), len(raw))
        body += raw
    return head + directory + body


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("packed")
    (root / "model.bin").write_bytes(packed())
    (root / "model").mkdir()
    unpack(root / "model.bin", root / "model")
    return root / "model"


def test_the_unpacked_folder_embeds_texts_with_the_prompts_of_e5(folder: Path) -> None:
    embedder = load_embedder(str(folder), 1)
    assert (embedder.dimension, embedder.max_tokens) == (WIDTH, POSITIONS)
    vectors = embedder.encode(["return a parcel", "退货"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not np.allclose(embedder.encode_queries(["退货"])[0], vectors[1])
    assert embedder.tokens("return a parcel") == 3


def test_four_bit_blocks_hold_low_halves_first() -> None:
    raw = np.float16(0.5).tobytes() + bytes([0x80 | n for n in range(16)])
    values = _four_bit(raw)
    assert values[:16].tolist() == [(n - 8) * 0.5 for n in range(16)]
    assert values[16:].tolist() == [0.0] * 16


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF")
    with pytest.raises(InvalidInput, match=r"other\.bin"):
        unpack(tmp_path / "other.bin", tmp_path)
