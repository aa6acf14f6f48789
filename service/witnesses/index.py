"""What lies in a folder of witnesses: ``index.json``, as it is written and as it is read again.

It names everything that a replay needs, so that no service has to be asked.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analyzers.contract import Depth, Digest, InputSpec
from service.errors import AssayError, Code

INDEX: Final = "index.json"
ARCHIVE: Final = "witnesses.zip"
"""What an audit serves: the index and every file that it names."""
MOST: Final = 200
"""Witnesses that an audit hands out, over all its threats."""
_MOST_READ: Final = 1000
_MOST_BYTES: Final = 4 << 20
_MOST_NUMBERS: Final = 1 << 24

Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Count = Annotated[int, Field(ge=0, le=1 << 40)]
Side = Annotated[int, Field(ge=1, le=1 << 16)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class File(_Part):
    """A picture in a file of its own."""

    name: Name
    pixels: Sha
    """SHA-256 of its numbers, not of the file: a PNG that was packed better is the same picture."""


class Entry(_Part):
    """One image that an attack broke, at one depth or at both."""

    row: Count
    """Of the audit, as in its tables."""
    image: Count
    """Place in the evaluation set, counted from 0."""
    sample: Sha
    label: Count
    became: dict[Depth, Count]
    """The class that the witness is taken for, by depth."""
    threat: str = Field(max_length=300)
    norm: str = Field(max_length=20)
    eps: str = Field(pattern=r"^[0-9]{1,9}(/[1-9][0-9]{0,8})?$")
    stage: str = Field(max_length=100)
    clean: File
    files: dict[Depth, File]


class Threat(_Part):
    """How many images of a threat were broken, and how many of them lie here."""

    threat: str = Field(max_length=300)
    broken: Count
    here: Count


class ModelCard(_Part):
    """The model that was broken."""

    name: str = Field(max_length=300)
    file: Sha
    canonical: Sha
    subject: Sha
    format: str = Field(max_length=100)
    architecture: str = Field(max_length=300)
    output: str = Field(max_length=300)
    declared: dict[str, Any]
    input_spec: dict[str, Any]

    @property
    def told(self) -> InputSpec:
        """The preprocessing that its owner declared."""
        return InputSpec.from_json(self.declared)


class DataCard(_Part):
    """The evaluation set."""

    digest: Sha
    name: str = Field(max_length=300)
    slice: str = Field(max_length=100)
    reading: dict[str, str | bool]
    dtype: Literal["uint8", "float32"]
    shape: Annotated[list[Side], Field(min_length=3, max_length=3)]


class Index(_Part):
    """A folder of witnesses."""

    form: Literal["assay/witnesses/1"] = "assay/witnesses/1"
    note: str = Field(max_length=500)
    model: ModelCard
    data: DataCard
    counted: list[Threat] = Field(max_length=_MOST_READ)
    witnesses: list[Entry] = Field(max_length=_MOST_READ)

    def as_file(self) -> bytes:
        """As people may read it."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    def of_rows(self, rows: Sequence[int]) -> list[Entry]:
        """The witnesses of some rows; of all, when none is named."""
        missing = sorted(set(rows) - {one.row for one in self.witnesses})
        if missing:
            raise AssayError(
                Code.REQUEST_INVALID,
                f"There is no witness of row {missing[0]} here.",
                f"{INDEX} lists the rows that have one.",
            )
        return [one for one in self.witnesses if not rows or one.row in rows]


def read_index(raw: bytes) -> Index:
    """An index out of its file; what is none, or is damaged, is refused."""
    try:
        if len(raw) > _MOST_BYTES:
            raise _no_index()
        found = Index.model_validate_json(raw)
        _ = found.model.told, InputSpec.from_json(found.model.input_spec)
    except (ValidationError, LookupError, TypeError, ValueError) as error:
        raise _no_index() from error
    channels, height, width = found.data.shape
    if channels * height * width > _MOST_NUMBERS:
        raise _no_index()
    return found


def stem(entry_row: int, sample: Digest, *, label: int, became: int, threat: str) -> str:
    """The beginning of the names of a witness's files."""
    about = re.sub(r"[^A-Za-z0-9]+", "-", threat.removeprefix("attacks.").replace("/", "of"))
    return f"row{entry_row:05d}-{sample[:8]}-{label}-to-{became}-{about.strip('-')[:80]}"


WRITTEN: Final = re.compile(r"row\d{5,}-[0-9a-f]{8}-[A-Za-z0-9-]{1,150}\.(png|npy)")
"""Names that ``stem`` begins."""


def _no_index() -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        "This is no index of witnesses, or it is damaged.",
        "Give the folder `witnesses` that `assay check` or `assay audit` wrote.",
    )
