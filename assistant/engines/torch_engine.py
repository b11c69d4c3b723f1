"""The torch engine: any Hugging Face causal model with a chat template, on GPU or CPU, with PEFT adapters.

One thread owns the model and writes one reply after the other; weights are safetensors only, and no model code is run.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jinja2.exceptions import TemplateError
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

from assistant.engines import Adapter, ChatMessage, Generation, Sampling
from assistant.engines.control_tokens import ControlTokens
from assistant.engines.slots import Slots, Source, room
from assistant.errors import InvalidInput, Unavailable
from retrieval.hardware import fast_bf16

ADAPTER_FILE = "adapter_model.safetensors"
PEFT_PREFIX = "base_model.model."  # of weight names in adapter files
PREFILL_TOKENS = 256  # a prompt is read in pieces, so that a vanished reader stops it soon


@dataclass(frozen=True, slots=True)
class TorchOptions:
    """`folder` is a Hugging Face folder; `name` is how the model is called; one reply runs, `queue` wait."""

    name: str
    folder: str
    queue: int
    context_tokens: int
    threads: int
    seconds: float


class _Stopped(Exception):
    """The reader has left."""


class _Pieces(TextStreamer):
    """Hands on text as soon as it is whole words, up to the first stop string, and stops when told so."""

    def __init__(self, tokenizer: Any, stop: tuple[str, ...], give: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.stopped = threading.Event()
        self._give = give
        self._stop = stop
        self._held = ""  # the end of the text, which may be the beginning of a stop string

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """The next piece from the model."""
        self._held += text
        found = [at for word in self._stop if (at := self._held.find(word)) >= 0]
        if found:
            self._give(self._held[: min(found)])
            self._held = ""
            self.stopped.set()
            return
        keep = 0 if stream_end else max((len(word) - 1 for word in self._stop), default=0)
        ready = self._held[: len(self._held) - keep]
        self._held = self._held[len(ready) :]
        if ready:
            self._give(ready)


class TorchEngine:
    """Replies from a Hugging Face model; see the Engine protocol."""

    def __init__(self, options: TorchOptions) -> None:
        """Load the model; blocks. Raises InvalidInput for a folder that holds no chat model in safetensors."""
        self._options = options
        self._slots = Slots(options.name, 1, options.queue, options.seconds)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="torch-engine")
        self._device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self._adapter: Adapter | None = None
        self._loaded: set[str] = set()  # PEFT's names; only touched by the worker thread
        self._names = 0
        self._adapter_name = ""  # PEFT's name for it: ids may hold dots, module names not
        self._running: _Pieces | None = None  # only touched by the worker thread
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(options.folder, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                options.folder,
                dtype=torch.bfloat16 if fast_bf16() else torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise InvalidInput(
                f"{options.folder} is no language model in safetensors that can be loaded: {str(error)[:300]}"
            ) from error
        if not self._tokenizer.chat_template:
            raise InvalidInput(f"{options.folder} has no chat template: use an instruct or chat model")
        added = self._tokenizer.added_tokens_decoder.values()
        self._control = ControlTokens(token.content for token in added if token.special)
        if self._device == "cpu":
            torch.set_num_threads(options.threads)
        self._model: Any = model.to(self._device).eval()
        self._model.register_forward_pre_hook(self._between_steps)

    @property
    def model(self) -> str:
        """The name of the base model."""
        return self._options.name

    @property
    def adapter(self) -> str | None:
        """Id of the adapter that new replies use."""
        return self._adapter.id if self._adapter else None

    @property
    def context_tokens(self) -> int:
        """Tokens one prompt and its reply may take together."""
        return self._options.context_tokens

    def count(self, text: str) -> int:
        """Number of the model's tokens in `text`."""
        return len(self._tokenizer(text, add_special_tokens=False).input_ids)

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """Wait for a slot and start a reply. Raises Overloaded, InvalidInput (prompt too long) or Unavailable."""
        prompt = self._prompt(messages)
        max_tokens = room(prompt.shape[1], sampling, self.context_tokens)

        @asynccontextmanager
        async def begin() -> AsyncGenerator[Source]:
            yield Source(self.adapter, self._stream(prompt, sampling, max_tokens, self._adapter_name))

        return await self._slots.generate(begin)

    async def use_adapter(self, adapter: Adapter | None) -> None:
        """New replies use `adapter`; those under way finish on theirs. Raises InvalidInput."""
        if adapter == self._adapter:
            return
        if adapter and not (adapter.folder / ADAPTER_FILE).is_file():
            raise InvalidInput(f"adapter {adapter.id!r}: there is no {ADAPTER_FILE} in {adapter.folder}")
        self._names += 1
        name = f"adapter{self._names}" if adapter else ""
        loop, old = asyncio.get_running_loop(), self._adapter_name
        if adapter:
            await loop.run_in_executor(self._worker, self._load, adapter, name)
        self._adapter, self._adapter_name = adapter, name
        if old:
            await loop.run_in_executor(self._worker, self._unload, old)

    async def close(self) -> None:
        """Stop a reply under way and free the model."""
        if running := self._running:
            running.stopped.set()
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        self._model = None

    def _prompt(self, messages: Sequence[ChatMessage]) -> torch.Tensor:
        """The rendered prompt as token ids (1, n)."""
        try:
            text = self._tokenizer.apply_chat_template(
                [{"role": message.role, "content": message.content} for message in self._control.messages(messages)],
                add_generation_prompt=True,
                tokenize=False,
            )
        except TemplateError as error:
            raise InvalidInput(f"the model's chat template refuses these messages: {error}") from error
        ids: torch.Tensor = self._tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        return ids

    async def _stream(
        self, prompt: torch.Tensor, sampling: Sampling, max_tokens: int, adapter: str
    ) -> AsyncGenerator[str]:
        """Pieces of a reply, written by the worker thread; closing it returns when the thread is free."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        streamer = _Pieces(
            self._tokenizer,
            sampling.stop,
            lambda text: loop.call_soon_threadsafe(pieces.put_nowait, text),  # type: ignore[arg-type]
        )
        job = loop.run_in_executor(self._worker, self._write, prompt, sampling, max_tokens, adapter, streamer)
        job.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await job
        finally:
            streamer.stopped.set()
            await asyncio.wait({job})

    def _write(
        self, prompt: torch.Tensor, sampling: Sampling, max_tokens: int, adapter: str, streamer: _Pieces
    ) -> None:
        """Generate one reply into `streamer`; runs in the worker thread."""
        self._running = streamer
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        how: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if sampling.temperature > 0:
            how = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        ids = prompt.to(self._device)
        try:
            self._select(adapter)
            with torch.inference_mode():
                self._model.generate(
                    inputs=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=max_tokens,
                    prefill_chunk_size=PREFILL_TOKENS,
                    streamer=streamer,
                    **how,
                )
        except _Stopped:
            return
        except torch.OutOfMemoryError as error:
            raise Unavailable(f"out of memory while generating: lower context_tokens ({error})") from error
        finally:
            self._running = None

    def _between_steps(self, module: torch.nn.Module, args: Any) -> None:
        """Called before each forward pass of the model: the place where a reply can be stopped."""
        if self._running and self._running.stopped.is_set():
            raise _Stopped

    def _select(self, adapter: str) -> None:
        """Make `adapter` (PEFT's name; empty: the base model) the active one; in the worker thread."""
        if adapter:
            self._model.enable_adapters()
            self._model.set_adapter(adapter)
        elif self._loaded:
            self._model.disable_adapters()

    def _load(self, adapter: Adapter, name: str) -> None:
        """Load a PEFT adapter, from safetensors and nothing else, beside those loaded; in the worker thread."""
        from peft import PeftConfig, set_peft_model_state_dict

        try:
            weights = load_file(adapter.folder / ADAPTER_FILE)
            config = PeftConfig.from_pretrained(str(adapter.folder))
            config.inference_mode = True
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")  # two during a swap: meant
                self._model.add_adapter(config, adapter_name=name)
            self._loaded.add(name)
            plain = {key.removeprefix(PEFT_PREFIX): weight for key, weight in weights.items()}
            result: Any = set_peft_model_state_dict(self._model, plain, adapter_name=name)
            missing = [key for key in result.missing_keys if f".{name}." in key]
            if result.unexpected_keys or missing:
                raise ValueError(
                    f"weights that do not belong {result.unexpected_keys[:3]}, or are missing {missing[:3]}"
                )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            self._unload(name)
            raise InvalidInput(f"adapter {adapter.id!r} does not fit {self.model}: {str(error)[:300]}") from error

    def _unload(self, name: str) -> None:
        """Forget an adapter; in the worker thread."""
        if name in self._loaded:
            self._loaded.remove(name)
            self._model.delete_adapter(name)
