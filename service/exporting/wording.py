"""What goes wrong in other people's code, told in one short line."""

import traceback
from collections.abc import Callable
from typing import TypeVar

from service.errors import AssayError, Code

T = TypeVar("T")

_LONGEST = 200


def failed(sentence: str, remedy: str) -> AssayError:
    """The export ends here."""
    return AssayError(Code.EXPORT_FAILED, sentence, remedy)


def mistyped(sentence: str, remedy: str) -> AssayError:
    """The command names something that is not there."""
    return AssayError(Code.REQUEST_INVALID, sentence, remedy)


def attempted(run: Callable[[], T], what: str, remedy: str) -> T:
    """Run the user's own code; whatever it raises ends the export with a sentence."""
    try:
        return run()
    except AssayError:
        raise
    except (Exception, SystemExit) as error:  # a script that ends itself must set no exit code
        raise failed(f"{what}: {last_line(error)}.", remedy) from error


def last_line(error: BaseException) -> str:
    """The end of an exception's own words, where Python's tracebacks have the point."""
    return _lines("".join(traceback.format_exception_only(error)))[-1]


def root_line(error: BaseException) -> str:
    """How the innermost cause begins: exporters wrap it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return _lines(f"{type(error).__name__}: {error}")[0]


def _lines(text: str) -> list[str]:
    return [_short(line) for line in text.splitlines() if line.strip()]


def _short(line: str) -> str:
    kept = "".join(char for char in line if char.isprintable()).strip().rstrip(".: ")
    return kept if len(kept) <= _LONGEST else f"{kept[: _LONGEST - 1]}…"
