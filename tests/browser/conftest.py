"""One browser for all tests of pages, and reports that real audits wrote."""

from collections.abc import Iterator, Mapping

import pytest

from support.browser import Browser
from support.devtools import chromium
from support.reports import Report, real_reports


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test skips where there is none."""
    if chromium() is None:
        pytest.skip("no chromium on this machine; tests/packages.sh installs it (Debian, root)")
    with Browser.launched() as found:
        yield found


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Report]:
    """Real audits with all lenses: a FAIL, and a PASS of a file with a hostile name."""
    return real_reports(tmp_path_factory.mktemp("reports"))


@pytest.fixture(params=["FAIL", "PASS"])
def report(request: pytest.FixtureRequest, reports: Mapping[str, Report]) -> Report:
    """Each of the two."""
    return reports[request.param]
