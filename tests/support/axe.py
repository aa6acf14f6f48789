"""axe-core, which finds what keeps people out of a page: pinned, checked, fetched once by npm."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from support.browser import Page

VERSION = "4.14.1"
INTEGRITY = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
"""SHA-512 of the package."""
CACHE = Path(__file__).parents[2] / "build" / "axe-core"
GRAVE = {"serious", "critical"}


class AxeMissingError(Exception):
    """Why axe-core cannot be had."""


def script() -> str:
    """The program, from the cache or the registry; its package's digest is checked each time."""
    package = CACHE / f"axe-core-{VERSION}.tgz"
    if not package.is_file():
        _fetch(package)
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != INTEGRITY:
        raise AssertionError(f"{package} is not axe-core {VERSION}: sha512-{found}")
    with tarfile.open(package) as archive:
        held = archive.extractfile("package/axe.min.js")
        assert held is not None
        return held.read().decode()


def _fetch(package: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise AxeMissingError(
            "no npm on this machine; tests/packages.sh installs it (Debian, root)"
        )
    package.parent.mkdir(parents=True, exist_ok=True)
    told = subprocess.run(
        [npm, "pack", "--silent", "--ignore-scripts", f"axe-core@{VERSION}"],
        cwd=package.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if told.returncode or not package.is_file():
        raise AxeMissingError(f"npm could not fetch axe-core: {told.stderr.strip()}")


def grave(page: Page) -> list[str]:
    """Serious and critical violations on an open page, a line each."""
    page.value(script() + ";0")
    found = page.value("axe.run(document, {resultTypes: ['violations']})", timeout=300)
    return [
        f"{one['impact']} {one['id']}: {one['help']} {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
