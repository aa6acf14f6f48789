"""The breaks that an audit counted, out of its committed units: the pictures stay on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analyzers.contract import Array, Depth, Digest, Done
from service.audit_case import AuditCase, Shelf
from service.core.driver import Instance
from service.witnesses.claimed import CLAIMED, DEPTHS


@dataclass(frozen=True)
class Counted:
    """An image that an attack broke, with the first confirmed picture at each depth."""

    instance: Instance
    row: int
    image: int
    """Place in the evaluation set."""
    stage: str
    became: dict[Depth, int] = field(default_factory=dict[Depth, int])
    pictures: dict[Depth, Array] = field(default_factory=dict[Depth, Array])
    """CHW; float32 in [0,1], or codes of 8 bits."""


def counted(
    instance: Instance,
    done: Sequence[Done],
    order: Sequence[int],
    *,
    shelf: Shelf,
    shape: Sequence[int],
) -> list[Counted]:
    """What one attack broke, in the audit's order of rows, which ``order`` leads to images.

    ``shape`` is that of one image (CHW).
    """
    found: dict[int, Counted] = {}
    for unit in done:
        for depth, ending, dtype in DEPTHS:
            for at, picture in _confirmed(unit, ending, shelf, dtype=dtype, shape=shape):
                row = int(unit.samples["row"][at])
                stage = str(unit.samples["stage"][at]) if "stage" in unit.samples else ""
                one = found.setdefault(row, Counted(instance, row, order[row], stage))
                one.pictures.setdefault(depth, picture)
                one.became.setdefault(depth, int(unit.samples[f"became{ending}"][at]))
    return [found[row] for row in sorted(found)]


def _confirmed(
    unit: Done, ending: str, shelf: Shelf, *, dtype: str, shape: Sequence[int]
) -> Iterator[tuple[int, Array]]:
    """Places in the table whose break was confirmed, and the picture of each."""
    blob = unit.blobs.get(f"witness{ending}")
    if blob is None:
        return
    states = unit.samples[f"state{ending}"]
    pictures = _mapped(shelf, blob, dtype, (-1, *shape))
    claimed = [at for at, state in enumerate(states) if state in CLAIMED]
    for at, picture in zip(claimed, pictures, strict=True):
        if states[at] == "broken":
            yield at, picture


def _mapped(shelf: Shelf, blob: Digest, dtype: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - a memmap's type depends on dtype text
    return np.memmap(shelf.local_path(blob), dtype, "r").reshape(shape)


def stored(case: AuditCase) -> tuple[Array, Array]:
    """Pictures and labels of the evaluation set, as the service keeps them."""
    material = case.material
    images = np.memmap(material.images, material.dtype, "r", shape=tuple(material.shape))
    return images, np.memmap(material.labels, "<i8", "r")
