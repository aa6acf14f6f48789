"""Evaluation sets: immutable, one for each (file, slice, reading), and one more if withheld."""

from analyzers.contract import Json
from service.api.parts import Parts, deletion_key
from service.core.canonical import digest
from service.rpc import ports
from service.rpc.names import parse_name
from service.store.records import EvalSetRow, NewEvalSet, RequestKey
from service.version import CANONICALISER
from service.views import eval_set_view, slice_text

ID_LENGTH = 32


class EvalSetApi:
    """Answers for evaluation sets."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def create_eval_set(self, request: ports.NewEvalSet) -> ports.EvalSetView:
        """Take images and labels in; the same slice of the same file, read alike, is one set."""
        await self._parts.need_blob(request.project, request.file)
        rows = slice_text(request.rows)
        body: dict[str, Json] = {
            "file": request.file.digest,
            "rows": rows,
            "reader": CANONICALISER,
        }
        if unusual := request.reading.unusual:
            body["reading"] = unusual
        if request.withheld:
            body["withheld"] = True
        wish = NewEvalSet(
            project=request.project,
            id=digest(body)[:ID_LENGTH],
            file_digest=request.file.digest,
            slice=rows,
            display_name=request.display_name,
            reading=request.reading.as_json(),
            withheld=request.withheld,
        )
        key = RequestKey(request.request_id, "CreateEvalSet", digest(body))
        row = await self._parts.catalogue.add_eval_set(wish, key if request.request_id else None)
        if row.state in ("QUEUED", "RUNNING"):
            self._parts.taking_in.eval_set(row)
        return await self._set_view(row)

    async def eval_set(self, name: str) -> ports.EvalSetView:
        """The evaluation set of that name."""
        parsed = parse_name(name, "evalSets")
        return await self._set_view(await self._parts.catalogue.eval_set(parsed.project, parsed.id))

    async def eval_sets(self, query: ports.ListQuery) -> ports.Page[ports.EvalSetView]:
        """A page of evaluation sets."""
        page = await self._parts.catalogue.list_eval_sets(query.project, query.limit, query.after)
        return ports.Page([await self._set_view(row) for row in page.items], page.next_token)

    async def delete_eval_set(self, name: str, request_id: str) -> None:
        """Remove it; IN_USE while an audit stands on it."""
        parsed = parse_name(name, "evalSets")
        key = deletion_key(request_id, "DeleteEvalSet", name)
        await self._parts.catalogue.delete_eval_set(parsed.project, parsed.id, key)

    async def _set_view(self, row: EvalSetRow) -> ports.EvalSetView:
        size = await self._parts.catalogue.blob_size(row.project, row.file_digest)
        return eval_set_view(row, size or 0)
