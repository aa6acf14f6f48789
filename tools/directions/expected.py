"""What is looked at, and what literature and smaller runs let one expect of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Way = Literal["lower", "higher"]


@dataclass(frozen=True)
class Direction:
    """A number of one net that is held against that of another of the same architecture."""

    title: str
    metric: str
    scope: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of what the number speaks, besides a threat."""
    expected: Way | None = None
    """Where it should lie in the adversarially trained net; None where that is only reported."""
    weights: bool = False
    """Whether it is read off the filters alone: those of other kernels tell another story."""


PREMISE: Final = (
    Direction("Clean accuracy", "accuracy"),
    Direction(
        "Accuracy under attack (at most)",
        "robust_accuracy",
        {"depth": "8-bit"},
        expected="higher",
    ),
)
"""Without the second there is no pair to compare."""

EXPECTED: Final = (
    Direction("Relative change of the channels", "channels.relative_change", expected="lower"),
    Direction("Cosine of the channels", "channels.cosine", expected="higher"),
    Direction("Rise of the share against the true class", "channels.nr_rise", expected="lower"),
    Direction(
        "Accuracy kept on 4 cycles and coarser",
        "frequency.lowpass_retention",
        {"radius": "4"},
        expected="higher",
    ),
    Direction(
        "Centroid of the attack's change, cycles",
        "frequency.perturbation_centroid",
        expected="lower",
    ),
)

_BANDS: Final = ("0-3", "3-6", "6-9", "9-12", "12-16", "16-22.6")
_KIND: Final = "corruption"
REPORTED: Final = (
    Direction("Entropy of late filters", "filters.entropy_late", weights=True),
    Direction("Entropy of the first filters", "filters.entropy", {"layer": "Conv_0"}, weights=True),
    Direction("Sparsity of filters", "filters.sparsity", weights=True),
    Direction("Orthogonality of filters", "filters.orthogonality", weights=True),
    Direction(
        "Centre share of the first layer", "filters.centre_share", {"layer": "Conv_0"}, weights=True
    ),
    Direction("Centroid of the loss's slope, cycles", "frequency.gradient_centroid"),
    Direction("Accuracy kept above 4 cycles", "frequency.highpass_retention", {"radius": "4"}),
    Direction("Kept of half of Nyquist and finer", "frequency.high_reliance"),
    *(
        Direction(f"Added errors, waves of {band} cycles", "frequency.excess_error", {"band": band})
        for band in _BANDS
    ),
    Direction("Errors of the lowest waves less middle ones", "frequency.low_fragility"),
    Direction("Kept when 2x2 tiles are shuffled", "texture.shuffle_retention", {"tiles": "2x2"}),
    Direction("Kept when 4x4 tiles are shuffled", "texture.shuffle_retention", {"tiles": "4x4"}),
    Direction("Shape bias of hybrids", "texture.shape_bias"),
    Direction("Alignment of slopes with edges", "texture.slope_alignment"),
    Direction("Alignment of the attack with edges", "texture.edge_alignment"),
    Direction("Attenuation by the pool, noise", "feature_maps.attenuation", {"change": "noise"}),
    Direction("Attenuation by the pool, attack", "feature_maps.attenuation"),
    Direction("Growth with depth, noise", "channels.noise_growth", {"noise": "gaussian"}),
    Direction("Growth with depth, attack", "channels.noise_growth", {"noise": "attack"}),
    Direction("Activation, attacked over clean", "channels.magnitude_ratio"),
    Direction("Evenness of channels, attacked less clean", "channels.uniformity"),
    Direction("Against the true class, times clean", "channels.nr_over"),
    Direction("For the true class, times clean", "channels.pr_keep"),
    Direction("Kept under common corruptions", "corruptions.retention"),
    *(
        Direction(f"Right under {kind.replace('_', ' ')}", "corruptions.accuracy", {_KIND: kind})
        for kind in ("gaussian_noise", "fog", "contrast")
    ),
    Direction("What all lenses add to the margin", "agreement.gain", {"lens": "all"}),
)
