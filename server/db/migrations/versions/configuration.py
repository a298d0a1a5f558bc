"""configurations as gateways report them."""

import sqlalchemy as sa
from alembic import op

revision = "configuration"
down_revision = "clock_marks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("gateway") as batch:
        batch.add_column(sa.Column("configuration", sa.String(128), nullable=True))
    op.create_table(
        "configuration_part",
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(128), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "content_hash", "parts", "part", name="pk_configuration_part"),
    )
    op.create_table(
        "configuration_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(128), nullable=False),
        sa.Column("file_hash", sa.String(128), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_configuration_version"),
        sa.UniqueConstraint("gateway", "content_hash", name="uq_configuration_version_gateway_content_hash"),
    )
    op.create_table(
        "configuration_standing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_hash", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("standing", sa.String(32), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_configuration_standing"),
    )
    op.create_index("ix_configuration_standing_gateway", "configuration_standing", ["gateway", "id"])


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_configuration_standing_gateway", table_name="configuration_standing")
    op.drop_table("configuration_standing")
    op.drop_table("configuration_version")
    op.drop_table("configuration_part")
    with op.batch_alter_table("gateway") as batch:
        batch.drop_column("configuration")
