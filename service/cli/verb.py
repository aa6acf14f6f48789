"""How every verb ends: a verdict or an error decides the exit code, and nothing else does."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from service.cli.terminal import note
from service.errors import AssayError, Code, Exit

P = ParamSpec("P")


def verb(function: Callable[P, Exit]) -> Callable[P, None]:
    """Make a verb out of a function that returns an exit code; it may take ``debug``."""

    @functools.wraps(function)
    def ending(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(
            _outcome(
                lambda: function(*args, **kwargs),
                debug=bool(kwargs.get("debug")),
                as_json=bool(kwargs.get("as_json")),
            )
        )

    return ending


def _outcome(run: Callable[[], Exit], *, debug: bool, as_json: bool) -> Exit:
    try:
        code = run()
        sys.stdout.flush()
    except AssayError as error:
        return ended(error, debug=debug, as_json=as_json)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone; the code must not look like a verdict.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.INFRASTRUCTURE
    except Exception as error:  # noqa: BLE001 - the last place where it can be told
        _tell(_unexpected(error), debug=debug, as_json=as_json)
        return Exit.INFRASTRUCTURE
    return code


def ended(error: AssayError, *, debug: bool = False, as_json: bool = False) -> Exit:
    """Tell an error; the exit code that it ends with."""
    _tell(error, debug=debug, as_json=as_json)
    return error.exit


def _tell(error: AssayError, *, debug: bool, as_json: bool) -> None:
    if as_json:
        from service.cli.objects import problem_object, tell

        tell(problem_object(error))
    note(f"{error.code.value}: {error.sentence}")
    note(f"What to do: {error.remedy}")
    if debug:
        note(traceback.format_exc())


def _unexpected(error: Exception) -> AssayError:
    return AssayError(
        Code.INTERNAL,
        f"Something unexpected went wrong ({type(error).__name__}).",
        "Run it again with --debug to see where; if it stays, report it with that text.",
    )
