"""The cascade against published attacks on third-party networks, row by row."""

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from analyzers.attacks.passes import SQUARE
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.subject import OnnxSubject
from support.attacking import attack, block, column, states
from support.graphs import subject_of
from support.reference import picture_set, rows_of, spec_of

pytestmark = pytest.mark.reference

QUICK = (
    ("cifar_small_adv4_abcrown", "8/255"),
    ("cifar_marabou_small_nat", "2/255"),
    ("mnist_convmed_colt01", "0.3"),
)
"""Rows where plain PGD overstates robustness, or where everything falls."""


class Row(NamedTuple):
    """One network at one size, published and found."""

    name: str
    eps: str
    published: dict[str, Any]
    clean: float
    robust: float
    marked: int
    """Images on which any indicator was set off."""
    passes: float
    """Forward and backward passes an image."""

    def __str__(self) -> str:
        """A line of the table."""
        told = self.published
        return (
            f"{self.name:32} {self.eps:6} n={told['n']:3} clean {self.clean:.3f} "
            f"PGD-20 {told['pgd20']:.3f} AutoAttack {told['acc']:.3f} here {self.robust:.3f} "
            f"passes {self.passes:.0f}"
        )


def attacked(folder: Path, entry: dict[str, Any], eps: str) -> Row:
    """Attack the images of one published row."""
    told = entry["autoattack"][eps]
    images, labels = picture_set(folder, entry, told["n"])
    subject = subject_of((folder / entry["onnx"]).read_bytes(), spec_of(entry))
    found = attack(subject, block(images, labels), str(Fraction(eps)))
    words = states(found)
    standing = column(found, "state") == "standing"
    marked = column(found, "flat") | ~column(found, "rose")
    doubtful = int((standing & marked).sum() + column(found, "disagree").sum())
    clean = 1 - (words.count("wrong") + words.count("error")) / len(words)
    spent = sum(found.passes.values()) / len(words)
    return Row(entry["name"], eps, told, clean, standing.mean(), doubtful, spent)


@pytest.mark.parametrize(("name", "eps"), QUICK)
def test_a_row_is_no_weaker_than_pgd(reference_models: Path, name: str, eps: str) -> None:
    """Clean accuracy is the published one, and fewer images stand than under PGD-20."""
    (entry,) = [row for row in rows_of(reference_models) if row["name"] == name]
    row = attacked(reference_models, entry, eps)
    assert row.clean == pytest.approx(row.published["clean"], abs=1e-9)
    assert row.robust <= row.published["pgd20"]
    assert not row.marked


class Slopeless(OnnxSubject):
    """A net of which nothing but scores can be had."""

    @property
    def gradient(self) -> GradientEngine | None:
        """None."""
        return None


@pytest.mark.parametrize(("name", "eps"), QUICK)
def test_without_slopes_scores_find_some_of_it(reference_models: Path, name: str, eps: str) -> None:
    """The same net with its slopes taken away is searched: it loses images, and fewer."""
    (entry,) = [row for row in rows_of(reference_models) if row["name"] == name]
    images, labels = picture_set(reference_models, entry, 24)
    honest = subject_of((reference_models / entry["onnx"]).read_bytes(), spec_of(entry))
    bare = Slopeless.__new__(Slopeless)
    bare.__dict__.update(honest.__dict__)
    batch, size = block(images, labels), str(Fraction(eps))
    climbed = attack(honest, batch, size)
    searched = attack(bare, batch, size, which=SQUARE, queries=400)
    stands, still = (column(found, "state") == "standing" for found in (climbed, searched))
    assert "claimed" in states(searched)
    assert stands.sum() <= still.sum()
    assert searched.passes["backward"] == 0
    assert column(searched, "queries").max() == 400


@pytest.mark.deep
def test_every_row_against_the_published_figures(
    reference_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On all rows: clean as published, honest nets unmarked, nine in ten at or below PGD-20."""
    rows = [
        attacked(reference_models, entry, eps)
        for entry in rows_of(reference_models)
        for eps in entry["autoattack"]
    ]
    with capsys.disabled():
        print("", *rows, sep="\n")
    assert len(rows) > 20
    for row in rows:
        assert row.clean == pytest.approx(row.published["clean"], abs=1e-9), row
        assert not row.marked, row
    held = [row.robust <= row.published["pgd20"] for row in rows]
    assert sum(held) >= 0.9 * len(rows)
    excess = sum(row.robust - row.published["acc"] for row in rows) / len(rows)
    assert excess < 0.01, "on average within one point of AutoAttack"
