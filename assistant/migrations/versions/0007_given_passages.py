"""Passages given with imported replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Passages given with imported replies."""
    op.create_table(
        "given_passages",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("passages", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_given_passages_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_given_passages")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("given_passages")
