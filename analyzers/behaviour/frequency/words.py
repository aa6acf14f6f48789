"""What the lens says of itself: its numbers, and which of them are worth a sentence."""

from typing import Final

from analyzers.behaviour.frequency.changes import (
    CENTROID,
    GRADIENT,
    HELD_CENTROID,
    HELD_SHARE,
    LOW_SHARE,
)
from analyzers.behaviour.frequency.cuts import CLIP, HIGHPASS, LOWPASS, R50, RELIANCE
from analyzers.behaviour.frequency.plane import EVERY_PEAK
from analyzers.behaviour.frequency.polar import CHANGE, EXCESS, FRAGILITY, PEAK
from analyzers.contract import FindingRule, MetricSpec

_SHARE: Final = (0.0, 1.0)
_DIFFERENCE: Final = (-2.0, 2.0)
COUNTING: Final = 0.07
"""What shares of two hundred images differ by through counting alone."""

METRICS: Final = (
    MetricSpec(
        R50,
        "The smallest of the measured radii up to which frequencies must be kept for half of the "
        "clean accuracy, as a part of the Nyquist frequency (1 is the finest stripes along an "
        "axis, corners lie beyond).",
        unit="of Nyquist",
        title="Detail for half the accuracy",
    ),
    MetricSpec(
        RELIANCE,
        "Accuracy on what is finer than half of Nyquist over clean accuracy, chance taken out of "
        "both: 0 is guessing, 1 is as good as on whole pictures.",
        title="Accuracy on fine detail alone",
    ),
    MetricSpec(
        LOWPASS,
        "Accuracy on pictures that keep only frequencies up to a radius, over clean accuracy.",
        title="Kept without finer detail",
    ),
    MetricSpec(
        HIGHPASS,
        "Accuracy on pictures that keep only frequencies above a radius and the mean of each "
        "channel, over clean accuracy.",
        title="Kept without coarser content",
    ),
    MetricSpec(
        CLIP,
        "Share of pixel values that a cut or a wave took out of [0, 1].",
        range=_SHARE,
        title="Pixels clipped",
    ),
    MetricSpec(
        PEAK,
        "Excess error in the ring of radii where it is largest: errors under waves less the "
        "errors without, on the same images.",
        range=_DIFFERENCE,
        title="Errors under the worst stripes",
    ),
    MetricSpec(
        FRAGILITY,
        "Excess error in the lowest ring less that in the middle ones (3/8 to 3/4 of Nyquist).",
        range=_DIFFERENCE,
        title="Coarse stripes, over middle ones",
    ),
    MetricSpec(
        EXCESS,
        "Errors under waves of one ring of radii, less the errors of the same images without.",
        range=_DIFFERENCE,
        title="Errors that stripes add",
    ),
    MetricSpec(
        CHANGE,
        "Norm of the change of the logits under waves of one ring, over the norm of the clean "
        "logits, each less its mean over classes.",
        unit="of their size",
        title="Change of the logits",
    ),
    MetricSpec(
        GRADIENT,
        "Mean radius of the power of the loss's slope with respect to the pixels.",
        unit="cycles per image",
        title="Mean frequency of the slope",
    ),
    MetricSpec(
        CENTROID,
        "Mean radius of the power of what a short attack changes in the pictures.",
        unit="cycles per image",
        title="Mean frequency of the attack",
    ),
    MetricSpec(
        LOW_SHARE,
        "Share of the power of what a short attack changes that lies up to half of Nyquist, to be "
        "read beside the share of the area.",
        range=_SHARE,
    ),
    MetricSpec(
        HELD_CENTROID,
        "Mean radius of what a short attack changes over the picture's own power at each radius.",
        unit="cycles per image",
    ),
    MetricSpec(
        HELD_SHARE,
        "Share up to half of Nyquist of what a short attack changes over the picture's own power.",
        range=_SHARE,
    ),
    MetricSpec(
        EVERY_PEAK,
        "Largest excess error under any single wave; only in the full plan, up to 64 pixels.",
        range=_DIFFERENCE,
        title="Errors under the worst single wave",
    ),
)

FINDINGS: Final = (
    FindingRule(
        id="FRQ-HIGH",
        metric=RELIANCE,
        comparison="above",
        threshold=0.35,
        severity="low",
        grade="C",
        statement="The model decides much by fine detail: from what is finer than half of Nyquist "
        "alone it keeps {value} of its accuracy above chance. This is an association: models that "
        "do so tend to suffer more from noise and blur; the number alone shows no weakness.",
        remedy="Check accuracy under noise and blur. Training with Gaussian noise (sigma 0.05 to "
        "0.1), diverse augmentation or adversarial training moves weight to coarser content; "
        "check fog and contrast afterwards, which may get worse.",
    ),
    FindingRule(
        id="FRQ-HALF",
        metric=R50,
        comparison="above",
        threshold=0.5,
        severity="low",
        grade="C",
        statement="The model needs fine detail: half of its clean accuracy is back only once "
        "frequencies up to {value} of Nyquist are kept. This is an association: models that do so "
        "tend to suffer more from blur and from resizing; the number alone shows no weakness.",
        remedy="Check accuracy under blur and at the sizes that cameras deliver. Augmentation by "
        "blur, resizing and noise moves weight to coarser content.",
    ),
    FindingRule(
        id="FRQ-LOW",
        metric=FRAGILITY,
        comparison="above",
        threshold=COUNTING,
        severity="medium",
        grade="C",
        statement="Slow changes of brightness turn {value} more of the pictures wrong than stripes "
        "of middle width and equal norm. This is an association: models with this profile tend to "
        "suffer from fog, low contrast and uneven light, a known trade-off of adversarial "
        "training and noise augmentation.",
        remedy="Check accuracy under fog, contrast and brightness. Add such changes to the "
        "augmentation beside whatever is trained against noise or attacks.",
    ),
)
