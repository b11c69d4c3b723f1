"""Keeps sites, who their visitors are, and which visitor tokens are used up.

Each function takes the `Store` and is one transaction; knows nothing of how tokens are signed or what HTTP is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from assistant.conversation import Conversation
from assistant.errors import Conflict, InvalidInput, NotFound, Unauthorized
from assistant.storable import clean, clean_or_none, identifier
from assistant.store import Store
from assistant.tables import ConversationRow, now
from assistant.tables_sites import SiteRow, UsedTokenRow, VisitorRow

KEY = re.compile(r"[A-Za-z0-9_-]{3,64}")
MOST_ATTRIBUTES = 30
ATTRIBUTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Secret:
    """What a site's backend signs with; `until` is set once a newer one has replaced it."""

    id: str
    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A site that may carry the widget: from `origins` by script, framed by `frame_origins`; blank means nobody."""

    key: str
    name: str
    origins: tuple[str, ...]
    frame_origins: tuple[str, ...]
    secrets: tuple[Secret, ...]
    created_at: datetime

    def secret(self, secret_id: str, at: datetime) -> Secret | None:
        """The secret of this id, unless its time is over."""
        return next((s for s in self.secrets if s.id == secret_id and (s.until is None or s.until > at)), None)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who writes: `customer_id`, name and e-mail as the site's backend signed them."""

    customer_id: str
    token_id: str
    expires_at: datetime
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class KnownVisitor:
    """What is known of a conversation's visitor; without `verified` it is only what the page said."""

    verified: bool
    name: str | None
    email: str | None
    attributes: dict[str, str]


def add_site(
    store: Store, name: str, origins: Sequence[str], frame_origins: Sequence[str] = (), key: str | None = None
) -> Site:
    """A new site with a fresh secret. Raises InvalidInput for odd origins and keys, Conflict for a key in use."""
    key = key or f"site_{secrets.token_urlsafe(12)}"
    if not KEY.fullmatch(key):
        raise InvalidInput(f"site key {key!r} must have 3 to 64 letters, digits, _ or -")
    row = SiteRow(
        key=key,
        name=identifier("name", name),
        origins=[origin(o) for o in origins],
        frame_origins=[origin(o) for o in frame_origins],
        secrets=[_new_secret()],
    )
    try:
        with store.writing() as session:
            session.add(row)
            session.flush()
            return _site(row)
    except IntegrityError:
        raise Conflict(f"site key {key!r} is already in use; choose another or leave it out") from None


def sites(store: Store) -> list[Site]:
    """All sites by the time they were added."""
    with store.reading() as session:
        return [_site(row) for row in session.scalars(select(SiteRow).order_by(SiteRow.created_at, SiteRow.key))]


def site(store: Store, key: str) -> Site:
    """Raises NotFound."""
    with store.reading() as session:
        return _site(_row(session, key))


def remove_site(store: Store, key: str) -> Site:
    """From now on its key is worth nothing; its conversations stay. Raises NotFound."""
    with store.writing() as session:
        row = _row(session, key)
        removed = _site(row)
        session.delete(row)
        return removed


def rotate_secret(store: Store, key: str, grace: timedelta) -> Site:
    """A new secret; those before it are good for `grace` at most, and gone once that is over. Raises NotFound."""
    moment = now()
    with store.writing() as session:
        row = _row(session, key, lock=True)
        kept = [_ending(old, moment + grace) for old in _site(row).secrets if old.until is None or old.until > moment]
        row.secrets = [_new_secret(), *kept]
        session.flush()
        return _site(row)


