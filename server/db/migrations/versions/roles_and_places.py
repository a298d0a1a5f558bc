"""roles and places of accounts."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "roles_and_places"
down_revision = "on_duty"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward: whoever could sign in before did everything, and still does."""
    grants = op.create_table(
        "operator_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator"], ["operator.name"], name=op.f("fk_operator_grant_operator_operator")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_grant")),
        sa.UniqueConstraint(
            "operator", "role", "scope", "code", name=op.f("uq_operator_grant_operator_role_scope_code")
        ),
    )
    with op.batch_alter_table("operator_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_operator_grant_operator"), ["operator"], unique=False)
    names = [row[0] for row in op.get_bind().execute(sa.text("SELECT name FROM operator"))]
    op.bulk_insert(
        grants,
        [
            {
                "operator": name,
                "role": role,
                "scope": "street",
                "code": "",
                "granted_at": datetime.now(UTC),
            }
            for name in names
            for role in ("administrator", "desk")
        ],
    )
    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.add_column(sa.Column("person", sa.String(length=40), nullable=True))
        batch_op.alter_column("password_hash", existing_type=sa.String(length=200), nullable=True)
        batch_op.create_foreign_key(batch_op.f("fk_operator_person_person"), "person", ["person"], ["code"])
        batch_op.create_unique_constraint(batch_op.f("uq_operator_person"), ["person"])


def downgrade() -> None:
    """Go back: accounts without a password go."""
    op.execute(
        "DELETE FROM operator_session WHERE operator IN "
        "(SELECT name FROM operator WHERE password_hash IS NULL)"
    )
    op.drop_table("operator_grant")
    op.execute("DELETE FROM operator WHERE password_hash IS NULL")
    with op.batch_alter_table("operator", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_operator_person"), type_="unique")
        batch_op.drop_constraint(batch_op.f("fk_operator_person_person"), type_="foreignkey")
        batch_op.alter_column("password_hash", existing_type=sa.String(length=200), nullable=False)
        batch_op.drop_column("person")
