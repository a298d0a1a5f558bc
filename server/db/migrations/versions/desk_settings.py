"""invitations of accounts, and messages that try a channel."""

import sqlalchemy as sa
from alembic import op

revision = "desk_settings"
down_revision = "feedback"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "invitation",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator"], ["operator.name"], name=op.f("fk_invitation_operator_operator")
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_operator"), "invitation", ["operator"], unique=False)
    op.create_table(
        "test_message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("contact", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("sent_by", sa.String(length=60), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(length=40), server_default="", nullable=False),
        sa.Column("receipt", sa.String(length=200), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_test_message_person_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_message")),
    )
    for column in ("person", "receipt", "sent_at"):
        op.create_index(op.f(f"ix_test_message_{column}"), "test_message", [column], unique=False)


def downgrade() -> None:
    """Go back."""
    op.drop_table("test_message")
    op.drop_table("invitation")
