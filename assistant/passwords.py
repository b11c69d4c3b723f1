"""Hashes passwords with scrypt and compares them in constant time; knows nothing of whose they are."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from assistant.errors import InvalidInput

SHORTEST = 10
LONGEST = 200  # a longer one only costs time to hash
COST, BLOCK, PARALLEL = 2**15, 8, 1  # 32 MB and about 0.1 s a guess


def hash_password(password: str) -> str:
    """`scrypt$n$r$p$salt$hash`; raises InvalidInput for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"a password of {len(password)} characters; use {SHORTEST} to {LONGEST}")
    salt = os.urandom(16)
    made = _scrypt(password, salt, COST, BLOCK, PARALLEL)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${_text(salt)}${_text(made)}"


def matches(password: str, stored: str) -> bool:
    """Was `stored` made from this password?"""
    _, cost, block, parallel, salt, expected = stored.split("$")
    if len(password) > LONGEST:
        return False
    made = _scrypt(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(made, base64.b64decode(expected))


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=cost, r=block, p=parallel, maxmem=256 * cost * block, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
