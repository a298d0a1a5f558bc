"""what somebody took, and nothing would ever bring up again, is brought up in three days."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "lying_acceptances"
down_revision = "used_allowances"
branch_labels = None
depends_on = None

_item = sa.table(
    "item",
    sa.column("id"),
    sa.column("state"),
    sa.column("parent"),
    sa.column("closed_at"),
    sa.column("shelved_until"),
)
_due = sa.table(
    "due",
    sa.column("item"),
    sa.column("kind"),
    sa.column("step"),
    sa.column("due_at", sa.DateTime(timezone=True)),
    sa.column("settled_at"),
    sa.column("settled_as"),
)


def upgrade() -> None:
    """Go forward."""
    due_at = datetime.now(UTC) + timedelta(days=3)
    waits = sa.exists().where(_due.c.item == _item.c.id, _due.c.settled_at.is_(None))
    lying = sa.select(
        _item.c.id,
        sa.literal("attend"),
        sa.literal(0),
        sa.literal(due_at, sa.DateTime(timezone=True)),
        sa.literal(""),
    ).where(
        _item.c.state.in_(("accepted", "on_site")),
        _item.c.parent.is_(None),
        _item.c.closed_at.is_(None),
        _item.c.shelved_until.is_(None),
        ~waits,
    )
    op.execute(sa.insert(_due).from_select(["item", "kind", "step", "due_at", "settled_as"], lying))


def downgrade() -> None:
    """Go back: the rows do no harm."""
