"""What a pickle would import and call, found by walking its opcodes and never by loading it.

A pickle is a program for a small stack machine (PEP 307, PEP 3154). The machine is played here
with names instead of objects; whatever it does that a file of weights never does is refused, and
so is every name that is not on a short list. Runs in a child.
"""

import io
import pickletools
import struct
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from analyzers.contract import Refusal
from service.intake.torch_files.pickle_names_child import STATE_DICT_GLOBALS, is_executable, modern

__all__ = [
    "STATE_DICT_GLOBALS",
    "Storage",
    "Walk",
    "check",
    "checked",
    "globals_of",
    "next_checked",
    "walk",
]

MOST_BYTES: Final = 64 << 20
MOST_OPCODES: Final = 2_000_000
SAVE: Final = (
    "Save the weights alone with torch.save(model.state_dict(), 'model.pt'), or export the model "
    "to ONNX."
)
_DAMAGED = (ValueError, OverflowError, struct.error, IndexError, KeyError, AssertionError)


@dataclass(frozen=True, order=True)
class Name:
    """Something imported, as module and name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class _Made:
    """What a call of an import gave."""

    by: Name


@dataclass(frozen=True)
class _Old:
    """A string of Python 2, which readers take for text or for bytes."""

    text: str


@dataclass(frozen=True)
class _Other:
    """A value that decides nothing, by its kind."""

    kind: str


_MARK: Final = _Other("mark")
_Value = Name | _Made | _Old | _Other | str | int | tuple["_Value", ...]


@dataclass(frozen=True)
class Storage:
    """Numbers that a pickle asks its reader for."""

    type: str
    key: str
    count: int


class _Odd(Exception):  # noqa: N818 - not an error: what no file of weights does
    """The walk cannot go on, because what follows could be anything."""


@dataclass
class Walk:
    """What was found on the way through one pickle."""

    found: set[Name] = field(default_factory=set[Name])
    storages: list[Storage] = field(default_factory=list[Storage])
    texts: list[str] = field(default_factory=list[str])
    """Every text constant, in order."""
    opcodes: set[str] = field(default_factory=set[str])
    end: int = 0
    """Where the next byte after the pickle lies."""
    odd: str = ""
    """Why the walk ended early: something that cannot be foreseen."""
    damaged: bool = False
    """The walk ended early, because this is no pickle."""


def globals_of(raw: bytes) -> tuple[str, ...]:
    """Everything that a pickle imports, sorted; refused where that cannot be known."""
    walked = walk(raw)
    _check_complete(walked, len(raw))
    return tuple(sorted(map(str, walked.found)))


def check(raw: bytes, allowed: Collection[str] = STATE_DICT_GLOBALS) -> tuple[str, ...]:
    """The imports of a pickle, all of them allowed; anything else is refused with its name."""
    return tuple(sorted(map(str, checked(raw, allowed).found)))


def checked(raw: bytes, allowed: Collection[str] = STATE_DICT_GLOBALS) -> Walk:
    """The walk through a pickle that fills these bytes and imports what is allowed."""
    walked = walk(raw)
    check_walk(walked, allowed)
    _check_complete(walked, len(raw))
    return walked


def next_checked(raw: bytes, allowed: Collection[str] = STATE_DICT_GLOBALS) -> Walk:
    """The same for the first of several things in a row; ``end`` says where it ends."""
    walked = walk(raw[:MOST_BYTES])
    check_walk(walked, allowed)
    _check_complete(walked, walked.end)
    return walked


def check_walk(walked: Walk, allowed: Collection[str] = STATE_DICT_GLOBALS) -> None:
    """Refuse imports that are not allowed, also of a pickle that breaks off after them."""
    # A dotted name is looked up attribute by attribute, so it could reach past an allowed module.
    bad = [
        name
        for name in walked.found
        if "." in name.name or modern(name.module, name.name) not in allowed
    ]
    for name in sorted(bad):
        if is_executable(name.module, name.name):
            raise Refusal(
                "PICKLE_EXECUTABLE",
                f"Opening the file would run code: it needs {_shown(name)}.",
                SAVE,
            )
    if bad:
        raise Refusal(
            "PICKLE_GLOBAL_NOT_ALLOWED",
            f"The file needs {_shown(min(bad))} to be opened, which no plain weights need.",
            SAVE,
        )


def _check_complete(walked: Walk, length: int) -> None:
    if walked.odd:
        raise Refusal("PICKLE_GLOBAL_NOT_ALLOWED", f"The pickle in the file {walked.odd}.", SAVE)
    if walked.damaged or walked.end != length:
        raise Refusal("MODEL_BROKEN", "The pickle in the file is damaged.", SAVE)


def _shown(name: Name) -> str:
    return ascii(str(name))[1:-1][:120]


def walk(raw: bytes) -> Walk:
    """Go through the first pickle in some bytes, as far as it can be followed."""
    machine = _Machine(raw)
    if len(raw) > MOST_BYTES:
        machine.walk.odd = f"is longer than {MOST_BYTES} bytes"
        return machine.walk
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools unescapes names, which are read again
            machine.run()
    except _Odd as odd:
        machine.walk.odd = str(odd)
    except _DAMAGED:
        machine.walk.damaged = True
    return machine.walk


class _Machine:
    """The stack, the memo and what has been seen."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.walk = Walk()
        self.stack: list[_Value] = []
        self.memo: dict[int, _Value] = {}

    def run(self) -> None:
        """Take opcodes one after the other up to the end of the pickle."""
        file = io.BytesIO(self.raw)
        for number, (opcode, told, at) in enumerate(pickletools.genops(file)):
            if number >= MOST_OPCODES or at is None:
                raise _Odd(f"has more than {MOST_OPCODES} steps")
            self.walk.opcodes.add(opcode.name)
            step = _STEPS.get(opcode.name)
            if step is not None:
                step(self, told, at)
            else:
                self._plain(opcode)
        self.walk.end = file.tell()

    def _plain(self, opcode: pickletools.OpcodeInfo) -> None:
        """Opcodes that only move values, by what the standard library says of them."""
        taken = opcode.stack_before
        if pickletools.stackslice in taken:
            self.since_mark()
            taken = taken[: taken.index(pickletools.markobject)]
        for _ in taken:
            self.pop()
        for kind in opcode.stack_after:
            self.stack.append(_Other(kind.name))

    def pop(self) -> _Value:
        """The uppermost value, which may not be a mark."""
        value = self.stack.pop()
        if value is _MARK:
            raise _Odd("takes a mark for a value")
        return value

    def top(self) -> _Value:
        """The uppermost value, left where it is."""
        value = self.pop()
        self.stack.append(value)
        return value

    def since_mark(self) -> tuple[_Value, ...]:
        """All values above the last mark, which goes away with them."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth] is _MARK:
                items = tuple(self.stack[depth + 1 :])
                del self.stack[depth:]
                return items
        raise _Odd("looks for a mark that is not there")

    def imported(self, module: str, name: str) -> Name:
        """Note an import."""
        found = Name(module, name)
        self.walk.found.add(found)
        return found

    def called(self, target: _Value, arguments: _Value) -> None:
        """Put the result of a call, of an import and nothing else, on the stack."""
        if not isinstance(target, Name):
            raise _Odd("calls something that it has computed")
        if str(target) == "_codecs.encode":
            _check_encoding(arguments)
        self.stack.append(_Made(target))


def _check_encoding(arguments: _Value) -> None:
    """Bytes are written as text in Latin-1; a codec of another name would be imported by it."""
    if not isinstance(arguments, tuple) or arguments[1:] != ("latin1",):
        raise _Odd("encodes text in an unusual way")


_Step = Callable[[_Machine, object, int], None]


def _lines(machine: _Machine, at: int) -> tuple[str, str]:
    """Module and name as a reader takes them: pickletools would unescape them."""
    module, name, *_ = machine.raw[at + 1 : at + 8192].split(b"\n", 2)
    return module.decode("utf-8"), name.decode("utf-8")


def _global(machine: _Machine, told: object, at: int) -> None:
    del told
    machine.stack.append(machine.imported(*_lines(machine, at)))


def _stack_global(machine: _Machine, told: object, at: int) -> None:
    del told, at
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise _Odd("computes the name of what it imports")
    machine.stack.append(machine.imported(module, name))


def _inst(machine: _Machine, told: object, at: int) -> None:
    del told
    arguments = machine.since_mark()
    machine.called(machine.imported(*_lines(machine, at)), arguments)


def _obj(machine: _Machine, told: object, at: int) -> None:
    del told, at
    target, *arguments = machine.since_mark()
    machine.called(target, tuple(arguments))


def _reduce(machine: _Machine, told: object, at: int) -> None:
    del told, at
    arguments = machine.pop()
    machine.called(machine.pop(), arguments)


def _newobj_ex(machine: _Machine, told: object, at: int) -> None:
    machine.pop()
    _reduce(machine, told, at)


def _build(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.pop()
    if not isinstance(machine.top(), _Made):
        raise _Odd("sets the state of something that has none")


def _binpersid(machine: _Machine, told: object, at: int) -> None:
    """Numbers are asked for as (storage, type, key, place, count), in old files with a view."""
    del told, at
    match machine.pop():
        case (("storage" | _Old("storage")), Name() as type_, key, _, int(count), *view):
            text = key.text if isinstance(key, _Old) else key
            if not isinstance(text, str) or view not in ([], [_Other("None")]):
                raise _Odd("asks for numbers in an unusual way")
            machine.walk.storages.append(Storage(str(type_), text, count))
        case _:
            raise _Odd("asks its reader for something other than numbers")
    machine.stack.append(_Other("storage"))


def _into(machine: _Machine, told: object, at: int) -> None:
    """One value, or a key and a value, go into what lies below them and stays what it is."""
    del told, at
    machine.pop()
    machine.top()


def _pair_into(machine: _Machine, told: object, at: int) -> None:
    machine.pop()
    _into(machine, told, at)


def _all_into(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.since_mark()
    machine.top()


def _mark(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.stack.append(_MARK)


def _pop(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.stack.pop()


def _pop_mark(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.since_mark()


def _dup(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.stack.append(machine.top())


def _put(machine: _Machine, told: object, at: int) -> None:
    del at
    assert isinstance(told, int)  # noqa: S101 - pickletools reads a number here
    if not 0 <= told <= MOST_OPCODES:
        raise _Odd("remembers values under numbers out of all proportion")
    machine.memo[told] = machine.top()


def _memoize(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.memo[len(machine.memo)] = machine.top()


def _get(machine: _Machine, told: object, at: int) -> None:
    del at
    assert isinstance(told, int)  # noqa: S101 - pickletools reads a number here
    machine.stack.append(machine.memo[told])


def _tuple(machine: _Machine, told: object, at: int) -> None:
    del told, at
    machine.stack.append(machine.since_mark())


def _tuple_of(count: int) -> _Step:
    def step(machine: _Machine, told: object, at: int) -> None:
        del told, at
        items = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(items)))

    return step


def _text(machine: _Machine, told: object, at: int) -> None:
    del at
    machine.walk.texts.append(str(told))
    machine.stack.append(str(told))


def _old_text(machine: _Machine, told: object, at: int) -> None:
    del at
    machine.walk.texts.append(str(told))
    machine.stack.append(_Old(str(told)))


def _number(machine: _Machine, told: object, at: int) -> None:
    del at
    assert isinstance(told, int)  # noqa: S101 - pickletools reads a number here
    machine.stack.append(told)


def _refused(why: str) -> _Step:
    def step(machine: _Machine, told: object, at: int) -> None:
        del machine, told, at
        raise _Odd(why)

    return step


_STEPS: Final[Mapping[str, _Step]] = {
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": _build,
    "BINPERSID": _binpersid,
    "PERSID": _refused("asks its reader for something in an old way"),
    "APPEND": _into,
    "SETITEM": _pair_into,
    **dict.fromkeys(("APPENDS", "SETITEMS", "ADDITEMS"), _all_into),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": _dup,
    "MEMOIZE": _memoize,
    "TUPLE": _tuple,
    "EMPTY_TUPLE": _tuple_of(0),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _text),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _old_text),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), _number),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _refused("imports by a number instead of a name")),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), _refused("leaves data out of itself")),
}
