"""The whole application: every route guarded, one shape of errors, headers everywhere, pages from nowhere else."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import sync_playwright

from assistant.errors import Unavailable
from tests.web import QUESTION, Site, site
from ui import operations

KEY = "a-long-random-key"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}

# Whoever adds a route must say here who may call it, or ask for a token.
OPEN = {
    ("POST", "/api/v1/conversations"),
    ("GET", "/api/v1/widget"),
    ("GET", "/widget.js"),
    ("GET", "/widget/demo"),
    ("GET", "/widget/demo.{kind}"),
    ("GET", "/widget/frame"),
    ("GET", "/desk"),
    ("GET", "/desk/login"),
    ("POST", "/desk/login"),
    ("POST", "/desk/logout"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
}
KEYED = {("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/metrics")}
STAFF = "/api/v1/staff/"  # for staff who are logged in; tests/test_staff_api.py
BODIES = {
    "messages": {"text": "hi"},
    "rating": {"value": 1},
    "satisfaction": {"score": 3},
    "attributes": {"attributes": {"plan": "gold"}},
    "contact": {"contact": "ann@example.org", "text": "hi"},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with an API key and one allowed origin."""
    home = tmp_path_factory.mktemp("shop")
    with site(home, api_keys=[KEY], cors_origins=["https://shop.example"]) as running:
        yield running


@pytest.fixture(scope="module")
def routes(shop: Site) -> set[tuple[str, str]]:
    """Every (method, path) of the application, found by asking the application."""
    found = {
        (method, str(route.path))
        for route in iter_route_contexts(shop.app.routes)
        if route.path and route.methods
        for method in route.methods
    }
    assert len(found) > 12
    return found


def test_every_route_is_open_on_purpose_or_refuses_callers_without_token(
    shop: Site, routes: set[tuple[str, str]]
) -> None:
    talk = shop.begin()
    message = dict(talk.say(QUESTION))["completed"]["message_id"]
    assert routes >= OPEN | KEYED
    for method, path in sorted(routes - OPEN):
        url = path.replace("{conversation_id}", talk.id).replace("{message_id}", message).replace("{number}", "1")
        body = BODIES.get(path.rsplit("/", 1)[-1]) if method == "POST" else None
        for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}):
            answer = shop.client.request(method, url, json=body, headers={k: v.strip() for k, v in headers.items()})
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["www-authenticate"] == "Bearer" and answer.json()["error"]["code"] == "unauthorized"


def test_every_route_of_a_conversation_refuses_foreign_tokens(shop: Site, routes: set[tuple[str, str]]) -> None:
    talk, foreign = shop.begin(), shop.begin()
    message = dict(talk.say(QUESTION))["completed"]["message_id"]
    before = talk.messages()
    for method, path in sorted(route for route in routes - OPEN - KEYED if not route[1].startswith(STAFF)):
        url = path.replace("{conversation_id}", talk.id).replace("{message_id}", message).replace("{number}", "1")
        body = BODIES.get(path.rsplit("/", 1)[-1]) if method == "POST" else None
        for headers in (foreign.headers, {"Authorization": "Bearer guessed"}, WITH_KEY):
            answer = shop.client.request(method, url, json=body, headers=headers)
            assert answer.status_code == 404, (method, path, answer.text)
            assert talk.id not in answer.text and "30 days" not in answer.text
    assert talk.messages() == before and shop.store.conversation(talk.id).state == "assistant"


def test_keyed_routes_refuse_wrong_keys_and_conversation_tokens(shop: Site) -> None:
    talk = shop.begin()
    for method, path in KEYED:
        for headers in ({"Authorization": "Bearer wrong"}, talk.headers):
            assert shop.client.request(method, path, json={}, headers=headers).status_code == 401
    assert shop.client.get("/v1/models", headers=WITH_KEY).status_code == 200
    assert shop.client.get("/metrics", headers=WITH_KEY).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v2/conversations", 404),
        ("GET", "/v1/embeddings", 404),
        ("GET", "/api/v1/conversations", 405),
        ("DELETE", "/api/v1/conversations/x/messages", 405),
        ("PUT", "/v1/chat/completions", 405),
        ("POST", "/healthz", 405),
        ("GET", "/docs/../server.py", 404),
        ("GET", "/docs/%2e%2e/server.py", 404),
        ("GET", "/docs/nothing.js", 404),
        # what Gradio would offer beside the page
        ("POST", "/gradio_api/upload", 404),
        ("GET", "/gradio_api/proxy=https://example.com/", 404),
        ("POST", "/gradio_api/run/predict", 404),
        ("POST", "/gradio_api/call/x", 404),
        ("POST", "/gradio_api/vibe-edit", 404),
        ("GET", "/gradio_api/deep_link", 404),
        ("GET", "/gradio_api/file=/etc/passwd", 404),
        ("GET", "/gradio_api/info", 404),
        ("GET", "/monitoring", 404),
        ("POST", "/login", 404),
    ],
)
def test_what_is_not_there_has_the_shape_of_every_error(shop: Site, method: str, path: str, status: int) -> None:
    answer = shop.client.request(method, path)
    assert answer.status_code == status, answer.text
    code = {404: "not_found", 405: "method_not_allowed"}[status]
    assert answer.json()["error"]["code"] == code and answer.json()["error"]["message"]
    assert (status == 405) == ("allow" in answer.headers)


