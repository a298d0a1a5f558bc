"""how far from the place a press was made."""

import sqlalchemy as sa
from alembic import op

revision = "press_distance"
down_revision = "roster_swaps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "press_distance",
        sa.Column("move", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=36), nullable=False),
        sa.Column("metres", sa.Integer(), nullable=False),
        sa.Column("on_site", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["item.id"], name=op.f("fk_press_distance_item_item")),
        sa.ForeignKeyConstraint(["move"], ["item_move.id"], name=op.f("fk_press_distance_move_item_move")),
        sa.PrimaryKeyConstraint("move", name=op.f("pk_press_distance")),
    )
    op.create_index(op.f("ix_press_distance_item"), "press_distance", ["item"], unique=False)


def downgrade() -> None:
    """Go back."""
    op.drop_table("press_distance")
