"""The drive of an audit: what is committed in which order, remembered, resumed and given up."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import (
    Analyzer,
    Case,
    Done,
    InputSpec,
    Json,
    Measurement,
    MetricSpec,
    Shard,
    Stop,
    Unit,
)
from service.audit_run import (
    Allowance,
    AuditRun,
    Kept,
    Material,
    kept_from_json,
    kept_of,
    kept_to_json,
)
from service.core.cache_reasons import NEVER
from service.core.canonical import digest
from service.core.driver import Course, Step, instances_for
from service.core.permutation import permutation
from service.core.policy import parse_policy
from service.errors import AssayError, Code
from service.executors.interface import Progress, Request, Result, Tensor
from support.in_process import Heard, InMemory, Shelf
from support.running import policy
from support.toys import CATALOGUE, CLEAN, a_case, clean_merge, toy_done

N = 70
IDS = [f"{place:064x}" for place in range(N)]


class ToyJob:
    """A job with a known end: progress, then a result or an error."""

    def __init__(self, executor: "ToyExecutor", request: Request) -> None:
        """Wait to be read."""
        self.cancelled = False
        self._executor = executor
        self._request = request

    async def events(self) -> AsyncIterator[Progress | Result]:
        """What the executor was told to let happen."""
        yield Progress(1, 2, "halfway")
        await self._executor.while_running(self)
        if self.cancelled:
            raise AssayError(Code.CANCELLED, "The work was cancelled.", "Start it again.")
        if self._executor.silent:
            return
        yield self._executor.result(self._request)

    async def cancel(self) -> None:
        """Give it up."""
        self.cancelled = True


class ToyExecutor:
    """Answers with the toys' known states, and with a tensor for every unit."""

    engine: Mapping[str, str] = {"device": "toy"}
    placement: Mapping[str, str] = {"device": "toy"}
    sandbox_level = 0
    sandbox_gap = ""

    def __init__(
        self,
        spool: Path,
        *,
        fails_at: int = -1,
        fails_with: Code = Code.CHILD_CRASHED,
        silent: bool = False,
    ) -> None:
        """Fail at the given request, counted from 0."""
        self._fails_with = fails_with
        self.requests: list[Request] = []
        self.closed: list[str] = []
        self.silent = silent
        self.retries = 0
        self.interrupt: Callable[[ToyJob], Any] | None = None
        self._spool = spool
        self._fails_at = fails_at

    async def start(self) -> None:
        """Be ready."""

    async def stop(self) -> None:
        """End."""

    async def submit(self, request: Request) -> ToyJob:
        """Take a request that could travel as JSON."""
        json.dumps(request.body, allow_nan=False)
        self.requests.append(request)
        return ToyJob(self, request)

    async def close_session(self, session: str) -> None:
        """Note it."""
        self.closed.append(session)

    async def while_running(self, job: ToyJob) -> None:
        """Interrupt, or fail, as told."""
        if self.interrupt is not None:
            await self.interrupt(job)
        if len(self.requests) - 1 == self._fails_at:
            raise AssayError(self._fails_with, "It died, twice in a row.", "Run it again.")

    def result(self, request: Request) -> Result:
        """The toy's answer to one shard."""
        shard = Shard.from_json(request.body["shard"])
        unit = Unit(shard.rows, shard.params, shard.inputs)
        done = toy_done(unit, shard.analyzer)
        facts = {
            "outcome": done.outcome,
            "numbers": {"low": shard.rows[0]},
            "samples": done.samples,
            "passes": done.passes,
            "note": "",
        }
        return Result(facts, {"shade": self._tensor(shard)}, self.retries)

    def _tensor(self, shard: Shard) -> Tensor:
        value = np.arange(shard.rows[0], shard.rows[1], dtype=np.float32)
        raw = value.tobytes()
        name = hashlib.sha256(raw).hexdigest()
        (self._spool / name).write_bytes(raw)
        return Tensor("float32", value.shape, name, len(raw), self._spool / name)


