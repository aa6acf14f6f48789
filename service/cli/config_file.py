"""``assay.yaml`` beside a model: what would otherwise be typed each time, checked key by key."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from service.core.strict_yaml import read_yaml
from service.errors import AssayError, Code
from service.rpc.addresses import is_local

_MOST_BYTES = 64 << 10
_LONGEST_PATH = 4096
_NOT_IN_FILES = {"no-config", "dry-run", "detach", "as-json"}
"""A file that always made it a dry run, or left it to the service, would switch a gate off, and
exit with 0; whether a person or a program listens is not the model's to say."""
_PATHS = {"baseline", "data", "cues"}
"""Keys of paths that are texts to the command line: a slice may follow, or it is a name."""
_NAMES: Mapping[str, tuple[str, ...]] = {"baseline": ("projects/",)}
"""How a value begins that is the name of something in the service, and no path."""
_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
_TAKEN: Mapping[type, tuple[type, ...]] = {float: (int, float), Path: (str,)}


@dataclass(frozen=True)
class Key:
    """A key that may stand in the file, as the option of the same name has it."""

    kind: type
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    path: bool = False

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        least = f" of at least {self.low:g}" if math.isfinite(self.low) else ""
        most = f" and at most {self.high:g}" if math.isfinite(self.high) else ""
        return f"{_WORDS[self.kind]}{least}{most}"

    def takes(self, value: object) -> bool:
        """Whether a value may stand there."""
        if isinstance(value, bool) or self.kind is bool:
            return isinstance(value, bool) and self.kind is bool
        if not isinstance(value, _TAKEN.get(self.kind, (self.kind,))):
            return False
        if isinstance(value, int | float):
            return self.low <= value <= self.high  # not a number lies nowhere
        return value in self.choices if self.choices else bool(value)


def keys_of(verbs: Sequence[Callable[..., object]]) -> dict[str, Key]:
    """Every long option of some verbs."""
    hints: dict[str, Any] = {}
    for verb in verbs:
        hints.update(get_type_hints(verb, include_extras=True))
    given = {name.replace("_", "-"): get_args(hint) for name, hint in hints.items()}
    return {
        name: _key(name, args[0], args[1])
        for name, args in given.items()
        if name not in _NOT_IN_FILES and _is_option(args)
    }


def _is_option(args: tuple[Any, ...]) -> bool:
    return len(args) > 1 and isinstance(args[1], OptionInfo)


def _key(name: str, kind: Any, info: OptionInfo) -> Key:  # noqa: ANN401 - an annotation
    if get_origin(kind) in (UnionType, Union):  # the second is what `Literal[...] | None` makes
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is Literal:
        return Key(str, get_args(kind))
    low = -math.inf if info.min is None else info.min
    high = math.inf if info.max is None else info.max
    return Key(kind, (), low, high, path=kind is Path or name in _PATHS)


def read_config(path: Path, keys: Mapping[str, Key]) -> dict[str, Any]:
    """What a file says, each value checked; its paths are relative to it."""
    try:
        body = read_yaml(_text(path))
    except ValueError as error:
        raise _invalid(path, f"is not readable YAML: {_plain(error)}.") from error
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise _invalid(path, "is not a YAML mapping of option names to values.")
    found: dict[Any, Any] = body  # pyright: ignore[reportUnknownVariableType]  # checked right here
    return {str(name): _value(path, name, value, keys) for name, value in found.items()}


def _value(path: Path, name: object, value: object, keys: Mapping[str, Key]) -> Any:  # noqa: ANN401 - what the option takes
    if not isinstance(name, str) or name not in keys:
        near = get_close_matches(str(name), keys, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(sorted(keys))}."
        raise _invalid(path, f"holds '{_plain(name)}', which is no option.", hint)
    key = keys[name]
    if not key.takes(value):
        raise _invalid(path, f"holds {name}: {_plain(value)}, which is not {key.expected}.")
    if name == "server" and not is_local(str(value)):
        raise _invalid(
            path,
            f"names the server {_plain(value)}, which is not on this machine.",
            "Give --server on the command line: a file beside a model may come with the model.",
        )
    if key.path and not str(value).startswith(("~", *_NAMES.get(name, ()))):
        return str(path.parent / str(value))
    return value


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _invalid(path, f"cannot be read: {str(error.strerror).lower()}.") from error
    if len(raw) > _MOST_BYTES:
        raise _invalid(path, f"is larger than {_MOST_BYTES >> 10} KiB.")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _invalid(path, "is not text in UTF-8.") from error


def _plain(value: object, most: int = 80) -> str:
    """A value of the file as it may be shown: short, and nothing that moves a cursor."""
    return "".join(char for char in str(value) if char.isprintable())[:most]


def _invalid(path: Path, what: str, remedy: str = "") -> AssayError:
    ignore = "Mend the file, or leave it out with --no-config."
    return AssayError(Code.CONFIG_FILE_INVALID, f"The file '{path}' {what}", remedy or ignore)


def told(path: Path, taken: Mapping[str, Any]) -> str:
    """One line about what was taken from a file."""
    values = ", ".join(f"{name} {_plain(value)}" for name, value in taken.items())
    return f"From {_plain(path, most=_LONGEST_PATH)}: {values or 'nothing'}."
