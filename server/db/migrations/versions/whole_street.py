"""a whole street."""

import sqlalchemy as sa
from alembic import op

revision = "whole_street"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "area",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("polygon", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_area")),
    )
    op.create_table(
        "absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stand_in", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_absence_person_person")),
        sa.ForeignKeyConstraint(["stand_in"], ["person.code"], name=op.f("fk_absence_stand_in_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
        sa.UniqueConstraint("person", "from_at", name=op.f("uq_absence_person_from_at")),
    )
    with op.batch_alter_table("absence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absence_person"), ["person"], unique=False)

    op.create_table(
        "duty_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("days", sa.String(length=7), nullable=False),
        sa.Column("from_time", sa.String(length=5), nullable=False),
        sa.Column("until_time", sa.String(length=5), nullable=False),
        sa.Column("cycle_weeks", sa.Integer(), nullable=False),
        sa.Column("cycle_start", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.code"], name=op.f("fk_duty_time_person_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_time")),
        sa.UniqueConstraint(
            "person",
            "role",
            "scope",
            "code",
            "days",
            "from_time",
            name=op.f("uq_duty_time_person_role_scope_code_days_from_time"),
        ),
    )
    with op.batch_alter_table("duty_time", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_time_person"), ["person"], unique=False)
        batch_op.create_index("ix_duty_time_place", ["role", "scope", "code"], unique=False)

    op.create_table(
        "block",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("community", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("grid", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["community"], ["community.code"], name=op.f("fk_block_community_community")),
        sa.ForeignKeyConstraint(["grid"], ["grid.code"], name=op.f("fk_block_grid_grid")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_block")),
    )
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_block_community"), ["community"], unique=False)
        batch_op.create_index(batch_op.f("ix_block_grid"), ["grid"], unique=False)

    op.create_table(
        "camera",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("building", sa.String(length=40), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("address", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(["building"], ["building.code"], name=op.f("fk_camera_building_building")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_camera")),
    )
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_building"), ["building"], unique=False)

    op.create_table(
        "unit",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("building", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("households", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["building"], ["building.code"], name=op.f("fk_unit_building_building")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_unit")),
    )
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_building"), ["building"], unique=False)

    with op.batch_alter_table("building", schema=None) as batch_op:
        batch_op.add_column(sa.Column("block", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("floors", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("households", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_building_block"), ["block"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_building_block_block"), "block", ["block"], ["code"])

    with op.batch_alter_table("community", schema=None) as batch_op:
        batch_op.add_column(sa.Column("area", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("polygon", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_community_area"), ["area"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_community_area_area"), "area", ["area"], ["code"])

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unit", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("feeder", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("installed_on", sa.Date(), nullable=True))
        batch_op.create_index(batch_op.f("ix_device_feeder"), ["feeder"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_device_unit_unit"), "unit", ["unit"], ["code"])

    with op.batch_alter_table("estate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", sa.String(length=200), server_default="", nullable=False))
        batch_op.add_column(sa.Column("households", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("residents", sa.Integer(), nullable=True))

    with op.batch_alter_table("gateway", schema=None) as batch_op:
        batch_op.add_column(sa.Column("installed_on", sa.Date(), nullable=True))

    with op.batch_alter_table("grid", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purpose", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("households", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("residents", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("grid", schema=None) as batch_op:
        batch_op.drop_column("residents")
        batch_op.drop_column("households")
        batch_op.drop_column("purpose")

    with op.batch_alter_table("gateway", schema=None) as batch_op:
        batch_op.drop_column("installed_on")

    with op.batch_alter_table("estate", schema=None) as batch_op:
        batch_op.drop_column("residents")
        batch_op.drop_column("households")
        batch_op.drop_column("address")

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_device_unit_unit"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_device_feeder"))
        batch_op.drop_column("installed_on")
        batch_op.drop_column("feeder")
        batch_op.drop_column("unit")

    with op.batch_alter_table("community", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_community_area_area"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_community_area"))
        batch_op.drop_column("polygon")
        batch_op.drop_column("area")

    with op.batch_alter_table("building", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_building_block_block"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_building_block"))
        batch_op.drop_column("households")
        batch_op.drop_column("floors")
        batch_op.drop_column("block")

    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unit_building"))

    op.drop_table("unit")
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_camera_building"))

    op.drop_table("camera")
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_block_grid"))
        batch_op.drop_index(batch_op.f("ix_block_community"))

    op.drop_table("block")
    with op.batch_alter_table("duty_time", schema=None) as batch_op:
        batch_op.drop_index("ix_duty_time_place")
        batch_op.drop_index(batch_op.f("ix_duty_time_person"))

    op.drop_table("duty_time")
    with op.batch_alter_table("absence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_absence_person"))

    op.drop_table("absence")
    op.drop_table("area")