class Bench:
    """One toy audit, over an executor and a memory that may outlive it."""

    def __init__(
        self,
        home: Path,
        *,
        memory: InMemory | None = None,
        catalogue: Sequence[Analyzer] = CATALOGUE,
        **executor: Any,  # noqa: ANN401 - passed on
    ) -> None:
        """Prepare an audit with nothing done."""
        home.mkdir(parents=True, exist_ok=True)
        self.memory = memory or InMemory(Shelf(home / "shelf"))
        self.executor = ToyExecutor(home, **executor)
        wanted: dict[str, dict[str, Json]] = {one.description.id: {} for one in catalogue}
        rules = parse_policy(policy(), CATALOGUE) if catalogue is CATALOGUE else None
        found = instances_for(catalogue, rules, None if rules else wanted)
        self.course = Course(a_case(N), found, seed=3, engine="toy", stops={})
        material = Material(
            model="/model",
            images="/images",
            labels="/labels",
            ids=IDS,
            dtype="uint8",
            shape=[N, 3, 4, 4],
            input_spec=InputSpec(),
        )
        self.run = AuditRun(
            self.course,
            material,
            self.executor,
            self.memory,
            session="bench",
            allowance=Allowance(threads=2, unit_seconds=9.0, limits={"memory": 1}),
        )

    def drive(self, observer: Heard | None = None) -> Heard:
        """Run to the end."""
        heard = observer or Heard()
        asyncio.run(self.run.run(heard))
        return heard

    def whole(self) -> "Bench":
        """This audit, driven to its end."""
        self.drive()
        return self

    @property
    def outcome(self) -> list[Sequence[Measurement]]:
        """All that was measured."""
        return [self.course.measurements(one) for one in self.course.instances]


def test_each_unit_is_recalled_kept_and_committed_in_this_order(tmp_path: Path) -> None:
    """No result enters the memory before its tensors lie in the store."""
    bench = Bench(tmp_path)
    heard = bench.drive()
    verbs = [verb for verb, _ in bench.memory.calls]
    assert verbs == ["recall", "keep", "commit"] * len(heard.steps)
    assert len(heard.steps) == len(heard.timings) == len(bench.executor.requests) == 8


def test_steps_come_in_the_order_of_the_course(tmp_path: Path) -> None:
    """What must be first is first, then block after block."""
    heard = Bench(tmp_path).drive()
    told = [(step.shard.analyzer, step.unit.rows) for step in heard.steps]
    edges = [(0, 20), (20, 40), (40, 60), (60, 70)]
    assert told == [(name, rows) for name in ("behaviour.toy", "attacks.toy") for rows in edges]


def test_requests_carry_the_permuted_positions_with_their_ids(tmp_path: Path) -> None:
    """Rows of a unit are read through the permutation; ids are those of the positions."""
    bench = Bench(tmp_path)
    bench.drive()
    order = permutation(IDS, 3)
    for request in bench.executor.requests:
        low, high = request.body["shard"]["rows"]
        assert request.body["positions"] == order[low:high]
        assert request.body["ids"] == [IDS[position] for position in order[low:high]]


def test_requests_carry_limits_session_and_opening(tmp_path: Path) -> None:
    """Resources travel beside the body, and every job of an audit shares one opening."""
    bench = Bench(tmp_path)
    bench.drive()
    first = bench.executor.requests[0]
    assert (first.session, first.seconds, first.limits) == ("bench", 9.0, {"memory": 1})
    assert {json.dumps(one.opening.body) for one in bench.executor.requests if one.opening} == {
        json.dumps(
            {
                "subject": bench.course.case.subject.as_json(),
                "input_spec": InputSpec().as_json(),
                "images": {"dtype": "uint8", "shape": [N, 3, 4, 4]},
                "threads": 2,
                "device": "toy",
            }
        )
    }
    assert first.opening is not None
    assert set(first.opening.files) == {"model", "images", "labels"}


def test_progress_reaches_the_observer(tmp_path: Path) -> None:
    """Every word of a job on its way is passed on."""
    heard = Bench(tmp_path).drive()
    assert heard.progress == [Progress(1, 2, "halfway")] * 8


def test_remembered_units_are_not_measured_again(tmp_path: Path) -> None:
    """A second audit over the same memory submits nothing, times nothing and finds the same."""
    first = Bench(tmp_path)
    first.drive()
    again = Bench(tmp_path, memory=first.memory)
    heard = again.drive()
    assert again.executor.requests == []
    assert heard.timings == []
    assert [one.instance.key for one in heard.steps] == [one.key for one in again.course.instances]
    assert (again.run.account.hits, again.run.account.misses) == (8, 0)
    assert again.run.account.blobs == first.run.account.blobs
    assert again.outcome == first.outcome


