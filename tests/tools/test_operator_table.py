"""The page of operators is what the rules say."""

from pathlib import Path

import pytest

from analyzers.engines.operators import SUPPORTED
from tools import operator_table


def test_the_page_is_fresh() -> None:
    """A new rule or refusal rewrites the page."""
    assert operator_table.main(["--check"]) == 0, "run: python tools/operator_table.py"


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is of the whole page; writing it anew settles it."""
    monkeypatch.setattr(operator_table, "PAGE", tmp_path / "operators.md")
    assert operator_table.main(["--check"]) == 1
    assert operator_table.main([]) == 0
    assert operator_table.main(["--check"]) == 0
    operator_table.PAGE.write_text(operator_table.page().replace("Conv", "Cone"), "utf-8")
    assert operator_table.main(["--check"]) == 1


def test_reasons_speak_of_operators_without_a_rule() -> None:
    """No operator is supported and excused at once, and none is excused twice."""
    excused = [one for named in operator_table.WITHOUT_RULE.values() for one in named]
    assert not SUPPORTED & set(excused)
    assert len(excused) == len(set(excused))
    assert operator_table.newest().keys() >= set(excused)


def test_every_rule_is_of_a_standard_operator() -> None:
    """A misspelt rule would never run."""
    assert operator_table.newest().keys() >= SUPPORTED
