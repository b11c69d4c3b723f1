"""The layers around the application: host names, security headers, incidents."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.guards import Hosts, Incidents, SecurityHeaders


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request."""
    await PlainTextResponse("fine")(scope, receive, send)


async def status(app: ASGIApp, host: str, server: tuple[str, int], path: str = "/") -> int:
    """The status of a request that arrived at `server` and asked for `host`."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "server": server, "headers": [(b"host", host.encode())]}
    await app(scope, receive, send)
    code: int = sent[0]["status"]
    return code


LOCAL, PUBLIC = ("127.0.0.1", 8000), ("192.0.2.7", 8000)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
async def test_local_names_are_ours_everywhere(host: str) -> None:
    for allowed in ([], ["shop.example"]):
        assert await status(Hosts(fine, allowed), host, LOCAL) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", ""]
)
async def test_a_foreign_name_does_not_reach_a_local_server(host: str) -> None:
    assert await status(Hosts(fine, []), host, LOCAL) == 400
    assert await status(Hosts(fine, []), host, ("::1", 8000)) == 400


async def test_configured_names_are_ours_and_then_the_only_ones() -> None:
    app = Hosts(fine, ["Shop.example"])
    for server in (LOCAL, PUBLIC):
        assert await status(app, "shop.example:443", server) == 200
        assert await status(app, "evil.example", server) == 400


async def test_without_configured_names_a_public_address_answers_to_any() -> None:
    assert await status(Hosts(fine, []), "whatever.example", PUBLIC) == 200


async def test_probes_may_ask_by_address() -> None:
    app = Hosts(fine, ["shop.example"])
    assert await status(app, "10.0.0.7:8000", PUBLIC, "/healthz") == 200
    assert await status(app, "10.0.0.7:8000", PUBLIC, "/api/v1/conversations") == 400


async def test_a_foreign_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await Hosts(fine, [])({"type": "websocket", "path": "/", "server": LOCAL, "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def client(app: ASGIApp) -> httpx.AsyncClient:
    """Talks to an ASGI application directly."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_data_may_load_nothing_and_be_framed_nowhere() -> None:
    async with client(SecurityHeaders(fine)) as http:
        headers = (await http.get("/")).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


async def test_a_pages_own_scripts_get_a_fresh_nonce() -> None:
    page = b"<html><script>one()</script><SCRIPT type=module src=a.js></SCRIPT><scripture></html>"

    async def pieces() -> Any:
        for n in range(0, len(page), 7):
            yield page[n : n + 7]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(pieces(), media_type="text/html")(scope, receive, send)

    nonces = set()
    async with client(SecurityHeaders(app)) as http:
        for _ in range(3):
            answer = await http.get("/")
            (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
            assert answer.text.count(f'<script nonce="{nonce}"') == 2 and "<scripture>" in answer.text
            assert "'unsafe-inline'" not in answer.headers["content-security-policy"].split("style-src")[0]
            nonces.add(nonce)
    assert len(nonces) == 3


async def test_a_pages_length_counts_the_nonces() -> None:
    async with client(SecurityHeaders(HTMLResponse("<script>one()</script>"))) as http:
        answer = await http.get("/")
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert (await http.head("/")).status_code == 200


async def test_a_stricter_policy_of_the_page_itself_stays() -> None:
    own = HTMLResponse("hello", headers={"Content-Security-Policy": "default-src 'self'"})
    async with client(SecurityHeaders(own)) as http:
        assert (await http.get("/")).headers["content-security-policy"] == "default-src 'self'"


async def test_an_unexpected_error_shows_an_incident_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("password hunter2")

    async with client(SecurityHeaders(Incidents(broken))) as http:
        answer = await http.get("/")
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal"
    assert "hunter2" not in answer.text and "x-content-type-options" in answer.headers
    assert re.search(r"incident [0-9a-f]{8}", answer.text)
    assert "hunter2" in caplog.text


async def test_an_error_after_the_start_cuts_the_answer_off(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("later")

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await Incidents(half)({"type": "http"}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"] and "later" in caplog.text
