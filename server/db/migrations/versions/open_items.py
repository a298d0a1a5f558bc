"""indexes for what is open, among many that are closed."""

from alembic import op

revision = "open_items"
down_revision = "street_uploads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_index("ix_item_open", "item", ["parent", "closed_at"], unique=False)
    op.create_index("ix_notice_receipt_due_at", "notice", ["receipt_due_at"], unique=False)
    op.create_index("ix_notice_person_sent_at", "notice", ["person", "sent_at"], unique=False)
    op.create_index("ix_notice_created_at", "notice", ["created_at"], unique=False)
    op.create_index("ix_notice_item_state", "notice", ["item", "state"], unique=False)
    # What these two find, the longer ones find too.
    op.drop_index("ix_notice_item", table_name="notice")
    op.drop_index("ix_notice_person", table_name="notice")


def downgrade() -> None:
    """Go back."""
    op.create_index("ix_notice_person", "notice", ["person"], unique=False)
    op.create_index("ix_notice_item", "notice", ["item"], unique=False)
    op.drop_index("ix_notice_item_state", table_name="notice")
    op.drop_index("ix_notice_created_at", table_name="notice")
    op.drop_index("ix_notice_person_sent_at", table_name="notice")
    op.drop_index("ix_notice_receipt_due_at", table_name="notice")
    op.drop_index("ix_item_open", table_name="item")
