"""Every pair of conversions gives back what it was given."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from google.longrunning.operations_pb2 import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    ListOperationsRequest,
)
from google.protobuf.message import Message

from analyzers.contract import InputSpec, Measurement
from service.intake.reading import AS_USUAL
from service.rpc.ports import (
    AnalyzerSpec,
    AuditQuery,
    Bracket,
    EventBody,
    EventView,
    Finished,
    ListQuery,
    LogLine,
    MeasurementView,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    OperationView,
    Page,
    Piece,
    ReportQuery,
    ResourceView,
    StateChanged,
    UploadStatus,
    UploadTarget,
)
from service.wire import (
    audits,
    blobs,
    capabilities,
    eval_sets,
    events,
    gate,
    measurements,
    models,
    operations,
    parts,
    problems,
    reports,
    structures,
)
from support import wire_samples as sample

Conversion = Callable[[Any], Any]
PAIRS: dict[str, tuple[Any, Conversion, Conversion]] = {
    "file": (sample.FILE, blobs.file_to_pb, lambda m: blobs.file_from_pb(m, "file")),
    "problem": (sample.PROBLEM, problems.problem_to_pb, problems.problem_from_pb),
    "input spec": (sample.INPUT_SPEC, models.input_spec_to_pb, models.input_spec_from_pb),
    "subject facts": (
        sample.SUBJECT_FACTS,
        models.subject_facts_to_pb,
        models.subject_facts_from_pb,
    ),
    "new model": (sample.NEW_MODEL, models.new_model_to_pb, models.new_model_from_pb),
    "model": (sample.MODEL_VIEW, models.model_to_pb, models.model_from_pb),
    "data facts": (sample.DATA_FACTS, eval_sets.data_facts_to_pb, eval_sets.data_facts_from_pb),
    "reading": (sample.READING, eval_sets.reading_to_pb, eval_sets.reading_from_pb),
    "new eval set": (
        sample.NEW_EVAL_SET,
        eval_sets.new_eval_set_to_pb,
        eval_sets.new_eval_set_from_pb,
    ),
    "eval set": (sample.EVAL_SET_VIEW, eval_sets.eval_set_to_pb, eval_sets.eval_set_from_pb),
    "analyzer spec": (sample.SPEC, parts.analyzer_spec_to_pb, parts.analyzer_spec_from_pb),
    "progress": (sample.PROGRESS, parts.progress_to_pb, parts.progress_from_pb),
    "bracket": (sample.BRACKET, parts.bracket_to_pb, parts.bracket_from_pb),
    "new audit": (sample.NEW_AUDIT, audits.new_audit_to_pb, audits.new_audit_from_pb),
    "audit": (sample.AUDIT_VIEW, audits.audit_to_pb, audits.audit_from_pb),
    "models query": (sample.LIST_QUERY, models.models_query_to_pb, models.models_query_from_pb),
    "eval sets query": (
        sample.LIST_QUERY,
        eval_sets.eval_sets_query_to_pb,
        eval_sets.eval_sets_query_from_pb,
    ),
    "audits query": (sample.AUDIT_QUERY, audits.audits_query_to_pb, audits.audits_query_from_pb),
    "measurement": (
        sample.MEASUREMENT,
        measurements.measurement_to_pb,
        measurements.measurement_from_pb,
    ),
    "report query": (sample.REPORT_QUERY, reports.report_query_to_pb, reports.report_query_from_pb),
    "report": (sample.REPORT_VIEW, reports.report_to_pb, reports.report_from_pb),
    "gate query": (sample.GATE_QUERY, gate.gate_query_to_pb, gate.gate_query_from_pb),
    "gate view": (sample.GATE_VIEW, gate.gate_view_to_pb, gate.gate_view_from_pb),
    "analyzer": (
        sample.DESCRIPTION,
        capabilities.description_to_pb,
        capabilities.description_from_pb,
    ),
    "capabilities": (
        sample.CAPABILITIES,
        capabilities.capabilities_to_pb,
        capabilities.capabilities_from_pb,
    ),
}
SET_ONLY_TOGETHER = {"problem", "after", "audit", "baseline_evidence"}
"""Fields that other samples fill: what excludes or ends the rest of their record."""


def over_the_wire(message: Message) -> Any:  # noqa: ANN401 - the same kind of message
    """Serialise and parse, so that nothing survives only in memory."""
    again = type(message)()
    again.ParseFromString(message.SerializeToString())
    return again


@pytest.mark.parametrize("name", PAIRS)
def test_a_full_record_comes_back_equal(name: str) -> None:
    """A record with no field at its default loses nothing on its way through bytes."""
    record, to_pb, from_pb = PAIRS[name]
    assert from_pb(over_the_wire(to_pb(record))) == record


@pytest.mark.parametrize("name", PAIRS)
def test_the_samples_leave_no_field_at_its_default(name: str) -> None:
    """A conversion that forgot a field cannot hide behind that field's default."""
    record, _, _ = PAIRS[name]
    left = {item.name for item in fields(record) if getattr(record, item.name) == item.default}
    assert left <= SET_ONLY_TOGETHER


