"""accounts."""

import sqlalchemy as sa
from alembic import op

revision = "accounts"
down_revision = "alarm_sentence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "audit_seal",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("words_digest", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("row", name=op.f("uq_audit_seal_row")),
    )
    op.create_table(
        "forgetting_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forgetting_run")),
    )
    op.create_table(
        "login_attempt",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_login_attempt")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["operator"], ["operator.name"], name=op.f("fk_api_key_operator_operator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_operator"), ["operator"], unique=False)

    op.create_table(
        "item_photo",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item", sa.String(length=36), nullable=False),
        sa.Column("by_person", sa.String(length=40), nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by_person"], ["person.code"], name=op.f("fk_item_photo_by_person_person")),
        sa.ForeignKeyConstraint(["item"], ["item.id"], name=op.f("fk_item_photo_item_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_photo")),
    )
    with op.batch_alter_table("item_photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_item_photo_by_person"), ["by_person"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_photo_item"), ["item"], unique=False)
        batch_op.create_index(batch_op.f("ix_item_photo_taken_in_at"), ["taken_in_at"], unique=False)

    op.create_table(
        "outer_login",
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator"], ["operator.name"], name=op.f("fk_outer_login_operator_operator")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_outer_login")),
    )
    with op.batch_alter_table("outer_login", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outer_login_operator"), ["operator"], unique=False)

    op.create_table(
        "recovery_code",
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator"], ["operator.name"], name=op.f("fk_recovery_code_operator_operator")
        ),
        sa.PrimaryKeyConstraint("operator", "code_hash", name=op.f("pk_recovery_code")),
    )
    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.add_column(sa.Column("totp_secret", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("operator_session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("idle_s", sa.Integer(), server_default="43200", nullable=False))
        batch_op.add_column(sa.Column("confirmed", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("source", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("agent", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("operator_session", schema=None) as batch_op:
        batch_op.drop_column("agent")
        batch_op.drop_column("source")
        batch_op.drop_column("confirmed")
        batch_op.drop_column("idle_s")
        batch_op.drop_column("ends_at")

    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.drop_column("totp_step")
        batch_op.drop_column("totp_since")
        batch_op.drop_column("totp_secret")

    op.drop_table("recovery_code")
    with op.batch_alter_table("outer_login", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outer_login_operator"))

    op.drop_table("outer_login")
    with op.batch_alter_table("item_photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_item_photo_taken_in_at"))
        batch_op.drop_index(batch_op.f("ix_item_photo_item"))
        batch_op.drop_index(batch_op.f("ix_item_photo_by_person"))

    op.drop_table("item_photo")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_operator"))

    op.drop_table("api_key")
    op.drop_table("login_attempt")
    op.drop_table("forgetting_run")
    op.drop_table("audit_seal")
