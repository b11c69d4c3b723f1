"""Origins over real sockets: who may load, call and frame, and who may not."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import jwt
import pytest

from assistant import store_sites
from tests.web import Site, Talk, site

SHOP, OTHER, OPERATOR = "https://shop.example", "https://other.example", "https://operator.example"
HOSTILE = (
    "null",
    "https://evil.example",
    "http://shop.example",
    "https://shop.example.evil.example",
    "https://shop.example:8443",
    "https://xshop.example",
    "https://shop.example@evil.example",
    "file://",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("sites"), cors_origins=[OPERATOR], conversations_per_minute=9000) as running:
        store_sites.add_site(running.store, "Shop", [SHOP], [SHOP], key="shop")
        store_sites.add_site(running.store, "Other", [OTHER], key="other")
        yield running


def begin(server: Site, origin: str | None, key: str | None = "shop", **body: str) -> httpx.Response:
    headers = {"Origin": origin} if origin else {}
    return server.client.post("/api/v1/conversations", json={"site_key": key} | body, headers=headers)


def talk_of(server: Site, key: str) -> Talk:
    begun = begin(server, None, key).json()
    return Talk(server, begun["id"], begun["token"])


def signed(server: Site, key: str = "shop", **claims: object) -> str:
    secret = store_sites.site(server.store, key).secrets[0]
    now = int(time.time())
    told = {"sub": "c-1", "aud": key, "iat": now, "exp": now + 300, "jti": secrets.token_hex(8)} | claims
    return jwt.encode(told, secret.value, algorithm="HS256", headers={"kid": secret.id})


def test_a_site_talks_from_its_own_origin(server: Site) -> None:
    answer = begin(server, SHOP)
    assert answer.status_code == 201 and answer.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in answer.headers
    assert begin(server, None).status_code == 201  # a program


@pytest.mark.parametrize("origin", HOSTILE)
def test_hostile_origins_may_not_call_nor_read_nor_frame(server: Site, origin: str) -> None:
    for key in ("shop", None):
        answer = begin(server, origin, key)
        assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
        opened = server.client.get(
            "/api/v1/widget", params={"site_key": key} if key else {}, headers={"Origin": origin}
        )
        assert opened.status_code == 403 and "access-control-allow-origin" not in opened.headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = server.client.options("/api/v1/conversations", headers=asked)
    assert preflight.status_code == 400 and "access-control-allow-origin" not in preflight.headers
    talk = talk_of(server, "shop")
    stolen = server.client.get(f"{talk.path}/messages", headers=talk.headers | {"Origin": origin})
    assert stolen.status_code == 403
    framed = server.client.get("/widget/frame", params={"site_key": "shop", "parent": origin})
    assert framed.status_code == 403 and framed.headers["x-frame-options"] == "DENY"


def test_browsers_may_ask_first_from_a_sites_pages_only_for_the_api(server: Site) -> None:
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = server.client.options("/api/v1/conversations", headers=asked)
    assert preflight.status_code == 200 and preflight.headers["access-control-allow-origin"] == SHOP
    for path in ("/v1/models", "/gradio_api/queue/join", "/metrics", "/desk"):
        answer = server.client.options(path, headers=asked)
        assert "access-control-allow-origin" not in answer.headers, path


def test_sites_do_not_reach_each_others_conversations(server: Site) -> None:
    talk = talk_of(server, "shop")
    for origin, status in ((SHOP, 200), (OTHER, 403), (OPERATOR, 403)):
        answer = server.client.get(f"{talk.path}/messages", headers=talk.headers | {"Origin": origin})
        assert answer.status_code == status, origin
    assert begin(server, SHOP, "other").status_code == 403 and begin(server, OTHER, "other").status_code == 201


def test_without_a_site_only_our_own_pages_the_operators_and_programs_may_call(server: Site) -> None:
    for origin, status in ((server.url, 201), (OPERATOR, 201), (None, 201), (SHOP, 403)):
        assert begin(server, origin, None).status_code == status, origin


def test_unknown_and_removed_sites_are_worth_nothing(server: Site) -> None:
    assert begin(server, None, "nobody").status_code == 403
    store_sites.add_site(server.store, "Gone", [SHOP], key="gone")
    talk = talk_of(server, "gone")
    store_sites.remove_site(server.store, "gone")
    assert begin(server, SHOP, "gone").status_code == 403 and talk.post("/close").status_code == 403


def test_only_listed_origins_may_frame_and_a_blank_list_is_nobody(server: Site) -> None:
    framed = server.client.get("/widget/frame", params={"site_key": "shop", "parent": SHOP, "title": '"><script>x'})
    assert framed.status_code == 200 and "x-frame-options" not in framed.headers
    assert f"frame-ancestors {SHOP}" in framed.headers["content-security-policy"]
    assert "<script>x" not in framed.text
    blank = server.client.get("/widget/frame", params={"site_key": "other", "parent": OTHER})
    assert blank.status_code == 403 and "frame-ancestors 'none'" in blank.headers["content-security-policy"]
    for path in ("/", "/widget/demo", "/docs"):
        assert server.client.get(path).headers["x-frame-options"] == "DENY", path


def test_a_visitor_token_is_good_once_and_says_whose_conversation_it_is(server: Site) -> None:
    token = signed(server)
    answer = begin(server, SHOP, visitor_token=token)
    assert answer.status_code == 201
    assert server.store.conversation(answer.json()["id"]).customer_id == "c-1"
    assert begin(server, SHOP, visitor_token=token).status_code == 401
    assert begin(server, None, None, visitor_token=signed(server)).status_code == 422
    assert begin(server, None, "shop", visitor_token=signed(server, "other")).status_code == 401


def test_a_rotated_secret_ends_old_tokens_when_its_grace_is_over(server: Site) -> None:
    before = signed(server, "other"), signed(server, "other")
    store_sites.rotate_secret(server.store, "other", timedelta(hours=1))
    assert begin(server, None, "other", visitor_token=before[0]).status_code == 201
    store_sites.rotate_secret(server.store, "other", timedelta(0))
    assert begin(server, None, "other", visitor_token=before[1]).status_code == 401
    assert begin(server, None, "other", visitor_token=signed(server, "other")).status_code == 201


def test_rates_are_counted_per_site_too(tmp_path: Path) -> None:
    with site(tmp_path, site_conversations_per_minute=2, site_messages_per_minute=1) as small:
        for key in ("one", "two"):
            store_sites.add_site(small.store, key, [], key=key)
        codes = [begin(small, None, key).status_code for key in ("one", "one", "one", "two")]
        assert codes == [201, 201, 429, 201]
        talk = talk_of(small, "two")
        assert [talk.post("/messages", {"text": "hi"}).status_code for _ in range(2)] == [200, 429]