SPARSE = [
    (NewModel(sample.FILE, "p"), models.new_model_to_pb, models.new_model_from_pb),
    (
        NewAudit("projects/p/models/m", "projects/p/evalSets/e", "p", policy="a: 1", analyzers=[]),
        audits.new_audit_to_pb,
        audits.new_audit_from_pb,
    ),
    (
        replace(sample.MODEL_VIEW, state="failed", facts=None, problem=sample.PROBLEM),
        models.model_to_pb,
        models.model_from_pb,
    ),
    (
        replace(sample.MODEL_VIEW, state="queued", facts=None, ended=None),
        models.model_to_pb,
        models.model_from_pb,
    ),
    (
        replace(sample.EVAL_SET_VIEW, state="queued", facts=None, ended=None, rows=None),
        eval_sets.eval_set_to_pb,
        eval_sets.eval_set_from_pb,
    ),
    (
        NewEvalSet(sample.FILE, "p"),
        eval_sets.new_eval_set_to_pb,
        eval_sets.new_eval_set_from_pb,
    ),
    (
        replace(
            sample.AUDIT_VIEW,
            name="",
            verdict=None,
            profile=None,
            progress=None,
            estimate=None,
            started=None,
            ended=None,
        ),
        audits.audit_to_pb,
        audits.audit_from_pb,
    ),
    (ListQuery("p", 50), models.models_query_to_pb, models.models_query_from_pb),
    (
        AuditQuery("p", 50, states=[], verdicts=[]),
        audits.audits_query_to_pb,
        audits.audits_query_from_pb,
    ),
    (ReportQuery(sample.AUDIT, []), reports.report_query_to_pb, reports.report_query_from_pb),
    (
        replace(sample.GATE_QUERY, evidence=b"", audit=sample.AUDIT, baseline="", date=""),
        gate.gate_query_to_pb,
        gate.gate_query_from_pb,
    ),
    (
        replace(sample.GATE_QUERY, baseline="", baseline_evidence=b"{}"),
        gate.gate_query_to_pb,
        gate.gate_query_from_pb,
    ),
    (
        replace(sample.SUBJECT_FACTS, batch="free", bn_folded="unknown"),
        models.subject_facts_to_pb,
        models.subject_facts_from_pb,
    ),
    (InputSpec(), models.input_spec_to_pb, models.input_spec_from_pb),
    (
        replace(sample.DESCRIPTION, metrics=(replace(sample.DESCRIPTION.metrics[0], range=None),)),
        capabilities.description_to_pb,
        capabilities.description_from_pb,
    ),
    (
        MeasurementView("a", Measurement("accuracy", "out_of_budget"), []),
        measurements.measurement_to_pb,
        measurements.measurement_from_pb,
    ),
    (
        replace(sample.REPORT_VIEW, artifacts=[replace(sample.ARTIFACT, data=None)], verdict=None),
        reports.report_to_pb,
        reports.report_from_pb,
    ),
]


