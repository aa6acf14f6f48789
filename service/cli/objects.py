"""What a verb says to a program: one JSON object on standard output, and nothing beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from service.cli.terminal import say
from service.errors import AssayError

if TYPE_CHECKING:
    from analyzers.contract import Json
    from service.rpc.ports import AuditView


def tell(body: "Mapping[str, Json]") -> None:
    """Print it; what is not ASCII is escaped, so a name cannot play with a terminal."""
    say(json.dumps(body, indent=1, sort_keys=True))


def problem_object(error: AssayError) -> "dict[str, Json]":
    """An error with its stable code."""
    told = {"code": error.code.value, "sentence": error.sentence, "remedy": error.remedy}
    return {"problem": told}


def audit_object(view: "AuditView") -> "dict[str, Json]":
    """An audit as it stands."""
    return {
        "name": view.name,
        "subject": view.subject,
        "model": view.model,
        "data": view.eval_set,
        "state": view.state,
        "verdict": view.verdict,
        "created": view.created.isoformat(),
        "evidence_digest": view.evidence_digest,
        "brackets": [asdict(one) for one in view.brackets],
        "progress": asdict(view.progress) if view.progress else None,
        "problem": None if view.problem is None else problem_object(view.problem.as_error()),
    }
