"""What a verdict may rest on besides the policy: an earlier audit and waivers, as given."""

from pathlib import Path
from typing import NamedTuple

from service.errors import AssayError, Code

_MOST_BYTES = 2 << 20
EVIDENCE = "evidence.json"
NONE = "none"
"""Said where it is known that there is no earlier release."""


class Earlier(NamedTuple):
    """A baseline: the name of an audit in the service, or evidence from a file."""

    name: str = ""
    evidence: bytes = b""


def read_baseline(given: str) -> Earlier:
    """An audit's full name, or the path of an evidence.json or of the folder that holds it."""
    if given in {"", NONE}:
        return Earlier()
    path = Path(given).expanduser()
    if not path.exists() and given.startswith("projects/"):
        return Earlier(name=given)
    return Earlier(evidence=evidence_at(path))


def evidence_at(path: Path) -> bytes:
    """The bytes of an evidence.json, or of the one in this folder."""
    raw = _read(path / EVIDENCE if path.is_dir() else path, "evidence file")
    if not raw:  # no bytes would read as no baseline, and a drop would go unseen
        raise AssayError(
            Code.EVIDENCE_INVALID,
            f"The evidence file at '{path}' is empty.",
            "Give the evidence.json that `assay check` or `assay audit` wrote.",
        )
    return raw


def read_waivers(path: Path | None) -> str:
    """The waivers of a file, checked here so that a mistake in them costs no audit."""
    if path is None:
        return ""
    from service.core.waivers import parse_waivers

    try:
        text = _read(path, "waivers file").decode()
    except UnicodeDecodeError as error:
        raise AssayError(
            Code.POLICY_INVALID,
            f"The waivers '{path}' cannot be read: they are not text in UTF-8.",
            "Save the file as UTF-8.",
        ) from error
    parse_waivers(text)
    return text


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no {what} '{path}' that can be read.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        ) from error
    if len(raw) > _MOST_BYTES:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The {what} '{path}' is larger than 2 MiB.",
            "Give the file that `assay check` or `assay audit` wrote.",
        )
    return raw
