"""How much each channel counts for the true class of each image.

Where the model ends in a linear layer that is its weight, exactly and whatever the image. Elsewhere
it is the slope of the class's logit with respect to the channel, summed over positions: by how
much the logit rises when the channel rises everywhere, as Yan et al. (ICML 2021) count it. Behind
a mean over positions and a linear layer both are the same number.
"""

from typing import NamedTuple

import numpy as np

from analyzers.behaviour.channels import columns
from analyzers.behaviour.channels.numbers import Bits, Floats, finite
from analyzers.behaviour.channels.places_child import Sight
from analyzers.contract import Batch, FloatArray, Head, LabelArray, Subject


class Relevance(NamedTuple):
    """Of every image of a block."""

    values: Floats
    """[images, channels]; NaN in the rows of images whose label the model does not know."""
    right: Floats
    """1 where the model is right about the clean picture, NaN where nobody can say."""

    @property
    def counts(self) -> Bits:
        """Images for which some channel counts: a flat slope tells none from another."""
        return finite(self.values) & (self.values != 0).any(axis=1)


def relevance_of(subject: Subject, sight: Sight, batch: Batch, clean: Floats) -> Relevance | None:
    """By the head's weights where there are some, else by slopes, else not at all."""
    labels = batch.labels
    known = columns.known(labels, subject.facts.classes)
    asked = np.where(known, labels, 0)
    if sight.head is not None:
        values, logits = _by_head(sight.head, asked, clean)
    elif sight.relevance == "slope":
        found = _by_slope(subject, sight, batch.images, asked)
        if found is None:
            return None
        values, logits = found
    else:
        return None
    right = (logits.argmax(axis=1) == labels) & np.isfinite(logits).all(axis=1)
    return Relevance(
        np.where(known[:, None], values, np.nan), np.where(known, right.astype(np.float64), np.nan)
    )


def _by_head(head: Head, labels: LabelArray, clean: Floats) -> tuple[Floats, Floats]:
    weight = head.weight.astype(np.float64)
    return weight[labels], np.where(np.isfinite(clean), clean, 0.0) @ weight.T + head.bias


def _by_slope(
    subject: Subject, sight: Sight, images: FloatArray, labels: LabelArray
) -> tuple[Floats, Floats] | None:
    def summed(name: str, slope: FloatArray) -> Floats:
        del name
        return sight.summed(slope)

    found = subject.slopes_inside(images, labels, sight.tensor, summed)
    return None if found is None else (found.slope, found.logits.astype(np.float64))
