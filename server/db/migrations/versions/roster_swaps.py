"""swaps that one proposes and another confirms, and messages about the roster."""

import sqlalchemy as sa
from alembic import op

revision = "roster_swaps"
down_revision = "installer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "swap_proposal",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.String(length=40), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("swap", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["asked"], ["person.code"], name=op.f("fk_swap_proposal_asked_person")),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_swap_proposal_person_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swap_proposal")),
    )
    op.create_index(op.f("ix_swap_proposal_asked"), "swap_proposal", ["asked"], unique=False)
    op.create_index(op.f("ix_swap_proposal_person"), "swap_proposal", ["person"], unique=False)
    op.create_index("ix_swap_proposal_state_lapses_at", "swap_proposal", ["state", "lapses_at"], unique=False)
    op.create_table(
        "roster_message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("proposal", sa.String(length=36), nullable=True),
        sa.Column("title", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.String(length=32), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=True),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_roster_message_person_person")),
        sa.ForeignKeyConstraint(
            ["proposal"], ["swap_proposal.id"], name=op.f("fk_roster_message_proposal_swap_proposal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_message")),
    )
    op.create_index("ix_roster_message_due", "roster_message", ["sent_at", "send_at"], unique=False)
    op.create_index(op.f("ix_roster_message_made_at"), "roster_message", ["made_at"], unique=False)
    op.create_index(op.f("ix_roster_message_person"), "roster_message", ["person"], unique=False)
    op.create_index(op.f("ix_roster_message_proposal"), "roster_message", ["proposal"], unique=False)


def downgrade() -> None:
    """Go back."""
    op.drop_table("roster_message")
    op.drop_table("swap_proposal")
