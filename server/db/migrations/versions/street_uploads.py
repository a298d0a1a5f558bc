"""uploaded files of a street, and the pages of their previews."""

import sqlalchemy as sa
from alembic import op

revision = "street_uploads"
down_revision = "desk_settings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "street_upload",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sheets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_street_upload")),
    )
    with op.batch_alter_table("street_upload", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_street_upload_by"), ["by"], unique=False)
    op.create_table(
        "street_upload_page",
        sa.Column("upload", sa.String(length=36), nullable=False),
        sa.Column("sheet", sa.String(length=40), nullable=False),
        sa.Column("fate", sa.String(length=16), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload"],
            ["street_upload.id"],
            name=op.f("fk_street_upload_page_upload_street_upload"),
        ),
        sa.PrimaryKeyConstraint("upload", "sheet", "fate", "page", name=op.f("pk_street_upload_page")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("street_upload_page")
    with op.batch_alter_table("street_upload", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_street_upload_by"))

    op.drop_table("street_upload")
