"""what an alarm says of its rule and of who keeps it from people; bytes on buses."""

import sqlalchemy as sa
from alembic import op

revision = "alarm_sentence"
down_revision = "item_groups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.add_column(sa.Column("window_ms", sa.BigInteger(), server_default="0", nullable=False))
        for name in ("stage", "votes_needed"):
            batch_op.add_column(sa.Column(name, sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("voters", sa.JSON(), server_default="[]", nullable=False))
        for name in ("rule_hash", "sentence", "sentence_en", "suppressed_by", "suppressed_why"):
            batch_op.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("suppressed_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("explained_by", sa.String(length=128), nullable=True))
    op.create_table(
        "bus_traffic",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("bus", sa.String(length=128), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frames", sa.JSON(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bus_traffic")),
    )
    with op.batch_alter_table("bus_traffic", schema=None) as batch_op:
        batch_op.create_index("ix_bus_traffic_bus", ["gateway", "bus", "id"], unique=False)


def downgrade() -> None:
    """Go back."""
    op.drop_table("bus_traffic")
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        for name in (
            "window_ms",
            "stage",
            "votes_needed",
            "voters",
            "rule_hash",
            "sentence",
            "sentence_en",
            "suppressed_by",
            "suppressed_why",
            "suppressed_until",
            "explained_by",
        ):
            batch_op.drop_column(name)
