"""Rows of the store as the surface sees them."""

from collections.abc import Mapping

from analyzers.contract import DataFacts, InputSpec, Json, SubjectFacts
from service.intake.reading import Reading
from service.rpc.ports import (
    AnalyzerSpec,
    AuditView,
    Bracket,
    EvalSetView,
    EventBody,
    EventView,
    FileRef,
    Finished,
    LogLine,
    ModelView,
    Problem,
    Progress,
    State,
    StateChanged,
    VerdictWord,
)
from service.store.records import AuditRow, EvalSetRow, EventRow, ModelRow

INTAKE_STATES: Mapping[str, State] = {
    "QUEUED": "queued",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
}
AUDIT_STATES: Mapping[str, State] = {
    "RECEIVING": "queued",
    "QUEUED": "queued",
    "LEASED": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "REJECTED": "failed",
    "CANCELLED": "cancelled",
    "QUARANTINED": "failed",
}
VERDICTS: Mapping[str, VerdictWord] = {
    word: word for word in ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")
}


def resource_name(project: str, collection: str, resource_id: str) -> str:
    """The full name of a resource."""
    return f"projects/{project}/{collection}/{resource_id}"


def _spec_of(row: ModelRow) -> InputSpec:
    """As the file takes its images, once that is known; before, as it was declared."""
    facts: Mapping[str, Json] = row.facts or {}
    return InputSpec.from_json(facts.get("input_spec", row.input_spec))


def model_view(row: ModelRow, size: int) -> ModelView:
    """A model as it stands."""
    return ModelView(
        name=resource_name(row.project, "models", row.id),
        file=FileRef(row.file_digest, size),
        state=INTAKE_STATES[row.state],
        created=row.create_time,
        input_spec=_spec_of(row),
        display_name=row.display_name,
        format=row.format,
        architecture=row.architecture,
        output=row.output,
        canonical_digest=row.canonical_digest,
        facts=SubjectFacts.from_json(row.facts["subject"]) if row.facts else None,
        problem=problem_of(row.error),
        ended=row.end_time,
    )


def eval_set_view(row: EvalSetRow, size: int) -> EvalSetView:
    """An evaluation set as it stands."""
    return EvalSetView(
        name=resource_name(row.project, "evalSets", row.id),
        file=FileRef(row.file_digest, size),
        state=INTAKE_STATES[row.state],
        created=row.create_time,
        rows=rows_of(row.slice),
        reading=Reading.from_json(row.reading),
        withheld=row.withheld,
        display_name=row.display_name,
        format="npz",
        facts=DataFacts.from_json(row.facts["data"]) if row.facts else None,
        problem=problem_of(row.error),
        ended=row.end_time,
    )


def audit_view(
    row: AuditRow,
    *,
    evidence_digest: str = "",
    brackets: tuple[Bracket, ...] = (),
    sequence: int = 0,
    progress: Progress | None = None,
) -> AuditView:
    """An audit as it stands."""
    options = row.options
    return AuditView(
        name=resource_name(row.project, "audits", row.id),
        model=resource_name(row.project, "models", row.model),
        eval_set=resource_name(row.project, "evalSets", row.eval_set),
        state=AUDIT_STATES[row.state],
        created=row.create_time,
        verdict=VERDICTS.get(row.verdict),
        seed=int(options["seed"]),
        analyzers=[AnalyzerSpec(name, config) for name, config in options["analyzers"].items()],
        cue_set=_cue_set(row),
        policy_digest=row.policy_digest,
        evidence_digest=evidence_digest,
        brackets=brackets,
        progress=progress,
        problem=problem_of(row.error),
        sequence=sequence,
        profile=options.get("profile"),
        subject=str(options.get("subject", "")),
        baseline_since=row.baseline_time,
        started=row.start_time,
        ended=row.end_time,
    )


def _cue_set(row: AuditRow) -> str:
    cues = row.options.get("cues")
    return resource_name(row.project, "evalSets", cues["id"]) if cues else ""


def problem_of(error: Json) -> Problem | None:
    """The problem that a row keeps, if any."""
    if not error:
        return None
    return Problem(error["code"], error["sentence"], error["remedy"], error.get("details", {}))


def rows_of(text: str) -> tuple[int, int] | None:
    """The slice that a row keeps as ``low:high``."""
    if not text:
        return None
    low, _, high = text.partition(":")
    return int(low), int(high)


def slice_text(rows: tuple[int, int] | None) -> str:
    """The spelling of a slice in a row."""
    return "" if rows is None else f"{rows[0]}:{rows[1]}"


def event_view(row: EventRow) -> EventView:
    """A kept event."""
    return EventView(row.seq, row.create_time, event_body(row.body))


def event_body(body: Mapping[str, Json]) -> EventBody:
    """The body of a kept event, by its kind."""
    kind = body["kind"]
    rest = {name: value for name, value in body.items() if name != "kind"}
    if kind == "bracket":
        return Bracket(**rest)
    if kind == "state":
        return StateChanged(**rest)
    if kind == "log":
        return LogLine(**rest)
    problem = problem_of(rest.pop("problem", None))
    return Finished(**rest, problem=problem)
