"""a canary comes back in by a real message: when it was handed over, and why that failed."""

import sqlalchemy as sa
from alembic import op

revision = "canary_receipts"
down_revision = "lying_acceptances"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("canary_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("refusal", sa.String(length=120), server_default="", nullable=False))
    # Until now one that was handed over counted as received.
    op.execute("UPDATE canary_run SET handed_at = received_at")


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("canary_run", schema=None) as batch_op:
        batch_op.drop_column("refusal")
        batch_op.drop_column("handed_at")
