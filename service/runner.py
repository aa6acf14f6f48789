"""The loop of an audit in the API process: claim, plan, submit, commit, judge, render, finish."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import structlog

from analyzers.contract import Digest, Json, Shard
from service.audit_case import AuditCase, prepare
from service.audit_run import Account, Allowance, AuditRun, Kept, kept_to_json
from service.cache_misses import CacheMisses, to_keep
from service.closing import Closing, as_file, close
from service.core.brackets import brackets_of
from service.core.driver import Course, Step
from service.core.evidence import evidence_digest
from service.core.expectation import check_expectation
from service.errors import AssayError, Code, Kind, internal_error
from service.executors.interface import Executor, Progress, Result, limits_on, sandbox_told
from service.live import Live
from service.observe import CacheResult, Device, Metrics, Outcome, Profile, Stage, stage_of
from service.pace import Pace
from service.recalling import recalled
from service.rpc.ports import Progress as ProgressView
from service.settings import Settings
from service.store.blobs import Blobs
from service.store.catalogue import Catalogue
from service.store.queue import Queue
from service.store.records import Lease, NewReport, NewStep
from service.witnesses.bundles import Bundles

HEARTBEAT_SECONDS = 7.5
POLL_SECONDS = 5.0
log = structlog.get_logger()


class Runner:
    """Takes audits from the queue and sees each to exactly one end."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        queue: Queue,
        blobs: Blobs,
        executor: Executor,
        live: Live,
        metrics: Metrics,
    ) -> None:
        """Prepare; nothing is claimed before ``start``."""
        self._settings = settings
        self._catalogue = catalogue
        self._queue = queue
        self._blobs = blobs
        self._executor = executor
        self._live = live
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._draining = False
        self._bundles = Bundles()
        self._runs: dict[str, AuditRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether an audit is being worked on."""
        return bool(self._tasks)

    async def start(self) -> None:
        """Begin to claim."""
        self._loop = asyncio.create_task(self._claim_and_run())

    async def stop(self) -> None:
        """Stop claiming, end at a commit, give leases back without charging an attempt."""
        self._draining = True
        self._wake.set()
        for run in list(self._runs.values()):
            await run.give_up()
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=20)

    def wake(self) -> None:
        """There may be something to claim."""
        self._wake.set()

    async def cancelled(self, audit: str) -> None:
        """Somebody asked for the end of an audit; what is in flight is given up at once."""
        if audit in self._runs:
            await self._runs[audit].give_up()
        self._live.news(audit)

    async def _claim_and_run(self) -> None:
        while not self._draining:
            self._wake.clear()
            if len(self._tasks) < self._settings.audits_at_once:
                lease = await self._queue.claim(socket.gethostname())
                if lease is not None:
                    self._start(lease)
                    continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)

    def _start(self, lease: Lease) -> None:
        task = asyncio.create_task(self._see_through(lease))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    async def _see_through(self, lease: Lease) -> None:
        """Work on a claimed audit until it has its one end, or belongs to somebody else."""
        began = time.monotonic()
        beating = asyncio.create_task(self._heartbeat(lease))
        with self._metrics.jobs_running.track_inprogress():
            try:
                await self._work(lease)
            except AssayError as error:
                await self._end_badly(lease, error)
            except Exception:
                log.exception("audit failed", audit=lease.audit)
                await self._end_badly(lease, internal_error())
            finally:
                beating.cancel()
                self._runs.pop(lease.audit, None)
                self._live.ended(lease.audit)
        self._metrics.audit_seconds.observe(time.monotonic() - began)

    async def _heartbeat(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._beat(lease)
            except AssayError as error:
                # The lease outlives several beats, so one that the store refused is made up for.
                log.warning("heartbeat missed", audit=lease.audit, code=error.code.value)

    async def _beat(self, lease: Lease) -> None:
        kept = await self._queue.heartbeat(lease)
        row = await self._catalogue.audit(lease.project, lease.audit)
        run = self._runs.get(lease.audit)
        if run is not None and (not kept or row.cancel_requested):
            await run.give_up()

    async def _work(self, lease: Lease) -> None:
        started = datetime.now(UTC)
        case = await self._prepare(lease)
        await self._tell(lease, {"kind": "state", "state": "running"})
        fresh = bool(case.row.options["skip_cache"])
        memory = _StoreMemory(self._queue, self._blobs, lease, fresh=fresh)
        run = AuditRun(
            case.course,
            case.material,
            self._executor,
            memory,
            session=f"{lease.audit}.{lease.attempt}",
            allowance=Allowance(
                self._settings.threads,
                self._settings.unit_seconds,
                limits_on(self._executor.engine["device"], self._settings.limits),
            ),
        )
        self._runs[lease.audit] = run
        if case.row.cancel_requested:
            await run.give_up()
        await run.run(_Observer(self, lease, case), case.row.options.get("deadline_seconds"))
        finished = datetime.now(UTC)
        told = _run_facts(lease, case, started, finished)
        told["cut_by_deadline"] = run.late
        told["placement"] = dict(self._executor.placement)
        told["sandbox"] = sandbox_told(self._executor)
        with self._metrics.timed(Stage.RENDER):
            closing = await asyncio.to_thread(
                close, case, run.account, self._blobs, told, self._bundles
            )
        await self._finish(lease, closing)
        self._count(run.account)

    async def _prepare(self, lease: Lease) -> AuditCase:
        row = await self._catalogue.audit(lease.project, lease.audit)
        model = await self._catalogue.model(lease.project, row.model)
        data = await self._catalogue.eval_set(lease.project, row.eval_set)
        return await asyncio.to_thread(
            prepare, row, model, data, shelf=self._blobs, engine=self._executor.engine
        )

    async def _finish(self, lease: Lease, closing: Closing) -> None:
        evidence = await self._keep(lease, as_file(closing.evidence))
        page = await self._keep(lease, closing.page)
        await self._keep(lease, closing.samples)
        if closing.witnesses:
            await self._keep(lease, closing.witnesses)
        verdict = dict(closing.verdict) if closing.verdict is not None else {}
        word = str(verdict.get("verdict", ""))
        facts = evidence_digest(closing.evidence)
        report = NewReport(evidence, facts, verdict, page)
        told = {"kind": "finished", "state": "succeeded", "verdict": word or None}
        profile = await self._profile(lease)
        done = await self._queue.finish(
            lease,
            "SUCCEEDED",
            verdict=word,
            report=report,
            event={**told, "evidence_digest": facts},
        )
        if done:
            self._count_end(profile, Outcome.OK, closing)
            log.info("audit finished", audit=lease.audit, verdict=word, facts=facts)

    async def _keep(self, lease: Lease, data: bytes) -> Digest:
        digest = await self._blobs.put_bytes(data)
        await self._catalogue.own_blob(lease.project, digest, len(data))
        return digest

    async def _end_badly(self, lease: Lease, error: AssayError) -> None:
        if error.code is Code.CANCELLED and self._draining:
            await self._queue.give_back(lease)
            return
        cancelled = error.code is Code.CANCELLED
        state = "CANCELLED" if cancelled else "FAILED"
        profile = await self._profile(lease)
        await self._queue.finish(
            lease,
            state,
            verdict="" if cancelled else "ERROR",
            error=error.as_json(),
            event={"kind": "finished", "state": state.lower(), "problem": error.as_json()},
        )
        self._count_end(profile, Outcome.CANCELLED if cancelled else _outcome(error), None)
        log.info("audit ended", audit=lease.audit, code=error.code.value)

    def _count(self, account: Account) -> None:
        self._metrics.cache(CacheResult.HIT).inc(account.hits)
        self._metrics.cache(CacheResult.MISS).inc(account.misses)
        device = Device.CPU if self._executor.engine["device"] == "cpu" else Device.GPU
        self._metrics.forwards(device).inc(account.forwards)
        self._metrics.backwards(device).inc(account.backwards)

    async def _profile(self, lease: Lease) -> Profile:
        row = await self._catalogue.audit(lease.project, lease.audit)
        return Profile(row.options.get("profile") or Profile.NONE)

    def _count_end(self, profile: Profile, outcome: Outcome, closing: Closing | None) -> None:
        self._metrics.audits(profile, outcome).inc()
        if closing is None or closing.verdict is None:
            return
        self._metrics.verdicts(str(closing.verdict["verdict"]).lower()).inc()
        for one in closing.verdict["indicators"]:
            if one["state"] == "red":
                self._metrics.indicator_raised(one["metric"])

    async def _tell(self, lease: Lease, body: Mapping[str, Json]) -> None:
        await self._queue.append_event(lease, body)
        self._live.news(lease.audit)

    async def tell_commit(self, lease: Lease, case: AuditCase, step: Step) -> None:
        """One bracket a threat after each commit; kept, so that a watcher can resume."""
        for body in brackets_of(case.course, step.instance, case.claim):
            await self._tell(lease, body)

    def timed(self, step: Step) -> AbstractContextManager[None]:
        """Count the time of a step to its stage."""
        told = step.instance.analyzer.description
        return self._metrics.timed(stage_of(told.id, first=told.first))

    def tell_way(self, lease: Lease, pace: Pace) -> None:
        """How far the audit is, for the pages."""
        self._live.on_its_way(lease.audit, pace.way())

    def tell_progress(self, lease: Lease, step: Step, progress: Progress) -> None:
        """Work in flight."""
        way = self._live.way(lease.audit)
        view = ProgressView(
            step.shard.analyzer,
            progress.done,
            progress.total,
            progress.note,
            place=way.place,
            places=len(way.stages),
            seconds_left=way.left(time.monotonic()),
        )
        self._live.progress(lease.audit, view)


class _Observer:
    """What happens beside an audit's own course: brackets, progress, the expected accuracy."""

    def __init__(self, runner: Runner, lease: Lease, case: AuditCase) -> None:
        self._runner = runner
        self._lease = lease
        self._case = case
        self._pace = Pace(case.course)
        runner.tell_way(lease, self._pace)

    async def committed(self, course: Course, step: Step) -> None:
        self._pace.committed(step)
        self._runner.tell_way(self._lease, self._pace)
        check_expectation(course, step.instance, self._case.row.options["expected_accuracy"])
        await self._runner.tell_commit(self._lease, self._case, step)

    async def in_flight(self, step: Step, progress: Progress) -> None:
        self._runner.tell_progress(self._lease, step, progress)

    @contextlib.contextmanager
    def timed(self, step: Step) -> Generator[None]:
        with self._runner.timed(step), self._pace.timed():
            yield


class _StoreMemory:
    """The shard cache and the audit's steps, in the store."""

    def __init__(self, queue: Queue, blobs: Blobs, lease: Lease, *, fresh: bool) -> None:
        self._fresh = fresh
        self._queue = queue
        self._blobs = blobs
        self._lease = lease
        self._misses = CacheMisses(queue, lease.project, left_out=fresh)

    async def recall(self, keys: Sequence[Digest]) -> Mapping[Digest, Kept]:
        if self._fresh:
            return {}
        return await recalled(self._queue, self._blobs, self._lease.project, keys)

    async def why(self, key: Digest, shard: Shard) -> str:
        return await self._misses.why(key, shard)

    async def commit(self, key: Digest, shard: Shard, kept: Kept) -> None:
        step = NewStep(key, shard.analyzer, kept_to_json(kept))
        if not await self._queue.commit_step(self._lease, step, under=to_keep(shard)):
            raise AssayError(
                Code.CANCELLED,
                "Another worker took this audit over.",
                "Nothing is lost; follow the audit as before.",
            )

    async def keep(self, result: Result) -> None:
        for tensor in result.tensors.values():
            await self._blobs.adopt(tensor.path, tensor.digest)

    def path(self, blob: Digest) -> str:
        return str(self._blobs.local_path(blob))


def _run_facts(
    lease: Lease, case: AuditCase, started: datetime, finished: datetime
) -> dict[str, Json]:
    return {
        "audit": lease.audit,
        "attempts": lease.attempt,
        "created": case.row.create_time.isoformat(),
        "started": started.isoformat(),
        "finished": finished.isoformat(),
        "seconds": round((finished - started).total_seconds(), 3),
        "host": socket.gethostname(),
        "policy": case.row.policy,
        "may_stop_early": case.row.options["stop_early"],
    }


def _outcome(error: AssayError) -> Outcome:
    if error.code is Code.CHILD_TIMEOUT:
        return Outcome.TIMEOUT
    usable = error.kind not in (Kind.USAGE, Kind.UNUSABLE)
    return Outcome.SYSTEM_ERROR if usable else Outcome.USER_ERROR
