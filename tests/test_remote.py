"""The remote engine against a fake OpenAI-compatible server over real sockets: streaming, errors, cancelling."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.engines import Adapter, ChatMessage, Generation, Sampling
from assistant.engines.remote import RemoteEngine, RemoteOptions
from assistant.errors import AssistantError, InvalidInput, Overloaded, Unavailable
from tests.fake_openai import FakeOpenAI, chunk, fake_openai

HELLO = [ChatMessage("system", "Be kind."), ChatMessage("user", "Hello")]
DONE = b"data: [DONE]\n\n"


def options(url: str, **changes: Any) -> RemoteOptions:
    """Options of an engine at `url`."""
    given: dict[str, Any] = {"model": "big", "key": "s3cret-key", "slots": 2, "queue": 0, "context_tokens": 1000}
    return RemoteOptions(url=url, **(given | {"seconds": 5.0} | changes))


@asynccontextmanager
async def engine_for(fake: FakeOpenAI, **changes: Any) -> AsyncGenerator[RemoteEngine]:
    """An engine that asks `fake`."""
    engine = RemoteEngine(options(fake.url, **changes))
    try:
        yield engine
    finally:
        await engine.close()


async def text(generation: Generation) -> str:
    """The whole reply."""
    return "".join([piece async for piece in generation.pieces])


async def failure(**answers: Any) -> AssistantError:
    """The error that a server which answers so causes."""
    async with fake_openai(**answers) as fake, engine_for(fake) as engine:
        with pytest.raises(AssistantError) as caught:
            await text(await engine.generate(HELLO, Sampling(max_tokens=20)))
    return caught.value


async def test_streams_a_reply_and_sends_the_request_the_api_asks_for() -> None:
    parts = [chunk(""), chunk("Hel"), b": comment\n\n", chunk("lo"), chunk(finish="stop"), DONE]
    async with fake_openai(parts=parts) as fake, engine_for(fake) as engine:
        sampling = Sampling(max_tokens=7, temperature=0.5, top_p=0.9, stop=("END",), seed=3)
        generation = await engine.generate(HELLO, sampling)
        assert await text(generation) == "Hello"
    assert (generation.model, generation.adapter) == ("big", None)
    assert fake.paths == ["/v1/chat/completions"]
    assert fake.asked_headers[0]["authorization"] == "Bearer s3cret-key"
    assert fake.asked[0] == {
        "model": "big",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 3,
    }


async def test_pieces_cut_anywhere_and_odd_line_separators_are_put_together() -> None:
    stream = chunk("naïve \u2028 中文\x85!") + chunk(finish="stop")
    async with fake_openai(parts=[stream[i : i + 1] for i in range(len(stream))]) as fake, engine_for(fake) as engine:
        assert await text(await engine.generate(HELLO, Sampling())) == "naïve \u2028 中文\x85!"


async def test_windows_line_ends_and_usage_chunks_are_understood() -> None:
    parts = [chunk("ok").replace(b"\n", b"\r\n"), b'data: {"choices": [], "usage": {}}\n\n', DONE]
    async with fake_openai(parts=parts) as fake, engine_for(fake) as engine:
        assert await text(await engine.generate(HELLO, Sampling())) == "ok"


async def test_an_adapter_is_asked_for_by_its_id_and_reported() -> None:
    async with fake_openai(parts=[chunk("x"), DONE]) as fake, engine_for(fake) as engine:
        await engine.use_adapter(Adapter("shop-7", Path("/nowhere")))
        generation = await engine.generate(HELLO, Sampling())
        await text(generation)
        await engine.use_adapter(None)
        await text(await engine.generate(HELLO, Sampling()))
    assert (generation.model, generation.adapter) == ("big", "shop-7")
    assert [asked["model"] for asked in fake.asked] == ["shop-7", "big"]


async def test_closing_the_reply_closes_the_connection_at_once() -> None:
    async with fake_openai(parts=[chunk("a")] * 1000, pause=0.05) as fake, engine_for(fake) as engine:
        generation = await engine.generate(HELLO, Sampling())
        assert await anext(generation.pieces) == "a"
        await generation.pieces.aclose()
        async with asyncio.timeout(1):
            while fake.open:
                await asyncio.sleep(0.01)
    assert fake.broken_off == 1


async def test_cancelling_before_the_first_piece_closes_the_connection() -> None:
    async with fake_openai(parts=[b"", chunk("late")], pause=60) as fake, engine_for(fake) as engine:
        waiting = asyncio.create_task(engine.generate(HELLO, Sampling()))
        async with asyncio.timeout(2):
            while not fake.asked:
                await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            while fake.open:
                await asyncio.sleep(0.01)
    assert fake.broken_off == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_names_the_setting_and_never_the_key(status: int) -> None:
    error = await failure(status=status, parts=[b'{"error": {"message": "bad key"}}'])
    assert isinstance(error, Unavailable)
    assert "bad key" in str(error) and "engine_key" in str(error) and "s3cret" not in str(error)


async def test_an_unknown_model_is_named() -> None:
    error = await failure(status=404, parts=[b'{"error": {"message": "no such model"}}'])
    assert isinstance(error, Unavailable)
    assert "'big'" in str(error) and "no such model" in str(error)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "7", 7), (503, "100000", 60), (503, "Wed, 21 Oct 2026 07:28:00 GMT", 2), (429, "-3", 2), (429, "٣", 2)],
)
async def test_a_busy_server_is_an_overload_with_bounded_retry_after(status: int, header: str, seconds: int) -> None:
    fake_header = {"Retry-After": header} if header.isascii() else {}
    error = await failure(status=status, headers=fake_header, parts=[b"slow down"])
    assert isinstance(error, Overloaded)
    assert error.retry_after == seconds and "slow down" in str(error)


async def test_a_prompt_the_server_refuses_is_invalid_input() -> None:
    error = await failure(status=400, parts=[b'{"error": {"message": "context too long"}}'])
    assert isinstance(error, InvalidInput) and "context too long" in str(error)


@pytest.mark.parametrize("status", [302, 500, 502])
async def test_other_statuses_are_unavailable_and_redirects_are_not_followed(status: int) -> None:
    error = await failure(status=status, headers={"Location": "http://127.0.0.1:1/"}, parts=[b"<html>oops</html>"])
    assert isinstance(error, Unavailable) and str(status) in str(error)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([b"data: {broken\n\n"], "no chat completion"),
        ([b'data: {"hello": 1}\n\n'], "no chat completion"),
        ([b"data: [1]\n\n"], "no chat completion"),
        ([b'data: {"choices": [{"text": "old api"}]}\n\n'], "no chat completion"),
        ([chunk("half")], "before the reply was finished"),
        ([b"hello, I am a web page\n"], "before the reply was finished"),
        ([chunk("half"), b'data: {"error": {"message": "gpu lost"}}\n\n'], "gpu lost"),
        ([chunk("half"), b'error: {"message": "llama lost"}\n\n'], "llama lost"),
        ([b"data: " + b"x" * 3_000_000], "Is it OpenAI-compatible|is it OpenAI-compatible"),
        ([chunk("x" * 5000)], "far more than the 20 tokens"),
    ],
)
async def test_a_malformed_stream_is_unavailable_and_says_what_is_wrong(parts: list[bytes], words: str) -> None:
    error = await failure(parts=parts)
    assert isinstance(error, Unavailable)
    assert any(word in str(error) for word in words.split("|"))


async def test_a_server_that_is_not_there_is_named_with_the_setting() -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        engine = RemoteEngine(options(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
        with pytest.raises(Unavailable, match=r"cannot reach http://127.*engine_url"):
            await engine.generate(HELLO, Sampling())
        await engine.close()


async def test_a_connection_that_breaks_midway_is_unavailable() -> None:
    async with (
        fake_openai(headers={"Content-Length": "9999"}, parts=[chunk("half")]) as fake,
        engine_for(fake) as engine,
    ):
        generation = await engine.generate(HELLO, Sampling())
        with pytest.raises(Unavailable, match="broke"):
            await text(generation)


async def test_a_silent_server_is_cut_off_by_the_time_limit() -> None:
    async with fake_openai(parts=[b"", b""], pause=60) as fake, engine_for(fake, seconds=0.1) as engine:
        with pytest.raises(Unavailable, match="engine_seconds"):
            await engine.generate(HELLO, Sampling())


async def test_more_callers_than_slots_and_queue_are_refused_at_once() -> None:
    async with fake_openai(parts=[chunk("a"), chunk("b"), DONE], pause=0.2) as fake, engine_for(fake) as engine:
        running = [await engine.generate(HELLO, Sampling()) for _ in range(2)]
        with pytest.raises(Overloaded):
            await engine.generate(HELLO, Sampling())
        assert [await text(generation) for generation in running] == ["ab", "ab"]
        assert await text(await engine.generate(HELLO, Sampling())) == "ab"


async def test_a_prompt_that_cannot_fit_is_refused_before_anything_is_sent() -> None:
    async with fake_openai(parts=[DONE]) as fake, engine_for(fake) as engine:
        with pytest.raises(InvalidInput, match="1000"):
            await engine.generate([ChatMessage("user", "long " * 1000)], Sampling())
    assert fake.asked == []


def test_the_estimate_of_tokens_errs_on_the_long_side() -> None:
    engine = RemoteEngine(options("http://localhost:1/v1"))
    assert engine.count("") == 0
    assert engine.count("How do I return my boots?") >= 7
    assert engine.count("如何退货") >= 4
    assert engine.count("\ud800") > 0


def test_the_key_is_not_in_the_representation() -> None:
    assert "s3cret" not in repr(options("http://x/v1"))
