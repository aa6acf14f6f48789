"""Our attack beside the peers': robust accuracy, CPU, passes, and who breaks what.

On every network our attack and the peers run one after the other, each with one thread, and what
is compared are CPU seconds; further turns run in the reverse order. A row's robust accuracy is
what our own judge makes of the pictures handed in. ``missed`` counts images that some other row
breaks and this one leaves; ``alone`` those that nobody else breaks, our budgets counting as one.
"""

import math
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from analyzers.contract import Subject
from tools.bench import ours, peers
from tools.bench.attack_nets import Task, buildable, demo_task, module_of, reference_task
from tools.bench.judging import Flags, judged

OURS: Final = "ours, "
USUAL: Final = (
    ("cifar_small_adv_abcrown", "2/255", 200),
    ("cifar_wide_kw_oval", "2/255", 200),
    ("mnist_madrytiny_adv_abcrown", "0.3", 200),
)
DEMOS: Final = (("robust", "8/255", 100), ("normal", "8/255", 100))
USUAL_PEERS: Final = (peers.RECIPE, "torchattacks-pgd", "foolbox-pgd", "art-pgd", "art-apgd")
GATE: Final = "gate"
AIMS: Final[Mapping[str, float]] = {GATE: 8.0, "parity": 2.0}
"""How many times less CPU than the recipe on robust nets of CIFAR's size."""
GATE_AT_600: Final = 10.0
CLEAR_FAIL: Final = Fraction(2, 5)
"""What is asked of a net that has next to nothing."""
_ROBUST: Final = 0.3
"""From this share on a net counts as robust."""
_COLOURS: Final = 3


@dataclass(frozen=True)
class Wish:
    """What the command line asked of this table."""

    nets: Sequence[str] = ()
    """``name@eps``; empty for the usual ones, ``all`` for every recorded row."""
    images: int = 0
    """0 for the usual number."""
    peers: Sequence[str] = USUAL_PEERS
    turns: int = 1


@dataclass
class Line:
    """One attacker on one network."""

    who: str
    fooled: Flags
    robust: Flags
    seen: Flags
    """Images that were attacked; a plan that was asked for a verdict may end before the others."""
    outside: int
    forwards: float
    """Pictures sent forward for each image seen."""
    backwards: float
    cpu: list[float]
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def share(self) -> Fraction:
        """Robust accuracy of what was seen."""
        return Fraction(int(self.robust.sum()), int(self.seen.sum()))

    @property
    def seconds(self) -> float:
        """CPU seconds that count."""
        return statistics.median(self.cpu)

    @property
    def family(self) -> str:
        """Our budgets are one attacker."""
        return OURS if self.who.startswith(OURS) else self.who


