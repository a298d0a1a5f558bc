"""The first tables of readings.

Revision ID: readings_0001
"""

import sqlalchemy as sa
from alembic import op

revision = "readings_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=128), nullable=False),
        sa.Column("point", sa.String(length=128), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_series", "series", ["gateway", "device", "point"], unique=True)
    op.create_table(
        "fresh_reading",
        sa.Column("series", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", "at_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "block",
        sa.Column("series", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series", "level", "start_ms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_block_level_start", "block", ["level", "start_ms"])
    op.create_table(
        "applied_batch",
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("run", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "run", "seq"),
    )
    op.create_index("ix_applied_batch_received", "applied_batch", ["received_at"])
    op.create_table(
        "spool_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("spool_entry", "applied_batch", "block", "fresh_reading", "series"):
        op.drop_table(table)
