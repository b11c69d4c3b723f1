"""Visitor tokens: a right one is believed, and nothing else ever is."""

from __future__ import annotations

import base64
import itertools
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from assistant.errors import Unauthorized
from assistant.store_sites import Secret, Site
from ui.visitor_tokens import LIFE_SECONDS, visitor_of

VALUE, OLD, GONE = "s" * 43, "o" * 43, "g" * 43


def site(key: str = "site_shop", value: str = VALUE) -> Site:
    moment = datetime.now(UTC)
    secrets = (
        Secret("new", value),
        Secret("old", OLD, moment + timedelta(hours=1)),
        Secret("gone", GONE, moment - timedelta(seconds=1)),
    )
    return Site(key, "Shop", ("https://shop.example",), (), secrets, moment)


def token(value: str = VALUE, kid: str | None = "new", algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {"sub": "c-1", "aud": "site_shop", "iat": now, "exp": now + 300, "jti": "j-1"}
    claims |= changes
    claims = {name: claim for name, claim in claims.items() if claim is not None}
    return jwt.encode(claims, value, algorithm=algorithm, headers={"kid": kid} if kid is not None else None)


def refused(given: str) -> bool:
    try:
        visitor_of(given, site())
    except Unauthorized:
        return True
    return False


def test_a_right_token_says_who_the_visitor_is() -> None:
    visitor = visitor_of(token(name="Mei", email="mei@example.org"), site())
    assert (visitor.customer_id, visitor.token_id) == ("c-1", "j-1")
    assert (visitor.name, visitor.email) == ("Mei", "mei@example.org")
    assert visitor.expires_at > datetime.now(UTC)


def test_the_secret_before_is_good_until_its_time_is_over() -> None:
    assert visitor_of(token(OLD, "old"), site()).customer_id == "c-1"
    assert refused(token(GONE, "gone"))


@pytest.mark.parametrize("name", ["sub", "aud", "iat", "exp", "jti"])
def test_every_claim_is_needed(name: str) -> None:
    assert refused(token(**{name: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + LIFE_SECONDS + 3600},
        {"exp": "never"},
        {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3700},
        {"iat": int(time.time()) + 86400},
        {"iat": "x"},
        {"nbf": int(time.time()) + 86400},
        {"aud": "site_other"},
        {"aud": ["site_shop", "site_other"]},
        {"aud": ""},
        {"sub": ""},
        {"sub": "   "},
        {"sub": 7},
        {"sub": "x" * 201},
        {"jti": 7},
        {"jti": ""},
        {"name": 7},
        {"email": {"a": 1}},
    ],
)
def test_odd_claims_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((Unauthorized, TypeError)):  # some cannot even be signed
        visitor_of(token(**changes), site())


def test_only_our_algorithm_and_our_secrets_count() -> None:
    assert refused(token("x" * 43)) and refused(token(OLD, "new")) and refused(token(kid=None))
    assert refused(token(kid="unknown")) and refused(token("x" * 64, algorithm="HS512"))
    assert refused(token("y" * 64, "new", "HS384"))
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"new"}').rstrip(b"=").decode()
    assert refused(f"{head}.{token().split('.')[1]}.") and refused(f"{head}.{token().split('.')[1]}")


def test_a_thousand_damaged_and_forged_tokens_are_refused() -> None:
    chance = random.Random(5)
    head, body, signature = token().split(".")
    forged = []
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    while len(forged) < 600:
        parts = [head, body, signature]
        at = chance.randrange(3)
        place = chance.randrange(len(parts[at]) - 1)  # the last character has spare bits
        other = chance.choice(alphabet)
        if other != parts[at][place]:
            parts[at] = parts[at][:place] + other + parts[at][place + 1 :]
            forged.append(".".join(parts))
    for number in range(300):
        claims = json.dumps({"sub": f"c-{number}", "aud": "site_shop", "jti": "x", "iat": 0, "exp": 9**10}).encode()
        forged.append(f"{head}.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.{signature}")
    forged += ["".join(chance.choices(alphabet + ".=%\x00é", k=chance.randrange(200))) for _ in range(100)]
    assert len(forged) == 1000
    accepted = [given for given in forged if not refused(given)]
    assert accepted == []


def test_tokens_do_not_cross_sites() -> None:
    shops = [site(f"site_{number}", f"{number}" * 43) for number in range(3)]
    for one, other in itertools.permutations(shops, 2):
        signed = token(one.secrets[0].value, aud=one.key)
        assert visitor_of(signed, one).customer_id == "c-1"
        with pytest.raises(Unauthorized):
            visitor_of(signed, other)
