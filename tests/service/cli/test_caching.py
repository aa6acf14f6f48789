"""What came from the cache, and why the rest did not."""

from pathlib import Path

import pytest

from analyzers.contract import Json
from service.cli.caching import cache_lines, tell_cache
from support.command_line import NORMAL, assay, on, read

COUNT = 24


def test_reasons_are_told_once_each_with_those_who_share_them() -> None:
    """Most units first; analyzers with one reason share a line."""
    reasons = [
        {"analyzer": "a.one", "reason": "the model changed", "units": 1},
        {"analyzer": "a.two", "reason": "another seed (0 -> 1)", "units": 4},
        {"analyzer": "a.three", "reason": "another seed (0 -> 1)", "units": 1_000},
    ]
    found = cache_lines({"run": {"cache": {"hits": 41, "misses": 1_005, "reasons": reasons}}})
    assert found == [
        "Cache: 41 of 1,046 units were known.",
        "1,004 units: another seed (0 -> 1) (a.two, a.three).",
        "1 unit: the model changed (a.one).",
    ]


@pytest.mark.parametrize(
    ("cache", "line"),
    [
        ({"hits": 1, "misses": 0, "reasons": []}, "Cache: 1 of 1 unit was known."),
        ({"hits": 2, "misses": 1}, "Cache: 2 of 3 units were known."),
        ({"hits": 2}, "Cache: the evidence does not tell."),
        (None, "Cache: the evidence does not tell."),
    ],
)
def test_evidence_without_reasons_is_told_as_it_is(cache: Json, line: str) -> None:
    """Evidence of an earlier service counts, and does not explain."""
    assert cache_lines({"run": {"cache": cache}}) == [line]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_evidence_that_cannot_be_read_ends_nothing(
    raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict was told already, and decides the exit code."""
    tell_cache(raw)
    assert capsys.readouterr().out == "Cache: the evidence does not tell.\n"


def test_what_a_service_says_moves_no_cursor() -> None:
    """Reasons come from elsewhere: they are cut, and nothing in them reaches the terminal raw."""
    reasons = [{"analyzer": "a\x1b[2J", "reason": "r\n" * 5_000, "units": 1}]
    found = cache_lines({"run": {"cache": {"hits": 0, "misses": 1, "reasons": reasons}}})
    assert all(line.isprintable() and len(line) <= 600 for line in found)


@pytest.mark.usefixtures("home")
def test_a_check_says_what_was_known_and_why_not(folder: Path, out: Path) -> None:
    """The same check again knows all, another seed nothing, an audit to the end a part."""

    def ran(verb: str, *words: str) -> tuple[list[str], dict[str, int]]:
        asked = on(folder, verb, NORMAL, f"[0:{COUNT}]")
        lines = assay(*asked, *words, "--out", str(out)).stdout.splitlines()
        return lines, read(out / "evidence.json")["run"]["cache"]

    silent, first = ran("check")
    units = first["hits"] + first["misses"]
    assert not [line for line in silent if "Cache" in line]
    again, second = ran("check", "--explain-cache")
    assert again[-2] == f"Cache: {units} of {units} units were known."
    assert (second["misses"], second["reasons"]) == (0, [])
    other, third = ran("check", "--explain-cache", "--seed", "77")
    place = other.index(f"Cache: 0 of {third['misses']} units were known.")
    assert other[place + 1].startswith(f"{third['misses']} units: another seed (0 -> 77) (")
    whole, fourth = ran("audit", "--explain-cache", "--lenses", "weights")
    assert f"Cache: {units} of {units + fourth['misses']} units were known." in whole
    assert any(
        ": other images, another pass or another start: not measured before (" in line
        for line in whole
    )
