"""What a team requires of a model before it is released: YAML in, a checked Policy out."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from analyzers.contract import Analyzer, Depth, Json
from service.core.canonical import digest
from service.core.extending import filled, profile_named, written
from service.core.profiles import Name
from service.core.spelling import WRITTEN_SIZE, written_share
from service.core.strict_yaml import read_yaml, write_yaml
from service.core.suggesting import did_you_mean, keys_at
from service.core.threats import Threat, exact, exact_eps
from service.errors import AssayError, Code

MINIMAL = """\
apiVersion: assay/v1
claim: set
seed: 0
threats:
  linf8: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.90}
  - {id: worst-case, metric: robust_accuracy, threat: linf8, gte: 0.40}
"""

Share = Annotated[
    Fraction, Field(gt=0, le=1), WithJsonSchema(written_share(exclusiveMinimum=0, maximum=1))
]
Severity = Literal["low", "medium", "high", "critical"]
_LONGEST = 120
"""Characters of a place in the policy; keys are as long as their author likes."""


def exact_share(written: object) -> Fraction:
    """A share as people write it: 0.4, 2/5, 40%, or a difference of 1.5pt."""
    text, parts = str(written).strip(), 1
    for unit in ("%", "pt"):
        if text.endswith(unit):
            text, parts = text.removesuffix(unit).strip(), 100
    try:
        return exact(text) / parts
    except (ValueError, ZeroDivisionError) as error:
        message = "must be a number such as 0.4 or a percentage such as 95%"
        raise ValueError(message) from error


def _sensible(level: Fraction) -> Fraction:
    if not Fraction(1, 2) < level < 1:
        message = "must lie between 50% and 100%"
        raise ValueError(message)
    return level


Level = Annotated[
    Share,
    BeforeValidator(exact_share),
    AfterValidator(_sensible),
    WithJsonSchema(written_share(exclusiveMinimum=0.5, exclusiveMaximum=1)),
]
Whole = Annotated[int, Field(strict=True)]
"""A number written as one; neither text nor ``true`` is."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True
    )


class DataRules(_Part):
    """Which evaluation sets the policy accepts."""

    ref: str | None = Field(
        default=None, json_schema_extra={"pattern": r"^evalset@sha256:[\s\S]{64}$"}
    )
    """The one evaluation set to judge on: ``evalset@sha256:`` and its digest of 64 hex digits."""
    min_n: Whole = Field(default=1, ge=1)
    """Fewest images; copies of one image count once."""
    min_per_class: Whole = Field(default=0, ge=0)
    """Fewest images of every class that the model knows."""

    @field_validator("ref")
    @classmethod
    def _known_form(cls, ref: str | None) -> str | None:
        prefix = "evalset@sha256:"
        if ref is not None and not (ref.startswith(prefix) and len(ref) == len(prefix) + 64):
            message = "must read evalset@sha256:<64 hex digits>"
            raise ValueError(message)
        return ref


class SubjectRules(_Part):
    """What is released."""

    name: str = Field(min_length=1, max_length=200)
    """What the model is a release of: its earlier releases are those of this name."""

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable():
            message = "must be text that can be printed on one line"
            raise ValueError(message)
        return name


class ThreatRule(_Part):
    """One threat under the policy's own name for it."""

    norm: Literal["Linf", "L2"]
    """How a change is measured: Linf bounds it in every pixel, L2 over all of them."""
    eps: Annotated[str, WithJsonSchema(dict(WRITTEN_SIZE))]
    """Size of the largest change, as a share of the pixel range: ``8/255``."""
    knowledge: Literal["white"] = "white"
    """What the attacker knows of the model: all of it."""
    budget: Literal["smoke", "gate", "parity"] = "gate"
    """How much is tried: smoke (seconds, never a PASS), gate, parity (all, on every image)."""

    @field_validator("eps", mode="before")
    @classmethod
    def _exact(cls, written: object) -> str:
        return exact_eps(written)

    @property
    def threat(self) -> Threat:
        """The threat itself."""
        return Threat(self.norm, self.eps, self.knowledge, self.budget)


