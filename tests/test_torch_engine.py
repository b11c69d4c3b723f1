"""The torch engine on a tiny random model for its behaviour, and on the real default model for its replies."""

from __future__ import annotations

import asyncio
import json
import pickle
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant.engines import Adapter, ChatMessage, Sampling
from assistant.engines.choose import open_engine
from assistant.engines.torch_engine import TorchEngine, TorchOptions
from assistant.errors import InvalidInput, Overloaded
from assistant.settings import Settings
from tests.tiny_models import tiny_llama

HELLO = [ChatMessage("user", "Hello there, how do you do?")]
WIDTH, HIDDEN, LAYERS = 64, 128, 2  # of the tiny model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of random weights."""
    return tiny_llama(tmp_path_factory.mktemp("tiny"), hidden=WIDTH)


@pytest.fixture
async def engine(tiny: Path) -> AsyncGenerator[TorchEngine]:
    """An engine on the tiny model with a queue of 2."""
    opened = TorchEngine(options(tiny))
    yield opened
    await opened.close()


def options(folder: Path, context_tokens: int = 1000) -> TorchOptions:
    return TorchOptions("tiny", str(folder), queue=2, context_tokens=context_tokens, threads=1, seconds=30)


def write_tiny_adapter(folder: Path, adapter_id: str, seed: int, layers: int = LAYERS) -> Adapter:
    """A strong random LoRA on the up-projections of the tiny model."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    prefix = "base_model.model.model.layers"
    weights: dict[str, np.ndarray] = {}
    for layer in range(layers):
        weights[f"{prefix}.{layer}.mlp.up_proj.lora_A.weight"] = random.normal(0, 2, (4, WIDTH)).astype(np.float32)
        weights[f"{prefix}.{layer}.mlp.up_proj.lora_B.weight"] = random.normal(0, 2, (HIDDEN, 4)).astype(np.float32)
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 4, "target_modules": ["up_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return Adapter(adapter_id, folder)


async def ask(engine: TorchEngine, sampling: Sampling, messages: list[ChatMessage] = HELLO) -> tuple[str, str | None]:
    """The whole reply and the adapter that wrote it."""
    generation = await engine.generate(messages, sampling)
    return "".join([piece async for piece in generation.pieces]), generation.adapter


async def test_greedy_replies_repeat_and_seeds_decide_sampled_ones(engine: TorchEngine) -> None:
    greedy = await ask(engine, Sampling(max_tokens=20))
    assert greedy[0] and greedy == await ask(engine, Sampling(max_tokens=20))
    warm = [await ask(engine, Sampling(max_tokens=20, temperature=1.5, seed=seed)) for seed in (1, 1, 2)]
    assert warm[0] == warm[1] != warm[2]
    assert engine.count("") == 0 < engine.count("Hello")


async def test_a_stop_string_ends_the_reply_and_is_not_in_it_even_across_tokens(engine: TorchEngine) -> None:
    whole, _ = await ask(engine, Sampling(max_tokens=60))
    stop = whole[10:14]
    stopped, _ = await ask(engine, Sampling(max_tokens=60, stop=(stop, "never there")))
    assert stopped == whole[: whole.index(stop)]
    unstopped, _ = await ask(engine, Sampling(max_tokens=60, stop=("never there",)))
    assert unstopped == whole


async def test_one_reply_runs_two_wait_and_the_fourth_is_refused(engine: TorchEngine) -> None:
    outcomes = await asyncio.gather(*[ask(engine, Sampling(max_tokens=30)) for _ in range(4)], return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1 and isinstance(refused[0], Overloaded)


async def test_a_reader_who_leaves_frees_the_model_and_the_event_loop_stays_free(engine: TorchEngine) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    generation = await engine.generate(HELLO, Sampling(max_tokens=900))
    await anext(generation.pieces)
    await asyncio.sleep(0.2)
    started = time.monotonic()
    await generation.pieces.aclose()
    assert time.monotonic() - started < 2
    ticking.cancel()
    assert ticks > 3
    assert (await ask(engine, Sampling(max_tokens=3)))[0]


async def test_adapters_take_effect_on_new_replies_only(engine: TorchEngine, tmp_path: Path) -> None:
    sampling = Sampling(max_tokens=40)
    base, _ = await ask(engine, sampling)
    one, two = (write_tiny_adapter(tmp_path / name, name, seed) for name, seed in (("v1.0", 1), ("v1.1", 2)))
    await engine.use_adapter(one)
    with_one = await ask(engine, sampling)
    under_way = asyncio.create_task(ask(engine, sampling))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await engine.use_adapter(two)
    with_two = await ask(engine, sampling)
    assert await under_way == with_one
    assert (with_one[1], with_two[1], engine.adapter) == ("v1.0", "v1.1", "v1.1")
    assert len({base, with_one[0], with_two[0]}) == 3
    await engine.use_adapter(None)
    assert await ask(engine, sampling) == (base, None)
    await engine.use_adapter(one)
    assert await ask(engine, sampling) == with_one


async def test_an_adapter_that_does_not_fit_changes_nothing(engine: TorchEngine, tmp_path: Path) -> None:
    sampling = Sampling(max_tokens=20)
    base = await ask(engine, sampling)
    with pytest.raises(InvalidInput, match=r"adapter_model\.safetensors"):
        await engine.use_adapter(Adapter("none", tmp_path))
    with pytest.raises(InvalidInput, match="'deep' does not fit"):
        await engine.use_adapter(write_tiny_adapter(tmp_path / "deep", "deep", 1, layers=LAYERS + 1))
    with pytest.raises(InvalidInput, match="'shallow' does not fit"):
        await engine.use_adapter(write_tiny_adapter(tmp_path / "shallow", "shallow", 1, layers=LAYERS - 1))
    broken = write_tiny_adapter(tmp_path / "broken", "broken", 1)
    (broken.folder / "adapter_model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(InvalidInput, match="'broken' does not fit"):
        await engine.use_adapter(broken)
    assert await ask(engine, sampling) == base


class Bomb:
    """Proves by a file that it was unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.proof,)


