"""An evaluation set may say how its file is to be read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward; sets of before were read as it goes without saying."""
    # Added in place: SQLite would rebuild the table otherwise, and audits point at its rows.
    op.add_column("eval_set", sa.Column("reading", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Go one revision back."""
    op.drop_column("eval_set", "reading")
