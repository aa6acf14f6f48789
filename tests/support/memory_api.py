# ruff: noqa: D102 - the port documents its methods
"""The service's port over dictionaries: honest about every rule of the port, but runs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from analyzers.contract import DataFacts, SubjectFacts
from service.errors import AssayError, Code
from service.rpc.names import Name, parse_name
from service.rpc.ports import (
    FINAL_STATES,
    Artifact,
    AuditQuery,
    AuditView,
    Capabilities,
    Estimate,
    EvalSetView,
    EventBody,
    EventView,
    FileRef,
    Finished,
    Format,
    GateQuery,
    GateView,
    ListQuery,
    LogLine,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    Page,
    Piece,
    Progress,
    ReportQuery,
    ReportView,
    ResourceView,
    UploadStatus,
    UploadTarget,
)

R = TypeVar("R", ModelView, EvalSetView, AuditView)
NOW = datetime(2026, 11, 21, 9, 30, 0, 125000, tzinfo=UTC)


class MemoryApi:
    """Implements ``service.rpc.ports.Api``; tests reach into its dictionaries."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[UploadTarget, bytearray] = {}
        self.rows: dict[str, ResourceView] = {}
        self.answers: dict[str, tuple[Any, Any]] = {}
        self.events: dict[str, list[EventView]] = {}
        self.received: list[Any] = []
        self.changes: dict[str, str] = {}
        self.bytes_received = 0
        self.shows_everything = False
        """As a service does that does not know what withholding is."""
        self.cut_after: int | None = None
        self.refuse_writes = False
        self.give_up_writes = 0
        self.break_reads_at: int | None = None
        self.lie_about: tuple[UploadTarget, int] | None = None
        self.plant: Exception | None = None
        self.watchers = 0
        self.watched: list[tuple[str, int]] = []
        self.waiters = 0
        self._moved = asyncio.Condition()

    # ------------------------------------------------------------------------------- blobs

    async def missing_blobs(self, project: str, files: Sequence[FileRef]) -> Sequence[FileRef]:
        self._note(files)
        return [file for file in files if (project, file.digest) not in self.blobs]

    async def write_blob(self, target: UploadTarget, pieces: AsyncIterator[Piece]) -> UploadStatus:
        self._note(target)
        if (target.project, target.file.digest) in self.blobs:
            return UploadStatus(target.file.size, complete=True)
        if self.refuse_writes:
            raise AssayError(Code.STORE_UNAVAILABLE, "The disk is away.", "Try again.")
        if self.give_up_writes:
            self.give_up_writes -= 1
            return await self.upload_status(target)
        body = self.uploads.setdefault(target, bytearray())
        async for piece in pieces:
            self._append(target, body, piece)
            if piece.finish:
                return self._finish(target, body)
        return UploadStatus(len(body), complete=False)

    def _append(self, target: UploadTarget, body: bytearray, piece: Piece) -> None:
        if piece.offset != len(body):
            raise AssayError(Code.UPLOAD_OFFSET_MISMATCH, "Not where it ended.", "Ask where.")
        if piece.offset + len(piece.data) > target.file.size:
            raise AssayError(Code.BLOB_TOO_LARGE, "More than announced.", "Announce it.")
        body += piece.data
        self.bytes_received += len(piece.data)
        if self.cut_after is not None and self.bytes_received >= self.cut_after:
            self.cut_after = None
            raise AssayError(Code.STORE_UNAVAILABLE, "The disk is away.", "Try again.")

    def _finish(self, target: UploadTarget, body: bytearray) -> UploadStatus:
        if len(body) < target.file.size:
            raise AssayError(Code.BLOB_TRUNCATED, "The end is missing.", "Send all of it.")
        del self.uploads[target]
        if hashlib.sha256(body).hexdigest() != target.file.digest:
            raise AssayError(Code.BLOB_DIGEST_MISMATCH, "Other bytes than announced.", "Hash anew.")
        self.blobs[target.project, target.file.digest] = bytes(body)
        return UploadStatus(len(body), complete=True)

    async def upload_status(self, target: UploadTarget) -> UploadStatus:
        self._note(target)
        if (target.project, target.file.digest) in self.blobs:
            return UploadStatus(target.file.size, complete=True)
        if self.lie_about is not None and self.lie_about[0] == target:
            return UploadStatus(self.lie_about[1], complete=False)
        return UploadStatus(len(self.uploads.get(target, b"")), complete=False)

    async def read_blob(
        self, project: str, digest: str, *, offset: int, limit: int
    ) -> AsyncGenerator[bytes, None]:
        self._note(digest)
        body = self._blob(project, digest)[offset:]
        body = body[:limit] if limit else body
        for number, start in enumerate(range(0, len(body), 1 << 20)):
            if number == self.break_reads_at:
                raise AssayError(Code.STORE_UNAVAILABLE, "The disk is away.", "Try again.")
            yield body[start : start + (1 << 20)]

    def _blob(self, project: str, digest: str) -> bytes:
        if (project, digest) not in self.blobs:
            raise AssayError(Code.BLOB_MISSING, "No such blob.", "Send it.", digest=digest)
        return self.blobs[project, digest]

    # ------------------------------------------------------------------------------ models

    async def create_model(self, request: NewModel) -> ModelView:
        return self._once(request, lambda: self._new_model(request))

    def _new_model(self, request: NewModel) -> ModelView:
        self._blob(request.project, request.file.digest)
        name = Name(request.project, "models", uuid4().hex)
        view = ModelView(
            name=str(name),
            file=request.file,
            state="succeeded",
            created=NOW,
            ended=NOW,
            input_spec=request.input_spec,
            display_name=request.display_name,
            format=request.format or "onnx",
            canonical_digest="c" * 64,
            facts=SubjectFacts("d" * 64, 10, (3, 32, 32)),
        )
        self.rows[view.name] = view
        return view

    async def model(self, name: str) -> ModelView:
        return self._row(name, ModelView)

    async def models(self, query: ListQuery) -> Page[ModelView]:
        return self._page(query, self._all(query.project, ModelView))

    async def delete_model(self, name: str, request_id: str) -> None:
        self._delete(name, ModelView, request_id)

    # --------------------------------------------------------------------- evaluation sets

    async def create_eval_set(self, request: NewEvalSet) -> EvalSetView:
        return self._once(request, lambda: self._new_eval_set(request))

    def _new_eval_set(self, request: NewEvalSet) -> EvalSetView:
        self._blob(request.project, request.file.digest)
        low, high = request.rows or (0, 500)
        view = EvalSetView(
            name=str(Name(request.project, "evalSets", uuid4().hex)),
            file=request.file,
            state="succeeded",
            created=NOW,
            ended=NOW,
            rows=request.rows,
            reading=request.reading,
            withheld=request.withheld and not self.shows_everything,
            display_name=request.display_name,
            format="npz",
            facts=DataFacts("e" * 64, high - low, 10, eight_bit=True),
        )
        self.rows[view.name] = view
        return view

    async def eval_set(self, name: str) -> EvalSetView:
        return self._row(name, EvalSetView)

    async def eval_sets(self, query: ListQuery) -> Page[EvalSetView]:
        return self._page(query, self._all(query.project, EvalSetView))

    async def delete_eval_set(self, name: str, request_id: str) -> None:
        self._delete(name, EvalSetView, request_id)

    # ------------------------------------------------------------------------------ audits

    async def create_audit(self, request: NewAudit) -> AuditView:
        return self._once(request, lambda: self._new_audit(request))

    def _new_audit(self, request: NewAudit) -> AuditView:
        self._row(request.model, ModelView)
        self._row(request.eval_set, EvalSetView)
        view = AuditView(
            name="",
            model=request.model,
            eval_set=request.eval_set,
            state="queued",
            created=NOW,
            profile=request.profile,
            subject=request.subject,
            seed=request.seed or 0,
            analyzers=list(request.analyzers),
            policy_digest=hashlib.sha256(request.policy.encode()).hexdigest(),
        )
        if request.validate_only:
            return replace(view, estimate=Estimate(units=12, images=500, seconds=34.5))
        view = replace(view, name=str(Name(request.project, "audits", uuid4().hex)))
        self.rows[view.name] = view
        self.events[view.name] = []
        return view

    async def audit(self, name: str) -> AuditView:
        return self._row(name, AuditView)

    async def set_baseline(self, name: str, *, withdraw: bool) -> AuditView:
        view = replace(self._row(name, AuditView), baseline_since=None if withdraw else NOW)
        self.rows[name] = view
        return view

    async def audits(self, query: AuditQuery) -> Page[AuditView]:
        wanted = [
            view
            for view in self._all(query.project, AuditView)
            if (not query.model or view.model == query.model)
            and (not query.baselines or view.baseline_since is not None)
            and (not query.eval_set or view.eval_set == query.eval_set)
            and (not query.states or view.state in query.states)
            and (not query.verdicts or view.verdict in query.verdicts)
        ]
        return self._page(query, wanted)

    async def delete_audit(self, name: str, request_id: str) -> None:
        if self._row(name, AuditView).state not in FINAL_STATES:
            raise AssayError(Code.NOT_READY, "It still runs.", "Cancel it first.")
        self._delete(name, AuditView, request_id)

    async def watch(self, name: str, after: int) -> AsyncGenerator[EventView, None]:
        self.watched.append((name, after))
        self._row(name, AuditView)
        self.watchers += 1
        try:
            for place in itertools.count():
                event = await self._event(name, place)
                if event.sequence > after:
                    yield event
                if isinstance(event.body, Finished):
                    return
        finally:
            self.watchers -= 1

    async def _event(self, name: str, place: int) -> EventView:
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.events[name]) > place)
        return self.events[name][place]

    async def happen(self, name: str, body: EventBody) -> None:
        """What the runner would do: an event, and the row that goes with it."""
        row = self._row(name, AuditView)
        sequence = row.sequence + (not isinstance(body, Progress))
        row = replace(row, sequence=sequence)
        if isinstance(body, Finished):
            row = replace(row, state=body.state, verdict=body.verdict, problem=body.problem)
        self.rows[name] = row
        async with self._moved:
            self.events[name].append(EventView(sequence, NOW, body))
            self._moved.notify_all()

    async def tell(self, name: str, text: str) -> None:
        """A log line, the smallest kept event."""
        await self.happen(name, LogLine("info", text))

    # ------------------------------------------------------------------------------- works

    async def wait(self, name: str, timeout_s: float) -> ResourceView:
        self._one(name)
        self.waiters += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self.rows[name].state in FINAL_STATES)
        self.waiters -= 1
        return self.rows[name]

    async def cancel(self, name: str, request_id: str) -> ResourceView:
        view = self._one(name)
        self.changes[name] = request_id
        if view.state not in FINAL_STATES:
            await self.happen(name, Finished("cancelled"))
        return self.rows[name]

    # --------------------------------------------------------------------- report and gate

    async def report(self, query: ReportQuery) -> ReportView:
        self._note(query)
        audit = self._row(query.audit, AuditView)
        if audit.state not in FINAL_STATES:
            raise AssayError(Code.NOT_READY, "It still runs.", "Wait for its end.")
        project = parse_name(query.audit).project
        room, artifacts = query.inline_limit, list[Artifact]()
        for name, body in (("evidence.json", b'{"facts":{}}'), ("report.html", b"<p>" * 500_000)):
            if query.artifacts and name not in query.artifacts:
                continue
            digest = hashlib.sha256(body).hexdigest()
            self.blobs[project, digest] = body
            fits = len(body) <= room
            room -= len(body) if fits else 0
            media = "text/html" if name.endswith("html") else "application/json"
            artifacts.append(
                Artifact(name, media, FileRef(digest, len(body)), body if fits else None)
            )
        return ReportView(query.audit, audit.verdict, "It passed.", artifacts)

    async def evaluate_gate(self, query: GateQuery) -> GateView:
        self._note(query)
        word = "FAIL" if b"broken" in query.evidence else "PASS"
        return GateView(word, f"Verdict: {word}.", b"{}", "1" * 64, "2" * 64)

    async def capabilities(self) -> Capabilities:
        self._note("capabilities")
        return Capabilities(
            version="0.1.0",
            formats=[Format("onnx", "ONNX")],
            architectures=[],
            analyzers=[],
            threats=["Linf"],
            sandbox_level="L2",
            engine={"device": "cpu"},
            providers=["CPUExecutionProvider"],
        )

    # ---------------------------------------------------------------------------- plumbing

    def _note(self, request: object) -> None:
        """Remember what came in; let a planted error out."""
        self.received.append(request)
        if self.plant is not None:
            raise self.plant

    def _once(self, request: Any, make: Callable[[], R]) -> R:  # noqa: ANN401 - any New...
        """The first answer again for a request id that came before with the same wish."""
        self._note(request)
        key = request.request_id
        if key in self.answers:
            before, answer = self.answers[key]
            if before != request:
                raise AssayError(Code.REQUEST_ID_REUSED, "Another wish.", "Use a new id.")
            return answer
        answer = make()
        if key:
            self.answers[key] = (request, answer)
        return answer

    def _one(self, name: str) -> ResourceView:
        self._note(name)
        if name not in self.rows:
            raise AssayError(Code.NOT_FOUND, f"There is no {name}.", "List what there is.")
        return self.rows[name]

    def _row(self, name: str, kind: type[R]) -> R:
        view = self._one(name)
        assert isinstance(view, kind)
        return view

    def _all(self, project: str, kind: type[R]) -> list[R]:
        prefix = f"projects/{project}/"
        rows = [row for row in self.rows.values() if isinstance(row, kind)]
        return [row for row in reversed(rows) if row.name.startswith(prefix)]

    def _page(self, query: ListQuery, rows: list[R]) -> Page[R]:
        self._note(query)
        start = int(query.after or 0)
        end = start + query.limit
        return Page(rows[start:end], str(end) if end < len(rows) else "")

    def _delete(self, name: str, kind: type[R], request_id: str) -> None:
        self._row(name, kind)
        self.changes[name] = request_id
        del self.rows[name]
