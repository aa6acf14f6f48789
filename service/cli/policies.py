"""The policy file: read here, and checked here unless a service does it at once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.connection import at_hand
from service.cli.terminal import note, say
from service.core.profiles import Name
from service.errors import AssayError, Code

if TYPE_CHECKING:  # reading it takes the whole catalogue, which a repeated check can do without
    from service.core.policy import Policy

_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Rules:
    """A policy as its author wrote it, and the profile that it was asked to extend."""

    written: str
    profile: Name | None = None

    @cached_property
    def text(self) -> str:
        """What is judged by."""
        from service.core.policy import under_profile

        return under_profile(self.written, self.profile) if self.profile else self.written

    @cached_property
    def checked(self) -> "Policy":
        """Read against everything that this version can measure."""
        from analyzers.catalog import ALL
        from service.core.policy import parse_policy

        return parse_policy(self.text, ALL)


def read_policy(path: Path | None, profile: Name | None = None, *, as_json: bool = False) -> Rules:
    """The policy of a file; without one, a minimal policy is printed and nothing else happens."""
    if path is None:
        from service.core.policy import MINIMAL

        (note if as_json else say)(MINIMAL.rstrip())
        raise AssayError(
            Code.POLICY_MISSING,
            "There is no policy, so there is nothing to require of the model.",
            "A minimal one was printed: redirect it with > policy.yaml, set your thresholds, and "
            "give --policy policy.yaml.",
        )
    return Rules(_text(path), profile)


def check_early(rules: Rules, server: str | None, seed: int | None) -> None:
    """Find a mistake before a service is started for it; one that runs finds it by itself."""
    if seed is not None:
        warn_of_seed(rules, seed)
    elif not at_hand(server):
        _ = rules.checked


def warn_of_seed(rules: Rules, seed: int) -> None:
    """Say what another seed than the policy's own leads to."""
    if seed != rules.checked.seed:
        note(
            f"Warning: seed {seed} explores; the policy accepts only its own seed "
            f"{rules.checked.seed}, so this run cannot end in a PASS."
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no policy file '{path}'.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        ) from error
    except OSError as error:
        raise _unreadable(path, str(error.strerror).lower()) from error
    if len(raw) > _MOST_BYTES:
        raise _unreadable(path, "it is larger than a megabyte")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not text in UTF-8") from error
    if not text.strip():  # a checkout or a download that failed; no policy would ask for nothing
        raise _unreadable(path, "it is empty")
    return text


def _unreadable(path: Path, why: str) -> AssayError:
    return AssayError(
        Code.POLICY_INVALID,
        f"The policy '{path}' cannot be read: {why}.",
        "Compare it with the policy that `assay check` prints when none is given.",
    )
