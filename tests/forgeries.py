"""Tokens that prove nothing: made by the hundred, sent to a real server, counted by kind.

Visitor tokens (signed by a site's backend), conversation tokens and staff sessions; knows how each could be forged,
kept too long or carried elsewhere, not how the server tells.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import httpx
import jwt

from assistant import store_sites
from assistant.store_sites import Secret
from assistant.store_staff import add_staff, disable_staff, log_in, log_out, set_password, set_role
from assistant.tables import now
from assistant.tables_staff import StaffSessionRow
from tests.web import QUESTION, Site, Talk
from ui.staff_access import COOKIE

SHOP, OTHER, GONE = "https://shop.example", "https://other.example", "https://gone.example"
PASSWORD = "lamps and leaves"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STAFF_PATHS = ("/api/v1/staff/me", "/api/v1/staff/inbox", "/desk/config")
OLD_SESSIONS = 5  # of each kind: every one costs a hashed password

Attempt = tuple[str, dict[str, Any]]  # kind, what httpx.Client.request is given


def add_sites(server: Site) -> None:
    """Two shops, and one that will be gone."""
    for key, origin in (("shop", SHOP), ("other", OTHER), ("gone", GONE)):
        store_sites.add_site(server.store, key.title(), [origin], [origin], key=key)


@dataclass
class Forger:
    """Makes `count` attempts of every kind against a server that has the three sites."""

    server: Site
    count: int
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    def secret(self, key: str = "shop") -> Secret:
        """What the site signs with now."""
        return store_sites.site(self.server.store, key).secrets[0]

    def signed(self, secret: Secret | None = None, **changes: Any) -> str:
        """A visitor token that is right but for the changes."""
        secret, moment = secret or self.secret(), int(time.time())
        claims = {"sub": "c-1", "aud": "shop", "iat": moment, "exp": moment + 300, "jti": uuid.uuid4().hex} | changes
        return jwt.encode(claims, secret.value, algorithm="HS256", headers={"kid": secret.id})

    def noise(self, length: int = 43) -> str:
        """Letters that could be a token."""
        return "".join(self.chance.choices(ALPHABET, k=length))

    def mangled(self, token: str) -> str:
        """The token with one letter changed; not the last of a part, which has spare bits."""
        while True:
            at = self.chance.randrange(len(token) - 1)
            other = self.chance.choice(ALPHABET)
            if "." not in (token[at], token[at + 1]) and token[at] != other:
                return token[:at] + other + token[at + 1 :]

    def begin(self, key: str = "shop", **body: str) -> Talk:
        """A conversation of that site."""
        answer = self.server.client.post("/api/v1/conversations", json={"site_key": key} | body)
        assert answer.status_code == 201, answer.text
        return Talk(self.server, answer.json()["id"], answer.json()["token"])

    # ---- visitor tokens

    def visitor_tokens(self) -> Iterator[Attempt]:
        """Each asks for a conversation in the name of a customer."""
        for kind, tokens in self._visitor_kinds().items():
            for token in islice(tokens, self.count):
                yield f"visitor: {kind}", _begin("shop", token)
        yield from self._outlived()

    def _visitor_kinds(self) -> dict[str, Iterator[str]]:
        forever = iter(int, 1)
        own, other = self.secret(), self.secret("other")
        stolen = Secret(own.id, other.value)
        return {
            "signed with a key of one's own": (self.signed(Secret(own.id, self.noise())) for _ in forever),
            "signature of another site's secret": (self.signed(stolen) for _ in forever),
            "another site's token": (self.signed(other, aud="other") for _ in forever),
            "another site's token for us": (self.signed(other) for _ in forever),
            "other audience": (self.signed(aud=self.chance.choice(AUDIENCES)) for _ in forever),
            "expired": (self.signed(iat=past - 300, exp=past) for past in self._past()),
            "good for too long": (self.signed(exp=int(time.time()) + 601 + past % 10**6) for past in self._past()),
            "not yet issued": (self.signed(iat=2 * int(time.time()) - past + 61) for past in self._past()),
            "other algorithm": (self._other_algorithm() for _ in forever),
            "algorithm none": (self._unsigned() for _ in forever),
            "claims changed": (self._changed() for _ in forever),
            "mangled": (self.mangled(self.signed()) for _ in forever),
            "noise": (self.noise(self.chance.randrange(1, 300)) for _ in forever),
        }

    def _past(self) -> Iterator[int]:
        while True:
            yield int(time.time()) - self.chance.choice((1, 60, 3600, 10**6))

    def _unsigned(self) -> str:
        name = self.chance.choice(("none", "None", "NONE", "nOnE", ""))
        head, body, signature = self.signed().split(".")
        head = _coded({"alg": name, "typ": "JWT", "kid": self.secret().id})
        return f"{head}.{body}.{self.chance.choice(('', signature))}"

    def _other_algorithm(self) -> str:
        """Rightly signed with the right secret, by an algorithm that was not agreed."""
        name, digest = self.chance.choice((("HS384", "sha384"), ("HS512", "sha512")))
        secret = self.secret()
        said = f"{_coded({'alg': name, 'typ': 'JWT', 'kid': secret.id})}.{self.signed().split('.')[1]}"
        signature = hmac.digest(secret.value.encode(), said.encode(), digest)
        return f"{said}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def _changed(self) -> str:
        head, body, signature = self.signed().split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        return f"{head}.{_coded(claims | {'sub': f'c-{self.noise(5)}'})}.{signature}"

    def _outlived(self) -> Iterator[Attempt]:
        """Tokens that were good once: used, rotated away, of a site that is gone."""
        for _ in range(self.count):
            token = self.signed()
            self.begin(visitor_token=token)
            yield "visitor: replayed", _begin("shop", token)
        rotated = [self.signed() for _ in range(self.count)]
        store_sites.rotate_secret(self.server.store, "shop", timedelta(0))
        for token in rotated:
            yield "visitor: rotated away", _begin("shop", token)
        orphans = [self.signed(self.secret("gone"), aud="gone") for _ in range(self.count)]
        store_sites.remove_site(self.server.store, "gone")
        for token in orphans:
            yield "visitor: of a removed site", _begin("gone", token)

    # ---- conversation tokens

    def conversation_tokens(self) -> Iterator[Attempt]:
        """Each reads, or writes to, a conversation that is not its own."""
        victim = self.begin(visitor_token=self.signed())
        victim.say(QUESTION)
        store_sites.add_site(self.server.store, "Closing", [OTHER], key="closing")
        orphan, neighbour = self.begin("closing"), self.begin("other")
        known = self.begin(visitor_token=self.signed(sub="c-2"))
        store_sites.remove_site(self.server.store, "closing")
        for _ in range(self.count):
            tokens = {
                "guessed": self.noise(),
                "mangled": self.mangled(victim.token),
                "cut short": victim.token[: self.chance.randrange(1, 43)],
                "its stored hash": hashlib.sha256(victim.token.encode()).hexdigest(),
                "another visitor's": known.token,
                "another site's visitor's": neighbour.token,
                "a visitor token instead": self.signed(),
            }
            for kind, token in tokens.items():
                yield f"conversation: {kind}", self._touch(victim, token)
            for origin in (OTHER, "null", "https://evil.example"):
                yield "conversation: right, from another site's page", self._touch(victim, victim.token, Origin=origin)
            yield "conversation: right, its site removed", self._touch(orphan, orphan.token)

    def _touch(self, talk: Talk, token: str, **headers: str) -> dict[str, Any]:
        asked = self.chance.choice((("GET", "messages"), ("GET", "events"), ("POST", "messages"), ("POST", "close")))
        method, deed = asked
        return {
            "method": method,
            "url": f"{talk.path}/{deed}",
            "json": {"text": "hi"} if asked == ("POST", "messages") else None,
            "headers": {"Authorization": f"Bearer {token}"} | headers,
        }

    # ---- staff sessions

    def staff_sessions(self) -> Iterator[Attempt]:
        """Each asks for what only staff may see."""
        store = self.server.store
        add_staff(store, "Held", PASSWORD, "admin")
        live, talk = log_in(store, "Held", PASSWORD)[0], self.begin()
        for _ in range(self.count):
            tokens = {
                "guessed": self.noise(),
                "mangled": self.mangled(live),
                "its stored hash": hashlib.sha256(live.encode()).hexdigest(),
                "a conversation token instead": talk.token,
                "a visitor token instead": self.signed(),
            }
            for kind, token in tokens.items():
                yield f"staff: {kind}", self._ask(token)
        for kind, token in self._ended_sessions():
            yield f"staff: {kind}", self._ask(token)
        for number in range(self.count):
            headers = {"Origin": self.chance.choice((OTHER, "null")), "Cookie": f"{COOKIE}={live}"}
            url = f"/api/v1/staff/tickets/{number}/close"
            yield "staff: right, from another site's page", {"method": "POST", "url": url, "headers": headers}

    def _ended_sessions(self) -> Iterator[tuple[str, str]]:
        store, ended = self.server.store, []
        for kind in ("logged out", "disabled", "other role since", "other password since", "expired"):
            add_staff(store, kind, PASSWORD)
            tokens = [log_in(store, kind, PASSWORD)[0] for _ in range(min(self.count, OLD_SESSIONS))]
            ended += [(kind, token) for token in tokens]
            if kind == "logged out":
                for token in tokens:
                    log_out(store, token)
        disable_staff(store, "disabled")
        set_role(store, "other role since", "admin")
        set_password(store, "other password since", f"{PASSWORD} again")
        with store.writing() as session:
            for row in session.query(StaffSessionRow).filter_by(name="expired"):
                row.expires_at = now()
        yield from ended

    def _ask(self, token: str) -> dict[str, Any]:
        return {"method": "GET", "url": self.chance.choice(STAFF_PATHS), "headers": {"Cookie": f"{COOKIE}={token}"}}


AUDIENCES = (["shop"], ["shop", "other"], "", "Shop", "shop ", "other", "*", "shop\x00")


def _coded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _begin(key: str, token: str) -> dict[str, Any]:
    return {"method": "POST", "url": "/api/v1/conversations", "json": {"site_key": key, "visitor_token": token}}


@dataclass
class Outcome:
    """How many were tried of a kind, and which statuses came back."""

    tried: int = 0
    statuses: set[int] = field(default_factory=set)
    accepted: int = 0


def try_all(server: Site, count: int) -> dict[str, Outcome]:
    """Every forgery against the server, by kind; refused is 401, 403 or 404 and nothing else."""
    forger, found = Forger(server, count), dict[str, Outcome]()
    with httpx.Client(base_url=server.url, timeout=20) as client:
        for attempts in (forger.conversation_tokens(), forger.staff_sessions(), forger.visitor_tokens()):
            for kind, asked in attempts:
                status = client.request(**asked).status_code
                outcome = found.setdefault(kind, Outcome())
                outcome.tried += 1
                outcome.statuses.add(status)
                outcome.accepted += status not in (401, 403, 404)
    return found
