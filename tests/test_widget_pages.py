"""The widget's script, its demo page, and the routes that only it asks."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant import store_sites
from assistant.settings import load_settings
from assistant.store import Store
from tests.chatting import chat_site
from tests.web import EndlessEngine, read_events
from ui.widget_pages import FOLDER, Script
from ui.widget_words import WIDGET_WORDS, widget_words

MOST_BYTES = 25_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Store]]:
    with (
        chat_site(tmp_path_factory.mktemp("widget"), EndlessEngine("You can **return** lamps within 30 days.")) as site,
        httpx.Client(base_url=site[0], timeout=20) as client,
    ):
        yield client, site[1]


def test_the_script_is_small_cached_and_asked_for_again_only_when_it_changed(shop: tuple[httpx.Client, Store]) -> None:
    client, _ = shop
    plain = client.get("/widget.js", headers={"Accept-Encoding": "identity", "Origin": "https://any.example"})
    assert plain.headers["content-type"].startswith("text/javascript")
    assert plain.headers["access-control-allow-origin"] == "*"
    assert plain.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "max-age=300" in plain.headers["cache-control"]
    packed = client.get("/widget.js")
    assert packed.headers["content-encoding"] == "gzip" and packed.text == plain.text
    assert len(gzip.compress(plain.content, 9)) <= MOST_BYTES
    again = client.get("/widget.js", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_the_script_uses_nothing_that_could_run_text_or_break_a_strict_page(tmp_path: Path) -> None:
    text = Script.of(load_settings(tmp_path, company='A "shop" </script>')).plain.decode()
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", ".style."):
        assert sink not in text, sink
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")  # no other host
    assert Script.of(load_settings(tmp_path)).tag != Script.of(load_settings(tmp_path, company="Other")).tag


def test_both_languages_have_every_word() -> None:
    words = widget_words()
    assert set(words) == set(WIDGET_WORDS) == {"en", "zh"}
    assert words["en"].keys() == words["zh"].keys() and all(all(said.values()) for said in words.values())
    used = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.js"))
    assert [name for name in words["en"] if f'"{name}"' not in used] == []


def test_the_demo_page_and_its_files_are_served(shop: tuple[httpx.Client, Store]) -> None:
    client, _ = shop
    page = client.get("/widget/demo")
    assert page.status_code == 200 and "data-site-key" in page.text
    assert client.get("/widget/demo.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/widget/demo.css").status_code == 200
    for other in ("/widget/demo.html", "/widget/demo.py", "/widget/base.js", "/widget/../server.py"):
        assert client.get(other).status_code == 404, other


def test_an_opening_widget_gets_questions_and_a_source_shows_its_passage(shop: tuple[httpx.Client, Store]) -> None:
    client, store = shop
    assert client.get("/api/v1/widget").json() == {"questions": ["How much is delivery?", "How long you have"]}
    key = store_sites.add_site(store, "Shop", []).key
    assert client.get("/api/v1/widget", params={"site_key": key, "language": "zh"}).json() == {"questions": []}
    begun = client.post("/api/v1/conversations", json={"site_key": key, "attributes": {"plan": "gold"}}).json()
    headers = {"Authorization": f"Bearer {begun['token']}"}
    path = f"/api/v1/conversations/{begun['id']}"
    client.post(f"{path}/messages", json={"text": "How long may I return a lamp?"}, headers=headers)
    answer = client.get(f"{path}/messages", params={"markup": True}, headers=headers).json()["messages"][1]
    assert answer["blocks"][0][0] == "p" and answer["sources"][0]["label"] == "How long you have"
    source = client.get(f"/api/v1/messages/{answer['id']}/sources/1", headers=headers).json()
    assert source["headings"] == ["How long you have"] and not source["changed"]
    assert client.get(f"/api/v1/messages/{answer['id']}/sources/9", headers=headers).status_code == 404
    assert client.post(f"{path}/attributes", json={"attributes": {"page": "/"}}, headers=headers).status_code == 204
    known = store_sites.known_visitor(store, begun["id"])
    assert known is not None and known.attributes == {"plan": "gold", "page": "/"}
    assert client.post(f"{path}/typing", headers=headers).status_code == 204


def test_growing_text_is_sent_as_the_blocks_that_changed(shop: tuple[httpx.Client, Store]) -> None:
    client, _ = shop
    begun = client.post("/api/v1/conversations").json()
    answer = client.post(
        f"/api/v1/conversations/{begun['id']}/messages?markup=true",
        json={"text": "How long may I return a lamp?"},
        headers={"Authorization": f"Bearer {begun['token']}"},
    )
    blocks: list[Any] = []
    for name, data in read_events(answer.text.splitlines()):
        if name == "delta":
            blocks[data["from"] :] = data["blocks"]
        if name == "completed":
            assert blocks == data["blocks"] == [["p", "You can ", ["strong", "return"], " lamps within 30 days."]]
            assert data["sources"][0]["label"] == "How long you have"
            return
    raise AssertionError(answer.text)
