"""Source inside a TorchScript archive: checked word by word, then written anew.

TorchScript is a subset of Python with operators of its own, some of which open files, and with
methods that run while the file is loaded. The source is parsed here; only known kinds of syntax,
known operators and names that the archive itself defines pass, and the loader reads the text made
from the parse, so that it cannot read something else than what was checked. Runs in a child.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from analyzers.contract import Refusal
from service.intake.torch_files import aten

SCALAR_OPERATORS: Final = frozenset(
    {
        *("Bool", "Complex", "Delete", "Float", "FloatImplicit", "Int"),
        *("IntImplicit", "ScalarImplicit", "__contains__", "__getitem__", "__is__", "__isnot__"),
        *("__derive_index", "__range_length", "__not__", "append", "ceil", "device", "dict", "dim"),
        *("extend", "floordiv", "format", "is_floating_point", "keys", "len"),
        *("list", "str", "values", "warn"),
    }
)
"""What scripts do with numbers, lists and texts around their tensors."""
PRIMITIVES: Final = frozenset(
    {
        *("NumToTensor", "RaiseException", "abs", "data", "device", "dtype"),
        *("is_cpu", "is_cuda", "layout", "max", "min", "requires_grad"),
        *("shape", "unchecked_cast", "unchecked_unwrap_optional"),
    }
)
"""Calls of the interpreter itself that look at values and change none."""

_SYNTAX: Final = (
    *(ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign),
    *(ast.AnnAssign, ast.AugAssign, ast.Expr, ast.If, ast.For, ast.While, ast.Pass, ast.Break),
    *(ast.Continue, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.List),
    *(ast.Tuple, ast.Dict, ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.Compare),
    *(ast.BoolOp, ast.IfExp, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop),
)
_BASES: Final = frozenset({"Module", "NamedTuple"})
_LENGTHS: Final = frozenset({"__contains__", "__len__"})
"""What lists of modules answer; other names of this kind run by themselves at loading."""
_LISTINGS: Final = frozenset({"__parameters__", "__buffers__", "__annotations__"})
_FORBIDDEN: Final = frozenset(
    {
        *("from_file", "save", "load", "eval", "exec", "fork"),
        *("wait", "rpc_sync", "rpc_async", "rpc_remote", "record_function", "profiler"),
        *("classes", "import_ir_module"),
    }
)
_CONSTANT: Final = re.compile(r"c\d{1,7}", re.ASCII)
_MOST_TEXT: Final = 4096
_MOST_SOURCE: Final = 16 << 20
_MOST_PARTS: Final = 2_000_000
_CLASSES: Final = ("__torch__", "torch", "classes")
_REMEDY: Final = "Export the model to ONNX with torch.onnx.export(model, example, 'model.onnx')."


class Sources(NamedTuple):
    """All source of an archive, by module name."""

    trees: Mapping[str, ast.Module]
    defined: frozenset[str]
    """Full names of its classes and functions."""
    members: frozenset[str]
    """Names of methods and attributes of its classes."""


def forbidden(what: str) -> Refusal:
    """A script that could do more than classify."""
    return Refusal("TORCHSCRIPT_OP_FORBIDDEN", f"The TorchScript model {what}.", _REMEDY)


def checked(texts: Mapping[str, bytes]) -> tuple[dict[str, bytes], frozenset[str]]:
    """Source by module name, written anew, and the full names that it defines."""
    if sum(map(len, texts.values())) > _MOST_SOURCE:
        raise forbidden("holds more source than a network needs")
    trees = {module: _tree(text) for module, text in texts.items()}
    sources = Sources(trees, frozenset(_definitions(trees)), frozenset(_members(trees)))
    if sum(1 for tree in trees.values() for _ in ast.walk(tree)) > _MOST_PARTS:
        raise forbidden("holds more source than a network needs")
    for tree in trees.values():
        _check(tree, sources)
    try:
        return {name: _written(tree) for name, tree in trees.items()}, sources.defined
    except RecursionError as error:
        raise forbidden("is nested too deeply") from error


def _tree(text: bytes) -> ast.Module:
    try:
        return ast.parse(text.decode("ascii"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise forbidden("holds source that cannot be checked") from error


def _written(tree: ast.Module) -> bytes:
    return (ast.unparse(tree) + "\n").encode("ascii")


def _definitions(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    for module, tree in trees.items():
        for part in tree.body:
            if isinstance(part, ast.ClassDef | ast.FunctionDef):
                yield f"{module}.{part.name}"
            else:
                raise forbidden("holds source outside of classes and functions")


def _members(trees: Mapping[str, ast.Module]) -> Iterator[str]:
    for tree in trees.values():
        for part in ast.walk(tree):
            match part:
                case ast.FunctionDef(name=name):
                    yield name
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.AnnAssign(target=ast.Subscript(slice=ast.Constant(value=str(name)))):
                    yield name
                case _:
                    pass


def _check(tree: ast.Module, sources: Sources) -> None:
    """Every part of a tree; a dotted name is looked at as a whole."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, _SYNTAX):
            raise forbidden(f"uses the syntax '{type(part).__name__}'")
        _check_definition(part)
        _check_value(part)
        dotted = _dotted(part)
        if dotted is not None:
            _check_name(dotted, sources)
            continue
        if isinstance(part, ast.Attribute):
            _check_member(part.attr, sources)
        waiting.extend(ast.iter_child_nodes(part))


