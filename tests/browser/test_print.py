"""A report on paper: its first page alone says what was found."""

import pytest

from support.browser import Browser, Page
from support.pdf import pages
from support.reports import Report

pytestmark = [pytest.mark.deep, pytest.mark.browser]

PAPER = (688, 1017)
"""A4 less the margins of the style sheet, in CSS pixels."""


def box(page: Page, selector: str) -> tuple[float, float]:
    """Top and bottom of an element."""
    top, bottom = page.value(
        f"(at => [at.top, at.bottom])(document.querySelector('{selector}').getBoundingClientRect())"
    )
    return top, bottom


def test_the_first_page_stands_alone(browser: Browser, report: Report) -> None:
    """Verdict, sentence, model and every requirement with its reason: all on page one."""
    with browser.page() as page:
        page.open(report.address)
        first, *others = pages(page.pdf())
        assert page.seen.complaints == []
    assert report.verdict["verdict"] in first
    assert report.verdict["sentence"].partition(". ")[2] in first
    assert report.evidence["facts"]["subject"]["file_digest"][:10] in first
    for one in report.verdict["requirements"]:
        assert one["reason"] in first
    assert others
    assert all(others), "a page without a word"


def test_nothing_on_the_first_page_is_cut(browser: Browser, report: Report) -> None:
    """The verdict's card and the requirements end before the paper does."""
    with browser.page() as page:
        page.look(*PAPER, media="print")
        page.open(report.address)
        assert box(page, ".verdict")[1] < PAPER[1]
        assert box(page, "#requirements")[1] < PAPER[1]
        assert page.value("document.documentElement.scrollWidth") == PAPER[0]


def test_what_is_printed_is_dark_on_white(browser: Browser, report: Report) -> None:
    """Paper is white, whatever scheme the reader's screen has."""
    with browser.page() as page:
        page.look(*PAPER, dark=True, media="print")
        page.open(report.address)
        colours = page.value(
            "(css => [css.backgroundColor, css.color])(getComputedStyle(document.body))"
        )
        assert colours == ["rgb(255, 255, 255)", "rgb(27, 31, 37)"]
