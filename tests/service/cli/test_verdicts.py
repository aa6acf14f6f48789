"""The verdict's exit code, and the lines that explain it."""

import pytest

from service.cli.verdicts import exit_of, tell_verdict
from support import evidence


@pytest.mark.parametrize(
    ("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3), ("ERROR", 4), (None, 3)]
)
def test_the_verdict_alone_decides(verdict: str | None, code: int) -> None:
    """One code for each verdict; without one, nothing may be released."""
    assert exit_of(verdict) == code


def test_every_requirement_has_a_line_and_the_sentence_is_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A reader finds each requirement by its id, with its state first, and the claim at the end."""
    verdict = evidence.verdict()
    tell_verdict(verdict)
    lines = capsys.readouterr().out.splitlines()
    for line, requirement in zip(lines, verdict["requirements"], strict=False):
        assert line.startswith(requirement["state"])
        assert f" {requirement['id']}: " in line
    assert lines[-1] == verdict["sentence"]


def test_only_indicators_in_doubt_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A red or missing indicator has a line; one that is fine has none."""
    verdict = evidence.verdict()
    for place, one in enumerate(verdict["indicators"]):
        one.update(state="red" if place == 0 else "ok", note="")
    tell_verdict(verdict)
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("TRUST")]
    assert [line.split(maxsplit=1)[1] for line in found] == [
        f"{verdict['indicators'][0]['metric']} is red"
    ]


def test_text_from_a_file_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters in a verdict are shown as blanks."""
    verdict = evidence.verdict()
    verdict["sentence"] = "PASS.\x1b[2J\x1b[31m done"
    tell_verdict(verdict)
    assert "\x1b" not in capsys.readouterr().out
