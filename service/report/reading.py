"""Evidence as a page reads it: a key that is absent or of another kind reads as nothing at all."""

import math
from collections.abc import Iterable, Mapping
from typing import cast

from analyzers.contract import Json

_DEEPEST = 64


def ordered(body: Json, depth: int = _DEEPEST) -> Json:
    """The same body with its keys in order: how a file happens to spell it changes no page."""
    if not depth:
        return body
    if isinstance(body, Mapping):
        told = cast("Mapping[str, Json]", body)
        return {key: ordered(told[key], depth - 1) for key in sorted(told)}
    if isinstance(body, list | tuple):
        return [ordered(one, depth - 1) for one in cast("Iterable[Json]", body)]
    return body


def mapping(body: Json, *path: str) -> Mapping[str, Json]:
    """The object at the end of a path, or an empty one."""
    found = _object(body)
    for key in path:
        found = _object(found.get(key))
    return found


def _object(body: Json) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", body) if isinstance(body, Mapping) else {}


def items(body: Mapping[str, Json], key: str) -> list[Json]:
    """The list under a key, or an empty one."""
    found = body.get(key)
    return list(cast("Iterable[Json]", found)) if isinstance(found, list | tuple) else []


def mappings(body: Mapping[str, Json], key: str) -> list[Mapping[str, Json]]:
    """The objects in the list under a key."""
    return [_object(one) for one in items(body, key) if isinstance(one, Mapping)]


def finite(value: Json) -> float | None:
    """The value when it is a number that can be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number(body: Mapping[str, Json], key: str) -> float | None:
    """The finite number under a key."""
    return finite(body.get(key))


def ends_of(body: Mapping[str, Json], key: str = "interval") -> tuple[float, float] | None:
    """The two ends of an interval; None unless both are finite and there are no others."""
    found = [finite(one) for one in items(body, key)]
    match found:
        case [float() as low, float() as high]:
            return low, high
        case _:
            return None


def whole(body: Mapping[str, Json], key: str) -> int | None:
    """The whole number under a key."""
    found = finite(body.get(key))
    return int(found) if found is not None and found == int(found) else None


def text(body: Mapping[str, Json], key: str, otherwise: str = "") -> str:
    """The text under a key; numbers count as text, nested values do not."""
    found = body.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return otherwise
    return str(found) or otherwise


def numbers(body: Mapping[str, Json], key: str) -> list[float | None]:
    """The list under a key with a gap wherever an entry is no number."""
    return [finite(one) for one in items(body, key)]
