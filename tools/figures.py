"""Print the project's own figures as one table, each beside its aim where it has one.

``python tools/figures.py`` measures the checkout it lies in. Coverage is read from the
``coverage.json`` that ``make test`` leaves. With ``--strict`` a missed or unmeasured aim exits 1.
"""

import argparse
import ast
import json
import operator
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

TREES = ("analyzers", "service")
LONG = 60  # lines; the loop of a published algorithm may reach it, nothing else should
IGNORES = re.compile(r"#\s*(type: ignore|pyright: ignore|noqa)\b")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Aim:
    """What a figure should be: ``comparison`` is ``<=`` or ``>=``."""

    comparison: str
    limit: float

    def __str__(self) -> str:
        """Write the aim as the table shows it."""
        return f"{self.comparison} {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``value`` is absent when it was not measured."""

    name: str
    value: float | None
    aim: Aim | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is an aim and it was not seen to be reached."""
        if self.aim is None:
            return False
        reached = COMPARISONS[self.aim.comparison]
        return self.value is None or not reached(self.value, self.aim.limit)


def sources(folders: Iterable[Path]) -> Iterator[Path]:
    """Every hand-written Python file below ``folders``, in order."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if "_pb2" not in path.stem:
                yield path


def function_lengths(paths: Iterable[Path]) -> list[int]:
    """Lines of every function, method and nested function, docstring included."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def percentile_90(values: list[int]) -> float:
    """The 90th percentile, between neighbours where it falls between them."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def line_count(paths: Iterable[Path]) -> int:
    """Lines of all ``paths`` together."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def length_figures(root: Path, tree: str) -> list[Figure]:
    """How long the functions of one tree are."""
    lengths = function_lengths(sources([root / tree]))
    if not lengths:
        return [Figure(f"{tree}: function lines, p90", None, Aim("<=", 30))]
    share = 100 * sum(length > LONG for length in lengths) / len(lengths)
    return [
        Figure(f"{tree}: function lines, median", statistics.median(lengths)),
        Figure(f"{tree}: function lines, p90", percentile_90(lengths), Aim("<=", 30)),
        Figure(f"{tree}: functions over {LONG} lines, %", share, note=f"of {len(lengths)}"),
    ]


def ratio_figure(root: Path) -> Figure:
    """Lines of tests for each line of code."""
    tests = line_count(sources([root / "tests"]))
    code = line_count(sources(root / tree for tree in TREES))
    ratio = tests / code if code else None
    return Figure("tests : code", ratio, Aim(">=", 1.0), note=f"{tests} : {code} lines")


def ignore_figures(root: Path) -> list[Figure]:
    """How often a checker was told to look away, by kind."""
    counts: Counter[str] = Counter()
    for path in sources(root / name for name in (*TREES, "tests", "tools")):
        counts.update(IGNORES.findall(path.read_text(encoding="utf-8")))
    kinds = ("type: ignore", "pyright: ignore", "noqa")
    return [Figure(f"ignores, {kind}", counts[kind]) for kind in kinds]


def coverage_figures(root: Path) -> list[Figure]:
    """Coverage as the last ``make test`` left it."""
    report = root / "coverage.json"
    name, aim = "branches covered, %", Aim(">=", 90)
    if not report.is_file():
        return [Figure(name, None, aim, note="run `make test` first")]
    totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    branches = totals.get("num_branches", 0)  # left out when no line of ours ran
    value = 100 * totals["covered_branches"] / branches if branches else None
    return [
        Figure(name, value, aim),
        Figure("statements and branches covered, %", totals["percent_covered"]),
    ]


def dependency_figure(root: Path) -> Figure:
    """How many distributions the base install asks for by itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Figure("dependencies of the base install", len(project["dependencies"]))


def output_of(root: Path, *arguments: str) -> str:
    """What a development tool of this environment printed, whatever its exit status."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout


def complexity_figure(root: Path) -> Figure:
    """Functions too complex, with too many branches or statements, noqa or not."""
    rules = ("--select", "C901,PLR0912,PLR0915", "--ignore-noqa", "--output-format", "json")
    found = cast("list[Any]", json.loads(output_of(root, "-m", "ruff", "check", *rules, *TREES)))
    return Figure("complexity findings", len(found), note="C901 above 8, PLR0912, PLR0915")


def type_figure(root: Path) -> Figure:
    """Errors of the type checker in strict mode."""
    report = json.loads(output_of(root, "-m", "pyright", "--outputjson"))
    return Figure("pyright errors", report["summary"]["errorCount"], Aim("<=", 0))


def layer_figure(root: Path) -> Figure:
    """Contracts on imports that are broken; absent when the check could not run."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    printed = output_of(root, "-c", program)
    summary = re.search(r"Contracts: (\d+) kept, (\d+) broken", printed)
    broken = int(summary[2]) if summary else None
    note = summary[0] if summary else "lint-imports did not finish"
    return Figure("layer contracts broken", broken, Aim("<=", 0), note=note)


def measured(root: Path) -> list[Figure]:
    """Every figure of the project, in the order of the table."""
    return [
        *(figure for tree in TREES for figure in length_figures(root, tree)),
        complexity_figure(root),
        type_figure(root),
        layer_figure(root),
        ratio_figure(root),
        *coverage_figures(root),
        *ignore_figures(root),
        dependency_figure(root),
    ]


def table(figures: Iterable[Figure]) -> str:
    """The figures as aligned text; a missed aim is marked at the end of its line."""
    lines = [f"{'figure':42}{'value':>13}  {'aim':8}"]
    for figure in figures:
        value = "not measured" if figure.value is None else f"{round(figure.value, 2):g}"
        marks = [figure.note] if figure.note else []
        marks += ["MISSED"] if figure.missed else []
        aim = "" if figure.aim is None else str(figure.aim)
        lines.append(f"{figure.name:42}{value:>13}  {aim:8}{'; '.join(marks)}".rstrip())
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and say by exit status whether the aims are reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="exit 1 when an aim is missed")
    strict = parser.parse_args(arguments).strict
    figures = measured(Path(__file__).resolve().parent.parent)
    sys.stdout.write(table(figures) + "\n")
    return int(strict and any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
