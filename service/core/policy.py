"""What a team requires of a model before it is released: YAML in, a checked Policy out."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from analyzers.contract import Analyzer
from service.core.canonical import digest
from service.core.strict_yaml import read_yaml
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

Share = Annotated[Fraction, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class DataRules(_Part):
    """Which evaluation sets the policy accepts."""

    ref: str | None = None
    min_n: int = Field(default=1, ge=1)
    min_per_class: int = Field(default=0, ge=0)

    @field_validator("ref")
    @classmethod
    def _known_form(cls, ref: str | None) -> str | None:
        prefix = "evalset@sha256:"
        if ref is not None and not (ref.startswith(prefix) and len(ref) == len(prefix) + 64):
            message = "must read evalset@sha256:<64 hex digits>"
            raise ValueError(message)
        return ref


class ThreatRule(_Part):
    """One threat under the policy's own name for it."""

    norm: Literal["Linf", "L2"]
    eps: str
    knowledge: Literal["white"] = "white"

    @field_validator("eps", mode="before")
    @classmethod
    def _exact(cls, written: object) -> str:
        return exact_eps(written)

    @property
    def threat(self) -> Threat:
        """The threat itself."""
        return Threat(self.norm, self.eps, self.knowledge)


class Requirement(_Part):
    """One line of ``require``."""

    id: str = Field(min_length=1, max_length=63)
    metric: str
    threat: str | None = None
    gte: Share
    level: Share = Fraction(95, 100)

    @field_validator("gte", "level", mode="before")
    @classmethod
    def _exact_share(cls, written: object) -> Fraction:
        text = str(written).strip()
        try:
            return exact(text[:-1]) / 100 if text.endswith("%") else exact(text)
        except (ValueError, ZeroDivisionError) as error:
            message = "must be a number such as 0.4 or a percentage such as 95%"
            raise ValueError(message) from error

    @field_validator("level")
    @classmethod
    def _sensible(cls, level: Fraction) -> Fraction:
        if not Fraction(1, 2) < level < 1:
            message = "must lie between 50% and 100%"
            raise ValueError(message)
        return level


class Policy(_Part):
    """A checked policy."""

    api_version: Literal["assay/v1"] = Field(alias="apiVersion")
    claim: Literal["set", "population"] = "set"
    seed: int = Field(default=0, ge=0, lt=2**53)
    domain: Literal["float"] = "float"
    data: DataRules = DataRules()
    threats: dict[str, ThreatRule] = Field(default_factory=dict[str, ThreatRule])
    require: tuple[Requirement, ...] = Field(min_length=1)

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
        return self

    @property
    def digest(self) -> str:
        """Digest of what the policy says, not of how it is written."""
        return digest(self.model_dump(mode="json", by_alias=True))


def parse_policy(text: str, catalogue: Sequence[Analyzer]) -> Policy:
    """Read a policy and check it against what the catalogue can measure."""
    try:
        body = read_yaml(text)
    except ValueError as error:
        raise _invalid(f"The policy is not readable YAML: {error}.") from error
    if not isinstance(body, dict):
        raise _invalid("The policy is not a YAML mapping with keys such as threats and require.")
    try:
        policy = Policy.model_validate(body)
    except ValidationError as error:
        raise _invalid(_sentence(error)) from error
    _check_metrics(policy, catalogue)
    _check_threats(policy, catalogue)
    return policy


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
    compare = "Compare it with the policy that `assay check` prints when none is given."
    return AssayError(Code.POLICY_INVALID, sentence, remedy or compare)


_SENTENCES: dict[str, Callable[[str, str], str]] = {
    "extra_forbidden": lambda where, _: f"The policy has an unknown key: {where}.",
    "missing": lambda where, _: f"The policy lacks the key {where}.",
}


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    say = _SENTENCES.get(first["type"])
    if say is not None:
        return say(where, first["msg"])
    reason = first["msg"].removeprefix("Value error, ")
    subject = f"The policy's {where}" if where else "The policy"
    return f"{subject} is wrong: {reason}."
