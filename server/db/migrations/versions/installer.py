"""walk tests of devices, and which devices have a printed label."""

import sqlalchemy as sa
from alembic import op

revision = "installer"
down_revision = "configuration"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "walk_test",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=128), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("command", sa.String(length=36), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alarm", sa.String(length=128), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["command"], ["command.id"], name=op.f("fk_walk_test_command_command")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walk_test")),
    )
    with op.batch_alter_table("walk_test", schema=None) as batch_op:
        batch_op.create_index("ix_walk_test_device", ["gateway", "device", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_walk_test_alarm"), ["alarm"], unique=False)
    op.add_column("device", sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back."""
    op.drop_column("device", "labelled_at")
    with op.batch_alter_table("walk_test", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_walk_test_alarm"))
        batch_op.drop_index("ix_walk_test_device")
    op.drop_table("walk_test")
