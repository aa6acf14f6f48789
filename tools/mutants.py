"""Change one operator at a time in the code that judges, and see whether a test notices.

Each mutant runs in a copy of the project with the tests of its module alone. One that no test
notices is told with its line. Under the aim the program exits with 1.
"""

import argparse
import ast
import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
AIM: Final = 0.90
CORE: Final = "service/core"
TESTS: Final[Mapping[str, Sequence[str]]] = {
    "judge": ("judge", "rulings", "gate_table", "regression"),
    "ruling": ("rulings", "judge", "gate_table"),
    "doubts": ("judge", "gate_table", "rulings"),
    "settling": ("rulings",),
    "stops": ("stops", "judge", "rulings"),
    "pairing": ("regression", "comparing", "gate_table"),
    "regression": ("regression", "gate_table"),
    "comparing": ("comparing",),
    "waivers": ("waivers",),
    "waiver_grounds": ("waiving", "gate_table"),
    "waiving": ("waiving", "gate_table"),
}
_LIBRARIES: Final = ("hypothesis", "jsonschema", "numpy", "pydantic", "scipy.stats", "yaml")
"""What the tests load beside the project itself, which every fork loads from its own copy."""
_LOADED_BEFORE: Final = "ignore::pytest.PytestAssertRewriteWarning"
_COPIED: Final = ("analyzers", "service", "proto", "tests", "pyproject.toml")
_SECONDS: Final = 120
_OTHER: Final[Mapping[type[ast.AST], type[ast.AST]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


class Mutant(NamedTuple):
    """A module with one change."""

    module: str
    line: int
    what: str
    source: str


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every change of one operator, comparison, number or condition."""
    count = sum(1 for _ in _changes(ast.parse(source)))
    found: list[Mutant] = []
    for wanted in range(count):
        tree = ast.parse(source)
        for at, (line, what) in enumerate(_changes(tree, make=wanted)):
            if at == wanted:
                found.append(Mutant(module, line, what, ast.unparse(tree)))
    return found


def _changes(tree: ast.AST, make: int = -1) -> Iterator[tuple[int, str]]:
    """All places that can be changed, of which one is."""
    at = 0
    for node in ast.walk(tree):
        for change in _of(node):
            if at == make:
                change.apply()
            yield change.line, change.what
            at += 1


class _Change(NamedTuple):
    node: ast.AST
    field: str
    value: object
    line: int
    what: str
    place: int = -1

    def apply(self) -> None:
        if self.place < 0:
            setattr(self.node, self.field, self.value)
        else:
            getattr(self.node, self.field)[self.place] = self.value


def _of(node: ast.AST) -> Iterator[_Change]:
    line = getattr(node, "lineno", 0)
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            other = _OTHER[type(op)]()
            yield _Change(node, "ops", other, line, _named(op, other), place)
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _OTHER:
        other = _OTHER[type(node.op)]()
        yield _Change(node, "op", other, line, _named(node.op, other))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _Change(node, "op", ast.UAdd(), line, "not x -> +x")
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        yield _Change(node, "value", value, line, f"{node.value} -> {value}")
    elif isinstance(node, ast.IfExp | ast.If):
        turned = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
        yield _Change(node, "test", turned, line, "condition turned round")


def _named(one: ast.AST, other: ast.AST) -> str:
    return f"{type(one).__name__} -> {type(other).__name__}"


def noticed(home: Path, mutants: Sequence[Mutant], jobs: int) -> list[bool]:
    """Of each mutant, whether a test of its module fails, or does not end."""
    found, running = [False] * len(mutants), dict[int, tuple[int, Path]]()
    for place, mutant in enumerate(mutants):
        if len(running) >= jobs:
            _reap(running, found)
        copy = Path(tempfile.mkdtemp(dir=home.parent)) / "project"
        shutil.copytree(home, copy, copy_function=os.link)
        path = copy / CORE / f"{mutant.module}.py"
        path.unlink()
        path.write_text(mutant.source)
        running[_started(copy, mutant.module)] = (place, copy)
    while running:
        _reap(running, found)
    return found


def _reap(running: dict[int, tuple[int, Path]], found: list[bool]) -> None:
    """Wait for one run to end."""
    child, status = os.wait()
    place, copy = running.pop(child)
    found[place] = os.waitstatus_to_exitcode(status) != 0
    shutil.rmtree(copy.parent)


def _started(copy: Path, module: str) -> int:
    """A fork that runs the tests of a module in a copy; the libraries are loaded already."""
    child = os.fork()
    if child:
        return child
    try:
        signal.alarm(_SECONDS)
        os.chdir(copy)
        ours = {"", str(ROOT), str(ROOT / "proto"), str(ROOT / "tests")}
        sys.path[:] = [str(copy), str(copy / "proto"), *(p for p in sys.path if p not in ours)]
        sys.dont_write_bytecode = True
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        tests = [f"tests/{CORE}/test_{name}.py" for name in TESTS[module]]
        words = ["-x", "-q", "-p", "no:cacheprovider", "-W", _LOADED_BEFORE]
        os._exit(int(pytest.main([*words, *tests])))
    finally:
        os._exit(1)


def main() -> int:
    """Print a line for each module and every mutant that lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="of service/core")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    told = parser.parse_args()
    for name in _LIBRARIES:
        importlib.import_module(name)
    killed = total = 0
    with tempfile.TemporaryDirectory() as folder:
        home = _copied(Path(folder) / "home")
        for module in told.modules:
            mutants = mutants_of(module, (home / CORE / f"{module}.py").read_text())
            unchanged = Mutant(module, 0, "", (home / CORE / f"{module}.py").read_text())
            if noticed(home, [unchanged], 1) != [False]:
                print(f"{module}: its tests fail without any change")
                return 1
            seen = noticed(home, mutants, told.jobs)
            killed, total = killed + sum(seen), total + len(seen)
            print(f"{module:16} {sum(seen)} of {len(seen)} noticed", flush=True)
            for mutant, dead in zip(mutants, seen, strict=True):
                if not dead:
                    print(f"    {CORE}/{module}.py:{mutant.line}: {mutant.what}")
    print(f"{killed} of {total} mutants noticed: {killed / total:.1%}, aim {AIM:.0%}")
    return 0 if killed >= AIM * total else 1


def _copied(home: Path) -> Path:
    home.mkdir()
    for name in _COPIED:
        place = ROOT / name
        if place.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "nets")
            shutil.copytree(place, home / name, ignore=unwanted)
        else:
            shutil.copy(place, home / name)
    return home


if __name__ == "__main__":
    sys.exit(main())
