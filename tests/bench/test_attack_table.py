"""The table of attacks judges everyone alike: ball, box, labels, passes, who breaks what."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analyzers.contract import FloatArray, InputSpec
from support.graphs import linear
from tools.bench import ours
from tools.bench.attack_nets import Plan, Task, demo_task, module_of, sequential
from tools.bench.attacks import Bout, Line, asked_of
from tools.bench.counting import Counted
from tools.bench.judging import SLACK, judged
from tools.bench.native import tensor
from tools.bench.ours import subject_of

EPS = Fraction(1, 10)


class FirstTwo(nn.Module):
    """Logits are the first two pixels."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Class 1 where the second pixel is larger."""
        return pixels.flatten(1)[:, :2]


def picture(*pixels: float) -> FloatArray:
    """One grey picture of a row of pixels."""
    return np.array(pixels, np.float32).reshape(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("moved", "fooled", "outside"),
    [
        (picture(0.5, 0.6, 0.0), True, 0),
        (picture(0.54, 0.52, 0.0), False, 0),
        (picture(0.5, 0.6 + 1e-5, 0.0), False, 1),
        (picture(0.4, 0.6, -0.01), False, 1),
        (picture(0.4, np.nan, 0.0), False, 1),
    ],
)
def test_a_picture_counts_inside_ball_and_box_alone(
    moved: FloatArray, fooled: bool, outside: int
) -> None:
    """Another label counts within the ball; beyond ball or box, or as no number, it does not."""
    images, labels = picture(0.56, 0.5, 0.0), np.array([0])
    verdict = judged(FirstTwo(), images, labels, moved=moved, eps=EPS)
    assert (bool(verdict.fooled[0]), verdict.outside) == (fooled, outside)
    assert bool(verdict.robust[0]) is not fooled


def test_the_slack_is_a_rounding_and_no_more() -> None:
    """A peer's float32 projection passes; ten times that does not."""
    images, labels = picture(0.55, 0.5, 0.0), np.array([0])
    for part, held in ((0.5, True), (10.0, False)):
        moved = picture(0.55, 0.6 + part * SLACK, 0.0)
        verdict = judged(FirstTwo(), images, labels, moved=moved, eps=EPS)
        assert bool(verdict.fooled[0]) is held


def test_a_wrong_picture_is_neither_robust_nor_fooled() -> None:
    """What is wrong without any attack is nobody's break."""
    images = picture(0.1, 0.9, 0.0)
    verdict = judged(FirstTwo(), images, np.array([0]), moved=images, eps=EPS)
    assert not verdict.robust.any()
    assert not verdict.fooled.any()


def test_passes_are_counted_picture_by_picture() -> None:
    """Three forward, two of them with a slope, and one slope asked twice."""
    counted = Counted(FirstTwo())
    with torch.no_grad():
        counted(torch.zeros(1, 1, 1, 3))
    pixels = torch.zeros(2, 1, 1, 3, requires_grad=True)
    logits = counted(pixels)
    torch.autograd.grad(logits.sum(), pixels, retain_graph=True)
    torch.autograd.grad(logits.sum(), pixels)
    assert (counted.forwards, counted.backwards) == (3, 4)


