"""Encoded pictures and labels in two columns of a Parquet file. Runs in a child.

What the footer announces is bounded before a page is read, and pages are read a few rows at a
time, because a page may unpack to more than was announced.
"""

import contextlib
import importlib
import json
from collections.abc import Generator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from analyzers.contract import Array, Refusal
from service.intake.data.pictures_child import Picture, decoded
from service.intake.data.stored_child import Raw, Rows, Stored, most_unpacked, shown, span

_IMAGES: Final = ("image", "img", "images")
_LABELS: Final = ("label", "labels", "fine_label")
_MAGIC: Final = b"PAR1"
_LONGEST_FOOTER: Final = 16 << 20
_MOST_ROWS: Final = 4_000_000
_MOST_GROUPS: Final = 4096
_MOST_COLUMNS: Final = 256
_AT_ONCE: Final = 32
_LONGEST_NAMES: Final = 1 << 20


class _Columns(NamedTuple):
    """The two fields, and the leaf of each that is read."""

    images: str
    encoded: str
    labels: str


def read_parquet(raw: Raw, rows: Rows) -> Stored:
    """The pictures and labels, or the rows asked for of them."""
    _check_footer(raw)
    arrow, parquet = _library()
    with _understood():
        file = parquet.ParquetFile(
            arrow.BufferReader(arrow.py_buffer(raw)),
            thrift_string_size_limit=_LONGEST_FOOTER,
            thrift_container_size_limit=1 << 20,
            pre_buffer=False,
        )
        _check_amounts(file.metadata)
        columns = _columns(file.schema_arrow, arrow.types)
        low, high = span(rows, file.metadata.num_rows)
        bodies, labels = _read(file, columns, (low, high), most_unpacked(len(raw)))
        names = _class_names(file.schema_arrow.metadata, columns.labels)
    pictures = [Picture(f"row {low + row}", body.__bytes__) for row, body in enumerate(bodies)]
    return Stored(decoded(pictures), labels, "nchw", names)


def _library() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise Refusal(
            "DATA_EXTRA_MISSING",
            "Parquet files are read with pyarrow, which is not installed with the service.",
            "Install it there with: pip install 'assay[parquet]'.",
        ) from error


@contextlib.contextmanager
def _understood() -> Generator[None]:
    """Whatever the library makes of a damaged file ends in a code."""
    try:
        yield
    except (MemoryError, Refusal):
        raise
    except Exception as error:  # Arrow raises as many kinds as it has layers
        raise _unreadable() from error


def _check_footer(raw: Raw) -> None:
    if len(raw) < 12 or raw[:4] != _MAGIC or raw[-4:] != _MAGIC:  # noqa: PLR2004 - two marks and a length
        raise _unreadable()
    length = int.from_bytes(raw[-8:-4], "little")
    if length > len(raw) - 12:
        raise _unreadable()
    _check("bytes of footer", length, _LONGEST_FOOTER)


def _check_amounts(told: Any) -> None:  # noqa: ANN401 - metadata of a library without types
    _check("columns", told.num_columns, _MOST_COLUMNS)
    _check("row groups", told.num_row_groups, _MOST_GROUPS)
    _check("rows", told.num_rows, _MOST_ROWS)
    groups = [told.row_group(one) for one in range(told.num_row_groups)]
    if any(group.num_rows < 0 or group.total_byte_size < 0 for group in groups):
        raise _unreadable()
    if sum(group.num_rows for group in groups) != told.num_rows:
        raise _unreadable()


def _check(what: str, found: int, most: int) -> None:
    if not 0 <= found <= most:
        raise Refusal(
            "PARQUET_LIMIT",
            f"The Parquet file announces {found:,} {what}; at most {most:,} are taken.",
            "Write a file of the images that are needed, with an image and a label column.",
        )


def _columns(schema: Any, types: Any) -> _Columns:  # noqa: ANN401 - of a library without types
    images, labels = _named(schema, "image", _IMAGES), _named(schema, "label", _LABELS)
    if not types.is_integer(schema.field(labels).type):
        raise Refusal(
            "DATA_LABELS_INVALID",
            f"The labels are {shown(str(schema.field(labels).type))}; one whole number an image is "
            "needed.",
            "Give class numbers from 0 on.",
        )
    return _Columns(images, _encoded(schema.field(images), types), labels)


