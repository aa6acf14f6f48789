"""What intake noted of a file becomes findings, and nothing else does."""

import pytest

from service.core.artefact import GRADE, RULES, artefact_findings


@pytest.mark.parametrize("name", RULES)
def test_each_note_becomes_its_finding(name: str) -> None:
    """Id, severity and the detail that intake told; braces in a detail are text."""
    (found,) = artefact_findings([{"id": name, "detail": "named {evil} and {detail}."}])
    assert (found["id"], found["severity"], found["grade"]) == (name, RULES[name].severity, GRADE)
    assert "named {evil} and {detail}." in found["statement"]
    assert found["remedy"] == RULES[name].remedy


def test_order_does_not_depend_on_who_noted_first() -> None:
    """Evidence is a fact of the file, so the same notes give the same list."""
    notes = [{"id": name, "detail": "d"} for name in RULES]
    assert artefact_findings(notes) == artefact_findings(notes[::-1])


def test_unknown_notes_are_no_findings() -> None:
    """Only stable ids reach a report."""
    assert artefact_findings([{"id": "ART-NEW", "detail": "x"}]) == []
