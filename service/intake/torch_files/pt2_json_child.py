"""JSON of a torch.export archive, copied field by field along torch's own schema.

The loader trusts its JSON: shape expressions go through an evaluator of Python, names into
generated source, targets through attributes of torch. So nothing is handed on as it came: every
string is matched against what its field may hold, and what the schema does not know is dropped.
Runs in a child.
"""

import dataclasses
import enum
import functools
import importlib
import json
import keyword
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from analyzers.contract import Refusal
from service.intake.torch_files.pt2_shapes_child import broken, expression

SCHEMA: Final[Any] = importlib.import_module("torch._export.serde.schema")
_MOST_INTEGER: Final = (1 << 63) - 1
"""What torch itself writes for the end of a slice that has none."""
_MOST_NESTED: Final = 64
_FLOATS: Final = frozenset({"Infinity", "-Infinity", "NaN"})


def parsed(raw: bytes) -> Mapping[str, Any]:
    """An object out of bounded bytes; the same key twice is refused."""
    try:
        found = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise broken("holds JSON that cannot be read") from error
    return an_object(found)


def copied(kind: str, data: object) -> dict[str, Any]:
    """Data of one of the schema's classes with every field checked."""
    return _copy(getattr(SCHEMA, kind), data, 0, _name)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise broken("names something twice in its JSON")
    return found


def an_object(data: object) -> dict[str, Any]:
    """Data that must be an object."""
    if not isinstance(data, dict):
        raise broken("holds something else where an object belongs")
    return typing.cast("dict[str, Any]", data)


def a_list(data: object) -> list[Any]:
    """Data that must be a list."""
    if not isinstance(data, list):
        raise broken("holds something else where a list belongs")
    return typing.cast("list[Any]", data)


def _copy(kind: Any, data: object, depth: int, text: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any kind
    if depth > _MOST_NESTED:
        raise broken("is nested too deeply")
    within = typing.get_args(kind)
    if types.NoneType in within:
        wanted = next(one for one in within if one is not types.NoneType)
        return None if data is None else _copy(wanted, data, depth, text)
    if typing.get_origin(kind) is list:
        return [_copy(within[0], one, depth + 1, text) for one in a_list(data)]
    if typing.get_origin(kind) is dict:
        items = an_object(data).items()
        return {text(key): _copy(within[1], one, depth + 1, text) for key, one in items}
    if dataclasses.is_dataclass(kind):
        return _fields(kind, an_object(data), depth)
    return _scalar(kind, data, text)


def _fields(kind: Any, held: dict[str, Any], depth: int) -> dict[str, Any]:  # noqa: ANN401 - a class of the schema
    name = kind.__name__
    if name in _FOREIGN:
        raise _FOREIGN[name]()
    if name == "Device":
        return {"type": "cpu", "index": None}  # a model saved on a GPU runs here all the same
    hints = _hints(kind)
    if issubclass(kind, SCHEMA._Union) and (len(held) != 1 or not held.keys() <= hints.keys()):
        raise broken(f"holds an unknown kind of {name}")
    if not issubclass(kind, SCHEMA._Union) and not _required(kind) <= held.keys():
        raise broken(f"lacks a part of a {name}")
    return {
        field: _copy(hint, held[field], depth + 1, _TEXTS.get((name, field), _name))
        for field, hint in hints.items()
        if field in held
    }


@functools.cache
def _hints(kind: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a class of the schema
    return typing.get_type_hints(kind, globalns=SCHEMA.__dict__)


@functools.cache
def _required(kind: Any) -> frozenset[str]:  # noqa: ANN401 - a class of the schema
    missing = dataclasses.MISSING
    plain = (one for one in dataclasses.fields(kind) if one.default_factory is missing)
    return frozenset(one.name for one in plain if one.default is missing)


def _scalar(kind: Any, data: object, text: Callable[[str], str]) -> object:  # noqa: ANN401 - a type of the schema
    if kind is float:
        return _number(data)
    if issubclass(kind, enum.IntEnum):
        if type(data) is not int or data not in set(kind):
            raise broken(f"holds an unknown {kind.__name__}")
        return data
    if type(data) is not kind:
        raise broken("holds a value of another type than its field")
    if isinstance(data, int) and abs(data) > _MOST_INTEGER:
        raise broken("holds a number that is too large")
    return text(data) if isinstance(data, str) else data


def _number(data: object) -> object:
    if type(data) in (int, float) or (isinstance(data, str) and data in _FLOATS):
        return data
    raise broken("holds something else where a number belongs")


def _matching(pattern: str, most: int = 512) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def matched(text: str) -> str:
        if len(text) > most or not compiled.fullmatch(text):
            raise broken("holds a text that torch.export does not write")
        return text

    return matched


_identifier: Final = _matching(r"[A-Za-z_]\w*|")
_dotted: Final = _matching(r"\w+(\.\w+)*")


def _name(text: str) -> str:
    """A name becomes one of generated source, so it may be nothing but a name."""
    if keyword.iskeyword(text):
        raise broken("uses a word of Python as a name")
    return _identifier(text)


_TEXTS: Final[Mapping[tuple[str, str], Callable[[str], str]]] = {
    ("SymExpr", "expr_str"): expression,
    ("Node", "target"): _matching(r"[\w.]+"),
    ("Argument", "as_string"): _matching(r"[\w ,.>-]*", 128),
    ("InputToParameterSpec", "parameter_name"): _dotted,
    ("InputToBufferSpec", "buffer_name"): _dotted,
    ("InputToTensorConstantSpec", "tensor_constant_name"): _dotted,
    ("BufferMutationSpec", "buffer_name"): _dotted,
    ("ParameterMutationSpec", "parameter_name"): _dotted,
    ("GradientToParameterSpec", "parameter_name"): _dotted,
    ("PayloadConfig", "config"): _dotted,
    ("PayloadMeta", "path_name"): _matching(r"\w+", 64),
    ("ExportedProgram", "torch_version"): _matching(r"[\w.+<=-]*", 64),
    ("ExportedProgram", "verifiers"): _matching(r"ATEN|TRAINING|"),
}


def _pickled() -> Refusal:
    return Refusal(
        "PT2_CONTAINS_PICKLE",
        "The torch.export archive holds an object that is not a tensor.",
        "Export a model of plain tensors only, or export it to ONNX.",
    )


def _branching() -> Refusal:
    return Refusal(
        "MODEL_OPERATOR_UNSUPPORTED",
        "The model branches, loops or switches a mode inside its graph.",
        "Export a model whose forward has no control flow and no torch.no_grad block.",
    )


_FOREIGN: Final[Mapping[str, Callable[[], Refusal]]] = {
    "CustomObjArgument": _pickled,
    "GraphArgument": _branching,
}
