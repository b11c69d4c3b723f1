"""Visitor tokens: short-lived JWTs by which a site's backend says who writes to us.

Knows signatures and claims; nothing of HTTP, and nothing of whether a token was used before (store_sites does).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jwt

from assistant.errors import Unauthorized
from assistant.store_sites import Site, Visitor

ALGORITHM = "HS256"
LIFE_SECONDS = 600  # the longest a token may be good for
SKEW_SECONDS = 60  # how far a site's clock may be ahead
CLAIMS = ("sub", "aud", "iat", "exp", "jti")
CHARS = {"sub": 200, "jti": 200, "name": 200, "email": 320}


def visitor_of(token: str, site: Site) -> Visitor:
    """Who the token says the visitor is; raises Unauthorized for any token that is not wholly right."""
    moment = datetime.now(UTC)
    try:
        header = jwt.get_unverified_header(token)
        secret = site.secret(str(header.get("kid", "")), moment)
        if secret is None:
            raise Unauthorized("the visitor token names no current secret of this site in its kid")
        claims = jwt.decode(
            token,
            secret.value,
            algorithms=[ALGORITHM],
            audience=site.key,
            options={"require": list(CLAIMS), "verify_iat": False, "strict_aud": True},
        )
        issued, expires = float(claims["iat"]), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise Unauthorized(f"the visitor token is not valid: {error}") from error
    if not 0 < expires - issued <= LIFE_SECONDS or issued > moment.timestamp() + SKEW_SECONDS:
        raise Unauthorized(f"the visitor token must be good for at most {LIFE_SECONDS} s, from now on")
    return Visitor(
        customer_id=_text(claims, "sub"),
        token_id=_text(claims, "jti"),
        expires_at=datetime.fromtimestamp(expires, UTC),
        name=_text(claims, "name") if "name" in claims else None,
        email=_text(claims, "email") if "email" in claims else None,
    )


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value.strip()) <= CHARS[name]:
        raise Unauthorized(f"the visitor token's {name} must be a text of 1 to {CHARS[name]} characters")
    return value.strip()
