"""The llama.cpp engine: a GGUF model on CPU or GPU, all users in one batch, with at most one LoRA adapter at a time.

Each adapter is served by a child process of its own; a swap starts the new one and lets the old one finish its replies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from assistant.engines import Adapter, ChatMessage, Generation, Sampling
from assistant.engines.chat_stream import CONNECT_SECONDS, SILENT_SECONDS, chat_body, stream_chat
from assistant.engines.gguf_tokens import TokenCounter
from assistant.engines.slots import Slots, Source, prompt_tokens, room
from assistant.errors import InvalidInput, Unavailable

log = logging.getLogger(__name__)

ADAPTER_FILE = "adapter.gguf"
WORKER = Path(__file__).with_name("llamacpp_worker.py")
STOP_SECONDS = 5.0
# Threads that wait for each other must not spin: on a machine with other work that costs 10 times the speed and more.
WORKER_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """What a server is started with: `file` holds the weights of `name`; `context_tokens` is for each slot."""

    name: str
    file: Path
    slots: int
    queue: int
    context_tokens: int
    threads: int
    seconds: float


class LlamaCppServer:
    """One child process with one model and adapter; `users` are the replies it is generating."""

    def __init__(self, options: LlamaCppOptions, adapter: Adapter | None) -> None:
        self.adapter = adapter
        self.users = 0
        self.retired = False
        self._options = options
        self._url = ""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        self._key = secrets.token_urlsafe(32)
        # A session of its own: Ctrl-C in the terminal reaches the parent only, which lets replies finish.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | WORKER_ENVIRONMENT,
            start_new_session=True,
        )
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            # Without idle connections nothing is tied to an event loop, and none is found closed by the server.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    def load(self) -> None:
        """Block until the model is loaded. Raises Unavailable with the process's own words when it cannot be."""
        options = self._options
        request = {
            "file": str(options.file),
            "adapter": str(self.adapter.folder / ADAPTER_FILE) if self.adapter else None,
            "slots": options.slots,
            "context_tokens": options.context_tokens,
            "threads": options.threads,
            "key": self._key,
        }
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            self._process.kill()
            code = self._process.wait()
            with_adapter = f" with adapter {self.adapter.id!r}" if self.adapter else ""
            raise Unavailable(
                f"llama.cpp could not load {options.file}{with_adapter} (exit {code}): {self._last_words()}"
            )
        self._url = json.loads(answer)["address"] + "/v1/chat/completions"

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def stream(self, messages: Sequence[ChatMessage], sampling: Sampling, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of a reply."""
        body = chat_body(self._options.name, messages, sampling, max_tokens)
        body |= {"top_k": 0, "min_p": 0.0, "cache_prompt": True}  # sampling as the other engines do it
        return stream_chat(self._client, self._url, body)

    def stop(self) -> None:
        """End the process; blocks for milliseconds."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return " / ".join(lines[-3:])[:600] or "it said nothing"


def start_server(options: LlamaCppOptions, adapter: Adapter | None) -> LlamaCppServer:
    """A loaded server; blocks. Raises Unavailable when it cannot be loaded."""
    server = LlamaCppServer(options, adapter)
    try:
        server.load()
    except BaseException:
        server.stop()
        raise
    return server


def _stop_unwanted(starting: asyncio.Future[LlamaCppServer]) -> None:
    """Stop a server whose caller left while it loaded."""
    if not starting.cancelled() and not starting.exception():
        starting.result().stop()


class LlamaCppEngine:
    """Replies from a GGUF file through llama.cpp; see the Engine protocol."""

    def __init__(self, options: LlamaCppOptions, tokens: TokenCounter) -> None:
        """Load the model; blocks. Raises Unavailable when it cannot be loaded."""
        self._options = options
        self._tokens = tokens
        self._slots = Slots(self.model, options.slots, options.queue, options.seconds)
        self._changing = asyncio.Lock()
        self._closed = False
        self._server = start_server(options, None)

    @property
    def model(self) -> str:
        """Name of the base model."""
        return self._options.name

    @property
    def adapter(self) -> str | None:
        """Id of the adapter that new replies use."""
        return self._server.adapter.id if self._server.adapter else None

    @property
    def context_tokens(self) -> int:
        """Tokens one prompt and its reply may take together."""
        return self._options.context_tokens

    def count(self, text: str) -> int:
        """Number of the model's tokens in `text`."""
        return self._tokens.count(text)

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """Wait for a slot and start a reply. Raises Overloaded, InvalidInput (prompt too long) or Unavailable."""
        plain = self._tokens.control.messages(messages)
        max_tokens = room(prompt_tokens(plain, self.count), sampling, self.context_tokens)

        @asynccontextmanager
        async def begin() -> AsyncGenerator[Source]:
            server = await self._living()
            server.users += 1
            try:
                adapter = server.adapter.id if server.adapter else None
                yield Source(adapter, server.stream(plain, sampling, max_tokens))
            finally:
                server.users -= 1
                self._stop_if_unused(server)

        return await self._slots.generate(begin)

    async def use_adapter(self, adapter: Adapter | None) -> None:
        """New replies use `adapter`; those under way finish on theirs. Raises Unavailable, and changes nothing then."""
        if adapter and not (adapter.folder / ADAPTER_FILE).is_file():
            raise InvalidInput(f"adapter {adapter.id!r}: there is no {ADAPTER_FILE} in {adapter.folder}")
        async with self._changing:
            if adapter != self._server.adapter:
                await self._replace(adapter)

    async def close(self) -> None:
        """End the child process; replies under way break off."""
        self._closed = True
        await asyncio.to_thread(self._server.stop)

    async def _living(self) -> LlamaCppServer:
        """The current server, started again if its process died."""
        if self._closed:
            raise Unavailable("the language model was shut down")
        if not self._server.alive():
            async with self._changing:
                if not self._server.alive():
                    log.error("llama.cpp died and is started again")
                    await self._replace(self._server.adapter)
        return self._server

    async def _replace(self, adapter: Adapter | None) -> None:
        """Load a server with `adapter`, make it current, and retire the old one; the caller holds the lock."""
        starting = asyncio.ensure_future(asyncio.to_thread(start_server, self._options, adapter))
        try:
            new = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_stop_unwanted)
            raise
        old, self._server = self._server, new
        old.retired = True
        self._stop_if_unused(old)

    def _stop_if_unused(self, server: LlamaCppServer) -> None:
        if server.retired and server.users == 0:
            asyncio.get_running_loop().run_in_executor(None, server.stop)
