"""Every lens on every kind of model that has less to show: the right reason, and never a NaN."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from analyzers.contract import FloatArray, Json
from support.graphs import subject_of
from support.in_process import Audited, How, audit_in_process
from support.lens_nets import NETS, pictures, settled
from support.running import policy
from tools.zoo import build, export

pytestmark = pytest.mark.deep

COUNT = 60
BESIDE_LENSES = ("attacks.", "trust.linf", "behaviour.preflight")
USUAL = {
    "filters.collapsed_layers": "Random-like kernels",
    "filters.unused_layers": "Random-like kernels",
    "filters.stem_centre_share": "Random-like kernels",
    "filters.spectrum_distance_normal": "Random-like kernels",
    "filters.spectrum_distance_robust": "Random-like kernels",
    "feature_maps.averaged": "16x16 pixels",
    "channels.clip_gain": "Only the full plan",
    "channels.alignment": "Only the full plan",
    "texture.own_shape_bias": "--cues FILE",
    "texture.own_neither": "--cues FILE",
    "agreement.band": "Random-like kernels",
}
"""What a small net with random weights and a quick look have no value for."""
ALIASES = ("feature_maps.alias_strided", "feature_maps.alias_plain", "feature_maps.alias_ratio")
POOLED = (*ALIASES, *(f"feature_maps.{one}" for one in ("positions", "downsampling", "blurs")))
MOVED = ("feature_maps.coherence", "feature_maps.attenuation", "feature_maps.averaged")
STEM = ("filters.centre_share", "filters.thresholding_share", "filters.antipair_share")
NO_3X3 = "No plain 3x3"
REASONS: Mapping[str, Mapping[str, str]] = {
    "plain": {},
    "max-pool tail": dict.fromkeys((*ALIASES, "feature_maps.averaged"), "pooled by maximum"),
    "7x7 stem": {
        "filters.stem_centre_share": "not a plain 3x3",
        "filters.entropy_over_random": "not 7x7",
        "agreement.band": "not a plain 3x3",
    },
    "flatten": dict.fromkeys((*POOLED, *MOVED), "No pool stands before the head"),
    "three classes": {},
    "greyscale": {
        "filters.sparsity_robust": "one kernel",
        "texture.cue_loss": "greyscale",
    },
    "8x8": {
        "feature_maps.averaged": "8x8 pixels",
        "frequency.low_fragility": "too small",
    },
    "non-square": {"feature_maps.averaged": "12x20 pixels"},
    "no head weights": {
        "channels.clip_gain": "Only a linear head",
        "filters.entropy_late": NO_3X3,
        "filters.entropy": "one tap",
        "filters.entropy_over_random": "not 1x1",
    },
    "vit": {
        **dict.fromkeys((*POOLED, *MOVED), "One token is picked"),
        **dict.fromkeys(STEM, "no centre tap"),
        **dict.fromkeys(("filters.entropy", "filters.entropy_late", "filters.random_like"), NO_3X3),
        "filters.entropy_over_random": "not 4x4",
        "filters.stem_centre_share": "not a plain 3x3",
        "agreement.band": "not a plain 3x3",
        **dict.fromkeys(
            (one for one in USUAL if one.endswith(("_layers", "_normal", "_robust"))),
            "4x4 first convolution",
        ),
        **dict.fromkeys(("agreement.margin", "agreement.area", "agreement.gain"), "58 fell"),
    },
}


def vit() -> bytes:
    """A small vision transformer whose bias lets no class take all pictures."""
    net = build("vit", small=True)
    last = [one for one in net.modules() if isinstance(one, nn.Linear)][-1]
    with torch.no_grad():
        last.bias -= net(torch.tensor(pictures((3, 32, 32), COUNT))).median(0).values
    return export(net, "newer", 18)


def labelled(name: str) -> tuple[bytes, FloatArray]:
    """A model with pictures that it is right about, for its own answers are the labels."""
    if name == "vit":
        return vit(), pictures((3, 32, 32), COUNT)
    body = NETS[name]()
    images = pictures(subject_of(body).facts.shape, COUNT)
    return settled(body, images), images


def audited(name: str, home: Path) -> Audited:
    """A whole audit that looks through every lens."""
    body, images = labelled(name)
    labels = subject_of(body).predict(images).argmax(axis=1)
    path = home / "model.onnx"
    path.write_bytes(body)
    rules = policy(0.01, "2/255", 0.01)
    stored = np.rint(images * 255).astype(np.uint8)
    return audit_in_process(path, stored, labels, rules, home=home, how=How(look="quick"))


@pytest.mark.parametrize("name", REASONS)
def test_what_a_lens_cannot_see_has_its_reason(name: str, tmp_path: Path) -> None:
    """Exactly these metrics have no value, each for this reason; all numbers are numbers."""
    evidence = audited(name, tmp_path).evidence
    told: list[Mapping[str, Json]] = evidence["facts"]["measurements"]
    found: dict[str, str] = {}
    for one in told:
        if one["outcome"] != "measured" and not one["analyzer"].startswith(BESIDE_LENSES):
            assert one["outcome"] in {"not_applicable", "not_available", "out_of_budget"}
            found[one["metric"]] = one["note"]
    expected = {**USUAL, **REASONS[name]}
    assert found.keys() == expected.keys()
    for metric, words in expected.items():
        assert words in found[metric], metric
    written = json.dumps(evidence["facts"], allow_nan=False)
    assert not re.search(r"\b(nan|inf|None)\b", written)
    lenses = {one["analyzer"] for one in told if one["outcome"] == "measured"}
    assert {"behaviour.channels", "behaviour.frequency", "behaviour.texture"} <= lenses
