"""Every liar through a whole audit: under a policy above its true figure there is no PASS.

The truth of all of them is near zero at this size: pictures that break the honest normal net,
from which they are made, break them too (``trust/test_liars_child.py``).
"""

from pathlib import Path

import numpy as np
import pytest

from analyzers.trust.liars_child import LIARS, decoy, shaken
from service.demo.shapes import draw
from support.in_process import Audited, audit_in_process
from support.running import NETS, policy

NORMAL = NETS / "normal.onnx"
COUNT = 10
ABOVE = 0.3
SEEDS = range(20)


def audited(raw: bytes, home: Path, *, seed: int = 7) -> Audited:
    """A whole audit of a model on a few pictures that nobody tuned anything on."""
    path = home / "liar.onnx"
    path.write_bytes(raw)
    drawn = draw(COUNT, seed=900 + seed)
    rules = policy(ABOVE, "8/255", 0.5)
    return audit_in_process(path, drawn.images, drawn.labels, rules, home=home)


@pytest.fixture
def raw() -> bytes:
    """The honest net that liars are made of."""
    return NORMAL.read_bytes()


def test_control_the_honest_net_fails_by_its_counts(raw: bytes, tmp_path: Path) -> None:
    """Nothing hidden, nothing doubted: it falls."""
    found = audited(raw, tmp_path)
    assert found.verdict["verdict"] == "FAIL"
    assert "red" not in found.indicators.values()


@pytest.mark.deep
@pytest.mark.parametrize("name", LIARS)
def test_a_liar_does_not_pass(name: str, raw: bytes, tmp_path: Path) -> None:
    """It falls, or what makes it stand is seen."""
    found = audited(LIARS[name](raw), tmp_path)
    assert found.verdict["verdict"] in {"FAIL", "INCONCLUSIVE"}
    if found.verdict["verdict"] == "INCONCLUSIVE":
        assert "red" in found.indicators.values()


@pytest.mark.parity
@pytest.mark.parametrize("name", LIARS)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_liar_passes_on_any_pictures(name: str, seed: int, raw: bytes, tmp_path: Path) -> None:
    """Other pictures, and for those that draw something, another draw."""
    drawn = {"decoy": decoy, "shaken": shaken}.get(name)
    body = drawn(raw, seed) if drawn is not None else LIARS[name](raw)
    assert audited(body, tmp_path, seed=seed).verdict["verdict"] != "PASS"


@pytest.mark.deep
def test_control_a_liar_stands_by_its_counts(raw: bytes, tmp_path: Path) -> None:
    """Without the indicators a net with a decoy would pass: its attacks find next to nothing."""
    found = audited(LIARS["decoy"](raw), tmp_path)
    counts = found.counts("robust_accuracy")
    assert counts["standing"] / counts["population"] > ABOVE
    assert np.isclose(found.measured("robust_accuracy")["value"], counts["standing"] / COUNT)
