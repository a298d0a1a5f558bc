"""what askers have used up of their allowances."""

import sqlalchemy as sa
from alembic import op

revision = "used_allowances"
down_revision = "attention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "used_allowance",
        sa.Column("door", sa.String(length=32), nullable=False),
        sa.Column("asker", sa.String(length=32), nullable=False),
        sa.Column("whole_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("door", "asker", name=op.f("pk_used_allowance")),
    )
    op.create_index("ix_used_allowance_whole_at", "used_allowance", ["whole_at"], unique=False)


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_used_allowance_whole_at", table_name="used_allowance")
    op.drop_table("used_allowance")