def begin_conversation(
    store: Store,
    *,
    channel: str,
    token_hash: str,
    site_key: str | None = None,
    visitor: Visitor | None = None,
    attributes: Mapping[str, str] | None = None,
    language: str | None = None,
) -> Conversation:
    """A conversation and its visitor, and the visitor's token used up. Raises Unauthorized when it was before."""
    try:
        with store.writing() as session:
            if visitor is not None and site_key is not None:
                _use_up(session, site_key, visitor)
            row = ConversationRow(
                channel=identifier("channel", channel),
                customer_id=visitor.customer_id if visitor else None,
                token_hash=token_hash,
                language=language,
                site=site_key,
            )
            session.add(row)
            session.flush()
            if visitor is not None or attributes:
                session.add(_visitor_row(row.id, visitor, attributes or {}))
            return row.to_conversation()
    except IntegrityError:
        raise Unauthorized("this visitor token was used before; sign a new one for each conversation") from None


def set_attributes(store: Store, conversation_id: str, attributes: Mapping[str, str]) -> None:
    """Add what the page says about the visitor; a value given again replaces the one before."""
    with store.writing() as session:
        row = session.get(VisitorRow, conversation_id, with_for_update=True)
        if row is None:
            session.add(_visitor_row(conversation_id, None, attributes))
        else:
            row.attributes = bounded({**row.attributes, **attributes})


def known_visitor(store: Store, conversation_id: str) -> KnownVisitor | None:
    """What is known of the conversation's visitor, if anything."""
    with store.reading() as session:
        row = session.get(VisitorRow, conversation_id)
        return KnownVisitor(row.verified, row.name, row.email, dict(row.attributes)) if row else None


def origin(text: str) -> str:
    """`scheme://host[:port]` in the form browsers send; raises InvalidInput for patterns, paths and `null`."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError as error:
        raise InvalidInput(f"origin {text!r} cannot be read; write it like https://shop.example") from error
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", host) or rest:
        raise InvalidInput(f"origin {text!r} must be a scheme and a host only, like https://shop.example")
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def bounded(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes as they can be stored; raises InvalidInput for too many or too long ones."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput(f"{len(attributes)} attributes are too many; at most {MOST_ATTRIBUTES} are kept")
    for name, value in attributes.items():
        if not 0 < len(name) <= 60 or len(value) > ATTRIBUTE_CHARS:
            raise InvalidInput(f"attribute {name[:60]!r}: names have 1..60, values up to {ATTRIBUTE_CHARS} characters")
    return {clean(name): clean(value) for name, value in attributes.items()}


def _use_up(session: Session, site_key: str, visitor: Visitor) -> None:
    session.execute(delete(UsedTokenRow).where(UsedTokenRow.expires_at < now()))
    session.add(UsedTokenRow(site=site_key, token_id=visitor.token_id, expires_at=visitor.expires_at))
    session.flush()


def _visitor_row(conversation_id: str, visitor: Visitor | None, attributes: Mapping[str, str]) -> VisitorRow:
    return VisitorRow(
        conversation_id=conversation_id,
        verified=visitor is not None,
        name=clean_or_none(visitor.name) if visitor else None,
        email=clean_or_none(visitor.email) if visitor else None,
        attributes=bounded(attributes),
    )


def _row(session: Session, key: str, lock: bool = False) -> SiteRow:
    row = session.get(SiteRow, key, with_for_update=lock) if KEY.fullmatch(key) else None
    if row is None:
        raise NotFound(f"there is no site {key[:64]!r}; see: assistant sites list")
    return row


def _site(row: SiteRow) -> Site:
    return Site(
        key=row.key,
        name=row.name,
        origins=tuple(row.origins),
        frame_origins=tuple(row.frame_origins),
        secrets=tuple(_secret(values) for values in row.secrets),
        created_at=row.created_at,
    )


def _new_secret() -> dict[str, Any]:
    return {"id": secrets.token_hex(4), "value": secrets.token_urlsafe(32), "until": None}


def _secret(values: dict[str, Any]) -> Secret:
    until = datetime.fromisoformat(values["until"]) if values["until"] else None
    return Secret(values["id"], values["value"], until)


def _ending(secret: Secret, moment: datetime) -> dict[str, Any]:
    until = min(secret.until or moment, moment)
    return {"id": secret.id, "value": secret.value, "until": until.isoformat()}
