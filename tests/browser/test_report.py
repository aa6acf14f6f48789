"""Reports of real audits in a real browser: silent, self-contained, and fit for every screen."""

import pytest

from support.axe import AxeMissingError, grave, script
from support.browser import LOCAL, Browser, Page
from support.reports import Report

pytestmark = [pytest.mark.deep, pytest.mark.browser]

WIDTHS = (390, 1440)
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
"""What is folded away counts too."""


def unfolded(page: Page, report: Report) -> None:
    """Open a report with everything in it shown."""
    page.open(report.address)
    page.value(OPEN_ALL)
    page.settle()


def test_it_opens_from_a_file_in_silence(browser: Browser, report: Report) -> None:
    """No console message, exception, violation or dialog, and no request beyond the file."""
    with browser.page() as page:
        unfolded(page, report)
        assert page.seen.complaints == []
        assert page.seen.abroad == []
        assert [one for one in page.seen.requests if one.startswith("file:")] == [report.address]
        assert all(one.startswith(LOCAL) for one in page.seen.requests)
        assert page.text.count(report.verdict["verdict"]) > 0
        assert page.value("document.images.length") > 0
        assert page.value("[...document.images].every(one => one.complete && one.naturalWidth)")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_grave(browser: Browser, report: Report, width: int, dark: bool) -> None:
    """No serious or critical violation in either colour scheme on a phone and on a desk."""
    try:
        script()
    except AxeMissingError as reason:
        pytest.skip(str(reason))
    with browser.page(width=width, dark=dark) as page:
        unfolded(page, report)
        assert grave(page) == []


def test_axe_would_find_something_grave(browser: Browser) -> None:
    """The control: on a page with grey letters and a nameless picture it finds both."""
    try:
        script()
    except AxeMissingError as reason:
        pytest.skip(str(reason))
    with browser.page() as page:
        page.open(
            "data:text/html,<html lang=en><title>t</title><p style='color:%23ccc'>pale</p>"
            "<img src='data:,'>"
        )
        found = " ".join(grave(page))
    assert "color-contrast" in found
    assert "image-alt" in found


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_hangs_over_the_edge(browser: Browser, report: Report, width: int) -> None:
    """A page moves up and down only; what is wider scrolls inside its own frame."""
    with browser.page(width=width) as page:
        unfolded(page, report)
        assert page.value("document.documentElement.scrollWidth") == width
        assert (
            page.value(
                "[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll')"
                " && one.getBoundingClientRect().right > innerWidth + 0.5)"
                ".map(one => `${one.tagName} ${one.textContent.slice(0, 60)}`)"
            )
            == []
        )


def test_drawings_keep_their_words_inside(browser: Browser, report: Report) -> None:
    """No letter of a drawing lies outside it, in the font that this machine has."""
    with browser.page() as page:
        unfolded(page, report)
        assert (
            page.value(
                "[...document.querySelectorAll('.view svg, .gauge')].flatMap(svg => {"
                " const at = svg.getBoundingClientRect();"
                " return [...svg.querySelectorAll('text')].filter(one => {"
                "  const own = one.getBoundingClientRect();"
                "  return own.left < at.left - 1 || own.right > at.right + 1"
                "   || own.top < at.top - 1 || own.bottom > at.bottom + 1;"
                " }).map(one => one.textContent)})"
            )
            == []
        )
