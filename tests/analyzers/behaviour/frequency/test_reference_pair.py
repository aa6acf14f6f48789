"""Third-party nets of one architecture: the directions that the literature agrees on."""

from pathlib import Path

import pytest

from analyzers.attacks import probe_child
from analyzers.contract import Shard
from support.frequencies import THREAT, Audit, block
from support.graphs import subject_of
from support.reference import picture_set, rows_of, spec_of
from support.subjects import silent

pytestmark = [pytest.mark.deep, pytest.mark.reference]

NORMAL, ROBUST = "cifar_small_sgd_oval.onnx", "cifar_small_adv4_abcrown.onnx"


def audit_of(folder: Path, net: str) -> Audit:
    """The quick plan over the first two hundred pictures of the test set."""
    [row] = [one for one in rows_of(folder) if one["onnx"] == net]
    images, labels = picture_set(folder, row, 200)
    subject = subject_of((folder / net).read_bytes(), spec_of(row))
    told = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
    shard = Shard("attacks.probe", "1", told, "s", "d", (0, 200), {}, {}, 0, "test")
    moved = probe_child.measure(shard, subject, block(images, labels), {}, silent).blobs["probe"]
    return Audit(subject, images, labels, moved=moved).run()


def test_adversarial_training_moves_the_ear_to_coarse_content(reference_models: Path) -> None:
    """Changes under attack are coarser, coarse cuts keep more, fine ones less, waves hurt less.

    The slope's centroid is left out: the stride of the first layer repeats coarse content at fine
    radii, and in this pair it decides.
    """
    normal, robust = (audit_of(reference_models, net) for net in (NORMAL, ROBUST))
    for name, sign in (("perturbation_centroid", -1), ("perturbation_low_share", 1)):
        found = [one.value(name, threat=THREAT) for one in (normal, robust)]
        assert sign * found[1] > sign * found[0]
    for radius in ("4", "8"):
        found = [one.value("lowpass_retention", radius=radius) for one in (normal, robust)]
        assert found[1] > found[0]
    found = [one.value("highpass_retention", radius="4") for one in (normal, robust)]
    assert found[1] < found[0]
    for band in ("6-9", "9-12", "12-16"):
        for name in ("excess_error", "logit_change"):
            found = [one.value(name, band=band) for one in (normal, robust)]
            assert found[1] < found[0], (name, band)
