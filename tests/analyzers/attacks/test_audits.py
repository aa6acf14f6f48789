"""Whole audits: no cut of the work changes a bit, and more of anything never loses a break."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analyzers.attacks import passes, schedule
from analyzers.attacks.history import History
from analyzers.attacks.passes import DEEPER, ONE, ROUNDS, SQUARE
from analyzers.attacks.stages import DEEP
from analyzers.contract import Subject
from analyzers.engines import batches
from analyzers.pictures import seen
from service.core.evidence import tally_of
from service.core.permutation import permutation
from service.sandbox.witness import inside_ball, inside_grid
from support.attacking import Audit, Pictures, block, config
from support.graphs import curved_net, noise, small_net, subject_of
from support.reference import picture_set, rows_of, spec_of

SHAPE = (3, 8, 8)
COUNT = 40
EPS = "3/510"
"""Half a step more than one, so that some breaks are undone by rounding."""


def shorten(patch: pytest.MonkeyPatch) -> None:
    """The same plan with the long passes cut short; how long they are is not the matter here."""
    brief = tuple(stage._replace(iterations=10) for stage in DEEP)
    patch.setattr(passes, "DEEP", brief)
    for module in (passes, schedule):
        patch.setattr(module, "LONG", 60)
    patch.setattr(schedule, "GUARD", 30)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The brief plan for one test."""
    shorten(monkeypatch)


