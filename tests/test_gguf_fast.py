"""The 8-bit copy of a GGUF model: same metadata, nearly the same weights, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

from assistant.engines import gguf_fast
from assistant.engines.gguf_fast import fast_copy


def write_model(path: Path, kind: GGMLQuantizationType) -> None:
    """A GGUF file with one matrix in `kind`, one vector, and metadata of several types."""
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_file_type(3)
    writer.add_rope_freq_base(1e5)
    writer.add_add_bos_token(False)
    writer.add_token_list(["a", "Ġb", "中"])
    writer.add_chat_template("{{ messages }}")
    weights = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    writer.add_tensor("blk.0.ffn_up.weight", quants.quantize(weights, kind), raw_dtype=kind)
    writer.add_tensor("blk.0.ffn_norm.weight", np.arange(64, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def matrix(path: Path) -> np.ndarray:
    """The one matrix as float32."""
    tensor = next(t for t in GGUFReader(path).tensors if t.name == "blk.0.ffn_up.weight")
    return quants.dequantize(tensor.data, tensor.tensor_type)


def metadata(path: Path) -> dict[str, object]:
    """All fields but those that describe the file itself."""
    fields = GGUFReader(path).fields
    return {key: fields[key].contents() for key in fields if not key.startswith("GGUF.") and key != "general.file_type"}


def test_the_copy_has_the_same_metadata_and_weights_to_8_bits(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    write_model(model, GGMLQuantizationType.Q4_1)
    copy = fast_copy(model, tmp_path / "cache")
    assert copy != model and copy.is_file()
    assert metadata(copy) == metadata(model)
    assert GGUFReader(copy).fields["general.file_type"].contents() == 7
    assert np.abs(matrix(copy) - matrix(model)).max() < 0.02
    assert [t.tensor_type.name for t in GGUFReader(copy).tensors] == ["Q8_0", "F32"]
    norm = next(t for t in GGUFReader(copy).tensors if t.name == "blk.0.ffn_norm.weight")
    assert norm.data.tolist() == list(range(64))


def test_it_is_made_once_and_again_when_the_model_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "m.gguf"
    write_model(model, GGMLQuantizationType.Q5_0)
    first = fast_copy(model, tmp_path)
    written = first.stat().st_mtime_ns
    assert fast_copy(model, tmp_path) == first and first.stat().st_mtime_ns == written
    write_model(model, GGMLQuantizationType.Q4_1)
    assert fast_copy(model, tmp_path) != first
    assert not list(tmp_path.glob(".gguf-*"))


def test_a_copy_that_was_changed_is_made_again(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    write_model(model, GGMLQuantizationType.Q4_1)
    copy = fast_copy(model, tmp_path)
    good = copy.read_bytes()
    copy.write_bytes(b"half")
    assert fast_copy(model, tmp_path).read_bytes() == good


@pytest.mark.parametrize("kind", [GGMLQuantizationType.Q4_0, GGMLQuantizationType.F16, GGMLQuantizationType.Q8_0])
def test_a_model_in_a_fast_format_is_used_as_it_is(
    tmp_path: Path, kind: GGMLQuantizationType, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m.gguf"
    write_model(model, kind)
    assert fast_copy(model, tmp_path) == model
    monkeypatch.setattr(gguf_fast, "_write", None)  # and is not read again to find that out
    assert fast_copy(model, tmp_path) == model


def test_a_large_model_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "m.gguf"
    write_model(model, GGMLQuantizationType.Q4_1)
    monkeypatch.setattr(gguf_fast, "LARGEST", 100)
    assert fast_copy(model, tmp_path) == model