def test_others_are_served_between_units_that_are_known(tmp_path: Path) -> None:
    """However many are known: a memory that never waits must not keep the service from others."""
    first = Bench(tmp_path / "first").whole()
    again = Bench(tmp_path / "again", memory=first.memory)
    turns: list[int] = []

    async def race() -> None:
        async def others() -> None:
            while True:
                turns.append(again.run.account.hits)
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        await again.run.run(Heard())
        beside.cancel()

    asyncio.run(race())
    assert set(turns) >= set(range(1, len(first.executor.requests) + 1))


def test_every_unit_that_was_not_known_has_a_reason(tmp_path: Path) -> None:
    """Reasons are counted by analyzer, as many as there are misses; what is known needs none."""
    first = Bench(tmp_path).whole()
    reasons = first.run.account.reasons
    assert reasons.total() == first.run.account.misses == 8
    assert {name for name, _ in reasons} == {"behaviour.toy", "attacks.toy"}
    assert reasons["attacks.toy", NEVER] == reasons["behaviour.toy", NEVER] == 1
    again = Bench(tmp_path, memory=first.memory).whole()
    assert again.run.account.reasons.total() == 0


def test_account_names_each_tensor_by_its_place(tmp_path: Path) -> None:
    """Analyzer, name and rows tell tensors of one audit apart."""
    bench = Bench(tmp_path)
    bench.drive()
    assert len(bench.run.account.blobs) == 8
    name = bench.run.account.blobs["behaviour.toy/shade@20-40"]
    raw = bench.memory.shelf.local_path(name).read_bytes()
    assert np.frombuffer(raw, np.float32).tolist() == list(range(20, 40))


@pytest.mark.parametrize("fails_at", range(8))
def test_an_audit_that_broke_off_goes_on_where_it_stopped(tmp_path: Path, fails_at: int) -> None:
    """What was committed before the failure is there for the next run; the rest is measured."""
    whole = Bench(tmp_path / "whole")
    whole.drive()
    broken = Bench(tmp_path / "broken", fails_at=fails_at)
    with pytest.raises(AssayError) as caught:
        broken.drive()
    assert caught.value.code is Code.CHILD_CRASHED
    assert len(broken.memory.known) == fails_at
    again = Bench(tmp_path / "broken", memory=broken.memory)
    again.drive()
    assert (again.run.account.hits, again.run.account.misses) == (fails_at, 8 - fails_at)
    assert again.outcome == whole.outcome
    assert again.run.account.blobs == whole.run.account.blobs


def test_retries_of_the_executor_are_summed(tmp_path: Path) -> None:
    """Each result says how often its child died; the account adds them up."""
    bench = Bench(tmp_path)
    bench.executor.retries = 1
    bench.drive()
    assert bench.run.account.retries == 8


def test_a_job_without_a_result_is_an_error(tmp_path: Path) -> None:
    """An executor that falls silent never counts as a measurement."""
    bench = Bench(tmp_path, silent=True)
    with pytest.raises(RuntimeError, match="without a result"):
        bench.drive()
    assert bench.memory.known == {}


class Refusing(Heard):
    """An observer that ends the audit at its third commit."""

    async def committed(self, course: Course, step: Step) -> None:
        """Raise at the third."""
        await super().committed(course, step)
        if len(self.steps) == 3:
            raise AssayError(Code.PREPROCESSING_MISMATCH, "It was fed wrongly.", "Feed it well.")


def test_observer_may_end_the_audit_and_what_is_committed_stays(tmp_path: Path) -> None:
    """The step that the observer refused is in the memory already."""
    bench = Bench(tmp_path)
    with pytest.raises(AssayError):
        bench.drive(Refusing())
    assert len(bench.memory.known) == 3


def ends_well(bench: Bench) -> None:
    """Run to the end."""
    bench.drive()


def ends_refused(bench: Bench) -> None:
    """Run until the observer refuses."""
    with pytest.raises(AssayError):
        bench.drive(Refusing())


def ends_crashed(bench: Bench) -> None:
    """Run until a job fails."""
    bench.executor.interrupt = _crash
    with pytest.raises(ZeroDivisionError):
        bench.drive()


async def _crash(job: ToyJob) -> None:
    del job
    raise ZeroDivisionError


@pytest.mark.parametrize("ending", [ends_well, ends_refused, ends_crashed])
def test_session_is_closed_once_whatever_happens(
    tmp_path: Path, ending: Callable[[Bench], None]
) -> None:
    """No end of an audit leaves its child behind."""
    bench = Bench(tmp_path)
    ending(bench)
    assert bench.executor.closed == ["bench"]


