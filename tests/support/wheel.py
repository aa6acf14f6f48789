"""The wheel as a user gets it: built from this checkout, unpacked and run away from it."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def output_of(*command: str, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run ``command`` to its end and return what it printed; all of it is shown when it fails."""
    run = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"{command} exited {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run.stdout


@dataclass(frozen=True)
class Installed:
    """The unpacked wheel, and a folder with only those libraries that the base install brings."""

    wheel: Path
    site: Path
    base_libraries: Path

    def python(self, *arguments: str, base: bool = False) -> str:
        """Run a fresh interpreter that sees the wheel and third-party packages, nothing else.

        ``-S`` leaves out the ``.pth`` file through which an editable install shows the checkout;
        ``-P`` and the working folder keep the current folder off the path. With ``base`` only the
        requirements of the base install can be imported.
        """
        libraries = self.base_libraries if base else Path(sysconfig.get_path("purelib"))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.site.parent),
            "PYTHONPATH": f"{self.site}{os.pathsep}{libraries}",
        }
        command = (sys.executable, "-S", "-s", "-P", *arguments)
        return output_of(*command, cwd=self.site.parent, environment=environment)


def build(folder: Path) -> Installed:
    """Build the wheel of this checkout and unpack it, both below ``folder``."""
    how = ("--no-deps", "--no-build-isolation", "-w", str(folder))
    output_of(*PIP, "wheel", str(CHECKOUT), *how, cwd=folder)
    [wheel] = folder.glob("assay-*.whl")
    site, base_libraries = folder / "site", folder / "base-libraries"
    where = ("--no-deps", "--no-index", "--target", str(site))
    output_of(*PIP, "install", *where, str(wheel), cwd=folder)
    base_libraries.mkdir()
    [metadata] = site.glob("assay-*.dist-info")
    link_libraries(requirements(PathDistribution(metadata)), base_libraries)
    return Installed(wheel, site, base_libraries)


def requirements(found: Distribution) -> set[str]:
    """Names of what ``found`` requires on this machine without any extra."""
    parsed = (Requirement(text) for text in found.requires or ())
    return {r.name for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})}


def link_libraries(wanted: set[str], folder: Path) -> None:
    """Link the files of the distributions ``wanted``, and of all they require, into ``folder``."""
    installed = Path(sysconfig.get_path("purelib"))
    linked: set[str] = set()
    while wanted - linked:
        name = min(wanted - linked)
        linked.add(name)
        found = distribution(name)
        wanted |= requirements(found)
        for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(installed / top)
