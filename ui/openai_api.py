"""The OpenAI-compatible endpoints: any OpenAI client can talk to the grounded assistant or to the bare model.

Model `assistant` is a whole turn (retrieval, grounding, citations; nothing stored) with the server's own
sampling and system message; the model's own name is the language model alone. Knows nothing of conversations.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.conversation import Completed
from assistant.engines import ChatMessage, Role, Sampling
from assistant.errors import InvalidInput, NotFound
from ui.api import STREAM, Served, Services
from ui.identity import require_api_key
from ui.problems import ErrorBody
from ui.served import ServedAssistant
from ui.sse import open_stream, unless_gone
from ui.wire import citation_out

ASSISTANT = "assistant"
MOST_TOKENS = 4096
ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
FAILURES: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in (400, 401, 404, 413, 422, 503)}


class TextPart(BaseModel):
    """A piece of text content."""

    type: Literal["text"]
    text: str


class ChatMessageIn(BaseModel):
    """One message of the prompt; only text is understood."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    def plain(self) -> ChatMessage:
        """As engines know it."""
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return ChatMessage(ROLES[self.role], text)


class StreamOptions(BaseModel):
    """Extras of a stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A chat completion. What is listed is honoured or harmless; any other field is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: Annotated[list[ChatMessageIn], Field(min_length=1, max_length=200)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    max_completion_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None
    logprobs: Literal[False] | None = None
    response_format: dict[Literal["type"], Literal["text"]] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    service_tier: str | None = None

    def sampling(self, default_tokens: int, room: int) -> Sampling:
        """For the bare model; `room` is what the context leaves for the reply."""
        tokens = self.max_completion_tokens or self.max_tokens or default_tokens
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return Sampling(
            max_tokens=min(tokens, room),
            temperature=self.temperature or 0.0,
            top_p=1.0 if self.top_p is None else self.top_p,
            stop=tuple(word for word in stop if word),
            seed=self.seed,
        )


@dataclass(slots=True)
class Outcome:
    """How a completion ended; filled while it runs."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: Literal["stop", "length"] = "stop"
    extra: dict[str, Any] = field(default_factory=dict)

    def usage(self) -> dict[str, int]:
        """OpenAI's usage object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


Pieces = Callable[[Outcome], AsyncGenerator[str]]


def keyed(request: Request, served: Served) -> None:
    """Only holders of an API key, or this machine when there are no keys."""
    require_api_key(request, served.assistant.settings)


_scheme = HTTPBearer(auto_error=False, scheme_name="API key", description="One of the setting api_keys.")
router = APIRouter(
    prefix="/v1", tags=["OpenAI-compatible"], dependencies=[Depends(_scheme), Depends(keyed)], responses=FAILURES
)


@router.get("/models")
async def models(served: Served) -> dict[str, Any]:
    """The grounded assistant and the bare model."""
    names = dict.fromkeys((ASSISTANT, served.assistant.engine.model))
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "assistant"} for name in names],
    }


@router.post("/chat/completions", response_class=Response, responses=STREAM)
async def complete(request: Request, body: ChatRequest, served: Served) -> Response:
    """Complete a chat. Model `assistant` answers from the knowledge base with citations; it keeps its own system
    message and sampling, and because its text is final only once it is grounded, a stream of it begins then.
    The model's own name is the language model alone."""
    pieces = await _pieces(body, served)
    completion = _Completion(body)
    if body.stream:
        return await open_stream(request, completion.stream(pieces), lambda problem: _data(problem.body()))
    return _json(await unless_gone(request, completion.whole(pieces)))


async def _pieces(body: ChatRequest, served: Services) -> Pieces:
    """What will write the text; raises NotFound and InvalidInput before anything starts."""
    assistant = served.assistant
    prompt = [message.plain() for message in body.messages]
    if prompt[-1].role != "user":
        raise InvalidInput(f"the last message must be the user's, not the {prompt[-1].role}'s")
    tokens = await asyncio.to_thread(lambda: sum(assistant.engine.count(message.content) for message in prompt))
    if body.model == ASSISTANT:
        make = _grounded(body, prompt, assistant)
    elif body.model == assistant.engine.model:
        make = _bare(body, prompt, tokens, assistant)
    else:
        raise NotFound(f"no model {body.model[:80]!r}; there are {ASSISTANT!r} and {assistant.engine.model!r}")

    async def admitted(outcome: Outcome) -> AsyncGenerator[str]:
        outcome.prompt_tokens = tokens
        with served.gate.enter():
            async with aclosing(make(outcome)) as pieces:
                async for piece in pieces:
                    yield piece

    return admitted


