"""The list of metrics is the catalogue's own."""

from pathlib import Path

import pytest

from analyzers.catalog import ALL
from tools import metric_table


def test_the_page_in_the_checkout_is_fresh() -> None:
    """What `make check` asks too, so that a new metric cannot be forgotten."""
    assert metric_table.main(["--check"]) == 0


def test_a_stale_page_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: one letter more, or no page at all, and the check fails; writing mends it."""
    monkeypatch.setattr(metric_table, "PAGE", tmp_path / "metrics.md")
    assert metric_table.main(["--check"]) == 1
    assert metric_table.main([]) == 0
    assert metric_table.main(["--check"]) == 0
    with metric_table.PAGE.open("a") as file:
        file.write("x")
    assert metric_table.main(["--check"]) == 1


def test_every_metric_has_its_line_and_role() -> None:
    """One line each, whoever measures it."""
    page = metric_table.page()
    for analyzer in ALL:
        for spec in analyzer.description.metrics:
            assert page.count(f"| `{spec.name}` |") == 1
    assert "| `robust_accuracy` | A | judged |" in page