class Requirement(_Part):
    """One line of ``require``."""

    id: str = Field(min_length=1, max_length=63)
    """Your name for the requirement, used once."""
    metric: str
    """What is measured: ``accuracy``, or under a threat ``robust_accuracy``."""
    threat: str | None = None
    """Which of the policy's threats, by its name; for metrics that need one."""
    gte: Share
    """The least share that meets the requirement: 0.38, 38% or 19/50."""
    level: Level = Fraction(95, 100)
    """How sure an interval must be before it decides."""
    per: Literal["class"] | None = None
    """Whether every class must clear the threshold by itself."""
    severity: Severity = "high"
    """How bad a violation is: who may waive it hangs on that."""

    _gte = field_validator("gte", mode="before")(exact_share)


class Regress(_Part):
    """What may not get worse than in the baseline, image by image."""

    baseline: str = Field(default="release:latest", min_length=1, max_length=200)
    """What to compare with."""
    on: tuple[str, ...] = Field(min_length=1)
    """Ids of the requirements whose metrics are compared."""
    max_drop: Annotated[
        Fraction,
        Field(ge=0, lt=1),
        WithJsonSchema(written_share(minimum=0, exclusiveMaximum=1)),
    ] = Fraction(1, 100)
    """The drop that is still no regression: 1pt, 1% or 0.01."""
    level: Level = Fraction(95, 100)
    """How sure the interval of the difference must be before it decides."""
    unknown: Literal["pass", "inconclusive"] = "pass"
    """What it means that neither a drop nor its absence could be shown."""

    _max_drop = field_validator("max_drop", mode="before")(exact_share)