def _dotted(part: ast.AST) -> tuple[str, ...] | None:
    if isinstance(part, ast.Name):
        return (part.id,)
    if not isinstance(part, ast.Attribute):
        return None
    before = _dotted(part.value)
    return None if before is None else (*before, part.attr)


def _check_name(dotted: tuple[str, ...], sources: Sources) -> None:
    """A name of an operator, of something in the archive, or of a value and its members."""
    first, *members = dotted
    if first in ("torch", "ops"):
        _check_operator(dotted)
    elif first == "__torch__":
        if dotted[:3] == _CLASSES or ".".join(dotted) not in sources.defined:
            raise forbidden(f"uses '{'.'.join(dotted)[:120]}', which it does not define")
    elif first in _FORBIDDEN or (first.startswith("__") and first not in _LISTINGS):
        raise forbidden(f"uses the name '{first[:120]}'")
    elif first != "CONSTANTS" or not all(map(_CONSTANT.fullmatch, members)):
        for member in members:
            _check_member(member, sources)


def _check_operator(dotted: tuple[str, ...]) -> None:
    match dotted:
        case ("torch", name) | ("ops", "aten", name):
            fine = allowed_aten(name)
        case ("ops", "prim", name):
            fine = name in PRIMITIVES
        case _:
            fine = False
    if not fine:
        raise forbidden(f"uses the operator '{'.'.join(dotted)[:120]}'")


def allowed_aten(name: str) -> bool:
    """Whether an operator of torch is one that classifiers use."""
    return aten.known(name) or name in SCALAR_OPERATORS


def _check_member(name: str, sources: Sources) -> None:
    if name in _FORBIDDEN or name.startswith("__") or name not in sources.members:
        raise forbidden(f"reaches for '{name[:120]}'")


def _check_definition(part: ast.AST) -> None:
    """No name that the loader calls by itself, and none that hides an operator."""
    match part:
        case ast.ClassDef(bases=[ast.Name(id=base)], keywords=[], decorator_list=[]):
            fine = base in _BASES
        case ast.ClassDef():
            fine = False
        case ast.FunctionDef(name=name, decorator_list=decorators):
            hidden = name in _FORBIDDEN or (name.startswith("__") and name not in _LENGTHS)
            fine = not decorators and not hidden
        case ast.AnnAssign(target=ast.Name(id=name)):
            fine = name not in _FORBIDDEN
        case ast.arg(arg=name):
            fine = name not in {"torch", "ops", "__torch__"} | _FORBIDDEN
        case _:
            fine = True
    if not fine:
        raise forbidden(f"defines '{str(getattr(part, 'name', part))[:120]}'")


def _check_value(part: ast.AST) -> None:
    """Constants are short and plain, and attributes by text are numbered children only."""
    match part:
        case ast.Constant(value=str(text)):
            fine = len(text) <= _MOST_TEXT and text.isascii() and text.isprintable()
        case ast.Constant(value=value):
            fine = value is None or isinstance(value, bool | int | float)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name))]):
            fine = name not in _FORBIDDEN and not name.startswith("__")
        case ast.Call(func=ast.Name(id="getattr")):
            fine = False
        case ast.Name(id="torch" | "ops", ctx=ast.Store()):
            fine = False
        case _:
            fine = True
    if not fine:
        raise forbidden("holds a value that no network needs")
