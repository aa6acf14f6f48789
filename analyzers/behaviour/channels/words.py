"""What the metrics of this lens mean, and when one of them is worth a sentence."""

from typing import Final

from analyzers.contract import FindingRule, MetricSpec
from analyzers.lens import ASSOCIATION

RELATIVE_CHANGE: Final = "channels.relative_change"
COSINE: Final = "channels.cosine"
MAGNITUDE: Final = "channels.magnitude_ratio"
UNIFORMITY: Final = "channels.uniformity"
SHARE: Final = "channels.nr_share"
RISE: Final = "channels.nr_rise"
CONTRIBUTION: Final = "channels.nr_contribution"
OVER: Final = "channels.nr_over"
KEEP: Final = "channels.pr_keep"
CONCENTRATION: Final = "channels.over_activated"
STABILITY: Final = "channels.stability"
ALIGNMENT: Final = "channels.alignment"
GAIN: Final = "channels.noise_gain"
GROWTH: Final = "channels.noise_growth"
CLAMP: Final = "channels.clip_gain"

_PART: Final = (0.0, 1.0)
_EITHER: Final = (-1.0, 1.0)
_AGAINST: Final = (
    "channels whose contribution to the logit of the true label (activation times head weight, or "
    "times the slope of the logit where there is no linear head) is negative"
)
RISES_FROM: Final = 0.1
"""Of ten third-party CIFAR-10 networks under Linf 4/255 (100 images, plain convolutions and one
ResNet-20), the four normally trained rose by 0.13 to 0.33, the six trained to be robust by at most
0.023."""

METRICS: Final = (
    MetricSpec(
        RELATIVE_CHANGE,
        "How far the attack moves the activation of the channels, over its length; mean over "
        "images.",
        unit="times its length",
    ),
    MetricSpec(
        COSINE,
        "Cosine between the channels' activation on the clean and on the attacked picture; mean "
        "over images.",
        unit="",
        range=_EITHER,
    ),
    MetricSpec(
        MAGNITUDE,
        "Activation summed over all channels, attacked over clean; mean over images.",
        unit="times clean",
    ),
    MetricSpec(
        UNIFORMITY,
        "Evenness of the activation over the channels (entropy, 1 where all are equal), attacked "
        "minus clean; mean over images. Either sign occurs.",
        unit="",
        range=_EITHER,
    ),
    MetricSpec(
        SHARE,
        f"Share of the activation that argues against the true class: that lies on {_AGAINST}. "
        "The label decides, not the prediction.",
        range=_PART,
        title="Activation against the true class",
    ),
    MetricSpec(
        RISE,
        "By how much the share of the activation that argues against the true class is larger on "
        "the attacked picture than on the clean one.",
        range=_EITHER,
        title="Rise of activation against the true class",
    ),
    MetricSpec(
        CONTRIBUTION,
        f"What all {_AGAINST} take from it together. Scaling a channel and its weight does not "
        "change it, as it changes activations.",
        unit="logit",
        title="What channels take from the true class",
    ),
    MetricSpec(
        OVER,
        "Activation on channels that argue against the true class, attacked over clean; median "
        "over images that have any on the clean picture.",
        unit="times clean",
    ),
    MetricSpec(
        KEEP,
        "Activation on channels that argue for the true class, attacked over clean; median over "
        "images that have any on the clean picture.",
        unit="times clean",
    ),
    MetricSpec(
        CONCENTRATION,
        "Share of the rise against the true class that the channels named in the figure have; at "
        "most ten, and at most half of all.",
        range=_PART,
        title="Part of the listed channels in the rise",
    ),
    MetricSpec(
        STABILITY,
        "Overlap (Jaccard) of the lists of these channels from two halves of the images; below "
        "0.5 the list is unstable.",
        unit="",
        range=_PART,
    ),
    MetricSpec(
        ALIGNMENT,
        "Rank correlation over channels between their mean clean activation in a class and the "
        "weights of that class, or the mean slopes of its logit where there is no linear head.",
        unit="",
        range=_EITHER,
        title="Firing and weights agree",
    ),
    MetricSpec(
        GAIN,
        "Change of a layer's maps over their length, under the attack or under Gaussian noise as "
        "long as it (a standard deviation of 8/255 where there is no attack); mean over images.",
        unit="times its length",
        title="Change of the maps",
    ),
    MetricSpec(
        GROWTH,
        "Change of the maps over their length at the last layer looked at, over that at the "
        "first; geometric mean over images. Above 1 the change grows on its way through the "
        "model.",
        unit="times",
        title="Growth of a change with depth",
    ),
    MetricSpec(
        CLAMP,
        "Experiment: how much accuracy changes when every channel is cut at the 99th percentile "
        "of its clean activation. The attack did not know of the cut, so this is no defence.",
        range=_EITHER,
        title="Change of accuracy by a cut",
    ),
)

FINDINGS: Final = (
    FindingRule(
        id="CHN-SHIFT",
        metric=RISE,
        comparison="above",
        threshold=RISES_FROM,
        severity="low",
        grade="C",
        statement="Under {threat} a further {value} of all activation lies on channels that argue "
        f"against the true class. {ASSOCIATION}",
        remedy="Read robust accuracy under this threat first: it says how bad it is. If it is too "
        "low, train adversarially; channel modules (CIFS, CAS) are only known to help on top of "
        "that, and must be attacked through the module.",
    ),
)
