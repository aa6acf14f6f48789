"""Figures are counted right, and a missed or unmeasured aim is never taken for a reached one."""

import json
from pathlib import Path

import pytest

from tools import figures
from tools.figures import Aim, Figure

THREE_FUNCTIONS = '''
def one():
    return 1


class Thing:
    async def three(self):
        """A docstring counts."""
        return 3

    def outer(self):
        def inner():
            return 0

        return inner
'''


def tree(root: Path, **files: str) -> Path:
    """Write ``files`` below ``root``; in their names ``__`` stands for a folder's slash."""
    for name, body in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return root


def test_function_lengths_count_methods_and_nested_functions(tmp_path: Path) -> None:
    """Every def counts once, from its def line to its last, docstring included."""
    root = tree(tmp_path, service__core=THREE_FUNCTIONS)
    lengths = figures.function_lengths(figures.sources([root / "service"]))
    assert sorted(lengths) == [2, 2, 3, 5]


@pytest.mark.parametrize(
    ("values", "expected"), [([7], 7), (list(range(1, 12)), 10), ([1] * 9 + [100], 10.9)]
)
def test_percentile_90_of_known_values(values: list[int], expected: float) -> None:
    """The 90th percentile of short lists, worked out by hand."""
    assert figures.percentile_90(values) == pytest.approx(expected)


def test_the_ratio_leaves_out_generated_files(tmp_path: Path) -> None:
    """Six lines of tests over four of code are 1.5; stubs on the code side do not dilute it."""
    root = tree(
        tmp_path,
        tests__test_a="x\n" * 6,
        service__a="x\n" * 3,
        analyzers__b="x\n",
        service__wire_pb2_grpc="x\n" * 100,
    )
    assert figures.ratio_figure(root).value == 1.5


def test_ignores_are_counted_by_kind(tmp_path: Path) -> None:
    """Each kind of ignore is counted in code, tests and tools, several on a line too."""
    look_away = (
        "a = 1  # type: " + "ignore[x]  # no" + "qa: E501 reason\n"
    )  # in two parts, not ours
    root = tree(tmp_path, service__a=look_away, tests__b="b = 2  # pyright: " + "ignore\n")
    counts = {figure.name: figure.value for figure in figures.ignore_figures(root)}
    assert counts == {"ignores, type: ignore": 1, "ignores, pyright: ignore": 1, "ignores, noqa": 1}


def test_branch_coverage_is_of_branches_alone(tmp_path: Path) -> None:
    """The aim is judged on branches, not on the mixture with statements."""
    totals = {"num_branches": 40, "covered_branches": 30, "percent_covered": 95.0}
    (tmp_path / "coverage.json").write_text(json.dumps({"totals": totals}))
    branches, mixture = figures.coverage_figures(tmp_path)
    assert (branches.value, branches.missed) == (75.0, True)
    assert (mixture.value, mixture.missed) == (95.0, False)


def test_a_report_without_branches_is_a_missed_aim(tmp_path: Path) -> None:
    """A run that touched none of our code reports no branches; that is not full coverage."""
    (tmp_path / "coverage.json").write_text(json.dumps({"totals": {"percent_covered": 0.0}}))
    assert figures.coverage_figures(tmp_path)[0].missed


def test_absent_coverage_is_a_missed_aim(tmp_path: Path) -> None:
    """Without a report the figure says "not measured" and counts as missed."""
    [branches] = figures.coverage_figures(tmp_path)
    assert branches.missed
    assert "not measured" in figures.table([branches])


@pytest.mark.parametrize(
    ("figure", "missed"),
    [
        (Figure("a", 30, Aim("<=", 30)), False),
        (Figure("a", 30.5, Aim("<=", 30)), True),
        (Figure("a", 0.99, Aim(">=", 1)), True),
        (Figure("a", 1000), False),
    ],
)
def test_an_aim_is_missed_beyond_its_limit(figure: Figure, missed: bool) -> None:
    """The limit itself is reached; a figure without an aim cannot be missed."""
    assert figure.missed is missed
    assert ("MISSED" in figures.table([figure])) is missed


@pytest.mark.parametrize(("value", "status"), [(0.0, 0), (3.0, 1), (None, 1)])
def test_strict_exits_1_on_a_missed_aim(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: float | None,
    status: int,
) -> None:
    """``--strict`` turns a missed aim into exit status 1; without it the table only shows it."""
    found = [Figure("pyright errors", value, Aim("<=", 0))]

    def measured(_: Path) -> list[Figure]:
        return found

    monkeypatch.setattr(figures, "measured", measured)
    assert figures.main(["--strict"]) == status
    assert figures.main([]) == 0
    assert "pyright errors" in capsys.readouterr().out
