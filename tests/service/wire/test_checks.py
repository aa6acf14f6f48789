"""What comes in wrong is refused with the name of the field."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    error_details_pb2,
)

from assay.v1 import audit_service_pb2, common_pb2, model_service_pb2
from service.errors import AssayError, Code, Kind, kind_of
from service.rpc.ports import Limits, Problem
from service.wire import (
    audits,
    blobs,
    eval_sets,
    events,
    gate,
    lists,
    measurements,
    models,
    operations,
    parts,
    problems,
    reports,
    structures,
)
from support import wire_samples as sample

D = TypeVar("D", bound=Message)


def spoiled(message: Any, **changes: Any) -> Any:  # noqa: ANN401 - any message
    """The message with some fields, by dotted path with __ for dots, set to something else."""
    for path, value in changes.items():
        *way, last = path.split("__")
        place = message
        for step in way:
            place = getattr(place, step)
        setattr(place, last, value)
    return message


def new_model(**changes: Any) -> Any:  # noqa: ANN401 - any message
    """A spoiled CreateModelRequest."""
    return spoiled(models.new_model_to_pb(sample.NEW_MODEL), **changes)


def new_set(**changes: Any) -> Any:  # noqa: ANN401 - any message
    """A spoiled CreateEvalSetRequest."""
    return spoiled(eval_sets.new_eval_set_to_pb(sample.NEW_EVAL_SET), **changes)


def new_audit(**changes: Any) -> Any:  # noqa: ANN401 - any message
    """A spoiled CreateAuditRequest."""
    return spoiled(audits.new_audit_to_pb(sample.NEW_AUDIT), **changes)


def judged(**changes: Any) -> Any:  # noqa: ANN401 - any message
    """A spoiled EvaluateGateRequest."""
    return spoiled(gate.gate_query_to_pb(sample.GATE_QUERY), **changes)


def listed(**changes: Any) -> Any:  # noqa: ANN401 - any message
    """A spoiled ListModelsRequest."""
    return spoiled(models.models_query_to_pb(sample.LIST_QUERY), **changes)


INVALID, NAME = Code.REQUEST_INVALID, Code.NAME_INVALID
PREPROCESSING, SLICE = Code.PREPROCESSING_INVALID, Code.DATA_SLICE_INVALID
OTHER = "projects/other/models/m-1"
MODEL, SET, AUDIT, GATE, LIST = (
    models.new_model_from_pb,
    eval_sets.new_eval_set_from_pb,
    audits.new_audit_from_pb,
    gate.gate_query_from_pb,
    models.models_query_from_pb,
)
REFUSED: list[tuple[Callable[[Any], object], Any, Code, str]] = [
    (MODEL, new_model(parent="projects/UPPER"), NAME, "parent"),
    (MODEL, new_model(request_id="not-a-uuid"), INVALID, "request_id"),
    (MODEL, new_model(model__file__sha256="AB" * 32), INVALID, "model.file.sha256"),
    (MODEL, new_model(model__file__sha256=""), INVALID, "model.file.sha256"),
    (MODEL, new_model(model__file__size_bytes=-1), INVALID, "model.file.size_bytes"),
    (MODEL, new_model(model__display_name="a\x1b[2J"), INVALID, "model.display_name"),
    (MODEL, new_model(model__display_name="a" * 201), INVALID, "model.display_name"),
    (MODEL, new_model(model__input_spec__layout=9), INVALID, "input_spec.layout"),
    (MODEL, new_model(model__input_spec__scale=0.0), PREPROCESSING, "input_spec"),
    (MODEL, new_model(model__input_spec__scale=float("nan")), PREPROCESSING, "input_spec"),
    (SET, new_set(eval_set__slice="5"), SLICE, "slice"),
    (SET, new_set(eval_set__slice="-1:5"), SLICE, "slice"),
    (SET, new_set(eval_set__slice="5:5"), SLICE, "slice"),
    (SET, new_set(eval_set__slice="\u0660:\u0665"), SLICE, "slice"),
    (SET, new_set(eval_set__reading__layout=9), INVALID, "reading.layout"),
    (SET, new_set(eval_set__reading__channels=9), INVALID, "reading.channels"),
    (SET, new_set(eval_set__reading__pixels=-1), INVALID, "reading.pixels"),
    (AUDIT, new_audit(audit__model=sample.EVAL_SET), NAME, "audit.model"),
    (AUDIT, new_audit(audit__model=OTHER), NAME, "audit.model"),
    (AUDIT, new_audit(audit__eval_set="projects/team-7/evalSets/../x"), NAME, "audit.eval_set"),
    (AUDIT, new_audit(audit__baseline="projects/other/audits/a"), NAME, "audit.baseline"),
    (AUDIT, new_audit(audit__seed=-1), INVALID, "audit.seed"),
    (AUDIT, new_audit(audit__profile=77), INVALID, "audit.profile"),
    (AUDIT, new_audit(expected_accuracy=1.5), INVALID, "expected_accuracy"),
    (AUDIT, new_audit(expected_accuracy=float("nan")), INVALID, "expected_accuracy"),
    (GATE, judged(policy=""), Code.POLICY_MISSING, "policy"),
    (GATE, judged(evidence=b""), INVALID, "evidence_source"),
    (GATE, judged(audit="projects/other/audits/a"), NAME, "audit"),
    (GATE, judged(baseline_audit="x"), NAME, "baseline_audit"),
    (GATE, judged(evaluation_date="21.11.2026"), INVALID, "evaluation_date"),
    (LIST, listed(page_size=-1), INVALID, "page_size"),
    (LIST, listed(page_token="AAAA"), Code.PAGE_TOKEN_INVALID, "page_token"),
]


@pytest.mark.parametrize(("convert", "message", "code", "field"), REFUSED)
def test_a_wrong_field_is_refused_by_its_name(
    convert: Callable[[Any], object], message: object, code: Code, field: str
) -> None:
    """The error names the field, so that a form can put it beside the right box."""
    with pytest.raises(AssayError) as refused:
        convert(message)
    assert refused.value.code is code
    assert refused.value.details["field"] == field


def test_policy_may_be_missing_only_beside_named_analyzers() -> None:
    """Without a policy an audit must say what to run; a look says only what is run besides."""
    message = new_audit(policy=" \n")
    assert AUDIT(message).analyzers
    del message.audit.analyzers[:]
    assert message.look
    with pytest.raises(AssayError) as refused:
        AUDIT(message)
    assert refused.value.code is Code.POLICY_MISSING


def test_mean_and_std_come_in_pairs() -> None:
    """One value a channel in both, or in none: a forgotten std must not become 1."""
    message = new_model()
    del message.model.input_spec.std[:]
    with pytest.raises(AssayError) as refused:
        models.new_model_from_pb(message)
    assert refused.value.code is Code.PREPROCESSING_INVALID


def test_an_analyzer_needs_an_id() -> None:
    """An empty id is refused before anyone looks it up."""
    with pytest.raises(AssayError, match=r"analyzers\.id is empty"):
        parts.analyzer_spec_from_pb(common_pb2.AnalyzerSpec())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_config_holds_only_what_json_can_say(number: float) -> None:
    """A structure may carry NaN, JSON may not; it would end up in a digest."""
    message = Struct()
    message.fields["deep"].list_value.values.add().number_value = number
    with pytest.raises(AssayError, match="JSON cannot say"):
        structures.struct_from_pb(message, "config")


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (7, 7), (1000, 1000), (5000, 1000)])
def test_page_sizes_are_brought_into_range(asked: int, given: int) -> None:
    """0 means the default, too many means as many as there may be (AIP-158)."""
    assert models.models_query_from_pb(listed(page_size=asked)).limit == given


@pytest.mark.parametrize("count", [0, 1001])
def test_blobs_are_asked_about_in_sensible_numbers(count: int) -> None:
    """None at all is a mistake, too many a burden."""
    message = blobs.missing_request_to_pb("p", [sample.FILE] * count)
    with pytest.raises(AssayError, match=f"holds {count} items"):
        blobs.missing_request_from_pb(message)


def test_a_chunk_has_a_largest_size() -> None:
    """A piece larger than max_chunk is refused although the message would fit."""
    message = blobs.blob_service_pb2.WriteBlobRequest(data=bytes(Limits().max_chunk + 1))
    with pytest.raises(AssayError, match="more than 1048576"):
        blobs.piece_from_pb(message)


def test_a_report_brings_at_most_what_fits_into_a_message() -> None:
    """Whoever asks for more gets digests, not a message that cannot be sent."""
    message = spoiled(reports.report_query_to_pb(sample.REPORT_QUERY), inline_limit_bytes=1 << 40)
    assert reports.report_query_from_pb(message).inline_limit == Limits().max_inline


def test_names_of_single_resources_are_checked() -> None:
    """Get, delete and watch refuse a name of another collection."""
    with pytest.raises(AssayError, match="models/"):
        lists.get_request_from_pb(model_service_pb2.GetModelRequest(name=sample.AUDIT), "models")
    with pytest.raises(AssayError, match="no UUID"):
        lists.delete_request_from_pb(
            model_service_pb2.DeleteModelRequest(name=sample.MODEL, request_id="1"), "models"
        )
    with pytest.raises(AssayError, match="after_sequence is -1"):
        events.watch_request_from_pb(
            audit_service_pb2.WatchAuditRequest(name=sample.AUDIT, after_sequence=-1)
        )


def test_a_state_that_is_not_set_is_refused() -> None:
    """A client never takes an unknown or unset state for a known one."""
    message = spoiled(models.model_to_pb(sample.MODEL_VIEW), state=0)
    with pytest.raises(AssayError, match="state is 0"):
        models.model_from_pb(message)


@pytest.mark.parametrize(("outcome", "value"), [("measured", None), ("error", 0.5)])
def test_a_value_exists_exactly_when_it_was_measured(outcome: str, value: float | None) -> None:
    """The contract's law holds for what comes over the wire as well."""
    message = common_pb2.Measurement(metric="accuracy", bound=1, grade=1, value=value)  # pyright: ignore[reportArgumentType] - enum numbers
    message.outcome = getattr(common_pb2, f"OUTCOME_{outcome.upper()}")
    with pytest.raises(AssayError, match=f"where the outcome is {outcome}"):
        measurements.measurement_from_pb(message)


