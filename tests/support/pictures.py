"""One set of pictures in every form that data comes in, as bytes."""

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]  # ships none
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]  # ships none
from PIL import Image
from safetensors.numpy import save

from analyzers.contract import Array
from service.intake.dataset_child import dataset

pyarrow: Any = pa
parquet: Any = pq


def read_bytes(
    raw: bytes, body: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a file through an open descriptor, all that a child ever gets."""
    with tempfile.TemporaryFile() as held:
        held.write(raw)
        held.flush()
        file = os.dup(held.fileno())
        try:
            return dataset(body or {}, {"file": file})
        finally:
            os.close(file)


def encoded(pixels: Array, form: str = "PNG", **told: Any) -> bytes:  # noqa: ANN401 - the encoder's own options
    """One HWC, or grey HW, picture as a file of a format."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **told)
    return out.getvalue()


def npz(**arrays: Array) -> bytes:
    """An npz file as numpy writes it."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=True, **arrays)
    return out.getvalue()


def zipped(members: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with members of any name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return out.getvalue()


def folders(images: Array, labels: Array, names: Sequence[str]) -> bytes:
    """Class folders in a zip; images are NHWC."""
    return zipped(
        {
            f"{names[label]}/{row:04}.png": encoded(image)
            for row, (image, label) in enumerate(zip(images, labels, strict=True))
        }
    )


def table(columns: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - of a library without types
    """An Arrow table."""
    made = pyarrow.table(dict(columns))
    return made.replace_schema_metadata(metadata) if metadata else made


def parquet_of(made: Any, **told: Any) -> bytes:  # noqa: ANN401 - as above
    """A table as Parquet."""
    out = io.BytesIO()
    parquet.write_table(made, out, **told)
    return out.getvalue()


def parquet_set(images: Array, labels: Array, *, struct: bool = True, **told: Any) -> bytes:  # noqa: ANN401 - as above
    """PNGs and labels in two columns, as exports have them."""
    bodies = [encoded(image) for image in images]
    column = [{"bytes": body, "path": None} for body in bodies] if struct else bodies
    return parquet_of(table({"image": column, "label": labels}), **told)


def safetensors_of(**arrays: Array) -> bytes:
    """A safetensors file as its own library writes it."""
    return save({name: np.ascontiguousarray(one) for name, one in arrays.items()})
