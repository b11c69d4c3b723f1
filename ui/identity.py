"""Who is calling: conversation tokens, API keys, and whether the call comes from this machine.

Knows tokens and addresses; what a caller may touch is decided here once, for every route.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from assistant.conversation import Conversation, Message
from assistant.errors import NotFound, Unauthorized
from assistant.settings import Settings
from assistant.store import Store

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def new_token() -> tuple[str, str]:
    """A fresh conversation token (256 random bits) and the hash that is stored in its stead."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    """sha256 of a token, hex. The token has full entropy, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def bearer(headers: Headers) -> str:
    """The token of `Authorization: Bearer …`; raises Unauthorized when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("send the conversation's token as 'Authorization: Bearer TOKEN'")
    return token.strip()


async def own_conversation(store: Store, conversation_id: str, token: str) -> Conversation:
    """The conversation the token was made for; raises the same NotFound for a foreign and an unknown one."""
    missing = NotFound("no such conversation, or it is not yours")
    try:
        expected = await asyncio.to_thread(store.token_hash, conversation_id)
    except NotFound:
        expected = None
    if not hmac.compare_digest(token_hash(token), expected or ""):
        raise missing
    return await asyncio.to_thread(store.conversation, conversation_id)


async def own_message(store: Store, message_id: str, token: str) -> Message:
    """The message, if its conversation belongs to the token; otherwise NotFound, as for an unknown one."""
    try:
        message = await asyncio.to_thread(store.message, message_id)
        await own_conversation(store, message.conversation_id, token)
    except NotFound:
        raise NotFound("no such message, or it is not yours") from None
    return message


def require_api_key(request: Request, settings: Settings) -> None:
    """Let in whoever has one of the configured keys or, if there are none, calls from this machine."""
    if not settings.api_keys:
        if from_this_machine(request.scope):
            return
        raise Unauthorized("no API keys are configured: set api_keys to use this from another machine")
    given = token_hash(bearer(request.headers))
    matches = [hmac.compare_digest(given, token_hash(key)) for key in settings.api_keys]
    if not any(matches):
        raise Unauthorized("the API key is not one of the configured ones")


def from_this_machine(scope: Scope) -> bool:
    """True for a request that arrived on a loopback address without passing a proxy."""
    headers = Headers(scope=scope)
    return on_loopback(scope) and not any(name in headers for name in FORWARDED)


def on_loopback(scope: Scope) -> bool:
    """True when the connection came in on a loopback address of this server."""
    server = scope.get("server")
    return server is not None and is_loopback(server[0])


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses, IPv4 or IPv6, with or without brackets."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