def test_giving_up_in_flight_cancels_the_job_and_keeps_the_rest(tmp_path: Path) -> None:
    """The unit under way is lost; every commit before it is kept, and a later run resumes."""
    bench = Bench(tmp_path)

    async def give_up(job: ToyJob) -> None:
        if len(bench.executor.requests) == 4:
            await bench.run.give_up()
            assert job.cancelled

    bench.executor.interrupt = give_up
    with pytest.raises(AssayError) as caught:
        bench.drive()
    assert caught.value.code is Code.CANCELLED
    assert len(bench.memory.known) == 3
    assert bench.executor.closed == ["bench"]
    again = Bench(tmp_path, memory=bench.memory)
    again.drive()
    assert again.run.account.hits == 3


class GivingUp(Heard):
    """An observer at whose second commit somebody cancels the audit."""

    bench: Bench

    async def committed(self, course: Course, step: Step) -> None:
        """Give up at the second."""
        await super().committed(course, step)
        if len(self.steps) == 2:
            await self.bench.run.give_up()


def test_giving_up_between_two_units_ends_at_the_commit(tmp_path: Path) -> None:
    """With nothing in flight the audit ends before its next unit is asked for."""
    bench, heard = Bench(tmp_path), GivingUp()
    heard.bench = bench
    with pytest.raises(AssayError) as caught:
        bench.drive(heard)
    assert caught.value.code is Code.CANCELLED
    assert len(heard.steps) == len(bench.executor.requests) == 2


def test_giving_up_before_the_start_measures_nothing(tmp_path: Path) -> None:
    """A run that was given up is not begun."""
    bench = Bench(tmp_path)
    asyncio.run(bench.run.give_up())
    with pytest.raises(AssayError):
        bench.drive()
    assert bench.executor.requests == []
    assert bench.executor.closed == ["bench"]


def test_giving_up_after_the_last_commit_changes_nothing(tmp_path: Path) -> None:
    """What is over cannot be cancelled."""
    bench = Bench(tmp_path)
    bench.drive()
    asyncio.run(bench.run.give_up())
    assert len(bench.memory.known) == 8


class Stale(InMemory):
    """A memory whose writer has lost its lease."""

    async def commit(self, key: str, shard: Shard, kept: Kept) -> None:
        """Refuse."""
        del key, shard, kept
        raise AssayError(Code.CANCELLED, "Another run has taken over.", "Watch that one.")


def test_a_run_that_may_not_write_commits_nothing(tmp_path: Path) -> None:
    """A refused commit ends the run; the observer never hears of it."""
    bench, heard = Bench(tmp_path, memory=Stale(Shelf(tmp_path / "stale"))), Heard()
    with pytest.raises(AssayError):
        bench.drive(heard)
    assert heard.steps == []
    assert not bench.course.done(bench.course.instances[0])


# --- a unit that takes another unit's tensor ---


