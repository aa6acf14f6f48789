"""Audits as people look for them: by words, by state, by what they are a release of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, func, literal, or_, select, tuple_

from analyzers.contract import Digest, Json
from service.store import tables
from service.store.cursors import Cursor, seal, unseal
from service.store.database import Database
from service.store.records import AuditRow, Page
from service.store.rows import record

LONGEST: Final = 100
"""Audits of one page."""


@dataclass(frozen=True)
class Sought:
    """What is looked for; what is empty asks for nothing."""

    words: str = ""
    """Part of a name: of the subject, a file, the data, or of the audit's id."""
    states: Sequence[str] = ()
    verdict: str = ""


@dataclass(frozen=True)
class Seen:
    """An audit with the names of what it is about."""

    row: AuditRow
    model: str
    """Name of the model's file."""
    data: str
    """Name of the evaluation set's file."""
    file_digest: Digest


@dataclass(frozen=True)
class Release:
    """A finished audit of a subject, as its history shows it."""

    seen: Seen
    verdict: Json
    brackets: Sequence[Mapping[str, Json]]
    """The last one of every threat."""


class Browsing:
    """Reads of several tables at once, for pages."""

    def __init__(self, database: Database) -> None:
        """Read through one database."""
        self._database = database

    async def audits(self, project: str, sought: Sought, limit: int, after: str) -> Page[Seen]:
        """A page of audits that meet every wish, newest first."""
        secret = self._database.page_secret
        question = ["browse", project, sought.words, sorted(sought.states), sought.verdict]
        query = _audits(project).where(*_wanted(project, sought))
        if after:
            query = query.where(_behind(unseal(after, secret, question=question)))
        length = max(1, min(limit, LONGEST))
        async with self._database.read() as connection:
            rows = (await connection.execute(_newest(query).limit(length + 1))).mappings().all()
        items = tuple(_seen(one) for one in rows[:length])
        if len(rows) <= length:
            return Page(items)
        last = Cursor(items[-1].row.create_time, items[-1].row.id)
        return Page(items, seal(last, secret, question=question))

    async def audit(self, project: str, audit_id: str) -> Seen | None:
        """One audit with its names, or None."""
        query = _audits(project).where(tables.audit.c.id == audit_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return _seen(row) if row else None

    async def releases(self, project: str, subject: str, limit: int) -> Sequence[Release]:
        """The newest finished audits of a subject, oldest first."""
        audits, reports = tables.audit.c, tables.report.c
        query = (
            _audits(project)
            .add_columns(reports.verdict.label("judged"))
            .join(tables.report, (reports.project == project) & (reports.audit == audits.id))
            .where(_subject() == subject, audits.state == "SUCCEEDED")
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(_newest(query).limit(limit))).mappings().all()
            events = await connection.execute(_last_brackets(project, [one["id"] for one in rows]))
            told = events.mappings().all()
        brackets: dict[str, dict[str, Mapping[str, Json]]] = {}
        for one in told:
            brackets.setdefault(one["audit"], {})[str(one["body"]["threat"])] = one["body"]
        return [
            Release(_seen(one), one["judged"], list(brackets.get(one["id"], {}).values()))
            for one in reversed(rows)
        ]


def _audits(project: str) -> Select[Any]:
    audits, models, sets = tables.audit.c, tables.model.c, tables.eval_set.c
    return (
        select(
            tables.audit,
            models.display_name.label("model_name"),
            models.file_digest.label("file_digest"),
            sets.display_name.label("data_name"),
        )
        .join(tables.model, (models.project == audits.project) & (models.id == audits.model))
        .join(tables.eval_set, (sets.project == audits.project) & (sets.id == audits.eval_set))
        .where(audits.project == project)
    )


def _newest(query: Select[Any]) -> Select[Any]:
    return query.order_by(tables.audit.c.create_time.desc(), tables.audit.c.id.desc())


def _subject() -> ColumnElement[str]:
    return tables.audit.c.options["subject"].as_string()


def _wanted(project: str, sought: Sought) -> list[ColumnElement[bool]]:
    audits = tables.audit.c
    found: list[ColumnElement[bool]] = []
    if sought.states:
        found.append(audits.state.in_(sought.states))
    if sought.verdict:
        found.append(audits.verdict == sought.verdict)
    if sought.words:
        named = (
            _subject(),
            audits.options["file"].as_string(),
            tables.model.c.display_name,
            tables.eval_set.c.display_name,
            audits.id,
        )
        # autoescape: a % or _ of the user is that letter, and no wildcard
        found.append(or_(*(one.icontains(sought.words, autoescape=True) for one in named)))
    return found


def _behind(cursor: Cursor) -> ColumnElement[bool]:
    place = tuple_(tables.audit.c.create_time, tables.audit.c.id)
    return place < tuple_(literal(cursor.create_time, tables.UtcTime()), literal(cursor.id))


def _last_brackets(project: str, audits: Sequence[str]) -> Select[Any, Any]:
    """The newest bracket of every threat of each audit; there is one a commit."""
    table = tables.event.c
    threat = table.body["threat"].as_string()
    wanted = (table.project == project) & table.audit.in_(audits)
    newest = (
        select(table.audit, func.max(table.seq).label("seq"))
        .where(wanted, table.body["kind"].as_string() == "bracket")
        .group_by(table.audit, threat)
        .subquery()
    )
    same = (newest.c.audit == table.audit) & (newest.c.seq == table.seq)
    return select(table.audit, table.body).join(newest, same).where(wanted).order_by(table.seq)


def _seen(row: RowMapping) -> Seen:
    return Seen(record(AuditRow, row), row["model_name"], row["data_name"], row["file_digest"])
