"""Alembic's entry: runs migrations on the connection that `migrations.upgrade` hands over, in its transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON

from assistant.migrations import VERSION_TABLE
from assistant.tables import Base, UtcDateTime


def _render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Migrations must not change when the code does, so they name plain SQLAlchemy types only."""
    if kind != "type" or not isinstance(item, UtcDateTime | JSON):
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
    return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes columns by copying the table
    transactional_ddl=True,
    render_item=_render,
)
context.run_migrations()
