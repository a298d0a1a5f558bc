"""what needs attention: a gateway's health, conditions that readings tell, indexes for both."""

import sqlalchemy as sa
from alembic import op

revision = "attention"
down_revision = "press_distance"
branch_labels = None
depends_on = None

_STANDING = sa.text("cleared_at IS NULL AND superseded_at IS NULL")
_DEVICE = {
    "ix_device_test_due": ["test_due_on", "tested_on", "adopted", "retired_at", "kind"],
    "ix_device_ends": ["ends_on", "adopted", "retired_at", "kind"],
    "ix_device_heard": ["first_heard_at", "adopted", "retired_at", "kind"],
    "ix_device_grid": ["grid"],
}
_GATEWAY = ("clock_offset_ms", "clock_wrong_since", "waiting_alarms", "waiting_readings", "queue_since")


def upgrade() -> None:
    """Go forward."""
    op.add_column("gateway", sa.Column("clock_offset_ms", sa.BigInteger(), nullable=True))
    op.add_column("gateway", sa.Column("clock_wrong_since", sa.DateTime(timezone=True), nullable=True))
    for name in ("waiting_alarms", "waiting_readings"):
        op.add_column("gateway", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("gateway", sa.Column("queue_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("gateway", sa.Column("certificate_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "device_condition",
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("device", sa.String(128), nullable=False),
        sa.Column("point", sa.String(128), nullable=False),
        sa.Column("concern", sa.String(32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "device", "point", name=op.f("pk_device_condition")),
    )
    op.create_index(op.f("ix_device_condition_concern"), "device_condition", ["concern"], unique=False)
    for name, columns in _DEVICE.items():
        op.create_index(name, "device", columns, unique=False)
    op.create_index(
        "ix_alarm_standing",
        "alarm",
        ["device", "gateway", "kind"],
        unique=False,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_alarm_standing", table_name="alarm")
    for name in _DEVICE:
        op.drop_index(name, table_name="device")
    op.drop_index(op.f("ix_device_condition_concern"), table_name="device_condition")
    op.drop_table("device_condition")
    for name in ("certificate_ends_at", *reversed(_GATEWAY)):
        op.drop_column("gateway", name)
