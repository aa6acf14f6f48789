"""The first tables."""

import sqlalchemy as sa
from alembic import op

from service.store.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one revision forward."""
    op.create_table(
        "blob",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "digest", name=op.f("pk_blob")),
    )
    op.create_table(
        "conversion",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=63), nullable=False),
        sa.Column("architecture", sa.String(length=127), nullable=False),
        sa.Column("canonicaliser", sa.String(length=63), nullable=False),
        sa.Column("canonical_digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "project",
            "file_digest",
            "format",
            "architecture",
            "canonicaliser",
            name=op.f("pk_conversion"),
        ),
    )
    op.create_table(
        "eval_set",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("images_digest", sa.String(length=64), nullable=False),
        sa.Column("labels_digest", sa.String(length=64), nullable=False),
        sa.Column("ids_digest", sa.String(length=64), nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name=op.f("pk_eval_set")),
    )
    with op.batch_alter_table("eval_set", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_eval_set_project_create_time_id"),
            ["project", "create_time", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_eval_set_project_file_digest"), ["project", "file_digest"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_eval_set_state"), ["state"], unique=False)

    op.create_table(
        "model",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("input_spec", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("canonical_digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name=op.f("pk_model")),
    )
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_model_project_create_time_id"),
            ["project", "create_time", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_model_state"), ["state"], unique=False)

    op.create_table(
        "request",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "request_id", name=op.f("pk_request")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("eval_set", sa.String(length=63), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("claim_time", UtcTime(), nullable=True),
        sa.Column("start_time", UtcTime(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("setback", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "eval_set"],
            ["eval_set.project", "eval_set.id"],
            name=op.f("fk_audit_project_eval_set"),
        ),
        sa.ForeignKeyConstraint(
            ["project", "model"], ["model.project", "model.id"], name=op.f("fk_audit_project_model")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_project_claim_time"), ["project", "claim_time"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_audit_project_create_time_id"),
            ["project", "create_time", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_audit_project_eval_set"), ["project", "eval_set"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_audit_project_model"), ["project", "model"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_audit_state"), ["state"], unique=False)

    op.create_table(
        "event",
        sa.Column("audit", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit"], ["audit.id"], name=op.f("fk_event_audit"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit", "seq", name=op.f("pk_event")),
    )
    op.create_table(
        "report",
        sa.Column("audit", sa.String(length=63), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("evidence_digest", sa.String(length=64), nullable=False),
        sa.Column("facts_digest", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("html_digest", sa.String(length=64), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit"], ["audit.id"], name=op.f("fk_report_audit"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit", name=op.f("pk_report")),
    )
    op.create_table(
        "step",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("analyzer", sa.Text(), nullable=False),
        sa.Column("audit", sa.String(length=63), nullable=True),
        sa.Column("done", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("create_time", UtcTime(), nullable=False),
        sa.Column("update_time", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit"], ["audit.id"], name=op.f("fk_step_audit"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("project", "key", name=op.f("pk_step")),
    )
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_step_audit"), ["audit"], unique=False)


def downgrade() -> None:
    """Go one revision back."""
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_step_audit"))

    op.drop_table("step")
    op.drop_table("report")
    op.drop_table("event")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_state"))
        batch_op.drop_index(batch_op.f("ix_audit_project_model"))
        batch_op.drop_index(batch_op.f("ix_audit_project_eval_set"))
        batch_op.drop_index(batch_op.f("ix_audit_project_create_time_id"))
        batch_op.drop_index(batch_op.f("ix_audit_project_claim_time"))

    op.drop_table("audit")
    op.drop_table("secret")
    op.drop_table("request")
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_model_state"))
        batch_op.drop_index(batch_op.f("ix_model_project_create_time_id"))

    op.drop_table("model")
    with op.batch_alter_table("eval_set", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_eval_set_state"))
        batch_op.drop_index(batch_op.f("ix_eval_set_project_file_digest"))
        batch_op.drop_index(batch_op.f("ix_eval_set_project_create_time_id"))

    op.drop_table("eval_set")
    op.drop_table("conversion")
    op.drop_table("blob")
