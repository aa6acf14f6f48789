"""What a team lets pass for a while: YAML in, checked waivers out."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Final, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from service.core.policy import Share, exact_share
from service.core.strict_yaml import read_yaml
from service.core.suggesting import did_you_mean, keys_at
from service.errors import AssayError, Code, printable

LONGEST_DAYS: Final = 90
"""Days between creation and expiry; what lasts longer is a decision about the policy."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#-]{0,62}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WILDCARDS: Final = frozenset("*?")
_EXAMPLE: Final = (
    "An entry reads: {id: W-1, match: {requirement: worst-case}, reason: ..., owner: ..., "
    "approved_by: ..., created: 2026-11-20, expires: 2027-01-31, floor: {gte: 0.3}}."
)


def _joined(written: object) -> object:
    """Text that YAML folds over lines, on one line."""
    return " ".join(written.split()) if isinstance(written, str) else written


def _visible(text: str) -> str:
    # What nobody sees would make two people out of one, or hide what a reader signs.
    if not text.isprintable():
        message = "must hold no invisible characters"
        raise ValueError(message)
    return text


def _plain_id(text: str) -> str:
    if not _ID.fullmatch(text):
        message = "must be letters, digits and . _ / # -, at most 63 of them"
        raise ValueError(message)
    return text


def _without_wildcards(text: str) -> str:
    if _WILDCARDS.intersection(text):
        message = "must name one thing; wildcards (* and ?) are refused"
        raise ValueError(message)
    return text


def _day(written: object) -> date:
    if isinstance(written, date) and not isinstance(written, datetime):
        return written
    message = "must be a date such as 2026-11-20"
    if not isinstance(written, str) or not _DAY.fullmatch(written):
        raise ValueError(message)
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise ValueError(message) from error


_Line = Annotated[
    str, Field(min_length=1, max_length=1000), BeforeValidator(_joined), AfterValidator(_visible)
]
_Exactly = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_visible),
    AfterValidator(_without_wildcards),
]
_Day = Annotated[date, BeforeValidator(_day)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Part):
    """What a waiver speaks of: one requirement or one rule, by name."""

    requirement: _Exactly | None = None
    rule: _Exactly | None = None
    class_name: _Exactly | None = Field(default=None, alias="class")
    subject: _Exactly | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if (self.requirement is None) == (self.rule is None):
            message = "must name either a requirement or a rule"
            raise ValueError(message)
        if self.rule is not None and self.class_name is not None:
            message = "takes a class only together with a requirement"
            raise ValueError(message)
        return self


class Floor(_Part):
    """Below it a waiver does nothing, so that what gets worse shows again."""

    gte: Annotated[Share, BeforeValidator(exact_share)]


class Waiver(_Part):
    """One entry of the file."""

    id: Annotated[str, AfterValidator(_plain_id)]
    match: Match
    reason: _Line
    owner: _Line
    approved_by: _Line | None = None
    ticket: _Line | None = None
    created: _Day
    expires: _Day
    floor: Floor | None = None
    compensating: _Line | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        days = (self.expires - self.created).days
        if not 0 < days <= LONGEST_DAYS:
            message = f"expires must lie 1 to {LONGEST_DAYS} days after created, not {days}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _has_a_floor_where_one_holds(self) -> Self:
        if self.match.requirement is not None and self.floor is None:
            message = "a requirement is waived only with a floor, since without one anything goes"
            raise ValueError(message)
        if self.match.rule is not None and self.floor is not None:
            message = "a rule has no share that a floor could bound; leave floor out"
            raise ValueError(message)
        return self


_WAIVERS: Final = TypeAdapter(tuple[Waiver, ...])


def parse_waivers(text: str) -> tuple[Waiver, ...]:
    """Read a file of waivers; one without any entry waives nothing."""
    try:
        body = read_yaml(text)
    except ValueError as error:
        raise _invalid(f"The waivers are not readable YAML: {error}.") from error
    if body is None:
        return ()
    if not isinstance(body, list):
        raise _invalid("The waivers are not a YAML list of entries.")
    entries = cast("list[object]", body)
    try:
        waivers = _WAIVERS.validate_python(entries)
    except ValidationError as error:
        raise _explained(error, entries) from error
    often = Counter(one.id for one in waivers)
    twice = next((one for one, times in often.items() if times > 1), None)
    if twice is not None:
        raise _invalid(f"Two waivers share the id {twice}.", "Give each waiver an id of its own.")
    return waivers


def floors_of(waivers: Sequence[Waiver]) -> dict[str, Fraction]:
    """The lowest share at which a requirement may still be waived, by its id."""
    found: dict[str, Fraction] = {}
    for one in waivers:
        name = one.match.requirement
        if name is not None and one.floor is not None:
            found[name] = min(one.floor.gte, found.get(name, one.floor.gte))
    return found


def _invalid(sentence: str, remedy: str = _EXAMPLE) -> AssayError:
    return AssayError(Code.POLICY_INVALID, sentence, remedy)


def _explained(error: ValidationError, entries: Sequence[object]) -> AssayError:
    found = error.errors()
    # A key that is mistyped is lacking too; saying which one it is helps more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    place, *keys = first["loc"]
    inside = [printable(key)[:80] for key in keys]
    who, where = _who(entries, int(place)), ".".join(inside)
    match first["type"]:
        case "extra_forbidden":
            return _unknown_key(f"{who} has an unknown key: {where}", inside)
        case "missing":
            return _invalid(f"{who} lacks the key {where}.")
        case "string_type":
            return _invalid(f"{who} is wrong: {where} must be text; put it in quotes.")
        case "model_type":
            return _invalid(f"{who} is wrong: {where or 'it'} must be a mapping of keys.")
        case _:
            reason = " ".join(filter(None, (where, _reason(first["msg"]))))
            return _invalid(f"{who} is wrong: {reason}.")


def _reason(message: str) -> str:
    """A validator's message as it reads behind the name of a key."""
    for opening in ("Value error, ", "Input ", "String "):
        message = message.removeprefix(opening)
    return message


def _who(entries: Sequence[object], place: int) -> str:
    entry = entries[place]
    name = entry.get("id") if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # YAML mapping
    if isinstance(name, str) and _ID.fullmatch(name):
        return f"Waiver {name}"
    return f"Waiver number {place + 1}"


def _unknown_key(sentence: str, inside: Sequence[str]) -> AssayError:
    *outer, key = inside
    known = keys_at(Waiver, outer)
    return _invalid(f"{sentence}. {did_you_mean(key, known)}".strip(), f"Use: {', '.join(known)}.")
