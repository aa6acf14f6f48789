"""Under which circumstances results were measured, so that a miss can be explained."""

import sqlalchemy as sa
from alembic import op

from service.store.tables import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward; a key does not tell what it was made of, so the table is empty."""
    op.create_table(
        "circumstances",
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("analyzer", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "key", name=op.f("pk_circumstances")),
    )
    op.create_index(
        op.f("ix_circumstances_project_analyzer_create_time"),
        "circumstances",
        ["project", "analyzer", "create_time"],
    )


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("circumstances")
