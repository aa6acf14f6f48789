"""A model may name which of its outputs is judged."""

import sqlalchemy as sa
from alembic import op

from service.store.tables import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward; conversions are remembered anew, the first time they are needed."""
    # Added in place: SQLite would rebuild the table otherwise, and audits point at its rows.
    op.add_column("model", sa.Column("output", sa.Text(), nullable=False, server_default=""))
    op.drop_table("conversion")
    _conversion("output")


def downgrade() -> None:
    """Go one revision back."""
    op.drop_table("conversion")
    _conversion()
    op.drop_column("model", "output")


def _conversion(*more: str) -> None:
    keys = ("project", "file_digest", "format", "architecture", *more, "canonicaliser")
    sizes = {"architecture": 127, "output": 255, "file_digest": 64}
    op.create_table(
        "conversion",
        *(sa.Column(key, sa.String(length=sizes.get(key, 63)), nullable=False) for key in keys),
        sa.Column("canonical_digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_conversion")),
    )
