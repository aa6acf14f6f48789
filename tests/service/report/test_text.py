"""The verdict for a terminal."""

from analyzers.contract import Json
from service.core.canonical import digest
from service.report.text import verdict_lines
from support import evidence as sample


def test_the_sentence_comes_first_and_once() -> None:
    """The first line is the verdict's sentence with its word."""
    lines = verdict_lines(sample.verdict(), sample.evidence())
    assert lines[0] == sample.verdict()["sentence"]


def test_requirements_stand_under_each_other() -> None:
    """Each requirement has state, name, observed, needed, interval and n in columns."""
    lines = verdict_lines(sample.verdict(), sample.evidence())
    rows = [line for line in lines if line.startswith("  ") and "n = 1,000" in line]
    assert [row.split()[:2] for row in rows] == [["PASS", "clean"], ["FAIL", "worst-case"]]
    assert len({row.index("≥") for row in rows}) == 1
    assert "    accuracy: 946 of 1000 images stand; 900 must." in lines


def test_doubts_are_named_and_the_rest_counted() -> None:
    """Red and missing indicators get a line each; the ok ones are only counted."""
    lines = verdict_lines(sample.verdict(), sample.evidence())
    assert "trust: 3 of 5 indicators ok" in lines
    assert [line.split(":")[0].strip() for line in lines if line.startswith("  red")] == ["red"]
    assert sum(line.startswith("  missing") for line in lines) == 1
    assert not any("zero gradient" in line for line in lines)


def test_findings_and_digests_close_it() -> None:
    """The worst finding leads, and the digests allow to look the evidence up."""
    seen = sample.evidence()
    lines = verdict_lines(sample.verdict(), seen)
    findings = [line for line in lines if ", grade " in line]
    assert findings[0].startswith("  critical, grade A, ROB-WC-LINF: ")
    assert f"evidence sha256:{digest(seen['facts'])}" in lines
    assert any(line.startswith("note: Judged in floating point") for line in lines)


def test_many_findings_are_cut_with_a_count() -> None:
    """Five findings are told, the rest is counted."""
    seen = sample.evidence()
    seen["facts"]["findings"] = seen["facts"]["findings"] * 4
    lines = verdict_lines(None, seen)
    assert sum(", grade " in line for line in lines) == 5
    assert "  3 more in the report" in lines


def test_evidence_alone_claims_no_verdict() -> None:
    """Without a verdict no indicator is called ok, and nothing at all still says so."""
    lines = verdict_lines(None, sample.evidence())
    assert lines[0] == "This is evidence without a verdict: no policy was judged."
    assert not any("indicators ok" in line for line in lines)
    assert verdict_lines(None, None) == lines[:1]


def test_no_line_moves_a_cursor() -> None:
    """Escapes, line ends and reversed writing in any text end as blanks."""
    hostile = "a\x1b[31m\r\nb\u202e"
    verdict: dict[str, Json] = sample.verdict()
    verdict["sentence"] = f"FAIL. {hostile}"
    verdict["notes"] = [hostile]
    verdict["requirements"][0].update(id=hostile, reason=hostile)
    verdict["indicators"][3].update(metric=hostile, note=hostile)
    seen = sample.evidence()
    seen["facts"]["findings"][0].update(statement=hostile, id=hostile)
    lines = verdict_lines(verdict, seen)
    assert all(line.isprintable() for line in lines)
    assert sum("[31m" in line for line in lines) >= 4
    assert not hostile.isprintable()
