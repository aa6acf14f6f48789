"""The probe: every step on every image, in the ball, the same whoever stands beside."""

from fractions import Fraction

import numpy as np

from analyzers.attacks import probe_child
from analyzers.attacks.ball import linf_ball
from analyzers.attacks.probe import ANALYZER, BLOB, EDGES, STEP, STEPS
from analyzers.contract import Batch, Done, Partial, Shard, Subject, Unit, blocks
from support.attacking import block, case_of, config
from support.graphs import linear, noise, small_net, subject_of, unruled_net
from support.subjects import silent

SHAPE = (1, 4, 4)
DEEP = (3, 8, 8)


def probed(subject: Subject, batch: Batch, eps: str = "1/20") -> Partial:
    """One unit of the probe."""
    rows = (batch.rows[0], batch.rows[-1] + 1)
    told = ANALYZER.description
    shard = Shard(told.id, told.version, config(eps), "s", "d", rows, {}, {}, 0, "test")
    return probe_child.measure(shard, subject, batch, {}, silent)


def of(subject: Subject, count: int) -> Batch:
    """Noise, labelled by the model, but for every third."""
    images = noise(count, subject.facts.shape)
    labels = subject.predict(images).argmax(1).astype(np.int64)
    labels[::3] = (labels[::3] + 1) % subject.facts.classes
    return block(images, labels)


def test_a_linear_model_is_probed_to_the_corner() -> None:
    """Known answer: two classes have one slope, so ten steps end where the ball does."""
    weight = noise(2, (16,), seed=1) - np.float32(0.5)
    subject = subject_of(linear(weight, np.zeros(2), SHAPE))
    batch = of(subject, 12)
    found = probed(subject, batch).blobs[BLOB]
    ball = linf_ball(batch.images, "1/20")
    away = weight[1 - batch.labels] - weight[batch.labels]
    corner = np.where(away.reshape(-1, *SHAPE) > 0, ball.high, ball.low)
    assert np.array_equal(found, corner)
    assert STEPS * STEP >= 2, "enough to cross the ball"


def test_every_image_takes_every_step_and_stays_inside() -> None:
    """Wrong and broken ones too: passes of all are counted, and all lie in the exact ball."""
    subject = subject_of(small_net(shape=DEEP))
    batch = of(subject, 9)
    found = probed(subject, batch)
    assert dict(found.passes) == {"forward": 9 * (STEPS + 2), "backward": 9 * STEPS}
    assert found.samples["right"] == [False, True, True] * 3
    moved = found.blobs[BLOB]
    assert (moved.shape, moved.dtype) == ((9, *DEEP), np.float32)
    for one, other in zip(moved.ravel(), batch.images.ravel(), strict=True):
        assert 0 <= one <= 1
        assert abs(Fraction(float(one)) - Fraction(float(other))) <= Fraction(1, 20)


def test_neighbours_and_order_change_nothing() -> None:
    """Each image alone comes to the bits it has among others."""
    subject = subject_of(small_net(shape=DEEP))
    batch = of(subject, 7)
    whole = probed(subject, batch).blobs[BLOB]
    for at in range(7):
        single = Batch([at], batch.images[[at]], batch.labels[[at]], [batch.ids[at]])
        assert np.array_equal(probed(subject, single).blobs[BLOB][0], whole[at])


def test_it_covers_the_first_images_only() -> None:
    """Blocks up to a fixed number, each once."""
    subject = subject_of(small_net(shape=DEEP))
    case = case_of(subject, 1000)
    units = ANALYZER.plan(case, config("1/20"), (), ())
    assert [unit.rows for unit in units] == blocks(EDGES[-1])
    done = [Done(unit, "measured", {}, {}, {}, {}) for unit in units[:2]]
    assert list(ANALYZER.plan(case, config("1/20"), done, ())) == list(units[2:])


def test_its_share_is_of_images_that_were_right() -> None:
    """Nothing probed has no value, and a model without slopes says so."""
    subject = subject_of(small_net(shape=DEEP))
    samples = {"row": [0, 1, 2], "right": [True, False, True], "moved": [True, True, False]}
    done = Done(Unit((0, 3)), "measured", {}, samples, {}, {})
    (found,) = ANALYZER.merge(case_of(subject, 3), config("1/20"), [done])
    assert (found.value, found.counts) == (0.5, {"numerator": 1, "denominator": 2})
    (empty,) = ANALYZER.merge(case_of(subject, 3), config("1/20"), [])
    assert empty.outcome == "out_of_budget"
    blind = subject_of(unruled_net(DEEP))
    assert not ANALYZER.plan(case_of(blind, 3), config("1/20"), (), ())
    (none,) = ANALYZER.merge(case_of(blind, 3), config("1/20"), [])
    assert none.outcome == "not_available"