def test_a_chain_is_built_as_it_is_spelled() -> None:
    """Places, kernels, strides and sizes of a known chain."""
    chain = sequential("c4k5s2p2 R F fc7 S fc3", (1, 8, 8))
    shapes = {name: tuple(one.shape) for name, one in chain.state_dict().items()}
    weights = {name: one for name, one in shapes.items() if name.endswith("weight")}
    assert weights == {"0.weight": (4, 1, 5, 5), "3.weight": (7, 64), "5.weight": (3, 7)}
    assert chain(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_the_module_of_a_demo_net_is_its_file() -> None:
    """The peers attack the same function as we do."""
    task = demo_task("robust", "8/255", 8)
    answers = subject_of(task.raw, task.spec).predict(task.images)
    with torch.no_grad():
        logits = module_of(task.plan)(tensor(task.images)).numpy()
    assert np.abs(answers - logits).max() < 1e-4


@pytest.mark.parametrize("eight_bit", [False, True])
def test_ours_breaks_exactly_what_a_linear_model_cannot_hold(eight_bit: bool) -> None:
    """Two classes by one pixel: what lies within eps of the border falls, the rest stands."""
    weight = np.zeros((2, 4))
    weight[1, 0] = 1.0
    subject = subject_of(linear(weight, np.array([0.0, -0.5]), (1, 2, 2)), InputSpec())
    images = np.full((4, 1, 2, 2), 0.2, np.float32)
    images[:, 0, 0, 0] = np.array([10, 110, 120, 200]) / np.float32(255)
    labels = np.array([0, 0, 0, 0])
    told = ours.ours(
        subject, images, labels, eps="20/255", mode=ours.modes()[0], eight_bit=eight_bit
    )
    assert told.wrong.tolist() == [False, False, False, True]
    assert told.broken.tolist() == [False, True, True, False]
    assert told.standing.tolist() == [True, False, False, False]
    assert told.broken_8_bit.tolist() == ([False, True, True, False] if eight_bit else [])
    assert subject.predict(told.witnesses).argmax(1).tolist() == [0, 1, 1, 1]
    assert told.forwards > told.backwards > 0
    assert told.stages.total() == 2


def test_a_verdict_ends_the_plan_early() -> None:
    """Where everything falls, a clear FAIL looks at a part of the images, and says at which."""
    task = demo_task("normal", "8/255", 60)
    subject = subject_of(task.raw, task.spec)
    rules = ours.stops("8/255", Fraction(2, 5))
    told = ours.ours(
        subject, task.images, task.labels, eps="8/255", mode=ours.modes()[0], stops=rules
    )
    assert 0 < told.seen.sum() < 60
    assert not (told.standing & ~told.seen).any()


def line(who: str, fooled: str, seconds: float = 1.0, wrong: str = "") -> Line:
    """A row of which ``x`` marks the broken images."""
    broken = np.array([one == "x" for one in fooled])
    right = np.array([one != "w" for one in (wrong or "." * len(fooled))])
    return Line(who, broken & right, right & ~broken, np.ones_like(broken), 0, 1.0, 1.0, [seconds])


def bout(*lines: Line, channels: int = 3) -> Bout:
    """A table of these rows."""
    count = len(lines[0].fooled)
    images = np.zeros((count, channels, 2, 2), np.float32)
    labels = np.zeros(count, np.int64)
    task = Task("net", "1/10", b"", InputSpec(), Plan("", ""), images, labels)
    return Bout(task, list(lines))


def test_missed_and_alone_are_images_not_shares() -> None:
    """Two rows of equal accuracy miss what the other finds; our budgets are one attacker."""
    smoke, gate = line("ours, smoke", "x...."), line("ours, gate", "xx...")
    peer = line("peer", "..x..")
    table = bout(smoke, gate, peer)
    counts = {
        one.who: (int(table.missed(one).sum()), int(table.alone(one).sum())) for one in table.lines
    }
    assert counts == {"ours, smoke": (2, 1), "ours, gate": (1, 2), "peer": (2, 1)}


def test_the_ratio_is_to_the_recipe() -> None:
    """How many times as much CPU the recipe took; none without it."""
    gate, recipe = line("ours, gate", "x.", 2.0), line("AutoAttack recipe", "x.", 20.0)
    assert bout(gate, recipe).ratio(gate) == pytest.approx(10)
    assert bout(gate).ratio(gate) is None


@pytest.mark.parametrize(
    ("early", "seconds", "said"),
    [("xx..", 2.0, "reached"), ("xx..", 3.0, "MISSED"), ("x...", 0.1, "MISSED")],
)
def test_no_speed_counts_from_a_plan_that_misses(early: str, seconds: float, said: str) -> None:
    """Eight times as fast reaches the aim; fewer breaks than the whole gate plan never do."""
    rows = [line("ours, gate", "xx..", 99.0), line("ours, gate, asked 0.40", early, seconds)]
    table = bout(*rows, line("AutoAttack recipe", "xx..", 16.0))
    printed = [one for one in table.text() if "asked" in one]
    assert printed[0].endswith(said)


def test_weak_and_grey_nets_have_no_aim() -> None:
    """The aim of speed speaks of robust nets of CIFAR's size."""
    weak, strong = line("ours, gate", "xxx."), line("ours, gate", "x...")
    assert bout(strong).aim(strong) == 8
    assert bout(weak).aim(weak) is None
    assert bout(strong, channels=1).aim(strong) is None


def test_what_is_asked_lies_a_tenth_below() -> None:
    """In whole twentieths; a net that has next to nothing is asked what it must fail."""
    most, weak = line("ours, gate", "xxxx......."), line("ours, gate", "xx")
    assert asked_of(most) == Fraction(10, 20)
    assert asked_of(weak) == Fraction(2, 5)


def test_the_recipe_is_held_against_the_record() -> None:
    """Images that the original broke and the recipe leaves, and the reverse, by their places."""
    table = bout(line("AutoAttack recipe", "x.x."))
    recorded = {"n": 3, "survivors": [0]}
    table.task = replace(table.task, recorded=recorded)
    beside = table.facts()["recorded"]
    assert (beside["left"], beside["broken"]) == ([1], [0])
    assert beside["accuracy"] == pytest.approx(1 / 3)
