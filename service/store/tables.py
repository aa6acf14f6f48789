"""The tables. Every row belongs to a project, and every query names one."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

from service.store.dialect import database_time

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """A moment: whole milliseconds since 1970 in the table, an aware time outside of it.

    Numbers compare and add alike in every database, and none of them has a time zone to lose.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Bring a time in."""
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give a time out."""
        return None if value is None else moment(value)


def milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970."""
    return round(time.timestamp() * 1000)


def moment(value: int) -> datetime:
    """The time so many milliseconds after 1970."""
    seconds, rest = divmod(value, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def _times() -> tuple[Column[datetime], Column[datetime]]:
    now = database_time()
    return (
        Column("create_time", UtcTime, nullable=False, default=now),
        Column("update_time", UtcTime, nullable=False, default=now, onupdate=now),
    )


def _project(*, key: bool) -> Column[str]:
    return Column("project", String(63), primary_key=key, nullable=False)


def _digest(name: str) -> Column[str]:
    return Column(name, String(64), nullable=False, default="")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="")


def _json(name: str, *, needed: bool = False) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=not needed)


blob = Table(
    "blob",
    metadata,
    _project(key=True),
    Column("digest", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    *_times(),
)

request = Table(
    "request",
    metadata,
    _project(key=True),
    Column("request_id", String(128), primary_key=True),
    _text("method"),
    _digest("content_digest"),
    _text("resource"),
    *_times(),
)

model = Table(
    "model",
    metadata,
    _project(key=True),
    Column("id", String(63), primary_key=True),
    Column("state", String(16), nullable=False),
    _text("display_name"),
    _digest("file_digest"),
    _text("format"),
    _text("architecture"),
    _text("output"),
    _json("input_spec"),
    _digest("canonical_digest"),
    _json("facts"),
    _json("error"),
    *_times(),
    Index(None, "project", "create_time", "id"),
    Index(None, "state"),
)

conversion = Table(
    "conversion",
    metadata,
    _project(key=True),
    Column("file_digest", String(64), primary_key=True),
    Column("format", String(63), primary_key=True),
    Column("architecture", String(127), primary_key=True),
    Column("output", String(255), primary_key=True),
    Column("canonicaliser", String(63), primary_key=True),
    _digest("canonical_digest"),
    _json("facts"),
    *_times(),
)

eval_set = Table(
    "eval_set",
    metadata,
    _project(key=True),
    Column("id", String(63), primary_key=True),
    Column("state", String(16), nullable=False),
    _text("display_name"),
    _digest("file_digest"),
    _text("slice"),
    _json("reading"),
    Column("withheld", Boolean, nullable=False, default=False, server_default=false()),
    _json("facts"),
    _digest("images_digest"),
    _digest("labels_digest"),
    _digest("ids_digest"),
    _json("error"),
    *_times(),
    Index(None, "project", "create_time", "id"),
    Index(None, "project", "file_digest"),
    Index(None, "state"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", String(63), primary_key=True),
    _project(key=False),
    Column("state", String(16), nullable=False),
    Column("model", String(63), nullable=False),
    Column("eval_set", String(63), nullable=False),
    _text("policy"),
    _digest("policy_digest"),
    _json("options", needed=True),
    Column("attempt", Integer, nullable=False, default=0),
    Column("token", String(64), nullable=False, default=""),
    _text("worker"),
    Column("lease_until", UtcTime),
    Column("claim_time", UtcTime),
    Column("start_time", UtcTime),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    _json("setback"),
    _json("error"),
    _text("verdict"),
    Column("baseline_time", UtcTime),
    *_times(),
    ForeignKeyConstraint(["project", "model"], ["model.project", "model.id"]),
    ForeignKeyConstraint(["project", "eval_set"], ["eval_set.project", "eval_set.id"]),
    Index(None, "project", "create_time", "id"),
    Index(None, "project", "claim_time"),
    Index(None, "project", "model"),
    Index(None, "project", "eval_set"),
    Index(None, "state"),
)

step = Table(
    "step",
    metadata,
    _project(key=True),
    Column("key", String(64), primary_key=True),
    _text("analyzer"),
    # The first audit that committed it; what it found outlives that audit.
    Column("audit", String(63), ForeignKey("audit.id", ondelete="SET NULL"), index=True),
    _json("done", needed=True),
    *_times(),
)

circumstances = Table(
    "circumstances",
    metadata,
    _project(key=True),
    Column("key", String(64), primary_key=True),
    _text("analyzer"),
    _json("body", needed=True),
    *_times(),
    Index(None, "project", "analyzer", "create_time"),
)

event = Table(
    "event",
    metadata,
    Column("audit", String(63), ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _project(key=False),
    _json("body", needed=True),
    *_times(),
)

report = Table(
    "report",
    metadata,
    Column("audit", String(63), ForeignKey("audit.id", ondelete="CASCADE"), primary_key=True),
    _project(key=False),
    _digest("evidence_digest"),
    _digest("facts_digest"),
    _json("verdict", needed=True),
    _digest("html_digest"),
    *_times(),
)

secret = Table(
    "secret",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    *_times(),
)
