"""Intent examples, learned models, templates, moods."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

UTC = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Intent examples, learned models, templates, moods."""
    op.create_table(
        "intent_examples",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_intent_examples")),
    )
    op.create_index(op.f("ix_intent_examples_intent"), "intent_examples", ["intent"], unique=False)
    op.create_table(
        "learned_models",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("examples_hash", sa.Text(), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.CheckConstraint("kind IN ('intents', 'mood')", name=op.f("ck_learned_models_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learned_models")),
    )
    op.create_index(op.f("ix_learned_models_kind_created_at"), "learned_models", ["kind", "created_at"], unique=False)
    op.create_table(
        "templates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("questions", JSON, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("support", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("valid_from", UTC, nullable=True),
        sa.Column("valid_until", UTC, nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", UTC, nullable=True),
        sa.Column("created_at", UTC, nullable=False),
        sa.CheckConstraint("state IN ('draft', 'approved', 'retired')", name=op.f("ck_templates_state")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_templates_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("family", "version", name=op.f("uq_templates_family_version")),
    )
    op.create_index(op.f("ix_templates_state_language"), "templates", ["state", "language"], unique=False)
    op.create_table(
        "moods",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sentiment", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("urgency", sa.Double(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name=op.f("ck_moods_sentiment")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_moods_message_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_moods")),
    )


def downgrade() -> None:
    """Drop them all, with their indexes."""
    for table in ("moods", "templates", "learned_models", "intent_examples"):
        op.drop_table(table)
