"""who is on duty."""

import sqlalchemy as sa
from alembic import op

revision = "on_duty"
down_revision = "alarm_measure"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "device_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("change", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_change")),
    )
    with op.batch_alter_table("device_change", schema=None) as batch_op:
        batch_op.create_index("ix_device_change_device", ["gateway", "device"], unique=False)

    op.create_table(
        "holiday",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("counts_as", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holiday")),
    )
    op.create_table(
        "route_proof",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("grids", sa.Integer(), nullable=False),
        sa.Column("thin_hours", sa.Integer(), nullable=False),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route_proof")),
    )
    with op.batch_alter_table("route_proof", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_route_proof_at"), ["at"], unique=False)

    op.create_table(
        "swap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_swap_person_person")),
        sa.ForeignKeyConstraint(["taken_by"], ["person.code"], name=op.f("fk_swap_taken_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swap")),
        sa.UniqueConstraint(
            "person", "role", "scope", "code", "from_at", name=op.f("uq_swap_person_role_scope_code_from_at")
        ),
    )
    with op.batch_alter_table("swap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_swap_person"), ["person"], unique=False)

    op.create_table(
        "door",
        sa.Column("building", sa.String(length=40), nullable=False),
        sa.Column("door", sa.String(length=40), nullable=False),
        sa.Column("grid", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["building"], ["building.code"], name=op.f("fk_door_building_building")),
        sa.ForeignKeyConstraint(["grid"], ["grid.code"], name=op.f("fk_door_grid_grid")),
        sa.PrimaryKeyConstraint("building", "door", name=op.f("pk_door")),
    )
    with op.batch_alter_table("door", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_door_grid"), ["grid"], unique=False)

    with op.batch_alter_table("area", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))

    with op.batch_alter_table("building", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))

    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))

    with op.batch_alter_table("community", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))
        batch_op.add_column(sa.Column("responsible", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("grid", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("tested_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("test_due_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("ends_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("replaced_by", sa.String(length=193), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_device_responsible_person"), "person", ["responsible"], ["code"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_device_grid_grid"), "grid", ["grid"], ["code"])

    with op.batch_alter_table("grid", schema=None) as batch_op:
        batch_op.add_column(sa.Column("datum", sa.String(length=32), server_default="wgs84", nullable=False))

    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("grid", sa.String(length=40), nullable=True))
        batch_op.create_index(batch_op.f("ix_unit_grid"), ["grid"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_unit_grid_grid"), "grid", ["grid"], ["code"])


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_unit_grid_grid"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_unit_grid"))
        batch_op.drop_column("grid")

    with op.batch_alter_table("grid", schema=None) as batch_op:
        batch_op.drop_column("datum")

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_device_grid_grid"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_device_responsible_person"), type_="foreignkey")
        batch_op.drop_column("replaced_by")
        batch_op.drop_column("retired_at")
        batch_op.drop_column("ends_on")
        batch_op.drop_column("test_due_on")
        batch_op.drop_column("tested_on")
        batch_op.drop_column("grid")
        batch_op.drop_column("responsible")
        batch_op.drop_column("datum")

    with op.batch_alter_table("community", schema=None) as batch_op:
        batch_op.drop_column("datum")

    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.drop_column("datum")

    with op.batch_alter_table("building", schema=None) as batch_op:
        batch_op.drop_column("datum")

    with op.batch_alter_table("area", schema=None) as batch_op:
        batch_op.drop_column("datum")

    with op.batch_alter_table("door", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_door_grid"))

    op.drop_table("door")
    with op.batch_alter_table("swap", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_swap_person"))

    op.drop_table("swap")
    with op.batch_alter_table("route_proof", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_route_proof_at"))

    op.drop_table("route_proof")
    op.drop_table("holiday")
    with op.batch_alter_table("device_change", schema=None) as batch_op:
        batch_op.drop_index("ix_device_change_device")

    op.drop_table("device_change")
