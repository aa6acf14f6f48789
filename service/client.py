"""The client: what the command line and programs of others use. Needs no torch and no server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import uuid4

import grpc
from google.longrunning import operations_pb2  # pyright: ignore[reportMissingTypeStubs] - untyped
from google.protobuf.duration_pb2 import Duration

from assay.v1 import audit_service_pb2 as audit_pb
from assay.v1 import capabilities_service_pb2 as capabilities_pb
from assay.v1 import eval_set_service_pb2 as eval_set_pb
from assay.v1 import model_service_pb2 as model_pb
from assay.v1.audit_service_pb2_grpc import AuditServiceStub
from assay.v1.blob_service_pb2_grpc import BlobServiceStub
from assay.v1.capabilities_service_pb2_grpc import CapabilitiesServiceStub
from assay.v1.eval_set_service_pb2_grpc import EvalSetServiceStub
from assay.v1.gate_service_pb2_grpc import GateServiceStub
from assay.v1.model_service_pb2_grpc import ModelServiceStub
from assay.v1.report_service_pb2_grpc import ReportServiceStub
from service.errors import AssayError, Code
from service.rpc.calls import open_channel, operations_stub, told, told_each
from service.rpc.ports import (
    Artifact,
    AuditQuery,
    AuditView,
    Capabilities,
    EvalSetView,
    EventView,
    FileRef,
    GateQuery,
    GateView,
    ListQuery,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    OperationView,
    ReportQuery,
    ReportView,
)
from service.rpc.uploads import FileKind, Sent, Upload, hashed
from service.wire.audits import audit_from_pb, audits_from_pb, audits_query_to_pb, new_audit_to_pb
from service.wire.blobs import read_request_to_pb
from service.wire.capabilities import capabilities_from_pb
from service.wire.eval_sets import (
    eval_set_from_pb,
    eval_sets_from_pb,
    eval_sets_query_to_pb,
    new_eval_set_to_pb,
)
from service.wire.events import event_from_pb
from service.wire.gate import gate_query_to_pb, gate_view_from_pb
from service.wire.models import model_from_pb, models_from_pb, models_query_to_pb, new_model_to_pb
from service.wire.operations import operation_from_pb
from service.wire.reports import report_from_pb, report_query_to_pb

if TYPE_CHECKING:
    from collections.abc import Generator

    from service.rpc.ports import ResourceView

Result = TypeVar("Result", bound="ModelView | EvalSetView | AuditView")

PAGE = 100
WAIT_S = 20.0
"""One call of ``wait_operation`` asks the server to hold the answer so long."""

TIMING_S = 180.0
"""For a wish that is only to be estimated: its model is timed, in a child of its own."""

WATCH_TRIES = 6
WATCH_PAUSE_S = 0.2
"""Between two tries of a broken watch, doubled each time: 12 s in all."""


class Client:
    """One service, one project. Errors are AssayErrors with the service's own code."""

    def __init__(
        self,
        address: str,
        *,
        project: str = "local",
        timeout_s: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Prepare calls to ``host:port`` or ``unix:path``; nothing is sent yet."""
        self.address = address
        self.project = project
        self._timeout_s = timeout_s
        self._channel = open_channel(address, credentials)
        self._audits = AuditServiceStub(self._channel)
        self._blobs = BlobServiceStub(self._channel)
        self._capabilities = CapabilitiesServiceStub(self._channel)
        self._eval_sets = EvalSetServiceStub(self._channel)
        self._gate = GateServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)
        self._operations = operations_stub(self._channel)
        self._reports = ReportServiceStub(self._channel)

    def __enter__(self) -> Client:
        """Close at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        self._channel.close()

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return as soon as the service answers; UNREACHABLE when it does not in time."""
        request = capabilities_pb.GetCapabilitiesRequest()
        with told(self.address):
            self._capabilities.GetCapabilities(request, timeout=timeout_s, wait_for_ready=True)

    def capabilities(self) -> Capabilities:
        """What the service can do."""
        request = capabilities_pb.GetCapabilitiesRequest()
        with told(self.address):
            answer = self._capabilities.GetCapabilities(request, timeout=self._timeout_s)
        return capabilities_from_pb(answer)

    # ------------------------------------------------------------------------------- blobs

    def upload(
        self,
        path: Path,
        kind: FileKind,
        progress: Sent | None = None,
        before: Callable[[], None] | None = None,
    ) -> FileRef:
        """Bring a file to the service; bytes that it has are not sent.

        ``progress(sent, total)`` is called from another thread while bytes travel; ``before()``
        when some must be sent, and may raise.
        """
        file = hashed(path, kind)
        upload = Upload(self._blobs, self.address, self.project, path, file, progress or _nobody)
        upload.run(self._timeout_s, before)
        return file

    def read_blob(self, digest: str) -> Iterator[bytes]:
        """The bytes of a blob."""
        request = read_request_to_pb(self.project, digest, offset=0, limit=0)
        with closing(told_each(self.address, self._blobs.ReadBlob(request))) as answers:
            for answer in answers:
                yield answer.data

    def artifact(self, artifact: Artifact) -> bytes:
        """The bytes of an artifact, which may have come with the report."""
        if artifact.data is not None:
            return artifact.data
        return b"".join(self.read_blob(artifact.file.digest))

    # ------------------------------------------------------------------------------ models

    def create_model(self, request: NewModel) -> OperationView[ModelView]:
        """Begin to take a model in; project and request id are filled in here."""
        message = new_model_to_pb(replace(request, **self._identity(request.request_id)))
        with told(self.address):
            answer = self._models.CreateModel(message, timeout=self._timeout_s)
        return cast("OperationView[ModelView]", operation_from_pb(answer))

    def model(self, name: str) -> ModelView:
        """A model as it stands."""
        with told(self.address):
            answer = self._models.GetModel(
                model_pb.GetModelRequest(name=name), timeout=self._timeout_s
            )
        return model_from_pb(answer)

    def list_models(self) -> Iterator[ModelView]:
        """Every model of the project, newest first."""
        query = ListQuery(self.project, PAGE)
        while True:
            with told(self.address):
                answer = self._models.ListModels(models_query_to_pb(query), timeout=self._timeout_s)
            yield from models_from_pb(answer).items
            if not answer.next_page_token:
                return
            query = replace(query, after=answer.next_page_token)

    def delete_model(self, name: str) -> None:
        """Remove a model."""
        request = model_pb.DeleteModelRequest(name=name, request_id=str(uuid4()))
        with told(self.address):
            self._models.DeleteModel(request, timeout=self._timeout_s)

    # --------------------------------------------------------------------- evaluation sets

    def create_eval_set(self, request: NewEvalSet) -> OperationView[EvalSetView]:
        """Begin to take images and labels in; project and request id are filled in here."""
        message = new_eval_set_to_pb(replace(request, **self._identity(request.request_id)))
        with told(self.address):
            answer = self._eval_sets.CreateEvalSet(message, timeout=self._timeout_s)
        return cast("OperationView[EvalSetView]", operation_from_pb(answer))

    def eval_set(self, name: str) -> EvalSetView:
        """An evaluation set as it stands."""
        with told(self.address):
            answer = self._eval_sets.GetEvalSet(
                eval_set_pb.GetEvalSetRequest(name=name), timeout=self._timeout_s
            )
        return eval_set_from_pb(answer)

    def list_eval_sets(self) -> Iterator[EvalSetView]:
        """Every evaluation set of the project, newest first."""
        query = ListQuery(self.project, PAGE)
        while True:
            message = eval_sets_query_to_pb(query)
            with told(self.address):
                answer = self._eval_sets.ListEvalSets(message, timeout=self._timeout_s)
            yield from eval_sets_from_pb(answer).items
            if not answer.next_page_token:
                return
            query = replace(query, after=answer.next_page_token)

    def delete_eval_set(self, name: str) -> None:
        """Remove an evaluation set."""
        request = eval_set_pb.DeleteEvalSetRequest(name=name, request_id=str(uuid4()))
        with told(self.address):
            self._eval_sets.DeleteEvalSet(request, timeout=self._timeout_s)

    # ------------------------------------------------------------------------------ audits

    def create_audit(self, request: NewAudit) -> OperationView[AuditView]:
        """Plan an audit and queue it; project and request id are filled in here."""
        message = new_audit_to_pb(replace(request, **self._identity(request.request_id)))
        with told(self.address):
            timeout = TIMING_S if request.validate_only else self._timeout_s
            answer = self._audits.CreateAudit(message, timeout=timeout)
        return cast("OperationView[AuditView]", operation_from_pb(answer))

    def audit(self, name: str) -> AuditView:
        """An audit as it stands."""
        with told(self.address):
            answer = self._audits.GetAudit(
                audit_pb.GetAuditRequest(name=name), timeout=self._timeout_s
            )
        return audit_from_pb(answer)

    def list_audits(self, query: AuditQuery | None = None) -> Iterator[AuditView]:
        """Every audit of the project that meets the query's conditions, newest first."""
        query = replace(query or AuditQuery(self.project, PAGE), project=self.project, after="")
        while True:
            with told(self.address):
                answer = self._audits.ListAudits(audits_query_to_pb(query), timeout=self._timeout_s)
            yield from audits_from_pb(answer).items
            if not answer.next_page_token:
                return
            query = replace(query, after=answer.next_page_token)

    def set_baseline(self, name: str, *, withdraw: bool = False) -> AuditView:
        """Make an audit what later ones of its subject are held against, or withdraw it."""
        request = audit_pb.SetBaselineRequest(name=name, withdraw=withdraw)
        with told(self.address):
            return audit_from_pb(self._audits.SetBaseline(request, timeout=self._timeout_s))

    def cancel_audit(self, name: str) -> AuditView:
        """Ask an audit to end; it stands as it stood when the service took note."""
        request = audit_pb.CancelAuditRequest(name=name, request_id=str(uuid4()))
        with told(self.address):
            return audit_from_pb(self._audits.CancelAudit(request, timeout=self._timeout_s))

    def delete_audit(self, name: str) -> None:
        """Remove an audit that has ended, with its files."""
        request = audit_pb.DeleteAuditRequest(name=name, request_id=str(uuid4()))
        with told(self.address):
            self._audits.DeleteAudit(request, timeout=self._timeout_s)

    def watch_audit(self, name: str, after: int = 0) -> Generator[EventView]:
        """Events behind ``after`` until the audit ends; a broken stream is taken up again.

        Closing it, or leaving it to be collected, ends the stream and cancels nothing.
        """
        failures = 0
        while True:
            try:
                for answer in self._watched_once(name, after):  # closed with this generator
                    failures, after = 0, max(after, answer.sequence)
                    event = event_from_pb(answer)
                    if event is not None:
                        yield event
            except AssayError as error:
                failures += 1
                if error.code not in _WORTH_A_TRY or failures >= WATCH_TRIES:
                    raise
                time.sleep(WATCH_PAUSE_S * 2 ** (failures - 1))
            else:
                return

    def _watched_once(self, name: str, after: int) -> Iterator[audit_pb.AuditEvent]:
        request = audit_pb.WatchAuditRequest(name=name, after_sequence=after)
        with closing(told_each(self.address, self._audits.WatchAudit(request))) as answers:
            yield from answers

    # -------------------------------------------------------------------------- operations

    def operation(self, name: str) -> OperationView[ResourceView]:
        """An operation as it stands."""
        request = operations_pb2.GetOperationRequest(name=name)
        with told(self.address):
            return operation_from_pb(self._operations.GetOperation(request, self._timeout_s))

    def wait_operation(
        self, operation: OperationView[Result], timeout_s: float | None = None
    ) -> Result:
        """What the operation makes, once it is done; its error is raised.

        UNREACHABLE when it is not done in time; the work goes on.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not operation.done:
            left = WAIT_S if end is None else min(WAIT_S, end - time.monotonic())
            if left <= 0:
                raise AssayError(
                    Code.UNREACHABLE,
                    f"{operation.name} was not done within {timeout_s} s.",
                    "It goes on; ask for it again later.",
                )
            operation = cast("OperationView[Result]", self._wait_once(operation.name, left))
        return self._result(operation)

    def cancel_operation(self, name: str) -> None:
        """Ask the work to end."""
        request = operations_pb2.CancelOperationRequest(name=name)
        with told(self.address):
            self._operations.CancelOperation(request, self._timeout_s)

    def _wait_once(self, name: str, seconds: float) -> OperationView[ResourceView]:
        timeout = Duration()
        timeout.FromNanoseconds(int(seconds * 1e9))
        request = operations_pb2.WaitOperationRequest(name=name, timeout=timeout)
        with told(self.address):
            answer = self._operations.WaitOperation(request, seconds + self._timeout_s)
        return operation_from_pb(answer)

    def _result(self, operation: OperationView[Result]) -> Result:
        if operation.problem is not None:
            raise operation.problem.as_error()
        if operation.result is None:
            raise AssayError(
                Code.INTERNAL, f"{operation.name} ended without a result.", "Try again."
            )
        return operation.result

    # --------------------------------------------------------------------- report and gate

    def report(self, query: ReportQuery) -> ReportView:
        """The report of an audit that has ended."""
        with told(self.address):
            answer = self._reports.GetReport(report_query_to_pb(query), timeout=self._timeout_s)
        return report_from_pb(answer)

    def evaluate_gate(self, query: GateQuery) -> GateView:
        """A verdict on evidence; nothing runs and nothing is kept."""
        message = gate_query_to_pb(replace(query, project=self.project))
        with told(self.address):
            return gate_view_from_pb(self._gate.EvaluateGate(message, timeout=self._timeout_s))

    def _identity(self, request_id: str) -> dict[str, str]:
        """Project and a request id that stays the same when the call is sent again."""
        return {"project": self.project, "request_id": request_id or str(uuid4())}


_WORTH_A_TRY = frozenset({Code.UNREACHABLE, Code.DRAINING, Code.STORE_UNAVAILABLE})


def _nobody(sent: int, total: int) -> None:
    """Nobody wants to know."""
