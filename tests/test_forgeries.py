"""More than a thousand forged, replayed, expired and cross-site tokens over real sockets: none is accepted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import jwt

from assistant import store_sites
from assistant.store_staff import add_staff, log_in
from tests.forgeries import OTHER, PASSWORD, SHOP, Forger, add_sites, try_all
from tests.web import QUESTION, Site, site
from ui.staff_access import COOKIE

PLENTY: dict[str, Any] = {
    "requests_per_minute": 10**6,
    "conversations_per_minute": 10**6,
    "site_conversations_per_minute": 10**6,
}


def right_ones_are_accepted(server: Site) -> None:
    """Otherwise a server that refuses everybody would pass."""
    forger = Forger(server, 1)
    talk = forger.begin(visitor_token=forger.signed())
    for origin in (SHOP, None):
        headers = talk.headers | ({"Origin": origin} if origin else {})
        assert server.client.get(f"{talk.path}/messages", headers=headers).status_code == 200
    cookie = {"Cookie": f"{COOKIE}={log_in(server.store, 'Aoife', PASSWORD)[0]}"}
    for path in ("/api/v1/staff/me", "/desk/config"):
        assert server.client.get(path, headers=cookie).status_code == 200


def test_of_a_thousand_forged_replayed_expired_and_foreign_tokens_none_is_accepted(tmp_path: Path) -> None:
    with site(tmp_path, **PLENTY) as server:
        add_sites(server)
        add_staff(server.store, "Aoife", PASSWORD)
        right_ones_are_accepted(server)
        found = try_all(server, 36)
        right_ones_are_accepted(server)
    for kind, outcome in found.items():
        print(f"{outcome.accepted} of {outcome.tried} accepted {sorted(outcome.statuses)} {kind}")
    assert {kind: outcome.accepted for kind, outcome in found.items()} == dict.fromkeys(found, 0)
    assert sum(outcome.tried for outcome in found.values()) > 1000
    assert len(found) == 16 + 9 + 11 and all(outcome.tried >= 5 for outcome in found.values())


def test_a_forged_token_leaves_nothing_behind(tmp_path: Path) -> None:
    with site(tmp_path) as server:
        add_sites(server)
        secret = store_sites.site(server.store, "other").secrets[0]
        claims = {"sub": "c-1", "aud": "shop", "iat": 0, "exp": int(time.time()) + 60, "jti": "j"}
        forged = jwt.encode(claims, secret.value, algorithm="HS256", headers={"kid": secret.id})
        answer = server.client.post("/api/v1/conversations", json={"site_key": "shop", "visitor_token": forged})
        assert answer.status_code == 401 and server.store.find_conversations() == []
        talk = Forger(server, 1).begin()
        talk.say(QUESTION)
        foreign = {"Authorization": f"Bearer {talk.token}", "Origin": OTHER}
        with httpx.Client(base_url=server.url) as client:
            assert client.post(f"{talk.path}/close", headers=foreign).status_code == 403
        assert server.store.conversation(talk.id).state == "assistant"
