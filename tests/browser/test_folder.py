"""The report as a folder, behind a viewer that forbids style and pictures inside a page."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.report.folder import INDEX, render_folder
from service.report.html import render_html
from support import evidence as sample
from support.browser import Browser, Page

pytestmark = [pytest.mark.deep, pytest.mark.browser]

GALLERY = {sample.ATTACK: sample.counterexamples()}
INLINE = "report.html"


class Strict(SimpleHTTPRequestHandler):
    """A server that says what Jenkins says of the pages it keeps."""

    def end_headers(self) -> None:
        """Allow nothing but files of its own."""
        told = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';"
        self.send_header("Content-Security-Policy", told)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
        del format, args


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, and beside it the report as one file."""
    found = tmp_path_factory.mktemp("folder")
    files = render_folder(sample.evidence(), sample.verdict(), GALLERY)
    whole = {INLINE: render_html(sample.evidence(), sample.verdict(), GALLERY)}
    for name, body in {**files, **whole}.items():
        (found / name).parent.mkdir(exist_ok=True)
        (found / name).write_bytes(body)
    return found


@pytest.fixture(scope="module")
def strict(folder: Path) -> Iterator[str]:
    """The address of a strict server of that folder."""
    serve = functools.partial(Strict, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join(10)


def dressed(page: Page) -> bool:
    """Whether the style sheet is in force and every picture there."""
    return bool(
        page.value("getComputedStyle(document.querySelector('.verdict')).borderRadius == '10px'")
        and page.value("document.images.length > 0")
        and page.value("[...document.images].every(one => one.complete && one.naturalWidth)")
    )


def test_a_strict_viewer_shows_the_folder_as_it_is(browser: Browser, strict: str) -> None:
    """Style and pictures load from beside the page, in silence, and from nowhere else."""
    with browser.page() as page:
        page.open(strict + INDEX)
        assert [one for one in page.seen.complaints if "favicon" not in one] == []
        assert all(one.startswith(strict) for one in page.seen.abroad)
        assert dressed(page)


def test_a_strict_viewer_undresses_the_single_file(browser: Browser, strict: str) -> None:
    """The control, and the reason for the folder."""
    with browser.page() as page:
        page.open(strict + INLINE)
        assert page.seen.issues
        assert not dressed(page)


def test_the_folder_opens_from_a_disk_too(browser: Browser, folder: Path) -> None:
    """Unpacked from an archive it is the same page, and still asks nobody."""
    with browser.page() as page:
        page.open((folder / INDEX).as_uri())
        assert page.seen.complaints == []
        assert page.seen.abroad == []
        assert dressed(page)
