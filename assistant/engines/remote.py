"""The remote engine: replies from any OpenAI-compatible server (vLLM, llama-server, Ollama) by URL, model name and key.

An adapter is asked for by its id as the model name, which is how vLLM serves LoRA adapters.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from assistant.engines import Adapter, ChatMessage, Generation, Sampling
from assistant.engines.chat_stream import CONNECT_SECONDS, SILENT_SECONDS, chat_body, stream_chat
from assistant.engines.control_tokens import ControlTokens
from assistant.engines.slots import Slots, Source, prompt_tokens, room

BYTES_PER_TOKEN = 3.0  # low for English (about 4), right for Chinese: an estimate that errs on the long side


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Where the server is and what it may be asked; `url` ends in /v1 as a rule."""

    url: str
    model: str
    key: str = field(repr=False)
    slots: int
    queue: int
    context_tokens: int
    seconds: float


class RemoteEngine:
    """Replies over HTTP; see the Engine protocol."""

    def __init__(self, options: RemoteOptions) -> None:
        self._options = options
        self._adapter: Adapter | None = None
        self._control = ControlTokens()
        self._slots = Slots(options.model, options.slots, options.queue, options.seconds)
        self._url = options.url.rstrip("/") + "/chat/completions"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {options.key}"} if options.key else {},
            timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=options.slots, keepalive_expiry=5.0),
            follow_redirects=False,
        )

    @property
    def model(self) -> str:
        """The model name the server knows."""
        return self._options.model

    @property
    def adapter(self) -> str | None:
        """Id of the adapter that new replies use."""
        return self._adapter.id if self._adapter else None

    @property
    def context_tokens(self) -> int:
        """Tokens one prompt and its reply may take together."""
        return self._options.context_tokens

    def count(self, text: str) -> int:
        """An estimate from the length in bytes, as the server's tokenizer is not here."""
        return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """Wait for a slot and start a reply. Raises Overloaded, InvalidInput (prompt too long) or Unavailable."""
        plain = self._control.messages(messages)
        max_tokens = room(prompt_tokens(plain, self.count), sampling, self.context_tokens)

        @asynccontextmanager
        async def begin() -> AsyncGenerator[Source]:
            adapter = self.adapter
            body = chat_body(adapter or self.model, plain, sampling, max_tokens)
            yield Source(adapter, stream_chat(self._client, self._url, body))

        return await self._slots.generate(begin)

    async def use_adapter(self, adapter: Adapter | None) -> None:
        """New replies ask for `adapter` by its id; the server must have been told of it (vLLM: --lora-modules)."""
        self._adapter = adapter

    async def close(self) -> None:
        """Close connections; replies under way break off."""
        await self._client.aclose()