@pytest.fixture(scope="module")
def whole() -> Audit:
    """One audit under the brief plan that others are held against."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return audit(curved())


def pictures(subject: Subject, count: int, *, wrong: int = 4) -> Pictures:
    """Codes that the model gets right, but for the first few."""
    stored = np.rint(noise(count, SHAPE) * np.float32(255)).astype(np.uint8)
    labels = subject.predict(seen(stored)).argmax(1).astype(np.int64)
    labels[:wrong] = (labels[:wrong] + 1) % 5
    return Pictures(stored, labels)


def curved() -> Subject:
    """A net that takes several stages to break."""
    return subject_of(curved_net())


def audit(
    subject: Subject, *, size: int | None = None, budget: str = "gate", seed: int = 0
) -> Audit:
    """All passes over some pictures."""
    some = pictures(subject, COUNT)
    return Audit(subject, some, config(EPS, budget=budget), size=size, seed=seed).run()


def same(one: Audit, other: Audit) -> bool:
    """Whether two audits found the same of every image, to the last bit of a witness."""
    return one.fates() == other.fates() and one.witnesses == other.witnesses


def test_the_audit_that_others_are_held_against_has_something_to_lose(whole: Audit) -> None:
    """Every pass of the plan, every state, several stages, and claims that were all confirmed."""
    words = list(whole.fates().values())
    for at in (0, 2):
        assert {word[at] for word in words} == {"wrong", "broken", "standing"}
    assert len({word[1] for word in words}) > 2
    assert {str(one.unit.params["pass"]) for one in whole.done} == {ONE, ROUNDS, SQUARE, DEEPER}
    assert not any(row.refuted for row in History(whole.done).rows.values())
    assert whole.broken("8-bit") < whole.broken("float32")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("size", [3, 17])
def test_no_size_of_a_batch_changes_a_bit(whole: Audit, size: int) -> None:
    """Few at a time: the same units, states, stages and witnesses at both depths."""
    other = audit(curved(), size=size)
    assert [one.unit for one in other.done] == [one.unit for one in whole.done]
    assert same(other, whole)


@pytest.mark.usefixtures("short")
def test_no_order_of_a_set_changes_a_bit() -> None:
    """A shuffled set is audited in the order of its contents; and where all is asked, in any."""
    subject = curved()
    some = pictures(subject, 30)
    other = some.shuffled(1)
    told = config(EPS, budget="parity")
    assert same(Audit(subject, some, told).run(), Audit(subject, other, told).run())
    ids = [block(one.images, one.labels).ids for one in (some, other)]
    first, second = ([named[at] for at in permutation(named, 0)] for named in ids)
    assert first == second
    assert ids[0] != ids[1]


@pytest.mark.usefixtures("short")
def test_larger_pieces_change_no_bit(whole: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """With engines that may take more rows together, and with those that may not."""
    monkeypatch.setattr(batches, "LARGER", (1 << 30,))
    assert same(audit(curved()), whole)


@pytest.mark.usefixtures("short")
def test_control_another_seed_gives_other_witnesses(whole: Audit) -> None:
    """The comparison separates; what breaks from the image itself is the same all the same."""
    other = audit(curved(), seed=1)
    assert other.witnesses != whole.witnesses
    at_once = {name for name, words in whole.fates().items() if words[1] == "margin"}
    assert at_once
    assert at_once <= other.broken()


@pytest.mark.usefixtures("short")
def test_more_stages_never_lose_a_break(whole: Audit) -> None:
    """What smoke breaks gate breaks, and what gate breaks parity breaks, at both depths."""
    smoke, parity = (audit(curved(), budget=budget) for budget in ("smoke", "parity"))
    for depth in ("float32", "8-bit"):
        fell = [one.broken(depth) for one in (smoke, whole, parity)]
        assert all(one <= other for one, other in itertools.pairwise(fell))
        assert fell[0] < fell[-1]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("net", [curved_net, small_net])
def test_more_room_never_loses_a_break(net: Callable[[], bytes]) -> None:
    """Over growing sizes no image rises again, at either depth."""
    subject = subject_of(net())
    some = pictures(subject, 16, wrong=0)
    runs = [
        Audit(subject, some, config(eps)).run() for eps in ("0", "1/255", "3/510", "3/255", "1")
    ]
    for depth in ("float32", "8-bit"):
        fell = [one.broken(depth) for one in runs]
        assert all(one <= other for one, other in itertools.pairwise(fell))
        assert not fell[0]
        assert len(fell[1]) < len(fell[-1]) == 16
    assert all(one.broken("8-bit") <= one.broken("float32") for one in runs)


def test_every_counted_break_replays(whole: Audit) -> None:
    """One picture each, in the ball of its depth, that the model gets wrong when asked alone."""
    some = whole.pictures
    ids = block(some.images, some.labels).ids
    depths = {
        "float32": (np.dtype(np.float32), inside_ball, some.images),
        "8-bit": (np.dtype(np.uint8), inside_grid, some.stored),
    }
    for depth, (kind, inside, clean) in depths.items():
        kept = {
            key.removeprefix(f"{kind.name}:"): np.frombuffer(raw, kind).reshape(1, *SHAPE)
            for key, raw in whole.witnesses.items()
            if key.startswith(kind.name)
        }
        assert kept.keys() == whole.broken(depth)
        for name, picture in kept.items():
            row = ids.index(name)
            assert inside(clean[row : row + 1], picture, norm="Linf", eps=EPS).all()
            assert whole.subject.predict(seen(picture)).argmax() != some.labels[row]


def test_tallies_of_a_real_audit_are_evidence(whole: Audit) -> None:
    """At every prefix and both depths."""
    for cut in range(1, len(whole.done) + 1):
        plan = schedule.Schedule(whole.case, whole.told, whole.done[:cut])
        deep, flat = (
            tally_of(plan.tally(depth)._asdict(), COUNT) for depth in ("8-bit", "float32")
        )
        assert flat.fallen >= deep.fallen


@pytest.mark.deep
def test_large_batches_change_no_bit() -> None:
    """The full gate over some hundred pictures by 17, 64 and 256, and with small pieces alone."""
    some = pictures(curved(), 400)

    def run(size: int | None = None) -> Audit:
        return Audit(curved(), some, config(EPS), size=size).run()

    whole = run()
    assert all(same(run(size), whole) for size in (17, 64, 256))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "LARGER", (1 << 30,))
        assert same(run(), whole)


@pytest.mark.deep
@pytest.mark.reference
@pytest.mark.parametrize("name", ["cifar_small_adv4_abcrown", "mnist_madrytiny_adv_abcrown"])
def test_a_third_party_net_is_audited_to_the_bit(
    reference_models: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The full gate over real pictures: by 17, 64, 256, shuffled, and with small pieces alone."""
    (entry,) = [row for row in rows_of(reference_models) if row["name"] == name]
    images, labels = picture_set(reference_models, entry, 60)
    some = Pictures(np.rint(images * np.float32(255)).astype(np.uint8), labels)
    told = config({"mnist": "3/10"}.get(name[:5], "8/255"), budget="gate")
    raw = (reference_models / entry["onnx"]).read_bytes()

    def run(size: int | None, order: Pictures = some) -> Audit:
        return Audit(subject_of(raw, spec_of(entry)), order, told, size=size).run()

    whole = run(None)
    assert {word[0] for word in whole.fates().values()} >= {"broken", "standing"}
    assert all(same(run(size), whole) for size in (17, 64, 256))
    monkeypatch.setattr(batches, "LARGER", (1 << 30,))
    assert same(run(None), whole)
    parity = {**told, "budget": "parity"}
    one, other = (
        Audit(subject_of(raw, spec_of(entry)), order, parity).run()
        for order in (some, some.shuffled(3))
    )
    assert same(one, other)
