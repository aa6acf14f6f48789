"""A git repository in which candidates come on branches and main holds what was released."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WHO: Final = {"NAME": "Team", "EMAIL": "team@example.org"}
_PEOPLE: Final = {
    f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()
}
MAIN: Final = "main"


@dataclass(frozen=True)
class Checkout:
    """The repository in a folder, and nobody's settings or hooks but its own."""

    folder: Path

    @classmethod
    def begun(cls, folder: Path) -> "Checkout":
        """A fresh repository."""
        folder.mkdir(parents=True)
        found = cls(folder)
        found.git("init", "--quiet", f"--initial-branch={MAIN}")
        return found

    def write(self, name: str, body: bytes) -> None:
        """Put a file into it."""
        (self.folder / name).write_bytes(body)

    def commit(self, message: str) -> None:
        """Commit everything that was written."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")

    def branch(self, name: str) -> None:
        """Go to a new branch off what was released."""
        self.git("checkout", "--quiet", "-b", name, MAIN)

    def release(self, branch: str) -> None:
        """Bring a branch to main and tag what goes out."""
        self.git("checkout", "--quiet", MAIN)
        self.git("merge", "--quiet", "--ff-only", branch)
        self.git("tag", f"--message=Released: {branch}", f"release/{branch}")

    def git(self, *words: str) -> str:
        """What a git command prints."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        told = ("git", *words)
        return subprocess.run(
            told,
            cwd=self.folder,
            env={**own, **_PEOPLE, **alone},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
