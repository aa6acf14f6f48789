"""The harness sees what a page does: without this, silence of a page would mean nothing."""

from pathlib import Path

import pytest

from support.browser import Browser

pytestmark = [pytest.mark.deep, pytest.mark.browser]

LOUD = """<!doctype html><html lang="en"><title>Loud</title>
<meta http-equiv="Content-Security-Policy" content="img-src 'none'">
<body style="width:100%;height:3000px"><button id="b">Press</button>
<p id="t">before</p><img src="https://tracker.invalid/a.png" alt="">
<script>
console.log("said", 7); alert("boo");
document.getElementById("b").onclick = () => { document.getElementById("t").textContent = "after" };
fetch("http://127.0.0.1:9/x").catch(() => 0);
setTimeout(() => { throw new Error("fell") }, 0);
</script>"""


@pytest.fixture
def loud(tmp_path: Path) -> str:
    """The address of a page that does everything it should not."""
    path = tmp_path / "loud.html"
    path.write_text(LOUD)
    return path.as_uri()


def test_what_a_page_does_is_heard(browser: Browser, loud: str) -> None:
    """Console, exception, dialog, policy violation and every request, even blocked ones."""
    with browser.page() as page:
        page.open(loud)
        seen = page.seen
        assert seen.console == ["log: said 7"]
        assert "fell" in "".join(seen.exceptions)
        assert seen.dialogs == ["alert: boo"]
        assert any("ContentSecurityPolicy" in one for one in seen.issues)
        assert any("img-src" in one for one in seen.log)
        assert "http://127.0.0.1:9/x" in seen.abroad
        assert "https://tracker.invalid/a.png" in seen.abroad


def test_keys_widths_and_schemes_reach_the_page(browser: Browser, loud: str) -> None:
    """A key press moves the focus and works a button; width and colour scheme are as asked."""
    with browser.page(width=390, height=700, dark=True) as page:
        page.open(loud)
        page.press("Tab")
        assert page.value("document.activeElement.id") == "b"
        page.press("Enter")
        assert page.wait_for("document.getElementById('t').textContent == 'after'", timeout=5)
        assert page.value("[innerWidth, innerHeight]") == [390, 700]
        assert page.value("matchMedia('(prefers-color-scheme: dark)').matches")
        assert page.screenshot()[:4] == b"\x89PNG"
        assert len(page.screenshot(whole=True)) > len(page.screenshot())
        assert page.pdf().startswith(b"%PDF")


def test_without_script_a_page_stays_still(browser: Browser, loud: str) -> None:
    """Nothing of the page runs, and the test can still ask it."""
    with browser.page() as page:
        page.without_script()
        page.open(loud)
        assert page.seen.console == page.seen.dialogs == page.seen.exceptions == []
        assert "before" in page.text
        assert page.value("document.title") == "Loud"


def test_pages_share_nothing(browser: Browser, loud: str) -> None:
    """What one tab stores, another does not see; each hears only itself."""
    with browser.page() as one, browser.page() as other:
        one.open(loud)
        one.value("sessionStorage.setItem('k', 'v')")
        other.open(loud)
        assert one.value("sessionStorage.k") == "v"
        assert other.value("sessionStorage.k") is None
        assert other.seen.console == ["log: said 7"]


def test_another_place_of_the_same_page_is_nothing_to_wait_for(browser: Browser, loud: str) -> None:
    """Nothing is loaded when only the part behind the hash changes."""
    with browser.page() as page:
        page.open(loud)
        page.open(f"{loud}#t", timeout=5)
        assert page.value("location.hash") == "#t"
