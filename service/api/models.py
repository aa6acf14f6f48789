"""Models: taken in once for each (file, architecture, preprocessing), listed, removed."""

from analyzers.contract import Json
from service.api.parts import Parts, deletion_key
from service.core.canonical import digest
from service.errors import AssayError, Code
from service.intake.architecture_names import ARCHITECTURES, unknown_architecture
from service.rpc import ports
from service.rpc.names import parse_name
from service.store.records import ModelRow, NewModel, RequestKey
from service.version import CANONICALISER
from service.views import model_view

ID_LENGTH = 32


class ModelApi:
    """Answers for models."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def create_model(self, request: ports.NewModel) -> ports.ModelView:
        """Take a model in; the same file under the same preprocessing is the same model."""
        _check_architecture(request.architecture)
        await self._parts.need_blob(request.project, request.file)
        body: dict[str, Json] = {
            "file": request.file.digest,
            "architecture": request.architecture,
            "output": request.output,
            "input": request.input_spec.as_json(),
            "canonicaliser": CANONICALISER,
        }
        wish = NewModel(
            project=request.project,
            id=digest(body)[:ID_LENGTH],
            file_digest=request.file.digest,
            display_name=request.display_name,
            architecture=request.architecture,
            output=request.output,
            input_spec=request.input_spec.as_json(),
        )
        key = RequestKey(request.request_id, "CreateModel", digest(body))
        row = await self._parts.catalogue.add_model(wish, key if request.request_id else None)
        if row.state in ("QUEUED", "RUNNING"):
            self._parts.taking_in.model(row)
            # A file that is already known is ready at once; waiting a moment spares a round trip.
            await self._parts.taking_in.settled("models", row.project, row.id, 0.05)
            row = await self._parts.catalogue.model(row.project, row.id)
        return await self._model_view(row)

    async def model(self, name: str) -> ports.ModelView:
        """The model of that name."""
        parsed = parse_name(name, "models")
        return await self._model_view(await self._parts.catalogue.model(parsed.project, parsed.id))

    async def models(self, query: ports.ListQuery) -> ports.Page[ports.ModelView]:
        """A page of models."""
        page = await self._parts.catalogue.list_models(query.project, query.limit, query.after)
        return ports.Page([await self._model_view(row) for row in page.items], page.next_token)

    async def delete_model(self, name: str, request_id: str) -> None:
        """Remove it; IN_USE while an audit stands on it."""
        parsed = parse_name(name, "models")
        key = deletion_key(request_id, "DeleteModel", name)
        await self._parts.catalogue.delete_model(parsed.project, parsed.id, key)

    async def _model_view(self, row: ModelRow) -> ports.ModelView:
        size = await self._parts.catalogue.blob_size(row.project, row.file_digest)
        return model_view(row, size or 0)


def _check_architecture(name: str) -> None:
    if name and name not in ARCHITECTURES:
        raise AssayError(Code.ARCHITECTURE_UNKNOWN, *unknown_architecture(name))
