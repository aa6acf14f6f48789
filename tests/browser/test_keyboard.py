"""A report without a mouse: everything that can be worked is reached by Tab, and seen to be."""

import pytest

from support.browser import Browser, Page
from support.reports import Report

pytestmark = [pytest.mark.deep, pytest.mark.browser]

NUMBERED = """
[...document.querySelectorAll('a[href], summary, button, input, select, [tabindex]')]
    .filter(one => one.checkVisibility()).map((one, at) => { one.dataset.stop = at; return at })
"""
SCROLLERS = """
[...document.querySelectorAll('body *')].filter(one => one.checkVisibility()
    && /auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth
    && one.tabIndex < 0).map(one => one.outerHTML.slice(0, 80))
"""
FOCUS = """(() => {
    const one = document.activeElement, css = getComputedStyle(one);
    const at = one.getBoundingClientRect();
    return {
        stop: one.dataset.stop === undefined ? null : Number(one.dataset.stop),
        ringed: one.matches(':focus-visible') && css.outlineStyle == 'solid'
            && parseFloat(css.outlineWidth) >= 2,
        seen: at.width > 0 && at.bottom > 0 && at.top < innerHeight && at.left < innerWidth,
        what: one.outerHTML.slice(0, 80)}
})()"""


def tabbed(page: Page, most: int) -> list[dict[str, object]]:
    """Every stop of the Tab key, until it leaves the page."""
    found: list[dict[str, object]] = []
    for _ in range(most + 1):
        page.press("Tab")
        at = page.value(FOCUS)
        if at["stop"] is None or (found and at["stop"] == found[0]["stop"]):
            return found
        found.append(at)
    return found


@pytest.mark.parametrize("width", [390, 1440])
def test_tab_reaches_everything_in_order_and_shows_where_it_is(
    browser: Browser, report: Report, width: int
) -> None:
    """Links, folds and scrolling frames, each once and in reading order, with a ring around it."""
    with browser.page(width=width) as page:
        page.open(report.address)
        page.value("for (const one of document.querySelectorAll('details')) one.open = true")
        stops = page.value(NUMBERED)
        found = tabbed(page, len(stops))
        assert [one["stop"] for one in found] == stops
        assert len(stops) > 40
        assert [one["what"] for one in found if not (one["ringed"] and one["seen"])] == []
        assert page.value(SCROLLERS) == []


def test_enter_unfolds_and_follows(browser: Browser, report: Report) -> None:
    """Enter on a fold opens it and closes it again; Enter on a link goes to its section."""
    with browser.page() as page:
        page.open(report.address)
        page.press("Tab")
        target = page.value("document.activeElement.getAttribute('href')")
        page.press("Enter")
        assert page.wait_for("location.hash", timeout=5) == target
        assert page.value(
            "Math.abs(document.querySelector(location.hash).getBoundingClientRect().top) < 100"
        )
        page.value("document.querySelector('summary').focus()")
        for state in (True, False):
            page.press("Enter")
            assert page.value("document.activeElement.parentElement.open") is state


def test_the_ring_is_drawn(browser: Browser, report: Report) -> None:
    """Pixels around a link change when it is reached, in light and in dark."""
    for dark in (False, True):
        with browser.page(dark=dark) as page:
            page.open(report.address)
            before = page.screenshot()
            page.press("Tab")
            assert page.screenshot() != before