class Policy(_Part):
    """A checked policy."""

    api_version: Literal["assay/v1"] = Field(alias="apiVersion")
    """The language of the policy."""
    extends: str | None = None
    """The profile that says what is left open here: images needed and attacks tried."""
    subject: SubjectRules | None = None
    """What is released; without it the name of the model's file says so."""
    claim: Literal["set", "population"] = "set"
    """Whether the verdict speaks of these very images, or of what they were drawn from."""
    seed: Whole = Field(default=0, ge=0, lt=2**53)
    """Decides the order of the images; a run with another seed never passes."""
    domain: Literal["data", "float"] = "data"
    """Whether a break must be one that the data's own format can hold."""
    data: DataRules = DataRules()
    """Which evaluation sets the policy accepts."""
    threats: dict[str, ThreatRule] = Field(default_factory=dict[str, ThreatRule])
    """What an attacker may do, each under a name of your own."""
    require: tuple[Requirement, ...] = Field(min_length=1)
    """What must hold, all of it, for a PASS."""
    regress: Regress | None = None
    """What may not get worse than in the baseline."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        ids = [one.id for one in self.require]
        if len(set(ids)) != len(ids):
            message = "require: two requirements share an id"
            raise ValueError(message)
        for one in self.require:
            if one.threat is not None and one.threat not in self.threats:
                message = f"require {one.id}: there is no threat named '{one.threat}'"
                raise ValueError(message)
        compared = self.regress.on if self.regress else ()
        if len(set(compared)) != len(compared):  # each would lower what the others may err
            message = "regress: a requirement is named twice"
            raise ValueError(message)
        for name in compared:
            if name not in {one.id for one in self.require if one.per is None}:
                message = f"regress: there is no requirement '{name}' over all images"
                raise ValueError(message)
        return self

    def shared(self, line: Requirement) -> Requirement:
        """The requirement at the level that lets all of them err no more often than one may."""
        return line.model_copy(update={"level": 1 - (1 - line.level) / len(self.require)})

    @property
    def depth(self) -> Depth:
        """The depth that verdicts speak of, where the data have both."""
        return "float32" if self.domain == "float" else "8-bit"

    @property
    def digest(self) -> str:
        """Digest of what the policy says, not of how it is written."""
        return digest(self.model_dump(mode="json", by_alias=True))


def profile_of(policy: Policy | None) -> Name | None:
    """The profile that a policy extends."""
    return profile_named(policy.extends) if policy is not None and policy.extends else None


def watched(policy: Policy) -> frozenset[tuple[str, str]]:
    """What a policy holds against a baseline: metrics, each under its threat."""
    named = policy.regress.on if policy.regress else ()
    return frozenset(
        (one.metric, policy.threats[one.threat].threat.text if one.threat else "")
        for one in policy.require
        if one.id in named
    )


def parse_policy(text: str, catalogue: Sequence[Analyzer]) -> Policy:
    """Read a policy and check it against what the catalogue can measure."""
    body = _body(text)
    try:
        whole = filled(body)
    except ValueError as error:
        raise _invalid(f"The policy's extends is wrong: {error}") from error
    try:
        policy = Policy.model_validate(whole)
    except ValidationError as error:
        raise _invalid(_sentence(error)) from error
    _check_metrics(policy, catalogue)
    _check_threats(policy, catalogue)
    return policy


def under_profile(text: str, profile: Name) -> str:
    """The same policy extending this profile, whichever it extended before."""
    return write_yaml({**_body(text), "extends": written(profile)})


def _body(text: str) -> dict[str, Json]:
    try:
        body = read_yaml(text)
    except ValueError as error:
        raise _invalid(f"The policy is not readable YAML: {error}.") from error
    if not isinstance(body, dict):
        raise _invalid("The policy is not a YAML mapping with keys such as threats and require.")
    return {str(key): value for key, value in body.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # as YAML has it


def _check_metrics(policy: Policy, catalogue: Sequence[Analyzer]) -> None:
    specs = {
        spec.name: (spec, one.description) for one in catalogue for spec in one.description.metrics
    }
    judged = sorted(name for name, (spec, _) in specs.items() if spec.judged)
    for line in policy.require:
        found = specs.get(line.metric)
        if found is None:
            raise _invalid(
                f"Requirement {line.id} names the metric '{line.metric}', which nothing measures.",
                f"Use one of: {', '.join(judged)}.",
            )
        spec, description = found
        if not spec.judged:
            raise _invalid(
                f"Requirement {line.id} names '{line.metric}', an explanation that no release "
                "may depend on.",
                f"Use one of: {', '.join(judged)}.",
            )
        if bool(description.threats) != (line.threat is not None):
            needs = "needs a threat" if description.threats else "takes no threat"
            raise _invalid(f"Requirement {line.id}: the metric '{line.metric}' {needs}.")


def _check_threats(policy: Policy, catalogue: Sequence[Analyzer]) -> None:
    served = sorted({norm for one in catalogue for norm in one.description.threats})
    for label, rule in policy.threats.items():
        if rule.norm not in served:
            raise AssayError(
                Code.THREAT_UNSUPPORTED,
                f"The threat '{label}' uses the norm {rule.norm}, which no attack here serves.",
                f"Use one of: {', '.join(served)}.",
            )


def _invalid(sentence: str, remedy: str = "") -> AssayError:
    compare = "Compare it with the one that `assay init` writes, which explains each of its lines."
    return AssayError(Code.POLICY_INVALID, sentence, remedy or compare)


def _sentence(error: ValidationError) -> str:
    told = error.errors(include_url=False, include_context=False)
    first = min(told, key=lambda one: one["type"] != "extra_forbidden")  # else the first of all
    where = ".".join(str(part) for part in first["loc"])[:_LONGEST]
    if first["type"] == "extra_forbidden":
        known = keys_at(Policy, first["loc"][:-1])
        meant = did_you_mean(str(first["loc"][-1]), known) or f"Known here: {', '.join(known)}."
        return f"The policy has an unknown key: {where}. {meant}"
    if first["type"] == "missing":
        return f"The policy lacks the key {where}."
    reason = first["msg"].removeprefix("Value error, ")
    subject = f"The policy's {where}" if where else "The policy"
    return f"{subject} is wrong: {reason}."
