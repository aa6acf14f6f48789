"""Judging evidence from a file: no model, no database, no side effects."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from analyzers.catalog import ALL
from analyzers.contract import Json
from service.core.judge import judge
from service.core.policy import parse_policy
from service.errors import AssayError, Code


def judge_file(evidence: bytes, policy: str, date: str = "") -> dict[str, Json]:
    """The verdict on evidence.json under a policy's text."""
    rules = parse_policy(policy, ALL)
    when = date or datetime.now(UTC).isoformat(timespec="seconds")
    return judge(parse_evidence(evidence), rules, evaluated_at=when)


def parse_evidence(raw: bytes) -> Mapping[str, Json]:
    """Evidence out of its file; NaN and anything but an object are refused."""
    try:
        body: object = json.loads(raw, parse_constant=_no_constant)
    except ValueError as error:
        raise _not_evidence() from error
    if not isinstance(body, dict):
        raise _not_evidence()
    return body  # pyright: ignore[reportUnknownVariableType]  # JSON object


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _not_evidence() -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        "This file is not the evidence of an audit.",
        "Give the evidence.json that `assay check` or `assay audit` wrote.",
    )
