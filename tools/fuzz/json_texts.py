"""JSON with one thing changed: a value, a key, or the text itself."""

import json
from collections.abc import Callable
from typing import Any, Final, cast

from tools.fuzz.draws import Draw

Json = Any  # anything that JSON can hold, and it is changed without being looked at


def changed(raw: bytes, draw: Draw) -> bytes:
    """The text with a value or two changed, or broken as a text."""
    if draw.chance(0.2):
        return draw.pick(_BREAKS)(raw, draw)
    told: Json = json.loads(raw)
    for _ in range(1 + draw.below(2)):
        told = value_changed(told, draw)
    return json.dumps(told, ensure_ascii=draw.chance(0.5)).encode("utf-8", "surrogatepass")


def value_changed(told: Json, draw: Draw) -> Json:
    """The same with something in it changed, at any depth."""
    keys = _keys(told)
    if not keys or draw.chance(0.12):
        return odd_value(told, draw)
    key, how = draw.pick(keys), draw.below(10)
    if how == 0:
        del told[key]
    elif how == 1 and isinstance(key, str):
        told[draw.name()] = told.pop(key)
    elif how == 1:
        told.insert(key, told[key])
    else:
        told[key] = value_changed(told[key], draw)
    return told


def _keys(told: Json) -> list[str] | list[int]:
    if isinstance(told, dict):
        return list(cast("dict[str, Json]", told))
    return list(range(len(cast("list[Json]", told)))) if isinstance(told, list) else []


def odd_value(told: Json, draw: Draw) -> Json:
    """Another value: near, odd, or of another kind."""
    if isinstance(told, int) and draw.chance(0.5):
        return draw.pick((told + 1, told - 1, -told, told * 2, draw.number()))
    kinds: tuple[Json, ...] = (
        *(None, True, draw.number(), float(draw.number()), 1e308, 0.5, draw.name(), draw.name()),
        *([], {}, [told], {"key": told}, [draw.number()] * 40, _deep(draw.pick((3, 60, 900)))),
    )
    return draw.pick(kinds)


def _deep(levels: int) -> Json:
    found: Json = 0
    for _ in range(levels):
        found = [found]
    return found


def _cut(raw: bytes, draw: Draw) -> bytes:
    return raw[: draw.below(len(raw))]


def _bracketed(raw: bytes, draw: Draw) -> bytes:
    deep = draw.pick((10, 2000, 100_000))
    return draw.pick((b"[" * deep, b'{"a":' * deep, b"[" * deep + raw + b"]" * deep))


def _not_finite(raw: bytes, draw: Draw) -> bytes:
    return raw.replace(b"1", draw.pick((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"01")), 1)


def _long_number(raw: bytes, draw: Draw) -> bytes:
    return raw.replace(draw.pick((b"0", b"1", b"2")), b"9" * draw.pick((30, 4400, 20_000)), 1)


def _twice(raw: bytes, draw: Draw) -> bytes:
    """Two equal keys, of which readers keep the first or the last."""
    inside = raw[raw.find(b"{") + 1 : raw.rfind(b"}")]
    return b"{" + inside + draw.pick((b",", b", ,", b"")) + inside + b"}"


def _encoded(raw: bytes, draw: Draw) -> bytes:
    return raw.decode(errors="replace").encode(draw.pick(("utf-16", "utf-8-sig", "utf-32")))


def _spoilt(raw: bytes, draw: Draw) -> bytes:
    at = draw.below(len(raw))
    return raw[:at] + draw.pick((b"\xff", b"\0", b'"', b"\\u", b"\\ud800", b"//", b"}")) + raw[at:]


_BREAKS: Final[tuple[Callable[[bytes, Draw], bytes], ...]] = (
    *(_cut, _bracketed, _not_finite, _long_number, _twice, _encoded, _spoilt),
)
