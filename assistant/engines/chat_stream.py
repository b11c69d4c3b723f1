"""Streams a reply from an OpenAI-compatible /chat/completions endpoint over HTTP, and says plainly what went wrong.

Knows the wire format; nothing of slots, prompts or which server it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from assistant.engines import ChatMessage, Sampling
from assistant.errors import AssistantError, InvalidInput, Overloaded, Unavailable

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 120.0  # between two pieces; before the first a long prompt is read
LONGEST_LINE = 1_000_000  # bytes
LONGEST_TOKEN = 200  # characters; a server that ignores max_tokens is cut off
SERVER_WORDS = 300  # characters of a server's own message that are passed on


def chat_body(model: str, messages: Sequence[ChatMessage], sampling: Sampling, max_tokens: int) -> dict[str, Any]:
    """The JSON of a streamed chat completion."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    return body


async def stream_chat(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> AsyncGenerator[str]:
    """Pieces of the reply as they come; closing it closes the connection, which makes the server stop.

    Raises Unavailable, Overloaded or InvalidInput, naming `url`, what it answered and the remedy.
    """
    longest = LONGEST_TOKEN * int(body["max_tokens"])
    try:
        async with client.stream("POST", url, json=body) as response:
            if response.status_code != httpx.codes.OK:
                raise await _refusal(response, url, str(body["model"]))
            async with aclosing(_contents(response, url)) as contents:
                async for content in contents:
                    longest -= len(content)
                    if longest < 0:
                        raise Unavailable(f"{url} sent far more than the {body['max_tokens']} tokens asked for")
                    yield content
    except httpx.ConnectTimeout as error:
        raise Unavailable(f"{url} did not answer within {CONNECT_SECONDS:g} s: is the address right?") from error
    except httpx.TimeoutException as error:
        raise Unavailable(f"{url} fell silent: nothing came for {SILENT_SECONDS:g} s") from error
    except httpx.ConnectError as error:
        raise Unavailable(f"cannot reach {url} ({error}): is the server running, and is engine_url right?") from error
    except httpx.TransportError as error:
        raise Unavailable(f"the connection to {url} broke: {str(error) or type(error).__name__}") from error


async def _contents(response: httpx.Response, url: str) -> AsyncGenerator[str]:
    """The text of each chunk of a server-sent stream, to the chunk that says the reply is finished."""
    async with aclosing(_data(response, url)) as events:
        async for data in events:
            if data == b"[DONE]":
                return
            try:
                chunk = json.loads(data)
                if "error" in chunk:
                    raise _midway(chunk["error"], url)
                choices = chunk["choices"]
                if not choices:
                    continue  # such as a final chunk with usage only
                content, finished = choices[0]["delta"].get("content"), choices[0].get("finish_reason")
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise Unavailable(
                    f"{url} sent a chunk that is no chat completion: {data[:SERVER_WORDS]!r}. Is it OpenAI-compatible?"
                ) from error
            if content:
                yield str(content)
            if finished:
                return
    raise Unavailable(f"{url} ended the stream before the reply was finished")


async def _data(response: httpx.Response, url: str) -> AsyncGenerator[bytes]:
    """The payload of each `data:` line."""
    # httpx's own line splitter also cuts at U+2028 and the like, which may stand unescaped inside JSON text.
    rest = b""
    async for block in response.aiter_bytes():
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Unavailable(f"{url} sent a line of more than {LONGEST_LINE} bytes: is it OpenAI-compatible?")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
            elif line.startswith(b"error:"):  # llama.cpp
                raise _midway(line[6:].decode("utf-8", "replace"), url)


def _midway(error: object, url: str) -> Unavailable:
    """The server gave up in the middle of a reply."""
    return Unavailable(f"{url} stopped in the middle of a reply: {str(error)[:SERVER_WORDS]}")


async def _refusal(response: httpx.Response, url: str, model: str) -> AssistantError:
    """The error for a status other than 200."""
    status, words = response.status_code, await _words(response)
    if status in (401, 403):
        return Unavailable(f"{url} refused the key ({status} {words}): set engine_key")
    if status == 404:
        return Unavailable(f"{url} knows no such path or no model {model!r} ({words}): check engine_url and model")
    if status in (429, 503):
        return Overloaded(f"{url} is busy ({status} {words})", _retry_after(response))
    if status in (400, 413, 422):
        return InvalidInput(f"{url} refused the prompt ({status} {words})")
    return Unavailable(f"{url} answered {status}: {words}")


def _retry_after(response: httpx.Response) -> int:
    """Seconds the server asks to wait, 1..60; 2 where it does not say in seconds."""
    value = response.headers.get("retry-after", "")
    return min(max(1, int(value)), 60) if value.isascii() and value.isdigit() else 2


async def _words(response: httpx.Response) -> str:
    """The server's own message, shortened."""
    body = b""
    async for block in response.aiter_bytes():
        body += block
        if len(body) > 64_000:
            break
    try:
        parsed = json.loads(body)
        error = parsed.get("error", parsed.get("message", parsed.get("detail", parsed)))
        words = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        words = body.decode("utf-8", "replace")
    return " ".join(str(words).split())[:SERVER_WORDS]
