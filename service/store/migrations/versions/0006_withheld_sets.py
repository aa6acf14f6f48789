"""An evaluation set may be withheld: no picture of it is handed out."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward; no set was withheld before."""
    # Added in place: SQLite would rebuild the table otherwise, and audits point at its rows.
    withheld = sa.Column("withheld", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("eval_set", withheld)


def downgrade() -> None:
    """Go one revision back."""
    op.drop_column("eval_set", "withheld")
