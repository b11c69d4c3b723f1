"""Adapters, the serving pointer with its history, shadow drafts, receipts of erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

UTC = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Adapters, the serving pointer (one row: the base model serves), its history, shadow drafts, erasures."""
    _create_adapters()
    _create_serving()
    _create_shadow_drafts()
    op.create_table(
        "erasures",
        sa.Column("customer_hash", sa.Text(), nullable=False),
        sa.Column("erased_at", UTC, nullable=False),
        sa.Column("conversation_hashes", JSON, nullable=False),
        sa.Column("receipt", JSON, nullable=False),
        sa.PrimaryKeyConstraint("customer_hash", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    """Drop them all."""
    for table in ("erasures", "shadow_drafts", "serving_changes", "serving", "adapters"):
        op.drop_table(table)


def _create_adapters() -> None:
    op.create_table(
        "adapters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("registered_at", UTC, nullable=False),
        sa.Column("validation_loss", sa.Double(), nullable=True),
        sa.Column("blocked", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adapters")),
    )


def _create_serving() -> None:
    serving = op.create_table(
        "serving",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("adapter_id", sa.Text(), nullable=True),
        sa.Column("earlier", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=True),
        sa.Column("trial_mode", sa.Text(), nullable=True),
        sa.Column("trial_share", sa.Double(), nullable=True),
        sa.Column("trial_since", UTC, nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_serving_one_row")),
        sa.CheckConstraint("trial_mode IN ('shadow', 'canary')", name=op.f("ck_serving_trial_mode")),
        sa.CheckConstraint("trial_share BETWEEN 0 AND 1", name=op.f("ck_serving_trial_share")),
        sa.ForeignKeyConstraint(["adapter_id"], ["adapters.id"], name=op.f("fk_serving_adapter_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["adapters.id"], name=op.f("fk_serving_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serving")),
    )
    op.bulk_insert(serving, [{"id": 1, "earlier": [], "version": 0}])
    op.create_table(
        "serving_changes",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("adapter_id", sa.Text(), nullable=True),
        sa.Column("previous_id", sa.Text(), nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("action IN ('promoted', 'rolled_back')", name=op.f("ck_serving_changes_action")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_serving_changes")),
    )


def _create_shadow_drafts() -> None:
    op.create_table(
        "shadow_drafts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("unsupported", sa.Text(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_shadow_drafts_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_drafts")),
    )
    op.create_index(op.f("ix_shadow_drafts_candidate_created_at"), "shadow_drafts", ["candidate", "created_at"])
    op.create_index(op.f("ix_shadow_drafts_message_id"), "shadow_drafts", ["message_id"])
