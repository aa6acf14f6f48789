"""A report whose style or script is blocked still says all it has to say."""

import re
from pathlib import Path

import pytest

from support.browser import Browser, Page
from support.reports import Report

pytestmark = [pytest.mark.deep, pytest.mark.browser]

WORDS = "document.body.textContent.replace(/\\s+/g, ' ')"


def unstyled(report: Report, folder: Path) -> str:
    """The address of a copy without its style sheet, as strict viewers show it."""
    body = re.sub(r"<style>.*?</style>", "", report.page.read_text(), flags=re.S)
    path = folder / "bare.html"
    path.write_text(body)
    return path.as_uri()


def headings(page: Page) -> list[str]:
    """What the headings say, in order."""
    return page.value("[...document.querySelectorAll('h1, h2, h3')].map(one => one.textContent)")


def test_without_script_nothing_is_missing(browser: Browser, report: Report) -> None:
    """The same words and the same picture."""
    with browser.page() as page:
        page.open(report.address)
        said, drawn = page.value(WORDS), page.screenshot()
    with browser.page() as page:
        page.without_script()
        page.open(report.address)
        assert page.value(WORDS) == said
        assert page.screenshot() == drawn


def test_without_style_it_reads_from_top_to_bottom(
    browser: Browser, report: Report, tmp_path: Path
) -> None:
    """Verdict first, then every section; nothing is hidden, and icons stay small."""
    with browser.page(width=1000) as page:
        page.open(report.address)
        titles = headings(page)
        page.open(unstyled(report, tmp_path))
        assert page.value("document.styleSheets.length") == 0
        assert headings(page) == titles
        assert report.verdict["sentence"].partition(". ")[2] in page.text
        assert page.value("document.querySelector('h1').getBoundingClientRect().top") < 200
        assert (
            page.value(
                "Math.max(...[...document.querySelectorAll('.icon')]"
                ".map(one => one.getBoundingClientRect().width))"
            )
            <= 40
        )


def test_without_style_the_words_of_drawings_can_be_read(
    browser: Browser, report: Report, tmp_path: Path
) -> None:
    """Shapes are outlines then, not black boxes over black letters."""
    with browser.page(width=1000) as page:
        page.open(unstyled(report, tmp_path))
        assert (
            page.value(
                "[...document.querySelectorAll('.view svg rect, .view svg polygon')]"
                ".filter(one => getComputedStyle(one).fill == 'rgb(0, 0, 0)').length"
            )
            == 0
        )
        assert (
            page.value(
                "[...document.querySelectorAll('.view svg text')]"
                ".filter(one => getComputedStyle(one).fill != 'rgb(0, 0, 0)').length"
            )
            == 0
        )
