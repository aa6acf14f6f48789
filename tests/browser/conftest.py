"""One browser for all tests of pages that run in it."""

from collections.abc import Iterator

import pytest

from support.browser import Browser
from support.devtools import chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test skips where there is none."""
    if chromium() is None:
        pytest.skip("no chromium on this machine; tests/packages.sh installs it (Debian, root)")
    with Browser.launched() as found:
        yield found
