"""Published figures: that they are told with their source, and for which models they speak."""

import json
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest

from analyzers.structure.filters import ANALYZER
from analyzers.structure.reference_models import (
    CIFAR_10,
    CIFAR_100,
    FILE,
    IMAGENET,
    KNOWN,
    LEVELS,
    STEM_LIKE_NORMAL,
    ReferenceSet,
    depth_step,
    family,
    place,
    read,
    reference_for,
)

SMALL, LARGE = (3, 32, 32), (3, 224, 224)
SETS = pytest.mark.parametrize("found", KNOWN.sets, ids=lambda one: one.name)


def test_the_file_says_whose_figures_these_are() -> None:
    """Source, authors, licence, version and what was changed stand in the file itself."""
    told = json.loads(FILE.read_text("utf-8"))
    assert "CC BY-SA 4.0" in told["licence"]
    assert "Gavrikov" in told["attribution"]
    assert "arXiv:2204.02481" in told["source"]
    assert told["changes"]
    assert told["version"] == KNOWN.version
    assert f"figures {KNOWN.version}" in family(CIFAR_10)


def test_figures_and_analyzer_change_together() -> None:
    """A new edition of the figures is a new version of the analyzer: update this line with both."""
    assert (KNOWN.version, ANALYZER.description.version) == ("1", "3")


@SETS
def test_quantiles_rise_and_medians_lie_in_range(found: ReferenceSet) -> None:
    """A slip in a digit would break an order or leave a range."""
    for models in (found.normal, found.robust):
        for quantiles in (models.entropy, models.centre_share):
            assert list(quantiles) == sorted(quantiles)
            assert len(quantiles) in {0, len(LEVELS)}
        assert bool(models.stems) == bool(models.centre_share) == (found.stem == "3x3")
    for steps in found.by_depth.values():
        assert len(steps) == 11
        assert all(0 <= number < 0.97 for pair in steps if pair for number in pair)


def test_figures_as_published() -> None:
    """Known cells of the tables: one of each column that findings and pictures rest on."""
    assert (CIFAR_10.normal.models, CIFAR_10.robust.models) == (29, 49)
    assert CIFAR_10.collapsed_below == CIFAR_10.normal.entropy[0] == 0.263
    assert CIFAR_10.robust.centre_share[0] == pytest.approx(STEM_LIKE_NORMAL, abs=0.005)
    assert CIFAR_10.at("entropy", 9) == (0.497, 0.794)
    assert CIFAR_10.at("sparsity", 9) == (0.387, 0.014)
    assert CIFAR_10.at("orthogonality", 0) == (0.794, 0.790)
    assert CIFAR_100.at("entropy", 10) == (0.218, 0.512)
    assert IMAGENET.at("entropy", 10) == (0.673, 0.627)
    assert [one.collapsed_below for one in (CIFAR_100, IMAGENET)] == [None, None]
    assert [one.pairs for one in KNOWN.sets] == [0.999, 0.904, 0.667]


def test_pooled_spectra_are_shares() -> None:
    """Nine falling shares of one whole; robust kernels spread theirs more than normal ones."""
    for shares in KNOWN.spectra.values():
        assert shares.sum() == pytest.approx(1, abs=1e-12)
        assert (np.diff(shares) <= 0).all()
        assert len(shares) == 9
    first = {name: float(shares[0]) for name, shares in KNOWN.spectra.items()}
    assert first["robust"] < first["all"] < first["normal"]
    assert first["normal"] == pytest.approx(0.67, abs=0.002)


def test_reading_keeps_gaps() -> None:
    """A figure that is not known on either side is no figure."""
    body = json.loads(FILE.read_text("utf-8"))
    body["sets"][0]["by_depth"]["entropy"]["robust"][3] = None
    (first, *_) = read(json.dumps(body)).sets
    assert first.at("entropy", 3) is None
    assert first.at("entropy", 4) is not None
    assert {one.name for one in fields(first)} >= {"pairs", "stem"}


@pytest.mark.parametrize(
    ("shape", "classes", "stem", "unlike", "kernels", "name", "says"),
    [
        (SMALL, 10, "3x3", (), 10**6, "CIFAR-10", ""),
        ((3, 64, 64), 43, "3x3", (), 10**6, "CIFAR-100", ""),
        (SMALL, 10, "", (), 10**6, "CIFAR-10", ""),
        ((1, 28, 28), 10, "3x3", (), 10**6, "", "1 channel."),
        ((3, 96, 96), 10, "3x3", (), 10**6, "", "96 pixels"),
        ((3, 64, 65), 10, "3x3", (), 10**6, "", "65 pixels"),
        (SMALL, 10, "3x3", ("depthwise 3x3",), 10**6, "", "depthwise"),
        (SMALL, 10, "7x7", (), 10**6, "", "7x7 first convolution"),
        (SMALL, 10, "3x3", (), 30_000, "", "small"),
        (SMALL, 1000, "3x3", (), 10**6, "", "1000 classes"),
        (LARGE, 1000, "7x7", (), 10**6, "ImageNet", ""),
        (LARGE, 1000, "3x3", (), 10**6, "", "3x3 first convolution"),
        (LARGE, 10, "7x7", (), 10**6, "", "10 classes of images of 224 pixels"),
        ((3, 160, 640), 1000, "7x7", (), 10**6, "", "640 pixels"),
    ],
)
def test_reference_only_inside_its_family(
    shape: tuple[int, int, int],
    classes: int,
    stem: str,
    unlike: Sequence[str],
    kernels: int,
    name: str,
    says: str,
) -> None:
    """A model outside the family of the reference set is compared with nothing."""
    found, why = reference_for(shape, classes, stem=stem, unlike=unlike, kernels=kernels)
    assert (found.name if found else "") == name
    assert says in why


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (0.2, "below the 5 %"),
        (0.263, "between the 5 % and 25 %"),
        (0.6, "between the 50 % and 75 %"),
        (0.657, "at the 95 %"),
        (0.7, "above the 95 %"),
    ],
)
def test_place_among_models(value: float, where: str) -> None:
    """A value is placed between the quantiles that are known."""
    assert place(value, CIFAR_10.normal.entropy).startswith(where)


@pytest.mark.parametrize(
    ("depth", "step"), [(0.0, 0), (0.01, 1), (0.1, 1), (0.3, 3), (0.7, 7), (0.71, 8), (1.0, 10)]
)
def test_tenths_of_depth_end_with_their_tenth(depth: float, step: int) -> None:
    """The first convolution stands alone; the upper end of a tenth belongs to it."""
    assert depth_step(depth) == step


def test_band_lies_between_the_medians() -> None:
    """Whichever kind of models is higher, and nowhere where one is not known."""
    assert CIFAR_10.band("entropy", 0) == (0.676, 0.737)
    assert CIFAR_10.band("entropy", 10) == (0.292, 0.647)
    assert CIFAR_100.band("entropy", 5) is None
    assert CIFAR_100.band("sparsity", 10) is None
