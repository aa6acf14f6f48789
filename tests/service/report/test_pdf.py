"""The report on paper: whole on its first page, closed to the outside, the same twice."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from service.errors import AssayError, Code
from service.report import pdf
from service.report.html import render_html
from service.report.pages import style_sheet
from support import evidence as sample


def test_without_the_extra_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code, a sentence and the command; no trace of Python."""
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(AssayError) as caught:
        pdf.render_pdf(sample.evidence(), sample.verdict())
    assert caught.value.code == Code.REPORT_EXTRA_MISSING
    assert "pip install 'assay[pdf]'" in caught.value.remedy


def test_drawings_carry_their_style() -> None:
    """Every drawing holds rules in plain colours of paper: no variable is left open."""
    page = render_html(sample.evidence(), sample.verdict()).decode()
    dressed = pdf._dressed(page)  # pyright: ignore[reportPrivateUsage] - pinned apart from layout
    assert dressed.count("<svg ") == page.count("<svg ") > 5
    drawings = dressed.split("<svg ")[1:]
    assert all("><style>" in one.partition("</style>")[0] for one in drawings)
    inside = pdf._drawing_style(style_sheet().decode())  # pyright: ignore[reportPrivateUsage] - as above
    assert "var(" not in inside
    assert "svg .a{fill:#2a5b91}" in inside


@pytest.fixture(scope="module")
def weasyprint() -> ModuleType:
    """The library, where it and what it rests on are installed."""
    try:
        return import_module("weasyprint")
    except (ImportError, OSError):
        pytest.skip("WeasyPrint or Pango is not installed")


@pytest.fixture(scope="module")
def written(weasyprint: ModuleType) -> bytes:
    """The sample report as PDF."""
    assert weasyprint
    gallery = {sample.ATTACK: sample.counterexamples()}
    return pdf.render_pdf(sample.evidence(), sample.verdict(), gallery)


@pytest.mark.deep
def test_same_evidence_same_bytes(written: bytes) -> None:
    """No clock and no chance is in it."""
    gallery = {sample.ATTACK: sample.counterexamples()}
    assert pdf.render_pdf(sample.evidence(), sample.verdict(), gallery) == written
    assert written.startswith(b"%PDF-")


def words(page: Any) -> str:  # noqa: ANN401 - the library has no types
    """All words of a laid-out page."""
    found = [one.text for one in page._page_box.descendants() if getattr(one, "text", None)]
    return " ".join(" ".join(found).split())


@pytest.mark.deep
def test_the_first_page_is_whole(weasyprint: ModuleType) -> None:
    """Verdict, claim and every requirement stand on it; what holds begins on the next."""
    page = render_html(sample.evidence(), sample.verdict()).decode()
    dressed = pdf._dressed(page)  # pyright: ignore[reportPrivateUsage] - laid out here, not written
    laid = weasyprint.HTML(string=dressed, url_fetcher=pdf.fetcher(weasyprint)).render()
    first, second, *_ = map(words, laid.pages)
    for told in ("FAIL", "at most 12.1% keep the correct label", "What the shares speak of"):
        assert told in first
    for told in ("879 of 1000 images fell; 380 must stand.", "Not assessed:", "Signature"):
        assert told in first
    assert second.startswith("What holds in the worst case")


@pytest.mark.deep
def test_nothing_outside_is_opened(weasyprint: ModuleType) -> None:
    """The fetcher takes what stands in the page and refuses files and addresses."""
    fetcher = pdf.fetcher(weasyprint)
    assert fetcher.fetch("data:text/plain,x").read() == b"x"
    for address in ("file:///etc/hostname", "http://127.0.0.1:9/x", "ftp://127.0.0.1/x"):
        with pytest.raises(ValueError, match="disallowed protocol"):
            fetcher.fetch(address)
