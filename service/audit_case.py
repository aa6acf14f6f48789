"""From rows of the store to a course that can be driven: nothing here touches a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from analyzers.catalog import ALL
from analyzers.contract import Case, DataFacts, Digest, InputSpec, Json, SubjectFacts
from service.audit_run import Material
from service.conflicting import cue_tensors, cues_of, told_of_cues
from service.core.driver import Course, instances_for
from service.core.permutation import permutation
from service.core.policy import Policy, parse_policy
from service.core.stops import stops_for
from service.core.waivers import floors_of, parse_waivers
from service.intake.reading import Reading
from service.store.records import AuditRow, EvalSetRow, ModelRow, NewAudit
from service.version import CANONICALISER, VERSION
from service.witnesses.earlier import by_threat, tensors

_ID_BYTES = 32
_LIBRARIES = ("torch", "onnx", "numpy")


class Shelf(Protocol):
    """Local files by digest."""

    def local_path(self, digest: Digest) -> Path:
        """A readable file with these bytes."""
        ...


_TOLD_BESIDE = frozenset({"trust", "conversion", "archive", "notices"})
"""What intake found and the subject names itself."""


@dataclass(frozen=True)
class AuditCase:
    """Everything that one audit is about."""

    row: AuditRow
    model: ModelRow
    data: EvalSetRow
    policy: Policy | None
    course: Course
    material: Material
    engine: Mapping[str, str]

    @property
    def order(self) -> Sequence[int]:
        """Position in the file of each row of the audit."""
        return permutation(self.material.ids, self.course.seed)

    @property
    def claim(self) -> str:
        """What the policy's intervals speak of."""
        return self.policy.claim if self.policy else "set"

    @property
    def subject_name(self) -> str:
        """What the model is a release of, as the audit was asked for."""
        return str(self.row.options.get("subject") or self.model.display_name)

    def subject_facts(self) -> dict[str, Json]:
        """The subject as the evidence names it."""
        held = self.model.facts
        canonical = held["canonical"]
        return {
            **SubjectFacts.from_json(held["subject"]).as_json(),
            "name": self.subject_name,
            "file_name": str(self.row.options.get("file") or self.model.display_name),
            "canonical_digest": self.model.canonical_digest,
            "file_digest": self.model.file_digest,
            "format": self.model.format,
            "output": self.model.output,
            "input_spec": dict(held["input_spec"]),
            "conversion_trust": canonical["trust"],
            "conversion": canonical.get("conversion"),
            "archive": canonical.get("archive"),
            "notices": canonical["notices"],
            "canonical": {
                name: value for name, value in canonical.items() if name not in _TOLD_BESIDE
            },
        }

    def data_facts(self) -> dict[str, Json]:
        """The evaluation set as the evidence names it."""
        held = self.data.facts
        unusual = Reading.from_json(self.data.reading).unusual
        told: dict[str, Json] = {"reading": unusual} if unusual else {}
        if self.data.withheld:
            told["withheld"] = True
        told |= told_of_cues(self.row.options)
        return {**held["data"], **held["details"], "slice": self.data.slice, **told}


def prepare(
    row: AuditRow, model: ModelRow, data: EvalSetRow, *, shelf: Shelf, engine: Mapping[str, str]
) -> AuditCase:
    """Everything that a claimed audit needs, with nothing done yet."""
    policy, course = course_of(row, model, data, engine)
    return AuditCase(row, model, data, policy, course, _material(row, model, data, shelf), engine)


def course_of(
    wish: AuditRow | NewAudit, model: ModelRow, data: EvalSetRow, engine: Mapping[str, str]
) -> tuple[Policy | None, Course]:
    """The course that an audit takes, whether it is queued already or only asked for."""
    options = wish.options
    policy = parse_policy(wish.policy, ALL) if wish.policy else None
    instances = instances_for(ALL, policy, options["analyzers"] or None)
    case = Case(
        SubjectFacts.from_json(model.facts["subject"]),
        DataFacts.from_json(data.facts["data"]),
        earlier=by_threat(_earlier(wish)),
        cues=cues_of(options),
    )
    floors = floors_of(parse_waivers(options.get("waivers") or "[]"))
    stops = {
        one.key: stops_for(one, policy, floors) if policy and options["stop_early"] else ()
        for one in instances
    }
    course = Course(
        case, instances, seed=int(options["seed"]), engine=_engine(engine, case), stops=stops
    )
    return policy, course


def _earlier(wish: AuditRow | NewAudit) -> Mapping[str, Json]:
    """What broke the last release, as its evidence lists it."""
    told = wish.options.get("earlier")
    return told["breaks"] if told else {}


def _engine(engine: Mapping[str, str], case: Case) -> str:
    """What decides a result besides the shard itself, as one text.

    How the engines can run this model was measured, so it is not part of the subject's digest.
    """
    gradient = "yes" if case.subject.gradient else "no"
    whole = {**engine, "batch": case.subject.batch, "gradient": gradient}
    return "/".join(f"{name}={whole[name]}" for name in sorted(whole))


def versions() -> dict[str, str]:
    """Versions that a repeat must match."""
    found = {name: ".".join(version(name).split("+")[0].split(".")[:2]) for name in _LIBRARIES}
    return {"assay": VERSION, "canonicaliser": CANONICALISER, **found}


def _material(row: AuditRow, model: ModelRow, data: EvalSetRow, shelf: Shelf) -> Material:
    details, canonical = data.facts["details"], model.facts["canonical"]
    weights = SubjectFacts.from_json(model.facts["subject"]).source_weights
    return Material(
        model=str(shelf.local_path(model.canonical_digest)),
        images=str(shelf.local_path(data.images_digest)),
        labels=str(shelf.local_path(data.labels_digest)),
        ids=sample_names(shelf.local_path(data.ids_digest).read_bytes()),
        dtype=details["dtype"],
        shape=[data.facts["data"]["n"], *details["shape"]],
        input_spec=InputSpec.from_json(model.facts["input_spec"]),
        upload=str(shelf.local_path(canonical["upload"])) if canonical["upload"] else "",
        upload_form={"output": canonical["output_name"], "batch": canonical["replay_batch"]},
        weights=str(shelf.local_path(weights)) if weights else "",
        tensors={**tensors(_earlier(row), details["shape"]), **cue_tensors(row.options)},
    )


def sample_names(raw: bytes) -> Sequence[str]:
    """Sample ids out of their blob, in the order of the file."""
    return [raw[at : at + _ID_BYTES].hex() for at in range(0, len(raw), _ID_BYTES)]