@pytest.fixture
def proof(tmp_path: Path) -> Iterator[Path]:
    """A file that must not appear."""
    path = tmp_path / "exploded"
    yield path
    assert not path.exists()


def test_pickled_weights_are_never_loaded(tiny: Path, tmp_path: Path, proof: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for path in tiny.iterdir():
        if path.suffix != ".safetensors":
            (hostile / path.name).write_bytes(path.read_bytes())
    (hostile / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(proof)))
    with pytest.raises(InvalidInput, match="safetensors"):
        TorchEngine(options(hostile))


def test_model_code_in_the_folder_is_not_run(tiny: Path, tmp_path: Path, proof: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for path in tiny.iterdir():
        (hostile / path.name).write_bytes(path.read_bytes())
    config = json.loads((hostile / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (hostile / "config.json").write_text(json.dumps(config))
    (hostile / "evil.py").write_text(f"from pathlib import Path\nPath({str(proof)!r}).touch()\n")
    with pytest.raises(InvalidInput, match="no language model"):
        TorchEngine(options(hostile))


async def test_pickled_adapters_are_never_loaded(engine: TorchEngine, tmp_path: Path, proof: Path) -> None:
    adapter = write_tiny_adapter(tmp_path / "pickled", "pickled", 1)
    (adapter.folder / "adapter_model.safetensors").unlink()
    (adapter.folder / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(proof)))
    with pytest.raises(InvalidInput, match=r"adapter_model\.safetensors"):
        await engine.use_adapter(adapter)


async def test_a_prompt_that_does_not_fit_is_refused(engine: TorchEngine) -> None:
    with pytest.raises(InvalidInput, match="1000"):
        await engine.generate([ChatMessage("user", "x " * 2000)], Sampling())


def test_a_model_without_a_chat_template_is_refused(tiny: Path, tmp_path: Path) -> None:
    for path in tiny.iterdir():
        if path.suffix != ".jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InvalidInput, match="chat template"):
        TorchEngine(options(tmp_path))


@pytest.mark.integration
async def test_torch_and_llamacpp_write_the_same_greedy_reply(real_settings: Settings) -> None:
    prompts = ["Tell me about the sea.", "What is the capital of France?", "Write one sentence about tea."]
    replies = []
    for kind in ("torch", "llamacpp"):
        engine = open_engine(real_settings.model_copy(update={"engine": kind}))
        assert engine.model == "SmolLM2-135M-Instruct.Q4_1"
        texts = []
        for prompt in prompts:
            generation = await engine.generate([ChatMessage("user", prompt)], Sampling(max_tokens=8))
            texts.append("".join([piece async for piece in generation.pieces]).strip())
        replies.append(texts)
        await engine.close()
    assert sum(one == other for one, other in zip(*replies, strict=True)) >= 2, replies