@dataclass
class Bout:
    """Everybody on one network."""

    task: Task
    lines: list[Line]

    def text(self) -> Iterator[str]:
        """The lines as they are printed."""
        for line in self.lines:
            yield _aligned(self._cells(line))
        yield from self._notes()

    def facts(self) -> dict[str, Any]:
        """The same for a file, with the images by their places."""
        rows = [self._facts(line) for line in self.lines]
        size = {"net": self.task.name, "eps": self.task.eps, "n": len(self.task.labels)}
        return {**size, "rows": rows, "recorded": self._beside_recorded()}

    def missed(self, line: Line) -> Flags:
        """What somebody else breaks and this one leaves."""
        others = [one.fooled for one in self.lines if one is not line]
        return np.asarray(np.any([line.robust & one for one in others], axis=0) & line.robust)

    def alone(self, line: Line) -> Flags:
        """What no other family breaks."""
        others = [one.fooled for one in self.lines if one.family != line.family]
        return np.asarray(line.fooled & ~np.any([np.zeros_like(line.fooled), *others], axis=0))

    def behind_gate(self, line: Line) -> int:
        """Images left that the whole gate plan breaks: no speed counts from such a plan."""
        whole = [one.fooled for one in self.lines if one.who == OURS + GATE]
        return int((line.robust & whole[0]).sum()) if whole else 0

    def ratio(self, line: Line) -> float | None:
        """How many times as much CPU the recipe took."""
        recipe = [one for one in self.lines if one.who == peers.NAMES[peers.RECIPE]]
        return recipe[0].seconds / line.seconds if recipe else None

    def aim(self, line: Line) -> float | None:
        """What is asked of this row, if anything."""
        told = AIMS.get(line.who.removeprefix(OURS).partition(",")[0])
        colours = self.task.images.shape[1] == _COLOURS
        if told is None or not colours or line.family != OURS or line.share < _ROBUST:
            return None
        large = len(self.task.labels) >= 600  # noqa: PLR2004 - images
        return GATE_AT_600 if large and told == AIMS[GATE] else told

    def _cells(self, line: Line) -> list[str]:
        ratio, aim = self.ratio(line), self.aim(line)
        mark = ""
        if aim is not None and ratio is not None:
            mark = f" aim {aim:g}x{_mark(ratio >= aim and not self.behind_gate(line))}"
        return [
            self.task.name,
            self.task.eps,
            str(int(line.seen.sum())),
            line.who,
            f"{float(line.share):.4f}",
            f"{line.seconds:.1f}",
            "" if ratio is None else f"{ratio:.1f}x",
            f"{line.forwards:.0f}",
            f"{line.backwards:.0f}",
            str(int(self.missed(line).sum())),
            str(int(self.alone(line).sum())),
            (f"{line.outside} outside" if line.outside else "") + mark,
        ]

    def _facts(self, line: Line) -> dict[str, Any]:
        return {
            "who": line.who,
            "seen": int(line.seen.sum()),
            "robust_accuracy": float(line.share),
            "cpu_seconds": line.cpu,
            "ratio": self.ratio(line),
            "forwards_per_image": line.forwards,
            "backwards_per_image": line.backwards,
            "missed": places(self.missed(line)),
            "alone": places(self.alone(line)),
            "outside": line.outside,
            **line.detail,
        }

    def _notes(self) -> Iterator[str]:
        for line in self.lines:
            if stages := line.detail.get("stages"):
                told = ", ".join(f"{name} {_short(one)}" for name, one in stages.items())
                yield f"    {line.who}: {told}"
        told = self._beside_recorded()
        if told:
            yield (
                f"    recorded AutoAttack {told['accuracy']:.4f} on the first {told['n']}: the "
                f"recipe here leaves {told['left']} that it broke and breaks {told['broken']} "
                "that it left"
            )

    def _beside_recorded(self) -> dict[str, Any]:
        """The recipe beside what the original made of the same images."""
        recipe = [one for one in self.lines if one.who == peers.NAMES[peers.RECIPE]]
        told = self.task.recorded
        if not recipe or not told:
            return {}
        count = min(len(self.task.labels), told["n"])
        survivors = np.isin(np.arange(count), told["survivors"])
        robust = recipe[0].robust[:count]
        return {
            "n": count,
            "accuracy": float(survivors.mean()),
            "left": places(robust & ~survivors),
            "broken": places(survivors & ~robust),
        }


def places(flags: Flags) -> list[int]:
    """Where the flags are up."""
    return [int(one) for one in flags.nonzero()[0]]


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _mark(reached: bool) -> str:
    return " reached" if reached else " MISSED"


_WIDTHS = (28, 6, 5, 32, 8, 8, 8, 7, 7, 7, 6, 20)


def _aligned(cells: Sequence[str]) -> str:
    return " ".join(f"{one:{width}}" for one, width in zip(cells, _WIDTHS, strict=True)).rstrip()


HEADER: Final = _aligned(
    [
        "net",
        "eps",
        "n",
        "who",
        "robust",
        "CPU s",
        "ratio",
        "fwd/pt",
        "bwd/pt",
        "missed",
        "alone",
        "",
    ]
)


def tasks(wish: Wish) -> Iterator[Task]:
    """The networks; the third-party ones only where their folder is known."""
    folder = _folder()
    for name, eps, count in _named(wish, folder):
        images = wish.images or count
        if name.startswith("demo_"):
            yield demo_task(name.removeprefix("demo_"), eps, images)
        elif folder is not None:
            yield reference_task(folder, name, eps, images)


def left_out(wish: Wish) -> str:
    """What cannot be measured here, in a sentence; empty where all can."""
    if _folder() is not None or (wish.nets and all(one.startswith("demo_") for one in wish.nets)):
        return ""
    return "the third-party networks are left out: ASSAY_REFERENCE does not name their folder"


