"""The SQL tables of sites: which pages may carry the widget, who their visitors are, and which proofs are used up.

Knows columns and rules; nothing of tokens, origins or HTTP.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from assistant.tables import Base, Json, now


class SiteRow(Base):
    """A site by its public key; `secrets` are kept whole because both sides sign with the same one."""

    __tablename__ = "sites"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    origins: Mapped[list[str]] = mapped_column(Json)
    frame_origins: Mapped[list[str]] = mapped_column(Json)
    secrets: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class VisitorRow(Base):
    """Who a conversation's visitor is: `verified` when the site's backend signed it, else what the page said."""

    __tablename__ = "visitors"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True)
    verified: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str | None]
    email: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)


class UsedTokenRow(Base):
    """A visitor token that began a conversation; it may not begin another one."""

    __tablename__ = "used_tokens"
    __table_args__ = (Index(None, "expires_at"),)

    site: Mapped[str] = mapped_column(primary_key=True)
    token_id: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