def _grounded(body: ChatRequest, prompt: Sequence[ChatMessage], assistant: ServedAssistant) -> Pieces:
    most = assistant.settings.max_message_chars
    if len(prompt[-1].content) > most:
        raise InvalidInput(f"the last message has {len(prompt[-1].content)} characters; at most {most} are allowed")
    said = [message for message in prompt if message.role != "system"]
    limit = body.max_completion_tokens or body.max_tokens

    async def pieces(outcome: Outcome) -> AsyncGenerator[str]:
        async with aclosing(assistant.answer(said)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    reply = event.reply
                    citations = [citation_out(citation) for citation in reply.citations]
                    outcome.extra = {"assistant": reply.to_dict() | {"citations": citations}}
                    text = await asyncio.to_thread(_cut, reply.text, limit, assistant, outcome)
                    for word in re.findall(r"\s*\S+\s*", text):
                        yield word

    return pieces


def _cut(text: str, limit: int | None, assistant: ServedAssistant, outcome: Outcome) -> str:
    """`text` up to `limit` tokens, cut between words; notes length and reason in `outcome`."""
    count = assistant.engine.count
    while limit is not None and (tokens := count(text)) > limit and (" " in text):
        outcome.finish_reason = "length"
        words = text.split(" ")
        text = " ".join(words[: max(1, min(len(words) - 1, len(words) * limit // tokens))])
    outcome.completion_tokens = count(text)
    return text


def _bare(body: ChatRequest, prompt: Sequence[ChatMessage], tokens: int, assistant: ServedAssistant) -> Pieces:
    engine = assistant.engine
    room = engine.context_tokens - tokens - 8 * len(prompt)  # a chat template adds a few tokens to each message
    if room < 1:
        raise InvalidInput(f"the messages have {tokens} tokens; the context holds {engine.context_tokens}")
    sampling = body.sampling(assistant.settings.max_reply_tokens, room)

    async def pieces(outcome: Outcome) -> AsyncGenerator[str]:
        text = ""
        generation = await engine.generate(prompt, sampling)
        async with aclosing(generation.pieces) as parts:
            async for piece in parts:
                text += piece
                yield piece
        outcome.completion_tokens = await asyncio.to_thread(engine.count, text)
        if outcome.completion_tokens >= sampling.max_tokens:
            outcome.finish_reason = "length"

    return pieces


class _Completion:
    """One response under OpenAI's names."""

    def __init__(self, body: ChatRequest) -> None:
        self._body = body
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    async def whole(self, pieces: Pieces) -> dict[str, Any]:
        """Everything at once."""
        outcome = Outcome()
        text = ""
        async with aclosing(pieces(outcome)) as parts:
            async for piece in parts:
                text += piece
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": outcome.finish_reason}
        return self._object("chat.completion", [choice]) | {"usage": outcome.usage()} | outcome.extra

    async def stream(self, pieces: Pieces) -> AsyncGenerator[bytes]:
        """A chunk for each piece, then the reason it ended, usage if asked for, and [DONE]."""
        outcome = Outcome()
        opening: dict[str, str] = {"role": "assistant"}
        async with aclosing(pieces(outcome)) as parts:
            async for piece in parts:
                yield self._chunk(opening | {"content": piece}, None)
                opening = {}
        yield self._chunk(opening, outcome.finish_reason, outcome.extra)
        if self._body.stream_options and self._body.stream_options.include_usage:
            yield _data(self._object("chat.completion.chunk", []) | {"usage": outcome.usage()})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, str], reason: str | None, extra: dict[str, Any] | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data(self._object("chat.completion.chunk", [choice]) | (extra or {}))

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._body.model,
            "choices": choices,
        }


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")
