"""Checks of single fields on their way in."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from service.errors import AssayError, Code
from service.rpc import names

_LONGEST_SECONDS = 30 * 24 * 3600


def invalid(field: str, what: str, code: Code = Code.REQUEST_INVALID) -> AssayError:
    """A field that cannot be taken as it is."""
    return AssayError(
        code, f"{field} {what}.", f"Mend {field} as the API's description has it.", field=field
    )


def checked_request_id(text: str) -> str:
    """A UUID in its usual spelling; empty stays empty."""
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise invalid("request_id", "is no UUID") from None


def checked_text(text: str, field: str, most: int = 200) -> str:
    """A short text without control characters."""
    if len(text) > most or not text.isprintable():
        raise invalid(field, f"has more than {most} characters or some that cannot be printed")
    return text


def checked_whole(number: int, field: str) -> int:
    """A number that is not below 0."""
    if number < 0:
        raise invalid(field, f"is {number}, below 0")
    return number


def checked_share(number: float, field: str) -> float:
    """A number in [0, 1]."""
    if not 0 <= number <= 1:
        raise invalid(field, f"is {number}, outside [0, 1]")
    return number


def checked_duration(duration: Duration, field: str) -> float:
    """A positive length of time, in seconds."""
    seconds = duration.seconds + duration.nanos / 1e9
    if not 0 < seconds < _LONGEST_SECONDS:
        raise invalid(field, f"is {seconds} seconds, not between 0 and {_LONGEST_SECONDS}")
    return seconds


def duration_to_pb(seconds: float | None) -> Duration | None:
    """A length of time; None for none."""
    if seconds is None:
        return None
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


def checked_name(text: str, collection: names.Collection, field: str = "name") -> str:
    """The name of a resource of that collection."""
    return str(names.parse_name(text, collection, field=field))


def checked_name_in(project: str, text: str, collection: names.Collection, *, field: str) -> str:
    """The name of a resource of that collection, in the project that asks."""
    name = names.parse_name(text, collection, field=field)
    if name.project != project:
        raise invalid(field, f"lies outside projects/{project}", Code.NAME_INVALID)
    return text


def checked_policy(text: str) -> str:
    """A policy's text, which is not read here."""
    if not text.strip():
        raise AssayError(
            Code.POLICY_MISSING,
            "There is no policy to judge by.",
            "Send the policy's YAML text; `assay check` without one prints a minimal policy.",
            field="policy",
        )
    return text
