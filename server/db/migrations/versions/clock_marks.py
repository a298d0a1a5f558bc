"""what each start of a machine last said of its clocks."""

import sqlalchemy as sa
from alembic import op

revision = "clock_marks"
down_revision = "open_items"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "clock_mark",
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("offset_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("boot", name=op.f("pk_clock_mark")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("clock_mark")
