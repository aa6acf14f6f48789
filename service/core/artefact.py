"""Findings about the uploaded file itself, whatever its model does: what lay in it, what was left.

Intake notes them as (id, detail) while it takes the file apart; nothing of them was executed.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from analyzers.contract import Json

GRADE: Final = "A"
"""Read from the bytes, not estimated."""


class ArtefactRule(NamedTuple):
    """What a note of intake is worth."""

    severity: str
    statement: str
    """With ``{detail}``, which intake knows."""
    remedy: str


RULES: Final[Mapping[str, ArtefactRule]] = {
    "ART-CODE": ArtefactRule(
        "medium",
        "Code of the upload ran, in a locked child, to make the model that was audited: {detail}",
        "Release the canonical ONNX file of this audit, or export the model to ONNX yourself.",
    ),
    "ART-CUSTOM": ArtefactRule(
        "info",
        "The file declares sets of operators beyond the ONNX standard: {detail}",
        "None of them is in use. Export again without them to be rid of the question.",
    ),
    "ART-EXTERNAL": ArtefactRule(
        "info",
        "Weights lie outside the model file: {detail}",
        "Ship both together; a digest of the model file alone does not cover its weights.",
    ),
    "ART-EXTRA": ArtefactRule(
        "info",
        "The archive holds files that the model does not need: {detail}",
        "Leave them out of what is released.",
    ),
    "ART-HANDLER": ArtefactRule(
        "medium",
        "The archive brings code that its server would run: {detail} It was not run here.",
        "Review that code: it may change what the model is fed or what it answers, and this audit "
        "does not see it.",
    ),
    "ART-PICKLE": ArtefactRule(
        "low",
        "The file holds pickles, which can run code in a reader less careful: {detail}",
        "Save the weights as safetensors, or the model as ONNX.",
    ),
    "ART-WEIGHTS": ArtefactRule(
        "info",
        "Weights alone were uploaded and put into a network that was named for them: {detail}",
        "Check that the clean accuracy is the one you know, or upload ONNX.",
    ),
}


def artefact_findings(notices: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """The findings that intake's notes amount to, in the order of their ids."""
    known = sorted(
        (one for one in notices if one["id"] in RULES), key=lambda one: (one["id"], one["detail"])
    )
    return [_finding(one["id"], one["detail"]) for one in known]


def _finding(name: str, detail: str) -> dict[str, Json]:
    rule = RULES[name]
    return {
        "id": name,
        "severity": rule.severity,
        "grade": GRADE,
        "statement": rule.statement.replace("{detail}", detail),
        "evidence": "the uploaded file",
        "remedy": rule.remedy,
        "reproduce": "assay audit MODEL --data DATA --policy POLICY",
        "analyzer": "intake",
    }
