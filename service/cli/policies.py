"""The policy file: read and checked here, so that a mistake in it costs no upload."""

from pathlib import Path
from typing import NamedTuple

from service.cli.terminal import note, say
from service.core.policy import MINIMAL, Policy, under_profile
from service.core.profiles import Name
from service.errors import AssayError, Code

_MOST_BYTES = 1 << 20


class WrittenPolicy(NamedTuple):
    """A policy as its author wrote it, and as it reads."""

    text: str
    checked: Policy


def read_policy(
    path: Path | None, profile: Name | None = None, *, as_json: bool = False
) -> WrittenPolicy:
    """The policy of a file; without one, a minimal policy is printed and nothing else happens."""
    if path is None:
        (note if as_json else say)(MINIMAL.rstrip())
        raise AssayError(
            Code.POLICY_MISSING,
            "There is no policy, so there is nothing to require of the model.",
            "A minimal one was printed: redirect it with > policy.yaml, set your thresholds, and "
            "give --policy policy.yaml.",
        )
    text = _text(path)
    if profile is not None:
        text = under_profile(text, profile)
    return WrittenPolicy(text, checked(text))


def checked(text: str) -> Policy:
    """A policy's text, read against everything that this version can measure."""
    from analyzers.catalog import ALL
    from service.core.policy import parse_policy

    return parse_policy(text, ALL)


def warn_of_seed(policy: Policy, seed: int | None) -> None:
    """Say what another seed than the policy's own leads to."""
    if seed is not None and seed != policy.seed:
        note(
            f"Warning: seed {seed} explores; the policy accepts only its own seed {policy.seed}, "
            "so this run cannot end in a PASS."
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
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not text in UTF-8") from error


def _unreadable(path: Path, why: str) -> AssayError:
    return AssayError(
        Code.POLICY_INVALID,
        f"The policy '{path}' cannot be read: {why}.",
        "Compare it with the policy that `assay check` prints when none is given.",
    )