def chained_plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit, and a second one over the tensor that the first one left."""
    del case, config, stop
    if not done:
        return [Unit((0, 20))]
    return [Unit((20, 40), inputs={"before": done[0].blobs["shade"]})] if len(done) == 1 else ()


CHAINED = Analyzer(
    replace(CLEAN.description, id="behaviour.chained"), chained_plan, clean_merge, "none:none"
)


@pytest.mark.parametrize("remembered", [False, True])
def test_inputs_of_a_unit_are_tensors_of_an_earlier_one(tmp_path: Path, remembered: bool) -> None:
    """The later request names file, type and shape, measured just now or remembered alike."""
    memory = InMemory(Shelf(tmp_path / "shelf"))
    if remembered:
        with pytest.raises(AssayError):
            Bench(tmp_path, memory=memory, catalogue=[CHAINED], fails_at=1).drive()
        assert len(memory.known) == 1
    bench = Bench(tmp_path, memory=memory, catalogue=[CHAINED])
    bench.drive()
    last = bench.executor.requests[-1]
    assert len(bench.executor.requests) == (1 if remembered else 2)
    assert last.body["inputs"]["before"]["dtype"] == "float32"
    assert list(last.body["inputs"]["before"]["shape"]) == [20]
    kept = np.fromfile(last.files["before"], np.float32)
    assert kept.tolist() == list(range(20))


def test_inputs_enter_the_key(tmp_path: Path) -> None:
    """The digest of what a unit takes decides its result, so it is part of its shard."""
    bench = Bench(tmp_path, catalogue=[CHAINED])
    last = bench.drive().steps[-1].shard
    other = replace(last, inputs={"before": "0" * 64})
    assert digest(last.as_json()) != digest(other.as_json())


# --- a lens that cannot answer ---

EXPLAINS = replace(
    CLEAN,
    description=replace(
        CLEAN.description,
        id="behaviour.lens",
        metrics=(MetricSpec("lens.seen", "An explanation and no more."),),
        first=False,
    ),
)
AFTER = replace(CLEAN, description=replace(CLEAN.description, id="behaviour.after", first=False))


@pytest.mark.parametrize("fails_at", [0, 2])
def test_an_audit_goes_on_without_what_only_explains(tmp_path: Path, fails_at: int) -> None:
    """Its metrics say which error took them; all others are as ever, and a next run tries again."""
    bench = Bench(tmp_path, catalogue=[EXPLAINS, AFTER], fails_at=fails_at)
    bench.drive()
    lens, after = bench.outcome
    (told,) = lens
    assert (told.metric, told.outcome, told.value) == ("lens.seen", "error", None)
    assert told.note.startswith("CHILD_CRASHED: It died")
    assert after == Bench(tmp_path / "alone", catalogue=[AFTER]).whole().outcome[0]
    assert len(bench.executor.requests) == fails_at + 1 + 4, "nothing more is asked of it"
    again = Bench(tmp_path, memory=bench.memory, catalogue=[EXPLAINS, AFTER]).whole()
    assert again.outcome[0][0].outcome != "error"


@pytest.mark.parametrize("code", [Code.CHILD_OVERFLOW, Code.CHILD_PROTOCOL, Code.BLOB_MISSING])
def test_control_a_child_that_lies_ends_the_audit(tmp_path: Path, code: Code) -> None:
    """Whoever breaks the protocol may not be believed in anything else."""
    bench = Bench(tmp_path, catalogue=[EXPLAINS, AFTER], fails_at=1, fails_with=code)
    with pytest.raises(AssayError) as caught:
        bench.drive()
    assert caught.value.code is code


def test_what_decides_is_never_gone_without(tmp_path: Path) -> None:
    """Neither judged metrics nor indicators, whoever asks for it."""
    bench = Bench(tmp_path)
    for instance in bench.course.instances:
        with pytest.raises(ValueError, match="no going on without it"):
            bench.course.abandon(instance, "an excuse")


# --- what is kept, as JSON ---

WORDS = st.text("abcxyz:-_", min_size=1, max_size=8)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(NUMBERS, st.text(max_size=8), st.booleans(), st.none())
UNITS = st.builds(
    Unit,
    st.tuples(st.integers(0, 400), st.integers(0, 400)),
    st.dictionaries(WORDS, SCALARS, max_size=3),
    st.dictionaries(WORDS, HEX, max_size=3),
)
DONES = st.builds(
    Done,
    UNITS,
    st.sampled_from(["measured", "not_applicable", "not_available", "out_of_budget", "error"]),
    st.dictionaries(WORDS, NUMBERS, max_size=3),
    st.dictionaries(WORDS, st.lists(SCALARS, max_size=5), max_size=3),
    st.dictionaries(WORDS, HEX, max_size=3),
    st.dictionaries(st.sampled_from(["forward", "backward"]), st.integers(0, 10**9)),
    st.text(max_size=20),
)
SHAPES = st.lists(st.integers(0, 2**40), max_size=4)
KEPT = st.builds(
    Kept,
    DONES,
    st.dictionaries(HEX, st.tuples(st.sampled_from(["float32", "int64"]), SHAPES), max_size=3),
)


@given(KEPT)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_kept_comes_back_as_it_was(kept: Kept) -> None:
    """Through JSON text and back nothing of a result is lost or changed."""
    text = json.dumps(kept_to_json(kept), allow_nan=False)
    again = kept_from_json(json.loads(text))
    assert again == kept
    assert json.dumps(kept_to_json(again), allow_nan=False) == text


def test_seconds_are_a_hint_and_not_kept() -> None:
    """The hint for scheduling is no part of a result."""
    done = Done(Unit((0, 1), seconds=5.0), "measured", {}, {}, {}, {})
    assert "seconds" not in json.dumps(kept_to_json(Kept(done, {})))


def test_fresh_result_is_kept_by_digest(tmp_path: Path) -> None:
    """Two tensors with equal bytes are one blob under two names."""
    tensor = Tensor("float32", (2, 2), "a" * 64, 16, tmp_path)
    facts: dict[str, Json] = {
        "outcome": "measured",
        "numbers": {},
        "samples": {},
        "passes": {},
        "note": "so",
    }
    kept = kept_of(Unit((0, 2)), Result(facts, {"one": tensor, "two": tensor}, 0))
    assert kept.done.blobs == {"one": "a" * 64, "two": "a" * 64}
    assert kept.tensors == {"a" * 64: ("float32", (2, 2))}
    assert kept.done.note == "so"


class Timed(Heard):
    """An observer whose clock is looked at."""

    running: int = 0

    @contextlib.contextmanager
    def timed(self, step: Step) -> Generator[None]:
        """Count who is inside."""
        self.running += 1
        try:
            with super().timed(step):
                yield
        finally:
            self.running -= 1

    async def in_flight(self, step: Step, progress: Progress) -> None:
        """Progress is only heard while the clock runs."""
        assert self.running == 1
        await super().in_flight(step, progress)

    async def committed(self, course: Course, step: Step) -> None:
        """A commit is made after the clock has stopped."""
        assert self.running == 0
        await super().committed(course, step)


def test_clock_runs_while_a_unit_is_measured_and_no_longer(tmp_path: Path) -> None:
    """Timing covers the job and neither the store nor the commit, also where a job fails."""
    heard = Timed()
    Bench(tmp_path / "well").drive(heard)
    assert len(heard.progress) == 8
    with pytest.raises(AssayError):
        Bench(tmp_path / "ill", fails_at=2).drive(heard)
    assert heard.running == 0


def late_at(bench: Bench, request: int) -> None:
    """Let the time be over while this request is in flight."""

    async def ring(job: ToyJob) -> None:
        if len(bench.executor.requests) == request:
            while not job.cancelled:
                await asyncio.sleep(0.001)

    bench.executor.interrupt = ring


def test_a_deadline_ends_at_a_commit_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """The unit in flight is lost, all before it is measured, and nothing is an error."""
    bench = Bench(tmp_path)
    late_at(bench, 7)
    asyncio.run(bench.run.run(Heard(), seconds=0.05))
    assert bench.run.late
    assert len(bench.memory.known) == 6
    assert bench.executor.closed == ["bench"]
    attack = next(one for one in bench.course.instances if one.config)
    (found,) = [one for one in bench.course.measurements(attack) if one.bound == "upper"]
    assert (found.counts["prefix"], found.counts["population"]) == (40, N)
    again = Bench(tmp_path, memory=bench.memory)
    again.drive()
    assert again.run.account.hits == 6
    assert again.outcome == Bench(tmp_path / "other").whole().outcome


def test_a_deadline_that_is_far_changes_nothing(tmp_path: Path) -> None:
    """Whoever is done before it was never late."""
    bench = Bench(tmp_path)
    asyncio.run(bench.run.run(Heard(), seconds=600.0))
    assert not bench.run.late
    assert bench.outcome == Bench(tmp_path / "other").whole().outcome


def test_a_deadline_hides_no_cancellation(tmp_path: Path) -> None:
    """Who gives an audit up after its time is over hears that it was cancelled."""
    bench = Bench(tmp_path)

    async def both(job: ToyJob) -> None:
        while not job.cancelled:
            await asyncio.sleep(0.001)
        await bench.run.give_up()

    bench.executor.interrupt = both
    with pytest.raises(AssayError) as caught:
        asyncio.run(bench.run.run(Heard(), seconds=0.02))
    assert caught.value.code is Code.CANCELLED


def test_a_deadline_hides_no_failure(tmp_path: Path) -> None:
    """A crash beside it is told as what it is."""
    bench = Bench(tmp_path, fails_at=2)
    late_at(bench, 3)
    with pytest.raises(AssayError) as caught:
        asyncio.run(bench.run.run(Heard(), seconds=0.05))
    assert caught.value.code is Code.CHILD_CRASHED


def test_time_that_ends_while_a_unit_is_on_its_way_ends_it(tmp_path: Path) -> None:
    """Between asking and being taken there is nobody to cancel yet; it is not forgotten."""
    bench = Bench(tmp_path)
    taken = bench.executor.submit
    jobs: list[ToyJob] = []

    async def slow(request: Request) -> ToyJob:
        if len(bench.executor.requests) == 2:
            await asyncio.sleep(0.1)
        jobs.append(await taken(request))
        return jobs[-1]

    bench.executor.submit = slow  # pyright: ignore[reportAttributeAccessIssue]  # this once
    asyncio.run(bench.run.run(Heard(), seconds=0.05))
    assert bench.run.late
    assert [job.cancelled for job in jobs] == [False, False, True]
    assert len(bench.memory.known) == 2