def _named(schema: Any, wanted: str, names: Sequence[str]) -> str:  # noqa: ANN401 - as above
    held = list(schema.names)
    found = [name for name in names if name in held]
    if not found or held.count(found[0]) > 1:
        listed = ", ".join(shown(str(one)) for one in held[:8]) or "nothing"
        raise Refusal(
            "DATA_ARRAY_MISSING",
            f"The Parquet file has not exactly one column of {wanted}s; it holds {listed}.",
            f"Name the column '{wanted}'.",
        )
    return found[0]


def _encoded(field: Any, types: Any) -> str:  # noqa: ANN401 - as above
    """The leaf with the encoded bytes: the column itself, or ``bytes`` of a struct."""
    kind, path = field.type, field.name
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind, path = kind.field("bytes").type, f"{path}.bytes"
    if not (types.is_binary(kind) or types.is_large_binary(kind)):
        raise Refusal(
            "DATA_DTYPE_UNSUPPORTED",
            f"The images are {shown(str(field.type), 60)}; encoded pictures are needed.",
            "Store PNG or JPEG bytes in the column, or write an npz file.",
        )
    return path


def _read(
    file: Any,  # noqa: ANN401 - as above
    columns: _Columns,
    rows: tuple[int, int],
    most: int,
) -> tuple[list[bytes], Array]:
    """The encoded pictures and the labels of some rows, from the row groups that hold them."""
    low, high = rows
    groups, at, announced = _groups(file.metadata, low, high)
    _check("bytes to unpack", announced, most)
    bodies, labels, size = list[bytes](), list[int](), 0
    wanted = [columns.encoded, columns.labels]
    for batch in file.iter_batches(_AT_ONCE, row_groups=groups, columns=wanted, use_threads=False):
        images, classes = batch.column(columns.images), batch.column(columns.labels)
        for body, label in zip(_bytes_of(images), classes.to_pylist(), strict=True):
            if low <= at < high:
                bodies.append(_present(body, at))
                labels.append(_labelled(label, at))
                size += len(body or b"")
            at += 1
        _check("bytes of pictures", size, most)
    if len(bodies) != high - low:
        raise _unreadable()
    return bodies, np.array(labels)


def _groups(told: Any, low: int, high: int) -> tuple[list[int], int, int]:  # noqa: ANN401 - as above
    """Row groups with rows of the slice, the number of their first row, and their size."""
    found, first, at, size = list[int](), low, 0, 0
    for number in range(told.num_row_groups):
        group = told.row_group(number)
        if at < high and at + group.num_rows > low:
            first = first if found else at
            found.append(number)
            # Of all columns: to ask for one ends the process where its statistics do not fit.
            size += group.total_byte_size
        at += group.num_rows
    return found, first, size


def _bytes_of(images: Any) -> list[bytes | None]:  # noqa: ANN401 - as above
    nested = hasattr(images, "flatten") and images.type.num_fields == 1
    return (images.flatten()[0] if nested else images).to_pylist()


def _present(body: bytes | None, row: int) -> bytes:
    if body is None:
        raise Refusal(
            "DATA_IMAGE_BROKEN",
            f"Row {row} holds no picture, or only the path of one.",
            "Write the pictures' bytes into the file, or leave the row out.",
        )
    return body


def _labelled(label: int | None, row: int) -> int:
    if label is None:
        raise Refusal(
            "DATA_LABELS_INVALID", f"Row {row} has no label.", "Leave it out, or give it one."
        )
    return label


def _class_names(told: Any, column: str) -> tuple[str, ...]:  # noqa: ANN401 - as above
    """Names that a common exporter keeps beside its columns; nothing when they are not there."""
    raw = bytes(told.get(b"huggingface", b"")) if told else b""
    if len(raw) > _LONGEST_NAMES:
        return ()
    try:
        names = json.loads(raw)["info"]["features"][column]["names"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()
    if not (isinstance(names, list) and all(isinstance(one, str) for one in names)):  # pyright: ignore[reportUnknownVariableType]  # JSON
        return ()
    return tuple(names)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # JSON, checked above


def _unreadable() -> Refusal:
    return Refusal(
        "DATA_NOT_RECOGNISED",
        "The data file could not be read as Parquet.",
        "Write it again with pyarrow.parquet.write_table, or as an npz file.",
    )
