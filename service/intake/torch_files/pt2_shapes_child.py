"""Sizes in a torch.export archive: numbers, or expressions of symbols. Runs in a child.

Torch reads such an expression with sympify, which evaluates Python. Here it is parsed, every part
is held against a short list, and the text is written anew from the parts.
"""

import ast
import re
from typing import Final

from analyzers.contract import Refusal

AGAIN: Final = (
    "Save the model again: torch.export.save(torch.export.export(model.eval(), (example,)), "
    "'model.pt2'), or export it to ONNX."
)
_MOST_TEXT: Final = 1024
_MOST_PARTS: Final = 96
_MOST_INTEGER: Final = 1 << 40
_MOST_POWER: Final = 8
_SYMBOL: Final = re.compile(r"[a-z]{1,3}\d{1,9}", re.ASCII)
_SIGNS: Final = frozenset({"positive", "integer", "nonnegative", "nonzero"})
_FUNCTIONS: Final = frozenset(
    {"Add", "CeilDiv", "CleanDiv", "FloorDiv", "Max", "Min", "Mod", "Mul", "PythonMod", "Rational"}
)
_OPERATORS: Final = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)


def broken(why: str) -> Refusal:
    """A file that torch.export did not write."""
    return Refusal("MODEL_BROKEN", f"The torch.export archive {why}.", AGAIN)


def expression(text: str) -> str:
    """An expression of sizes, written anew; anything that is more than one is refused."""
    try:
        tree = ast.parse(text, mode="eval") if len(text) <= _MOST_TEXT else None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _no_size() from error
    if tree is None or sum(1 for _ in ast.walk(tree)) > _MOST_PARTS or not _is_size(tree.body):
        raise _no_size()
    return ast.unparse(tree)


def _is_size(part: ast.expr) -> bool:
    match part:
        case ast.Constant(value=value):
            return type(value) is int and abs(value) <= _MOST_INTEGER
        case ast.Name(id=name):
            return bool(_SYMBOL.fullmatch(name))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_size(operand)
        case ast.BinOp(left=left, op=operator, right=right):
            return isinstance(operator, _OPERATORS) and _is_size(left) and _is_size(right)
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=keywords):
            return _is_call(function, arguments, keywords)
        case _:
            return False


def _is_call(function: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> bool:
    match function, arguments:
        case "Symbol", [ast.Constant(value=str(name))]:
            return bool(_SYMBOL.fullmatch(name)) and all(map(_is_sign, keywords))
        case "Integer", [one]:
            return not keywords and _is_size(one)
        case "Pow", [base, ast.Call(func=ast.Name(id="Integer"), args=[ast.Constant(value=power)])]:
            small = type(power) is int and abs(power) <= _MOST_POWER
            return small and not keywords and _is_size(base)
        case _:
            return not keywords and function in _FUNCTIONS and all(map(_is_size, arguments))


def _is_sign(told: ast.keyword) -> bool:
    return told.arg in _SIGNS and isinstance(told.value, ast.Constant) and told.value.value is True


def _no_size() -> Refusal:
    return broken("holds an expression of sizes that torch.export does not write")