def test_a_foreign_operation_is_refused() -> None:
    """Metadata or a response of another API are not taken for ours."""
    message = operations.operation_to_pb(sample.MODEL_VIEW)
    message.response.Pack(common_pb2.BlobRef())
    with pytest.raises(AssayError, match="response is no model"):
        operations.operation_from_pb(message)
    message.metadata.Pack(common_pb2.BlobRef())
    with pytest.raises(AssayError, match="metadata is not of this API"):
        operations.operation_from_pb(message)


def test_operations_have_no_filter() -> None:
    """A filter that would be ignored is refused instead."""
    message = operations.operations_pb2.ListOperationsRequest(name="projects/p", filter="done=true")
    with pytest.raises(AssayError, match="filter is set"):
        operations.operations_query_from_pb(message)


def detail_of(status: problems.status_pb2.Status, kind: type[D]) -> D | None:
    """The status's detail of that kind."""
    for detail in status.details:
        found = kind()
        if detail.Unpack(found):
            return found
    return None


@pytest.mark.parametrize("kind", Kind)
def test_only_what_will_pass_says_when_to_try_again(kind: Kind) -> None:
    """RetryInfo stands on busy errors and on no others: a client must not hammer a refusal."""
    code = next(code for code in Code if kind_of(code) is kind)
    status = problems.problem_to_pb(Problem(code.value, "No.", "Wait."))
    retry = detail_of(status, error_details_pb2.RetryInfo)
    assert (retry is not None) == (kind is Kind.BUSY)
    assert retry is None or retry.retry_delay.seconds > 0