def test_the_database_going_away_is_told_as_unavailable(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr("assistant.store_sites.begin_conversation", gone)
    answer = shop.client.post("/api/v1/conversations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_an_unexpected_error_is_a_500_with_an_incident_and_all_headers(
    shop: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("postgresql://user:hunter2@host")

    monkeypatch.setattr("assistant.store_sites.begin_conversation", broken)
    answer = shop.client.post("/api/v1/conversations")
    assert answer.status_code == 500 and "hunter2" not in answer.text and "Traceback" not in answer.text
    incident = re.findall(r"incident ([0-9a-f]{8})", answer.text)[0]
    assert incident in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_bodies_over_the_limit_are_refused_declared_or_streamed(shop: Site) -> None:
    big = b'{"site_key": "' + b"x" * 300_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    for path in ("/api/v1/conversations", "/gradio_api/queue/join"):
        for content in (big, iter([big[:150_000], big[150_000:]])):
            answer = shop.client.post(path, content=content, headers=headers)
            assert answer.status_code == 413, path
            assert answer.json()["error"]["code"] == "too_large"


def test_a_form_from_a_foreign_page_is_not_taken_for_json(shop: Site) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = shop.client.post("/api/v1/conversations", content=b'{"site_key": "x"}', headers={"Content-Type": kind})
        assert answer.status_code == 422


SECURED = ["/", "/healthz", "/nothing", "/docs", "/docs/api.js", "/openapi.json", "/config", "/api/v1/conversations"]


@pytest.mark.parametrize("path", SECURED)
def test_every_answer_has_the_security_headers(shop: Site, path: str) -> None:
    headers = shop.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


def test_conversations_and_tokens_are_not_cached(shop: Site) -> None:
    talk = shop.begin()
    for answer in (
        shop.client.post("/api/v1/conversations"),
        shop.client.get(f"{talk.path}/messages", headers=talk.headers),
        shop.client.get("/config"),
        shop.client.get("/nothing"),
    ):
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/api/v1/conversations", "/healthz"])
def test_cors_is_for_configured_origins_and_never_with_credentials(shop: Site, path: str) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:3000"):
        answer = shop.client.get(path, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers
    ours = shop.client.get(path, headers={"Origin": "https://shop.example"})
    assert ours.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in ours.headers


def test_a_preflight_from_elsewhere_is_refused(shop: Site) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    path = "/api/v1/conversations"
    assert shop.client.options(path, headers={"Origin": "https://evil.example"} | asked).status_code == 400
    ours = shop.client.options(path, headers={"Origin": "https://shop.example"} | asked)
    assert ours.status_code == 200 and ours.headers["access-control-allow-origin"] == "https://shop.example"


def test_a_rebound_name_reaches_nothing(shop: Site) -> None:
    for path in ("/", "/api/v1/conversations", "/v1/models", "/docs", "/gradio_api/queue/join", "/metrics"):
        answer = shop.client.get(path, headers={"Host": "evil.example"} | WITH_KEY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_host")


def test_a_request_line_without_host_is_refused(shop: Site) -> None:
    host, port = httpx.URL(shop.url).host, httpx.URL(shop.url).port
    with socket.create_connection((host, port), timeout=5) as raw:
        raw.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert raw.recv(100).split()[1] == b"400"


def test_readiness_names_what_is_missing(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = shop.client.get("/readyz")
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert answer.json()["checks"] == {
        "database": "ok",
        "index": "there is no usable index: ingest documents",
        "engine": "ok",
    }

    def gone() -> None:
        raise Unavailable("no connection to db.internal:5432")

    monkeypatch.setattr(operations, "_served_index", lambda _: object())
    assert shop.client.get("/readyz").json()["status"] == "ready"
    monkeypatch.setattr(shop.store, "ping", gone)
    answer = shop.client.get("/readyz")
    assert answer.status_code == 503 and "internal" not in answer.text
    assert shop.client.get("/healthz").status_code == 200


def test_metrics_tell_requests_turns_and_the_engine_without_ids(shop: Site) -> None:
    talk = shop.begin()
    talk.say(QUESTION)
    talk.say("hi")
    text = shop.client.get("/metrics", headers=WITH_KEY).text
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}
    route = 'method="POST",route="/api/v1/conversations/{conversation_id}/messages",status="200"'
    assert values[f"assistant_http_requests_total{{{route}}}"] >= 2
    assert values['assistant_turns_total{action="answer"}'] >= 1
    assert values['assistant_turns_total{action="small_talk"}'] >= 1
    assert values["assistant_first_text_seconds_count"] == values["assistant_turn_seconds_count"] >= 2
    assert values["assistant_engine_slots"] == 8 and values["assistant_engine_busy"] == 0
    assert values["assistant_engine_queued"] == 0 and values["assistant_overloads_total"] == 0
    assert talk.id not in text and "127.0.0.1" not in text


def test_the_page_and_the_api_page_name_no_other_host() -> None:
    for name in ("api.html", "api.css", "api.js"):
        text = (operations.STATIC / name).read_text("utf-8")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.", text), name


def test_the_api_page_describes_every_route(shop: Site, routes: set[tuple[str, str]]) -> None:
    paths = shop.client.get("/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item}
    pages = ("/docs", "/openapi.json", "/desk", "/widget/")
    assert described == {(method, path) for method, path in routes if not path.startswith(pages)}
    for path, item in paths.items():
        for operation in item.values():
            assert operation["description"], path


@pytest.mark.browser
def test_pages_load_from_here_only_and_break_no_policy(tmp_path: Path) -> None:
    with site(tmp_path) as shop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{shop.url}/docs")
        page.get_by_text("/api/v1/conversations", exact=True).click()
        page.get_by_role("button", name="Send").first.click()
        page.get_by_text('"token"').wait_for()
        page.goto(shop.url)
        page.locator("textarea").first.wait_for()
        browser.close()
    assert {httpx.URL(url).host for url in asked if url.startswith("http")} == {"127.0.0.1"}
    assert [text for text in complaints if "policy" in text.lower() or "refused" in text.lower()] == []
