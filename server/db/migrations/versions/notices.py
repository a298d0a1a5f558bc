"""Channels, receipts, quotas, stored steps."""

import sqlalchemy as sa
from alembic import op

revision = "notices"
down_revision = "whole_street"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "canary_run",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_run")),
    )
    with op.batch_alter_table("canary_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_canary_run_sent_at"), ["sent_at"], unique=False)

    op.create_table(
        "channel_setup",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_setup")),
    )
    op.create_table(
        "escalation_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("community", sa.String(length=40), nullable=False),
        sa.Column("class", sa.String(length=32), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_policy")),
        sa.UniqueConstraint("community", "class", name=op.f("uq_escalation_policy_community_class")),
    )
    op.create_table(
        "spent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spent")),
    )
    with op.batch_alter_table("spent", schema=None) as batch_op:
        batch_op.create_index("ix_spent_address", ["channel", "address_hash", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_spent_at"), ["at"], unique=False)

    op.create_table(
        "uptime",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uptime")),
    )
    with op.batch_alter_table("uptime", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uptime_until"), ["until"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("code_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_contact_person_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("person", "channel", "address", name=op.f("uq_contact_person_channel_address")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_person"), ["person"], unique=False)

    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bundle", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("provider", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("receipt", sa.String(length=200), nullable=True))
        batch_op.add_column(
            sa.Column("update_code", sa.String(length=400), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("receipt_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_notice_bundle"), ["bundle"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_receipt"), ["receipt"], unique=False)


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_receipt"))
        batch_op.drop_index(batch_op.f("ix_notice_bundle"))
        batch_op.drop_column("read_at")
        batch_op.drop_column("delivered_at")
        batch_op.drop_column("receipt_due_at")
        batch_op.drop_column("update_code")
        batch_op.drop_column("receipt")
        batch_op.drop_column("provider")
        batch_op.drop_column("bundle")

    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_person"))

    op.drop_table("contact")
    with op.batch_alter_table("uptime", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_uptime_until"))

    op.drop_table("uptime")
    with op.batch_alter_table("spent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_spent_at"))
        batch_op.drop_index("ix_spent_address")

    op.drop_table("spent")
    op.drop_table("escalation_policy")
    op.drop_table("channel_setup")
    with op.batch_alter_table("canary_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_canary_run_sent_at"))

    op.drop_table("canary_run")
