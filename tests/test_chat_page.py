"""The chat page as the server gives it: private, self-contained, in the company's colours, closed to uploads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chatting import chat_site
from tests.fakes import FakeEngine
from ui.chat_page import SCRIPTS, STATIC, STYLES
from ui.markup import ELEMENTS
from ui.words import Words


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("home")
    with (
        chat_site(home, FakeEngine([]), company="Tom & <Co>", accent_color="#ffee00") as (url, _),
        httpx.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def config(client: httpx.Client) -> dict[str, Any]:
    page = client.get("/").text
    found: dict[str, Any] = json.JSONDecoder().raw_decode(page, page.index("window.gradio_config = ") + 23)[0]
    return found


def component(config: dict[str, Any]) -> dict[str, Any]:
    (found,) = (c for c in config["components"] if c["type"] == "html")
    return found


def call(client: httpx.Client, config: dict[str, Any], name: str, data: Any) -> httpx.Response:
    body = {"data": data, "component_id": component(config)["id"], "fn_name": name, "session_hash": "s1"}
    return client.post("/gradio_api/component_server", json=body)


def test_the_page_reports_to_nobody_and_shows_no_gradio_furniture(config: dict[str, Any]) -> None:
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []
    assert config["run_history"] is False
    assert config["title"] == "Tom & <Co>"


def test_no_font_or_script_comes_from_elsewhere(client: httpx.Client, config: dict[str, Any]) -> None:
    theme = client.get("/theme.css").text
    assert "system-ui" in theme and "fonts.g" not in theme and "url(http" not in theme
    assert config["stylesheets"] == []
    ours = "".join((STATIC / name).read_text("utf-8") for name in (*SCRIPTS, *STYLES))
    assert set(re.findall(r"https?://[^\s\"')]+", ours)) == {"http://www.w3.org/2000/svg"}


def test_untrusted_text_never_becomes_html_in_our_script() -> None:
    ours = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", ours)


def test_page_and_server_allow_the_same_elements() -> None:
    script = (STATIC / "chat_text.js").read_text("utf-8")
    listed = re.search(r'PLAIN = new Set\(\s*"([a-z ]+)"', script)
    assert listed and set(listed[1].split()) | {"a", "table", "h"} == ELEMENTS | {"h", "table"}


def test_every_word_the_script_says_is_known() -> None:
    script = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    said = set(re.findall(r'say\(\s*"(\w+)"', script))
    for pair in re.findall(r'say\([^"()]*\? "(\w+)" : "(\w+)"', script):
        said |= set(pair)
    assert len(said) > 30
    assert said <= {field.name for field in fields(Words)}


def test_the_accent_is_readable_and_the_company_cannot_break_the_page(client: httpx.Client) -> None:
    head = client.get("/").text.partition("</head>")[0]
    assert "--accent: #7c7408" in head and "--accent: #ffee00" in head
    assert "<title>Tom &amp; &lt;Co&gt;</title>" in head and "<Co>" not in head.partition("<title>")[2]


def test_the_page_names_no_other_host(client: httpx.Client) -> None:
    page = client.get("/")
    assert int(page.headers["content-length"]) == len(page.content)
    told = set(re.findall(r"https?://([^/\s\"'&<>\\]+)", page.text)) - {"127.0.0.1", client.base_url.netloc.decode()}
    assert told <= {"www.w3.org"}, told


def test_calls_answer_in_words_not_in_tracebacks(client: httpx.Client, config: dict[str, Any]) -> None:
    opened = call(client, config, "open", {"language": "en"}).json()
    assert opened["questions"] == ["How much is delivery?", "How long you have"]
    for nonsense in (None, [], "x", {"conversation": 7}, {"conversation": "x" * 999, "token": "y"}):
        answer = call(client, config, "news", nonsense)
        assert answer.status_code == 200 and answer.json()["problem"]["code"] == "invalid"
    unknown = call(client, config, "news", {"conversation": "nope", "token": "nope"}).json()
    assert unknown["problem"]["code"] == "not_found"


@pytest.mark.parametrize("name", ["send", "__init__", "postprocess", "js_on_load", "services"])
def test_nothing_but_the_calls_can_be_called(client: httpx.Client, config: dict[str, Any], name: str) -> None:
    assert call(client, config, name, {}).status_code == 404


def test_nothing_can_be_uploaded_or_fetched_through_the_page(client: httpx.Client, config: dict[str, Any]) -> None:
    assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"hello")}).status_code in (404, 405)
    assert client.get("/gradio_api/proxy=https://example.com/").status_code in (403, 404)
    assert client.get(f"/gradio_api/file={Path(__file__).resolve()}").status_code in (403, 404)
    assert client.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)


def test_no_event_is_offered_as_an_api(client: httpx.Client) -> None:
    info = client.get("/gradio_api/info")
    assert info.status_code == 404 or info.json() == {"named_endpoints": {}, "unnamed_endpoints": {}}
