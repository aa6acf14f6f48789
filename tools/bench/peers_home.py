"""Where the peers live: an environment of their own that borrows ours, made on first use.

A path file lends it the packages of this environment, torch above all, so both sides compute with
the same build. What the peers bring is installed there and never here.
"""

import hashlib
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Final

import torch

WANTED: Final = Path(__file__).with_name("peers.txt")
HOME: Final = Path(__file__).resolve().parents[2] / "build" / "peers"
"""Ignored by git, and removed by ``make clean``."""
_STAMP: Final = "made-from"


class NotMade(Exception):  # noqa: N818 - says what happened, as the table prints it
    """The environment could not be made here."""


def python_of_peers(home: Path = HOME) -> Path:
    """The interpreter of the environment, which is made when it is absent or out of date."""
    program = home / "bin" / "python"
    stamp = home / _STAMP
    if not (program.exists() and stamp.exists() and stamp.read_text() == _made_from()):
        _make(home, program)
        stamp.write_text(_made_from())
    return program


def _made_from() -> str:
    wanted = hashlib.sha256(WANTED.read_bytes()).hexdigest()
    return f"{wanted}\n{sys.executable}\n{torch.__version__}\n"


def _make(home: Path, program: Path) -> None:
    venv.EnvBuilder(clear=True, symlinks=True).create(home)
    _lend_ours(home)
    told = ["--disable-pip-version-check", "--python", str(program), "install", "--quiet"]
    told += ["--no-deps", "--requirement", str(WANTED)]
    pip = [sys.executable, "-m", "pip", *told]
    made = subprocess.run(pip, capture_output=True, text=True, check=False)
    if made.returncode:
        message = f"the peers could not be installed: {made.stderr.strip()[-300:]}"
        raise NotMade(message)
    _check_torch(program)


def _lend_ours(home: Path) -> None:
    """Lines of a path file are appended to the search path, so what the peers bring wins."""
    names = {"base": str(home), "platbase": str(home)}
    inside = Path(sysconfig.get_path("purelib", "venv", vars=names))
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (inside / "lent.pth").write_text("".join(f"{one}\n" for one in sorted(ours)))


def _check_torch(program: Path) -> None:
    question = "import torch; print(torch.__file__)"
    said = subprocess.run([program, "-c", question], capture_output=True, text=True, check=False)
    if said.stdout.strip() != str(torch.__file__):
        message = f"the peers would compute with another torch: {said.stdout}{said.stderr[-300:]}"
        raise NotMade(message)
