"""Ours against what the original AutoAttack left standing, image by image, on every row.

A survivor that we break is a find; an image that it broke and we leave standing is a miss. The
record is float32, so no pictures of 8 bits are asked for.
"""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from support.reference import picture_set, rows_of, spec_of
from tools.bench import ours

pytestmark = [pytest.mark.reference, pytest.mark.parity]


class Row(NamedTuple):
    """One network at one radius."""

    name: str
    eps: str
    size: int
    recorded: int
    """Images that AutoAttack left."""
    standing: int
    missed: list[int]
    found: list[int]
    unconfirmed: int
    seconds: float

    @property
    def above(self) -> int:
        """By how many images our figure is the weaker one."""
        return self.standing - self.recorded

    def __str__(self) -> str:
        """A line of the list."""
        return (
            f"{self.name:32} {self.eps:6} n={self.size:3} AutoAttack {self.recorded:3} "
            f"ours {self.standing:3} missed {self.missed} found {self.found} "
            f"unconfirmed {self.unconfirmed} {self.seconds:.1f} s"
        )


def attacked(folder: Path, entry: dict[str, Any], eps: str, mode: str) -> Row:
    """Attack the images of one recorded row."""
    told = entry["autoattack"][eps]
    images, labels = picture_set(folder, entry, told["n"])
    subject = ours.subject_of((folder / entry["onnx"]).read_bytes(), spec_of(entry))
    found = ours.ours(subject, images, labels, eps=str(Fraction(eps)), mode=mode)
    survived = np.zeros(told["n"], bool)
    survived[told["survivors"]] = True
    assert (~found.wrong).mean() == pytest.approx(told["clean"], abs=1e-9), entry["name"]
    return Row(
        entry["name"],
        eps,
        told["n"],
        int(survived.sum()),
        int(found.standing.sum()),
        (found.standing & ~survived).nonzero()[0].tolist(),
        (survived & ~found.standing).nonzero()[0].tolist(),
        found.unconfirmed,
        found.cpu_seconds,
    )


def every_row(folder: Path, wanted: str) -> list[Row]:
    """All recorded rows under one budget; ``ASSAY_ROWS`` keeps those whose name holds it."""
    only = os.environ.get("ASSAY_ROWS", "")
    mode = ours.mode_for(wanted)
    return [
        attacked(folder, entry, eps, mode)
        for entry in rows_of(folder)
        for eps in entry["autoattack"]
        if only in f"{entry['name']}@{eps}"
    ]


def told_of(rows: Sequence[Row]) -> str:
    """The list that a failure shows: every row that differs, and the sums."""
    differing = [str(row) for row in rows if row.missed or row.found]
    missed, found = (sum(len(getattr(row, name)) for row in rows) for name in ("missed", "found"))
    sums = f"{len(rows)} rows: {missed} missed, {found} found, {sum(r.seconds for r in rows):.0f} s"
    return "\n".join(["", *differing, sums])


def test_parity_is_no_weaker_than_the_record(
    reference_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All rows together miss no more than they find, and no row is above by more than one."""
    rows = every_row(reference_models, "parity")
    told = told_of(rows)
    with capsys.disabled():
        print(told)
    assert rows
    assert sum(len(row.missed) for row in rows) <= sum(len(row.found) for row in rows), told
    assert max(row.above for row in rows) <= 1, told


def test_the_gate_is_within_a_point_of_the_record(
    reference_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No row is above by more than one point."""
    rows = every_row(reference_models, "gate")
    told = told_of(rows)
    with capsys.disabled():
        print(told)
    assert rows
    assert max(100 * row.above / row.size for row in rows) <= 1, told
