"""Numbers by scope: one table for each way to cut a model, each cell with its interval."""

from __future__ import annotations

from service.report.scoped import LAYERS, Cell, Place, tables


def place(value: str, metric: str = "Gain", *, n: str = "", **scope: str) -> Place:
    """One number of a part."""
    return Place(metric, scope, Cell(value, "0.1 to 0.9" if n else "", n))


def test_each_set_of_scope_words_has_its_own_table() -> None:
    """Classes do not stand between layers."""
    found = tables([place("1", layer="a"), place("2", "Agreement", **{"class": "0"})])
    assert [one.title for one in found] == ["Gain by layer", "Agreement by class"]
    assert [list(one.heads) for one in found] == [["Layer"], ["Class"]]


def test_several_metrics_are_columns_and_gaps_are_dashes() -> None:
    """One row a layer; what a layer does not have is a dash, never nothing."""
    (found,) = tables(
        [place("1", layer="a"), place("2", "Loss", layer="a"), place("3", "Loss", layer="b")]
    )
    assert found.title == "By layer"
    assert list(found.columns) == ["Gain", "Loss"]
    assert [[one.value for one in row] for row in found.cells] == [["1", "2"], ["–", "3"]]


def test_two_words_make_rows_and_columns() -> None:
    """75 values of 15 corruptions at 5 severities are 15 rows."""
    corruptions = [f"kind {number}" for number in range(15)]
    found = tables(
        [place("1", corruption=one, severity=str(two)) for one in corruptions for two in range(5)]
    )
    assert len(found) == 1
    assert list(found[0].columns) == [f"Severity {number}" for number in range(5)]
    assert [names[0] for names in found[0].names] == corruptions


def test_a_threat_that_all_share_is_no_column() -> None:
    """One threat is told once, elsewhere; two tell rows apart."""
    one = tables([place("1", layer="a", threat="T"), place("2", layer="b", threat="T")])
    assert list(one[0].heads) == ["Layer"]
    two = tables([place("1", layer=name, threat=threat) for name in "abc" for threat in "TU"])
    assert list(two[0].columns) == ["Threat T", "Threat U"]


def test_a_number_of_images_that_all_share_is_said_once() -> None:
    """It stands above the table, and in the cells where they differ."""
    (same,) = tables([place("1", n="200 images", layer=name) for name in "ab"])
    assert same.caption == "Each number: 200 images. Small: 95% interval."
    assert all(not cell.n for row in same.cells for cell in row)
    (other,) = tables([place("1", n="9 images", layer="a"), place("1", n="8 images", layer="b")])
    assert other.caption == "Small: 95% interval."
    assert [row[0].n for row in other.cells] == ["9 images", "8 images"]


def test_long_tables_end_and_say_so() -> None:
    """What is left out is counted."""
    (found,) = tables([place("1", layer=str(number)) for number in range(LAYERS + 7)])
    assert len(found.lines) == LAYERS
    assert found.rest == 7
