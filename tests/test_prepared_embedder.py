"""The default embedder is converted once, gives the same vectors, and then needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.prepared_embedder import prepared_embedder
from assistant.settings import Settings, load_settings
from assistant.wiring import bulk_loader
from retrieval import hardware
from retrieval.embed import load_embedder
from retrieval.prepared import WEIGHTS
from tests.test_embed import TEXTS, reference, save_model


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("assistant.prepared_embedder.surely_no_gpu", lambda: True)
    made = load_settings(tmp_path)
    made.models_folder.mkdir()
    save_model(made.models_folder / "tiny", {"query": "query : ", "document": ""})
    return made


def test_it_is_converted_once_and_gives_the_same_vectors(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    source = settings.models_folder / "tiny" / "model"
    prepared = prepared_embedder(settings, source)
    assert prepared.parent == settings.models_folder and prepared != source
    embedder = load_embedder(str(prepared), 1)
    np.testing.assert_allclose(embedder.encode(TEXTS), reference(source, TEXTS), atol=1e-5)
    asked = reference(source, ["query : return a parcel"])
    np.testing.assert_allclose(embedder.encode_queries(["return a parcel"]), asked, atol=1e-5)
    assert (embedder.max_tokens, embedder.unknown_share("return 退货")) == (16, 0.5)

    def never(*_: object) -> bool:
        raise AssertionError("converted again")

    monkeypatch.setattr("retrieval.sentence_models.prepare", never)
    assert prepared_embedder(settings, source) == prepared


def test_a_changed_conversion_is_made_again(settings: Settings) -> None:
    source = settings.models_folder / "tiny" / "model"
    weights = prepared_embedder(settings, source) / WEIGHTS / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    prepared_embedder(settings, source)
    assert weights.read_bytes() == whole


def test_where_a_gpu_may_run_it_or_nothing_can_be_converted_the_model_itself_is_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = settings.models_folder / "tiny" / "model"
    monkeypatch.setattr("retrieval.sentence_models.prepare", lambda *_: False)
    assert prepared_embedder(settings, source) == source
    monkeypatch.setattr("assistant.prepared_embedder.surely_no_gpu", lambda: False)
    assert prepared_embedder(settings, source) == source


def test_a_graphics_card_or_bfloat16_is_seen_without_torch(tmp_path: Path) -> None:
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("processor : 0\nflags : fpu avx2 fma\n")
    assert hardware.surely_no_gpu(tmp_path) and not hardware.bf16_in_processor(cpu)
    (tmp_path / "nvidiactl").touch()
    assert not hardware.surely_no_gpu(tmp_path)
    cpu.write_text("flags : fpu avx512_bf16\n")
    assert hardware.bf16_in_processor(cpu) and not hardware.bf16_in_processor(tmp_path / "none")


def test_bulk_work_goes_through_torch_where_the_processor_has_bfloat16(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.wiring.surely_no_gpu", lambda: True)
    monkeypatch.setattr("assistant.wiring.bf16_in_processor", lambda: False)
    assert bulk_loader(settings) is None
    monkeypatch.setattr("assistant.wiring.bf16_in_processor", lambda: True)
    assert bulk_loader(settings) is not None
    assert bulk_loader(settings.model_copy(update={"embedder": "a/model"})) is None


def test_joining_the_parts_of_an_assistant_imports_no_torch() -> None:
    code = "import assistant.wiring, ui.serving, sys; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