def _folder() -> Path | None:
    told = os.environ.get("ASSAY_REFERENCE", "")
    return Path(told) if told else None


def _named(wish: Wish, folder: Path | None) -> list[tuple[str, str, int]]:
    demos = [(f"demo_{name}", eps, count) for name, eps, count in DEMOS]
    if "all" in wish.nets:
        recorded = buildable(folder) if folder is not None else []
        return demos + [(name, eps, 200) for name, eps in recorded]
    if wish.nets:
        pairs = [one.partition("@") for one in wish.nets]
        return [(name, eps or "8/255", 200) for name, _, eps in pairs]
    return demos + (list(USUAL) if folder is not None else [])


def bouts(wish: Wish) -> Iterator[Bout]:
    """Every network as soon as everybody is through with it."""
    with peers.peers() as others:
        for task in tasks(wish):
            yield bout(task, others, wish)


def bout(task: Task, others: peers.Peers, wish: Wish) -> Bout:
    """Ours, then the peers; every other turn the other way round."""
    module = module_of(task.plan)
    found: dict[str, Line] = {}
    for turn in range(wish.turns):
        if turn % 2 == 0:
            _ours(task, module, found)
        for name in wish.peers if turn % 2 == 0 else wish.peers[::-1]:
            _peer(task, module, found, others=others, name=name)
        if turn % 2:
            _ours(task, module, found)
    return Bout(task, list(found.values()))


def _ours(task: Task, module: nn.Module, found: dict[str, Line]) -> None:
    """Every budget to its end, and the gate's until a policy would know enough."""
    subject = ours.subject_of(task.raw, task.spec)
    for mode in ours.modes():
        line = _our_line(task, module, subject, mode=mode)
        _add(found, line)
        if mode == GATE:
            _add(found, _our_line(task, module, subject, mode=mode, asked=asked_of(line)))


def asked_of(line: Line) -> Fraction:
    """What a policy might ask: a tenth less than the net has, in twentieths; a weak net fails."""
    share = Fraction(math.floor(20 * line.share) - 2, 20)
    return share if share > 0 else CLEAR_FAIL


def _our_line(
    task: Task,
    module: nn.Module,
    subject: Subject,
    *,
    mode: str,
    asked: Fraction | None = None,
) -> Line:
    eps = str(task.size)
    stops = () if asked is None else ours.stops(eps, asked)
    told = ours.ours(subject, task.images, task.labels, eps=eps, mode=mode, stops=stops)
    verdict = judged(module, task.images, task.labels, moved=told.witnesses, eps=task.size)
    count = int(told.seen.sum())
    return Line(
        OURS + mode + ("" if asked is None else f", asked {float(asked):.2f}"),
        verdict.fooled,
        verdict.robust & told.seen,
        told.seen,
        verdict.outside,
        told.forwards / count,
        told.backwards / count,
        [told.cpu_seconds],
        detail={
            "stages": dict(told.stages),
            "passes": dict(told.passes),
            "claims_unconfirmed": told.unconfirmed,
            "broken_for_us_but_not_for_torch": places(told.broken & ~verdict.fooled),
        },
    )


def _add(found: dict[str, Line], line: Line) -> None:
    """Another measurement of the same attack, which must have come to the same."""
    before = found.setdefault(line.who, line)
    if before is line:
        return
    if line.family == OURS and not np.array_equal(before.fooled, line.fooled):
        message = f"{line.who} broke other images the second time"
        raise RuntimeError(message)
    before.cpu += line.cpu


def _peer(
    task: Task, module: nn.Module, found: dict[str, Line], *, others: peers.Peers, name: str
) -> None:
    answer = others.run(name, task)
    verdict = judged(module, task.images, task.labels, moved=answer.moved, eps=task.size)
    line = Line(
        peers.NAMES[name],
        verdict.fooled,
        verdict.robust,
        np.ones_like(verdict.robust),
        verdict.outside,
        answer.forwards / len(task.labels),
        answer.backwards / len(task.labels),
        [answer.cpu_seconds],
        detail={"stages": dict(answer.stages)},
    )
    _add(found, line)
