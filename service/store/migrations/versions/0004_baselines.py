"""An audit may be the baseline of its subject."""

import sqlalchemy as sa
from alembic import op

from service.store.tables import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward; no audit was a baseline before."""
    # Added in place: SQLite would rebuild the table otherwise, and events point at its rows.
    op.add_column("audit", sa.Column("baseline_time", UtcTime(), nullable=True))


def downgrade() -> None:
    """Go one revision back."""
    op.drop_column("audit", "baseline_time")
