"""what an alarm's value and limit are of the measured quantity."""

import sqlalchemy as sa
from alembic import op

revision = "alarm_measure"
down_revision = "notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("measure", sa.String(length=32), server_default="value", nullable=False)
        )
        batch_op.create_index("ix_alarm_device", ["gateway", "device", "raised_at"], unique=False)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.drop_index("ix_alarm_device")
        batch_op.drop_column("measure")
