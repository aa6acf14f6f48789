"""Wishes that may arrive twice: the same id gives the first answer, other content is refused."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import AssayError, Code
from service.store import tables
from service.store.dialect import insert_unless_there
from service.store.records import RequestKey


async def answered(connection: AsyncConnection, project: str, key: RequestKey | None) -> str:
    """The resource that this request made before; empty when it never came."""
    if key is None:
        return ""
    table = tables.request.c
    found = (
        await connection.execute(
            select(table.method, table.content_digest, table.resource).where(
                table.project == project, table.request_id == key.id
            )
        )
    ).first()
    if found is None:
        return ""
    if (found.method, found.content_digest) != (key.method, key.content):
        raise AssayError(
            Code.REQUEST_ID_REUSED,
            "This request id was used before, for something else.",
            "Use a fresh UUID for each new wish, and the same one only to repeat it.",
        )
    return str(found.resource)


async def remember(
    connection: AsyncConnection, project: str, key: RequestKey | None, resource: str
) -> None:
    """Bind a request id to what it made, in the transaction that makes it."""
    if key is None:
        return
    values = {
        "project": project,
        "request_id": key.id,
        "method": key.method,
        "content_digest": key.content,
        "resource": resource,
    }
    name = connection.dialect.name
    await connection.execute(insert_unless_there(name, tables.request, values))