@pytest.mark.parametrize(("record", "to_pb", "from_pb"), SPARSE)
def test_absence_comes_back_as_absence(
    record: object, to_pb: Conversion, from_pb: Conversion
) -> None:
    """What a record leaves out is not filled in on the way."""
    assert from_pb(over_the_wire(to_pb(record))) == record


BODIES: list[EventBody] = [
    StateChanged("running"),
    sample.PROGRESS,
    sample.BRACKET,
    LogLine("warning", "A child was killed."),
    Finished("succeeded", "PASS", "9" * 64),
    Finished("failed", None, "", sample.PROBLEM),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_every_kind_of_event_comes_back_equal(body: EventBody) -> None:
    """An event keeps its kind, its time and its place."""
    event = EventView(41, sample.BEGUN, body)
    assert events.event_from_pb(over_the_wire(events.event_to_pb(event))) == event


def test_an_older_client_says_nothing_of_reading() -> None:
    """A wish that was sent without it is read the usual way."""
    message = eval_sets.new_eval_set_to_pb(sample.NEW_EVAL_SET)
    message.eval_set.ClearField("reading")
    assert eval_sets.new_eval_set_from_pb(message).reading == AS_USUAL


def test_an_event_of_an_unknown_kind_is_none() -> None:
    """A newer server may tell of more; an older client passes over it."""
    message = events.event_to_pb(EventView(1, sample.BEGUN, StateChanged("running")))
    message.ClearField("body")
    assert events.event_from_pb(message) is None


@pytest.mark.parametrize("view", [sample.MODEL_VIEW, sample.EVAL_SET_VIEW, sample.AUDIT_VIEW])
def test_a_finished_operation_brings_its_resource(view: ResourceView) -> None:
    """An operation is a view over the row: done, with the resource inside."""
    operation = operations.operation_from_pb(over_the_wire(operations.operation_to_pb(view)))
    assert operation.done
    assert operation.result == view
    assert operation.target == view.name


def test_an_operation_tells_progress_before_its_end() -> None:
    """While the work goes on there is progress, and neither result nor problem."""
    view = replace(sample.AUDIT_VIEW, state="running", ended=None)
    operation = operations.operation_from_pb(over_the_wire(operations.operation_to_pb(view)))
    assert operation == OperationView(
        "projects/team-7/operations/audits.a-1", sample.AUDIT, "running", sample.PROGRESS
    )
    assert not operation.done


def test_a_failed_operation_keeps_the_reason() -> None:
    """The resource's problem is the operation's error, code and all."""
    view = replace(sample.MODEL_VIEW, state="failed", problem=sample.PROBLEM)
    operation = operations.operation_from_pb(over_the_wire(operations.operation_to_pb(view)))
    assert operation.problem == sample.PROBLEM
    assert operation.result is None


@pytest.mark.parametrize(("state", "code"), [("cancelled", "CANCELLED"), ("failed", "INTERNAL")])
def test_an_operation_that_ended_badly_without_a_word_still_has_an_error(
    state: str, code: str
) -> None:
    """Done without a response always means an error: a client must never wait for neither."""
    view = ModelView(sample.MODEL, sample.FILE, state, sample.BEGUN)  # pyright: ignore[reportArgumentType] - parametrized
    operation = operations.operation_from_pb(over_the_wire(operations.operation_to_pb(view)))
    assert operation.problem is not None
    assert operation.problem.code == code


def test_an_estimate_is_a_done_operation_without_a_name() -> None:
    """validate_only answers at once, and nothing can be asked about it later."""
    view = replace(sample.AUDIT_VIEW, name="", state="queued")
    message = operations.operation_to_pb(view)
    assert (message.name, message.done) == ("", True)
    assert operations.operation_from_pb(message).result == view


def test_pages_carry_their_items() -> None:
    """A page's items come back in order; its token is for the server to read."""
    page = Page([sample.MODEL_VIEW, sample.MODEL_VIEW], "cursor")
    back = models.models_from_pb(models.models_to_pb(page, sample.LIST_QUERY))
    assert back.items == page.items
    sets = Page([sample.EVAL_SET_VIEW])
    assert eval_sets.eval_sets_from_pb(eval_sets.eval_sets_to_pb(sets, sample.LIST_QUERY)) == sets
    found = Page([sample.AUDIT_VIEW])
    assert audits.audits_from_pb(audits.audits_to_pb(found, sample.AUDIT_QUERY)) == found


def test_a_piece_of_an_upload_comes_back_equal() -> None:
    """Offset, bytes and the finishing flag survive; the target travels as a name."""
    target = UploadTarget("team-7", sample.REQUEST_ID, sample.FILE)
    piece = Piece(5, b"abc", finish=True)
    message = over_the_wire(blobs.piece_to_pb(piece, target))
    assert blobs.piece_from_pb(message) == piece
    assert message.resource_name.endswith(f"/blobs/{sample.FILE.digest}/{sample.FILE.size}")


def test_the_state_of_an_upload_comes_back_equal() -> None:
    """Both messages that tell it are read by one conversion."""
    status = UploadStatus(7, complete=True)
    assert blobs.upload_status_from_pb(blobs.upload_status_to_pb(status)) == status
    assert blobs.upload_status_from_pb(blobs.write_result_to_pb(status)) == status


def test_requests_for_blobs_come_back_equal() -> None:
    """What is asked about and what is read keep project, digest and range."""
    asked = blobs.missing_request_to_pb("team-7", [sample.FILE])
    assert blobs.missing_request_from_pb(asked) == ("team-7", [sample.FILE])
    read = blobs.read_request_to_pb("team-7", sample.FILE.digest, offset=3, limit=9)
    assert blobs.read_request_from_pb(read) == ("team-7", sample.FILE.digest, 3, 9)


def test_structures_keep_whole_numbers_whole() -> None:
    """JSON knows one kind of number; a count must not come back as 3.0."""
    body = {"count": 3, "share": 0.5, "big": -(2**52), "list": [1, [2.5]], "text": "x", "no": None}
    back = structures.struct_from_pb(structures.struct_to_pb(body), "config")
    assert back == body
    assert isinstance(back["count"], int)


def test_the_bracket_carries_the_shares_that_people_read() -> None:
    """certified/N, (N - fallen)/N and standing/prefix are computed from the counts alone."""
    message = parts.bracket_to_pb(sample.BRACKET)
    assert message.certified_share == 7 / 500
    assert message.attacked_share == 462 / 500
    assert message.standing_share == 21 / 60


def test_an_empty_bracket_knows_nothing() -> None:
    """Before the first commit the bracket is [0, 1] and has no share of standing images."""
    message = parts.bracket_to_pb(Bracket("Linf:8/255:white:gate", 500, 0, 0, 0))
    assert (message.certified_share, message.attacked_share) == (0.0, 1.0)
    assert not message.HasField("standing_share")


def test_an_analyzer_without_settings_needs_none() -> None:
    """An absent config is an empty one."""
    message = parts.analyzer_spec_to_pb(AnalyzerSpec("a"))
    message.ClearField("config")
    assert parts.analyzer_spec_from_pb(message) == AnalyzerSpec("a", {})


def test_a_list_of_operations_walks_through_all_collections() -> None:
    """Where one collection ends the token leads to the next, until all were seen."""
    asked = ListOperationsRequest(name="projects/team-7/operations", page_size=5)
    seen: list[tuple[str, str]] = []
    ends = {"audits": "cursor-1", "models": "", "evalSets": ""}
    while True:
        collection, query = operations.operations_query_from_pb(asked)
        seen.append((collection, query.after))
        after = "" if query.after else ends[collection]
        page: Page[ResourceView] = Page([sample.MODEL_VIEW], after)
        answer = operations.operations_to_pb(page, collection, query)
        assert len(answer.operations) == 1
        if not answer.next_page_token:
            break
        asked.page_token = answer.next_page_token
    assert seen == [("audits", ""), ("audits", "cursor-1"), ("models", ""), ("evalSets", "")]
