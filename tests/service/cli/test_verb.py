"""How a verb ends: its own code, an error's code, and never a traceback that nobody asked for."""

import pytest
import typer

from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

MISTAKE = AssayError(Code.DATA_EMPTY, "The data file is empty.", "Write it again.")


def end(raised: BaseException | None, *, debug: bool = False) -> int:
    """The exit code of a verb that raises, or that returns a FAIL."""

    @verb
    def deed(*, debug: bool = False) -> Exit:
        if raised is not None:
            raise raised
        return Exit.FAIL

    with pytest.raises(typer.Exit) as ended:
        deed(debug=debug)
    return ended.value.exit_code


def test_a_verb_ends_with_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What the verb returns is the exit code, and nothing is said besides."""
    assert end(None) == 1
    assert capsys.readouterr() == ("", "")


def test_an_error_is_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Code and sentence, then the remedy, on standard error; the kind decides the exit code."""
    assert end(MISTAKE) == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "DATA_EMPTY: The data file is empty.\nWhat to do: Write it again.\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code.POLICY_INVALID, 2),
        (Code.UNREACHABLE, 4),
        (Code.CHILD_TIMEOUT, 4),
        (Code.MODEL_BROKEN, 5),
        (Code.PREPROCESSING_MISMATCH, 5),
        (Code.BLOB_DIGEST_MISMATCH, 6),
        (Code.EVIDENCE_INVALID, 6),
        (Code.CANCELLED, 130),
    ],
)
def test_codes_map_to_exit_codes(code: Code, expected: int) -> None:
    """The table that README promises, code by code."""
    assert end(AssayError(code, "It went wrong.", "Mend it.")) == expected


def test_the_unexpected_is_internal(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of ours exits with 4, names no inside, and says how to see more."""
    assert end(KeyError("secret")) == 4
    said = capsys.readouterr().err
    assert said.startswith("INTERNAL: ")
    assert "--debug" in said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize("raised", [KeyError("inside"), MISTAKE])
def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str], raised: Exception) -> None:
    """With --debug the two lines are followed by where it came from."""
    end(raised, debug=True)
    said = capsys.readouterr().err
    assert "What to do: " in said
    assert "Traceback" in said


def test_an_interrupt_is_130() -> None:
    """Ctrl-C anywhere ends with 130."""
    assert end(KeyboardInterrupt()) == 130