def test_a_wrong_field_is_told_the_way_generic_clients_read() -> None:
    """BadRequest names the field beside our own reason."""
    refused = Problem("REQUEST_INVALID", "seed is -1, below 0.", "Mend it.", {"field": "seed"})
    found = detail_of(problems.problem_to_pb(refused), error_details_pb2.BadRequest)
    assert found is not None
    assert [violation.field for violation in found.field_violations] == ["seed"]


def test_sentence_and_remedy_make_the_message() -> None:
    """A client that knows nothing of reasons still shows both, once."""
    status = problems.problem_to_pb(sample.PROBLEM)
    assert status.message == f"{sample.PROBLEM.sentence} {sample.PROBLEM.remedy}"


def test_an_error_of_someone_else_has_no_problem_of_ours() -> None:
    """A proxy's status carries no reason; nothing is made up for it."""
    status = problems.status_pb2.Status(code=14, message="upstream connect error")
    assert problems.problem_from_pb(status) is None
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="NOT_FOUND", domain="proxy.test"))
    assert problems.problem_from_pb(status) is None
    failed = spoiled(models.model_to_pb(sample.MODEL_VIEW), error__message="odd")
    unnamed = models.model_from_pb(failed).problem
    assert unnamed is not None
    assert (unnamed.code, unnamed.sentence) == ("INTERNAL", "odd")


@pytest.mark.parametrize(
    ("told", "heard"),
    [(12.5, 12.5), (0.0, 0.0), (-1.0, None), (float("nan"), None), (float("inf"), None)],
)
def test_a_time_left_that_is_none_is_not_told(told: float, heard: float | None) -> None:
    """A service may be anybody's; a line that says "at most nan h" helps nobody."""
    message = common_pb2.Progress(stage="s", seconds_left=told)
    assert parts.progress_from_pb(message).seconds_left == heard
    assert parts.progress_from_pb(common_pb2.Progress(stage="s")).seconds_left is None
