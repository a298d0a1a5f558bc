"""No table of uptime: who is silent is judged by when this process heard the broker, in its memory."""

import sqlalchemy as sa
from alembic import op

revision = "no_uptime"
down_revision = "accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("uptime", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uptime_until"))
    op.drop_table("uptime")


def downgrade() -> None:
    """Go back."""
    op.create_table(
        "uptime",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uptime")),
    )
    with op.batch_alter_table("uptime", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uptime_until"), ["until"], unique=False)
