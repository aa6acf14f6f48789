"""Wishes that may arrive twice: the same id gives the first answer, other content is refused."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import AssayError, Code
from service.store import tables
from service.store.dialect import insert_unless_there
from service.store.records import RequestKey


async def answered(
    connection: AsyncConnection, project: str, key: RequestKey | None, *, resource: str
) -> str | None:
    """What this request made when it came first; None when this is the first time.

    Binds the id to ``resource`` before anything is made, so that of two equal requests at the
    same moment one waits here for the other, in the transaction that makes the resource.
    """
    if key is None:
        return None
    values = {
        "project": project,
        "request_id": key.id,
        "method": key.method,
        "content_digest": key.content,
        "resource": resource,
    }
    insert = insert_unless_there(connection.dialect.name, tables.request, values)
    if (await connection.execute(insert)).rowcount:
        return None
    table = tables.request.c
    query = select(table.method, table.content_digest, table.resource)
    same = (table.project == project) & (table.request_id == key.id)
    found = (await connection.execute(query.where(same))).one()
    if (found.method, found.content_digest) != (key.method, key.content):
        raise AssayError(
            Code.REQUEST_ID_REUSED,
            "This request id was used before, for something else.",
            "Use a fresh UUID for each new wish, and the same one only to repeat it.",
        )
    return str(found.resource)
