"""What the cascade is said to cost at most holds for models that stand to the end."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from analyzers.attacks.cascade import ANALYZER
from analyzers.contract import Passes
from analyzers.pictures import seen
from support.attacking import Audit, Pictures, config
from support.graphs import noise, small_net, subject_of

SHAPE = (3, 8, 8)
COUNT = 3


def standing(budget: str, *, eight_bit: bool = True) -> Audit:
    """An audit within a ball in which nothing can fall."""
    subject = subject_of(small_net())
    images = noise(COUNT, SHAPE)
    stored = np.rint(images * np.float32(255)).astype(np.uint8) if eight_bit else images
    labels = subject.predict(seen(stored)).argmax(1).astype(np.int64)
    return Audit(subject, Pictures(stored, labels), config("1/100000", budget=budget))


@pytest.mark.parametrize(
    "budget", ["smoke", "gate", pytest.param("parity", marks=pytest.mark.deep)]
)
def test_no_audit_takes_more_than_was_said(budget: str) -> None:
    """On images that all stand, which is the dearest that can happen, and not ten times less."""
    audit = standing(budget).run()
    spent: Counter[str] = Counter()
    for one in audit.done:
        spent.update(one.passes)
    said = ANALYZER.cost(audit.case, audit.told)
    assert {words[0] for words in audit.fates().values()} == {"standing"}
    assert said.backward / 10 <= spent["backward"] <= said.backward
    assert said.forward / 10 <= spent["forward"] <= said.forward


def test_without_slopes_nothing_goes_back() -> None:
    """Only clean answers and a search are left; a larger set costs in proportion."""
    audit = standing("gate")
    blind = replace(audit.case, subject=replace(audit.case.subject, gradient_gap="op X"))
    assert ANALYZER.cost(blind, audit.told) == Passes(COUNT * (4 + 5000), 0)
    larger = replace(blind, data=replace(blind.data, n=2 * COUNT))
    assert ANALYZER.cost(larger, audit.told).forward == 2 * COUNT * (4 + 5000)
