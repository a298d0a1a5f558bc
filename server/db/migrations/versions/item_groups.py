"""items that gather others, are laid aside, chatter; playbooks."""

import sqlalchemy as sa
from alembic import op

revision = "item_groups"
down_revision = "roles_and_places"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", sa.String(length=240), server_default="", nullable=False))
        batch_op.add_column(sa.Column("parent", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("grouping", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("feeder", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("shelved_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("shelf_reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("shelf_asked_by", sa.String(length=100), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("shelf_asked_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("raises", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("raises_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("chattering_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("retold_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_item_key", ["key", "closed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_parent"), ["parent"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_item_parent_item"), "item", ["parent"], ["id"])
    op.execute("UPDATE item SET key = gateway || '/' || device || '/' || kind || '/' || mode")

    with op.batch_alter_table("item_party", schema=None) as batch_op:
        batch_op.add_column(sa.Column("way", sa.String(length=32), server_default="now", nullable=False))
        batch_op.create_index("ix_item_party_person_told_at", ["person", "told_at"], unique=False)

    op.create_table(
        "playbook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("class", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("written_by", sa.String(length=100), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playbook")),
        sa.UniqueConstraint(
            "kind", "class", "language", "version", name=op.f("uq_playbook_kind_class_language_version")
        ),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("playbook")
    with op.batch_alter_table("item_party", schema=None) as batch_op:
        batch_op.drop_index("ix_item_party_person_told_at")
        batch_op.drop_column("way")

    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_item_parent_item"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_item_parent"))
        batch_op.drop_index("ix_item_key")
        for column in (
            "retold_at",
            "chattering_since",
            "raises_since",
            "raises",
            "shelf_asked_until",
            "shelf_asked_by",
            "shelf_reason",
            "shelved_until",
            "held_until",
            "feeder",
            "grouping",
            "parent",
            "key",
        ):
            batch_op.drop_column(column)
