"""From ``module:factory`` to the torch module that it makes, in its owner's own process."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from service.exporting.wording import attempted, failed, mistyped

_HOW = "Write MODULE:FACTORY as in nets:build, where nets.py lies in the current folder."
_MEND = "Mend what it says; importing the module must work by itself, as `python -c` shows."
_STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def located(spec: str) -> nn.Module:
    """Import, look up, and call what is no module yet."""
    name, colon, attribute = spec.partition(":")
    if not (name and colon and attribute):
        raise mistyped(f"'{spec}' does not name a module and what is in it.", _HOW)
    if name.endswith(".py") or "/" in name:
        right = name.removesuffix(".py").removeprefix("./").replace("/", ".")
        raise mistyped(f"'{name}' is the path of a file.", f"Write {right}:{attribute} instead.")
    found = _looked_up(_imported(name), attribute)
    module = found if isinstance(found, nn.Module) else _called(found, spec)
    if not isinstance(module, nn.Module):
        raise failed(
            f"'{spec}' is of the type {type(module).__name__}, not a torch.nn.Module.",
            "Let it be or return the module; weights by themselves go with --weights FILE.",
        )
    return module


def _imported(name: str) -> ModuleType:
    def run() -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if f"{name}.".startswith(f"{error.name}."):
                raise _absent(name) from error
            raise

    return attempted(run, f"Importing '{name}' failed", _MEND)


def _absent(name: str) -> Exception:
    here = [path.stem for path in Path.cwd().glob("*.py")]
    here += [path.parent.name for path in Path.cwd().glob("*/__init__.py")]
    meant = _meant(name.partition(".")[0], here)
    return mistyped(f"There is no module '{name}' that {Path.cwd()} leads to.", f"{meant}{_HOW}")


def _looked_up(module: ModuleType, attribute: str) -> Any:  # noqa: ANN401 - anything has attributes
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise mistyped(
                f"'{module.__name__}' has no '{attribute}'.",
                f"{_meant(part, _public(found))}Name a function without arguments that returns "
                "the torch.nn.Module, or the module itself.",
            )
        found = getattr(found, part)
    return found


def _public(holder: object) -> list[str]:
    return [name for name in dir(holder) if not name.startswith("_")]


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(set(known)), n=3)
    return f"Did you mean {' or '.join(near)}? " if near else ""


def _called(factory: object, spec: str) -> object:
    if not callable(factory):
        return factory
    needed = _needed(factory)
    if needed:
        raise failed(
            f"'{spec}' needs arguments: {', '.join(needed)}.",
            "Write a function without arguments that calls it, and name that one.",
        )
    make: Callable[[], object] = factory
    return attempted(make, f"'{spec}' failed", "Mend what it says; it is called as it is, bare.")


def _needed(factory: Callable[..., object]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # some built-ins have none to look at
        return []
    return [
        one.name
        for one in parameters
        if one.default is inspect.Parameter.empty and one.kind not in _STARRED
    ]
