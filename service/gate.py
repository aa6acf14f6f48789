"""Judging evidence from a file: no model, no database, no side effects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from analyzers.catalog import ALL
from analyzers.contract import Json
from service.core.comparing import compared
from service.core.evidence import evidence_digest, part
from service.core.judge import judge
from service.core.pairing import Baseline, Side
from service.core.policy import Policy, parse_policy
from service.core.waivers import parse_waivers
from service.core.waiving import weighed
from service.errors import AssayError, Code

DAMAGE: Final = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)
"""What reading evidence raises that was edited or cut: it may miss anything anywhere."""


@dataclass(frozen=True)
class Beside:
    """What a verdict may rest on besides evidence, policy and date."""

    waivers: str = ""
    """YAML text."""
    baseline: str = ""
    """What the baseline is called."""
    baseline_evidence: bytes = b""
    first: bool = False
    """Whether it is known that there is no baseline yet."""


def judge_file(
    evidence: bytes, policy: str, on: str = "", beside: Beside | None = None
) -> dict[str, Json]:
    """The verdict on evidence.json under a policy's text."""
    rules = parse_policy(policy, ALL)
    when = on or datetime.now(UTC).isoformat(timespec="seconds")
    return verdict_on(parse_evidence(evidence), rules, when, beside or Beside())


def verdict_on(
    evidence: Mapping[str, Json], policy: Policy, when: str, beside: Beside
) -> dict[str, Json]:
    """What the judge says, held against a baseline where there is one, then weighed by waivers."""
    waivers = parse_waivers(beside.waivers) if beside.waivers.strip() else ()
    baseline = None
    if beside.baseline_evidence:
        old = Side.of(parse_evidence(beside.baseline_evidence))
        baseline = Baseline(beside.baseline, old, Side.of(evidence))
    verdict = judge(evidence, policy, evaluated_at=when, baseline=baseline, first=beside.first)
    facts = part(evidence.get("facts"))
    subject = str(part(facts.get("subject")).get("name", ""))
    found = facts.get("findings", ())
    return weighed(verdict, found, waivers, on=_day(when), subject=subject)


def _day(when: str) -> date:
    try:
        return date.fromisoformat(when[:10])
    except ValueError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"'{when[:40]}' is no day by which waivers could be read.",
            "Write it as 2027-01-31, or leave it out for today.",
        ) from error


def parse_evidence(raw: bytes) -> Mapping[str, Json]:
    """Evidence out of its file; NaN and anything but an object are refused."""
    try:
        body: object = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise not_evidence() from error
    if not isinstance(body, dict):
        raise not_evidence()
    return body  # pyright: ignore[reportUnknownVariableType]  # JSON object


def _no_constant(name: str) -> float:
    raise ValueError(name)


def check_baseline(raw: bytes) -> None:
    """Refuse before an audit what holding it against this evidence would stumble over."""
    body = parse_evidence(raw)
    try:
        _ = compared(body, body), evidence_digest(body)
    except DAMAGE as error:
        raise not_evidence() from error


def not_evidence() -> AssayError:
    """Whoever gave it is told what would be."""
    return AssayError(
        Code.EVIDENCE_INVALID,
        "This file is not the evidence of an audit.",
        "Give the evidence.json that `assay check` or `assay audit` wrote.",
    )
