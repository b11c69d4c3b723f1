"""The OpenAI-compatible endpoints, as OpenAI's clients use them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web import GOOD, QUESTION, EndlessEngine, Site, eventually, site

ASKED = [{"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server without API keys, as on one's own machine."""
    with site(tmp_path_factory.mktemp("shop")) as running:
        yield running


def complete(shop: Site, **body: Any) -> httpx.Response:
    """A chat completion; the assistant and the usual question unless said otherwise."""
    return shop.client.post("/v1/chat/completions", json={"model": "assistant", "messages": ASKED} | body)


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream, which must end with [DONE]."""
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_models_are_the_assistant_and_the_bare_model(shop: Site) -> None:
    listed = shop.client.get("/v1/models").json()
    assert listed["object"] == "list" and [model["id"] for model in listed["data"]] == ["assistant", "fake"]


def test_the_assistant_answers_grounded_with_citations_and_stores_nothing(shop: Site) -> None:
    answer = complete(shop).json()
    choice = answer["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": GOOD} and choice["finish_reason"] == "stop"
    assert answer["object"] == "chat.completion" and answer["model"] == "assistant"
    words = len(GOOD.split())
    asked = len(QUESTION.split())
    assert answer["usage"] == {"prompt_tokens": asked, "completion_tokens": words, "total_tokens": asked + words}
    assert answer["assistant"]["citations"][0]["passage_id"] == "faq#0"
    assert shop.store.find_conversations(limit=10) == []


def test_a_stream_of_the_assistant_is_its_final_text_only(tmp_path: Path) -> None:
    with site(tmp_path, EndlessEngine("You can return it. Send it to Mars in 99 days.")) as shop:
        streamed = chunks(complete(shop, stream=True))
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in streamed)
        assert "Mars" not in text and text == streamed[-1]["assistant"]["reply"]
        assert streamed[0]["choices"][0]["delta"]["role"] == "assistant"
        assert streamed[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_bare_model_streams_what_it_says(shop: Site) -> None:
    answer = complete(shop, model="fake", stream=True, stream_options={"include_usage": True})
    streamed = chunks(answer)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in streamed if chunk["choices"]]
    assert "".join(pieces).strip() == GOOD and len(pieces) > 5
    assert streamed[-1]["choices"] == [] and streamed[-1]["usage"]["completion_tokens"] == len(GOOD.split())
    assert {chunk["object"] for chunk in streamed} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in streamed}) == 1
    assert shop.engine.prompts[-1][-1].content == QUESTION


def test_the_bare_model_gets_the_sampling_and_says_why_it_ended(shop: Site) -> None:
    short = complete(shop, model="fake", max_tokens=3).json()
    assert short["choices"][0]["finish_reason"] == "length"  # the fake goes on, but three tokens were its limit
    whole = complete(shop, model="fake", max_completion_tokens=100, temperature=0.5, top_p=0.9, seed=1, stop="x")
    assert whole.json()["choices"][0]["finish_reason"] == "stop"
    sampling = shop.engine.samplings[-1]
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p) == (100, 0.5, 0.9)
    assert (sampling.seed, sampling.stop) == (1, ("x",))


def test_the_assistants_reply_is_cut_to_max_tokens(shop: Site) -> None:
    answer = complete(shop, max_tokens=4).json()
    assert answer["choices"][0]["message"]["content"] == "You can return any"
    assert answer["choices"][0]["finish_reason"] == "length" and answer["usage"]["completion_tokens"] == 4


def test_earlier_turns_and_text_parts_are_understood(shop: Site) -> None:
    messages = [
        {"role": "developer", "content": "You are a pirate."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    assert complete(shop, messages=messages).json()["choices"][0]["message"]["content"] == GOOD
    prompt = shop.engine.prompts[-1]
    assert all("pirate" not in message.content for message in prompt)  # the assistant keeps its own instructions
    assert [message.role for message in prompt] == ["system", "user", "assistant", "user"]
    complete(shop, model="fake", messages=messages)
    assert [message.role for message in shop.engine.prompts[-1]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"n": 2}, 422),
        ({"n": 10**9}, 422),
        ({"max_tokens": 0}, 422),
        ({"max_tokens": 10**9}, 422),
        ({"temperature": 3}, 422),
        ({"temperature": "hot"}, 422),
        ({"stop": ["a"] * 5}, 422),
        ({"messages": []}, 422),
        ({"messages": [{"role": "user", "content": "x"}] * 201}, 422),
        ({"messages": [{"role": "tool", "content": "x"}]}, 422),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 422),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]}, 422),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, 422),
        ({"model": "fake", "messages": [{"role": "user", "content": "x " * 3000}]}, 422),
        ({"tools": [{"type": "function"}]}, 422),
        ({"logprobs": True}, 422),
        ({"response_format": {"type": "json_object"}}, 422),
        ({"model": "gpt-4"}, 404),
        ({"model": ""}, 404),
    ],
)
def test_what_cannot_be_honoured_is_refused_in_openais_shape(shop: Site, change: dict[str, Any], status: int) -> None:
    answer = complete(shop, **change)
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "type"}


def test_neutral_extras_of_clients_are_accepted(shop: Site) -> None:
    extras = {
        "n": 1, "user": "u-1", "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False,
        "response_format": {"type": "text"}, "metadata": {"a": "b"}, "store": False,
    }  # fmt: skip
    assert complete(shop, **extras).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["assistant", "fake"])
def test_a_vanished_client_frees_its_slot(tmp_path: Path, model: str, stream: bool) -> None:
    with site(tmp_path, EndlessEngine(pause=3)) as shop:
        body = {"model": model, "messages": ASKED, "stream": stream}

        # The client holds the line until it is served, however long a busy machine takes, and leaves then.
        request = json.dumps(body)
        client = http.client.HTTPConnection("127.0.0.1", shop.client.base_url.port, timeout=30)
        client.request("POST", "/v1/chat/completions", request, {"Content-Type": "application/json"})
        eventually(lambda: shop.engine.running == 1)
        client.close()
        left = time.monotonic()
        eventually(lambda: shop.engine.running == 0, 2)
        assert time.monotonic() - left < 2


def test_a_full_house_answers_503_at_once(tmp_path: Path) -> None:
    with site(tmp_path, EndlessEngine(pause=0.3), engine_slots=1, engine_queue=0) as shop:
        busy = threading.Thread(target=lambda: complete(shop))
        busy.start()
        eventually(lambda: shop.engine.running == 1)
        for stream in (True, False):
            started = time.monotonic()
            answer = complete(shop, stream=stream)
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - started < 1
        busy.join()
        assert complete(shop).status_code == 200
