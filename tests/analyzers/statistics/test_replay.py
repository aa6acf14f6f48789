"""The uploaded bytes are asked again; where they say otherwise, no PASS can stand."""

import numpy as np
import pytest

from analyzers.behaviour import preflight
from analyzers.contract import (
    Batch,
    Case,
    DataFacts,
    Done,
    FloatArray,
    LabelArray,
    Measurement,
    Shard,
    Subject,
    SubjectFacts,
    Unit,
)
from analyzers.statistics.replay import ATTACKED, CLEAN, LIMIT, disagreement, replayed
from support.graphs import node, noise, raw, small_net, subject_of

SHAPE = (3, 6, 6)
FACTS = SubjectFacts("5" * 64, 4, SHAPE, uploaded=True)


def case(facts: SubjectFacts = FACTS) -> Case:
    """A case of 20 images."""
    return Case(facts, DataFacts("d" * 64, 20, 4, eight_bit=False))


def unit(**numbers: int) -> Done:
    """A committed unit that counted this."""
    return Done(Unit((0, 20)), "measured", numbers, {"row": [], "state": []}, {}, {})


@pytest.mark.parametrize(
    ("done", "facts", "outcome", "value"),
    [
        ([], FACTS, "out_of_budget", None),
        ([unit()], FACTS, "out_of_budget", None),
        ([unit(replayed=20, replay_differs=0)], FACTS, "measured", 0.0),
        ([unit(replayed=20, replay_differs=1), unit(replayed=5)], FACTS, "measured", 1 / 25),
        ([unit()], SubjectFacts("5" * 64, 4, SHAPE), "not_applicable", None),
    ],
)
def test_the_indicator_adds_up_all_units(
    done: list[Done], facts: SubjectFacts, outcome: str, value: float | None
) -> None:
    """Labels that differ, of all that were asked; nothing asked is never a zero."""
    found = disagreement(ATTACKED, case(facts), {}, done)
    assert (found.outcome, found.value, found.limit) == (outcome, value, LIMIT)


def test_a_unit_that_asked_too_little_is_not_made_up_for_by_others() -> None:
    """Every unit must have asked about all of its rows; many answers elsewhere do not count."""
    short = Done(Unit((0, 2)), "measured", {"replayed": 1}, {"row": [0, 1]}, {}, {})
    full = Done(Unit((2, 3)), "measured", {"replayed": 9}, {"row": [2]}, {}, {})
    assert disagreement(ATTACKED, case(), {}, [full]).outcome == "measured"
    assert disagreement(ATTACKED, case(), {}, [short, full]).outcome == "out_of_budget"


def test_an_honest_file_speaks_for_its_upload() -> None:
    """Every clean label is given alike."""
    subject = subject_of(small_net(shape=SHAPE), replay=True)
    images = noise(40, SHAPE)
    assert replayed(subject, images, subject.predict(images)) == {
        "replayed": 40,
        "replay_differs": 0,
    }


def test_without_an_uploaded_file_nothing_is_counted() -> None:
    """Weights with an architecture have no file of their own to run."""
    subject = subject_of(small_net(shape=SHAPE))
    assert replayed(subject, noise(3, SHAPE), subject.predict(noise(3, SHAPE))) == {}


def chameleon() -> bytes:
    """Fixed at one image, honest on plain pictures, and a mixer of batches on some others.

    Where an image's mean lies within a narrow window, the mean over the batch axis is added. With
    one image at a time that changes nothing; freed, an image is judged by its neighbours.
    """
    weight = np.random.default_rng(0).normal(size=(4, 108)).astype(np.float32)
    nodes = [
        node("ReduceMean", "image all", "m", keepdims=1),
        node("Sub", "m middle", "off"),
        node("Abs", "off", "far"),
        node("Sub", "width far", "near"),
        node("Relu", "near", "gate"),
        node("Mul", "gate much", "share"),
        node("ReduceMean", "image batch", "together", keepdims=1),
        node("Sub", "together image", "foreign"),
        node("Mul", "share foreign", "leak"),
        node("Add", "image leak", "pixels"),
        node("Flatten", "pixels", "flat"),
        node("Gemm", "flat w", "logits", transB=1),
    ]
    stored = {
        "all": np.array([1, 2, 3]),
        "batch": np.array([0]),
        "middle": np.array(0.7, np.float32),
        "width": np.array(0.1, np.float32),
        "much": np.array(300.0, np.float32),
        "w": weight,
    }
    return raw(nodes, stored, shape=(1, *SHAPE))


def bright(count: int) -> tuple[FloatArray, LabelArray]:
    """Pictures inside the window, labelled as the upload labels them."""
    images = (noise(count, SHAPE) * np.float32(0.6) + np.float32(0.4)).astype(np.float32)
    subject = subject_of(chameleon(), replay=True)
    assert subject.uploaded is not None
    return images, subject.uploaded.predict(images).argmax(axis=1)


def silent(done: int, total: int, note: str) -> None:
    """Nobody watches the progress."""


def indicator(subject: Subject) -> Measurement:
    """What preflight says of the replay of bright pictures."""
    images, labels = bright(20)
    ids = [str(row) for row in range(20)]
    batch = Batch(range(20), images, labels, ids)
    shard = Shard("a", "1", {}, "s", "d", (0, 20), {}, {}, 0, "e")
    found = preflight.measure(shard, subject, batch, {}, silent)
    done = Done(Unit((0, 20)), found.outcome, found.numbers, found.samples, {}, found.passes)
    measured = preflight.merge(case(subject.facts), {}, [done])
    return next(one for one in measured if one.metric == CLEAN)


def test_a_model_that_deceives_the_self_check_is_seen_through() -> None:
    """Freed of its batch axis it answers differently, and the replay says so."""
    subject = subject_of(chameleon(), replay=True)
    assert subject.facts.batch == "free", "the self-check on plain pictures was deceived"
    found = indicator(subject)
    assert found.value is not None
    assert found.value > LIMIT


def test_the_control_runs_image_by_image_and_agrees() -> None:
    """Left at one image at a time, the same model answers as it was uploaded."""
    assert indicator(subject_of(chameleon(), free=False, replay=True)).value == 0.0
