"""Defensive distillation: trained, not grafted, and no more robust than its own scores say."""

import numpy as np
import pytest

from analyzers.trust.liars_child import scaled
from service.demo.shapes import Recipe, draw
from support.distilling import distilled
from support.graphs import subject_of
from support.liars import Pictures, climb, moved, right, share

PLAIN_TO_SEE = Recipe(gap=(0.25, 0.55), amp=(0.14, 0.24), rho=1.0, period=(4.0, 6.0), noise=0.03)
"""Textures that a small net learns within seconds."""
EPS = "8/255"
TEMPERATURE = 100.0


def drawn(count: int, seed: int) -> Pictures:
    """Pictures on which texture and shape always agree."""
    found = draw(count, seed=seed, recipe=PLAIN_TO_SEE)
    images = found.images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return Pictures(np.ascontiguousarray(images), found.labels)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(3))
def test_a_distilled_net_deceives_and_its_cooled_twin_does_not(seed: int) -> None:
    """Divided by the temperature the same scores give slopes, and what they find breaks both."""
    net = distilled(drawn(1500, 1), temperature=TEMPERATURE, epochs=8, seed=seed)
    liar, twin = subject_of(net), subject_of(scaled(net, 1 / TEMPERATURE))
    shown = drawn(100, 2)
    clean = share(right(liar, shown))
    assert clean >= 0.85
    naive, found = climb(liar, shown, EPS), climb(twin, shown, EPS)
    truth = share(right(liar, moved(shown, found.broken)))
    assert share(naive.right) >= truth + 0.4 * (clean - truth)
    assert truth <= 0.3 * clean
