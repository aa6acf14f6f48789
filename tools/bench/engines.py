"""The engines on six nets from two exporters, beside the native torch modules.

Every opset is held against the module: what the forward engine answers, and the slopes of the
margin against autograd in float64. One opset an exporter is timed. A picture counts as off where
its slope misses the oracle by more than the aim; native float32 is off too where a ReLU's input
lies within rounding of zero, so its own count stands beside ours.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from analyzers.attacks.losses import margin
from analyzers.contract import FloatArray, InputSpec, Refusal
from analyzers.engines.forward import ForwardEngine, session
from analyzers.engines.gradient import GradientEngine
from analyzers.engines.selfcheck import SelfCheck, self_check
from analyzers.graph.canonical import CanonicalModel, canonicalise
from tools import zoo
from tools.bench.native import Gap, Word, gap, tensor, word_of
from tools.bench.rows import SEED, Effort, paced, ratios, spread

BATCH = 32
SLOPE_AIM: Final = 1e-5
SIGN_AIM: Final = 0.9999
FORWARD_AIMS: Final[Mapping[str, float]] = {"lenet": 4.0, "mobilenet": 4.0}
"""The small nets; all others 1.2."""
STEP_AIM: Final = 1.0
TIMED: Final[Mapping[zoo.Exporter, int]] = {"newer": 20, "older": 17}
"""What the exporters write unless told otherwise."""
QUICK_FIRST: Final[Mapping[zoo.Exporter, int]] = {"newer": 18, "older": 11}


@dataclass(frozen=True)
class Parity:
    """One file beside the module."""

    opset: int
    logits: float
    """Largest difference of a logit."""
    argmax: float
    """Share of pictures with the same class."""
    slopes: Gap | None
    off: int
    """Pictures whose slope is off."""
    note: str = ""


@dataclass
class Entry:
    """One line: a net from one exporter."""

    net: str
    exporter: str
    parities: list[Parity] = field(default_factory=list[Parity])
    failures: dict[int, str] = field(default_factory=dict[int, str])
    native_off: int = 0
    native_signs: float = 1.0
    forward: list[float] = field(default_factory=list[float])
    bare: list[float] = field(default_factory=list[float])
    """The same of a session alone, which is all that a forward engine can come to."""
    step: list[float] = field(default_factory=list[float])

    @property
    def forward_aim(self) -> float:
        """How many times torch eager's speed is wanted."""
        return FORWARD_AIMS.get(self.net, 1.2)

    def text(self) -> str:
        """The line as it is printed."""
        cells = [f"{self.net} {self.exporter}", opset_ranges([one.opset for one in self.parities])]
        worst, agreed = _worst(self.parities)
        cells += [worst, agreed, *self._slope_cells()]
        cells += [_ratio(self.forward, self.forward_aim), _middle(self.bare)]
        cells.append(_ratio(self.step, STEP_AIM))
        return _aligned(cells)

    def notes(self) -> Iterator[str]:
        """What did not load, or has no slope."""
        for opset, why in self.failures.items():
            yield f"    opset {opset}: {why}"
        for one in self.parities:
            if one.note:
                yield f"    opset {one.opset}: {one.note}"

    def _slope_cells(self) -> list[str]:
        gaps = [one.slopes for one in self.parities if one.slopes]
        if not gaps:
            return ["no slopes", "", ""]
        median = max(one.median for one in gaps)
        off = max(one.off for one in self.parities)
        signs = min(one.signs for one in gaps)
        return [
            f"{median:.1e}{_mark(median <= SLOPE_AIM)}",
            f"{off} ({self.native_off}) of {BATCH}",
            f"{100 * signs:.4f}% ({100 * self.native_signs:.4f}%){_mark(signs >= SIGN_AIM)}",
        ]

    def facts(self) -> dict[str, Any]:
        """The line for a file."""
        return asdict(self)


def _worst(parities: Sequence[Parity]) -> tuple[str, str]:
    if not parities:
        return "none", ""
    return (
        f"{max(one.logits for one in parities):.1e}",
        f"{100 * min(one.argmax for one in parities):.4g}%",
    )


def _mark(reached: bool) -> str:
    return "" if reached else " MISSED"


def _ratio(values: Sequence[float], aim: float) -> str:
    if not values:
        return "not timed"
    middle = statistics.median(values)
    return f"{middle:.2f}x ({spread(values)}) aim {aim:g}x{_mark(middle >= aim)}"


def _middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}x" if values else ""


def opset_ranges(numbers: Sequence[int]) -> str:
    """Whole numbers as ranges: 11-13, 17."""
    ranges: list[list[int]] = []
    for one in sorted(numbers):
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return ", ".join(f"{low}-{high}" if low < high else f"{low}" for low, high in ranges) or "none"


_WIDTHS = (17, 13, 9, 8, 16, 14, 33, 40, 8, 40)


def _aligned(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


HEADER = _aligned(
    [
        "net, exporter",
        "opsets",
        "logits",
        "argmax",
        "slope, median",
        "off (native)",
        "same signs (native float32's)",
        f"forward, batch {BATCH}: eager / ours",
        "bare",
        f"gradient step, batch {BATCH}: native / ours",
    ]
)


def entries(threads: int, effort: Effort) -> Iterator[Entry]:
    """Every line as soon as it is measured."""
    for name in zoo.NAMES:
        module = zoo.build(name)
        images = zoo.pictures(BATCH, seed=SEED)
        word = word_of(module, images)
        native = gap(word.slopes_32, word.slopes)
        for exporter in zoo.OPSETS:
            entry = Entry(name, exporter, native_off=_off(word.slopes_32, word))
            entry.native_signs = native.signs
            kept = _all_opsets(entry, module, images, word=word, effort=effort)
            if kept is not None:
                _time(entry, kept, module, images, word=word, threads=threads, effort=effort)
            yield entry


def summary(done: Sequence[Entry]) -> str:
    """The aim that is one of all nets together."""
    fast = [one for one in done if one.step and statistics.median(one.step) >= STEP_AIM]
    need = math.ceil(2 * len(done) / 3)
    told = f"gradient step at least {STEP_AIM:g}x: {len(fast)} of {len(done)} lines, aim {need}"
    return told + _mark(len(fast) >= need)


@dataclass(frozen=True)
class _Loaded:
    model: CanonicalModel
    check: SelfCheck


def _all_opsets(
    entry: Entry, module: nn.Module, images: FloatArray, *, word: Word, effort: Effort
) -> _Loaded | None:
    """Hold every opset against the module; what is to be timed comes back."""
    kept: _Loaded | None = None
    exporter: zoo.Exporter = "newer" if entry.exporter == "newer" else "older"
    for opset in zoo.OPSETS[exporter]:
        if effort.quick and opset not in {QUICK_FIRST[exporter], TIMED[exporter]}:
            continue
        try:
            loaded = _loaded(zoo.export(module, exporter, opset))
            entry.parities.append(_parity(loaded, opset, images, word=word))
        except zoo.NotMade as error:
            entry.failures[opset] = f"not made by the exporter ({error}), nor tried beyond"
            break
        except Refusal as refusal:
            entry.failures[opset] = refusal.sentence
            continue
        if opset == TIMED[exporter]:
            kept = loaded
    return kept


def _loaded(raw: bytes) -> _Loaded:
    model = canonicalise(raw)
    return _Loaded(model, self_check(model))


def _parity(loaded: _Loaded, opset: int, images: FloatArray, *, word: Word) -> Parity:
    model, check = loaded.model, loaded.check
    found = ForwardEngine(model.raw, 1, check.batch).run(images)
    gap_of_logits = float(np.abs(found - word.logits).max())
    same = float((found.argmax(1) == word.labels).mean())
    note = "" if check.batch == "free" else "runs one picture at a time"
    if check.gradient_gap:
        return Parity(opset, gap_of_logits, same, None, 0, f"no slopes: {check.gradient_gap}")
    slopes = _engine(loaded, 1).step(images, word.labels, margin).slope
    return Parity(opset, gap_of_logits, same, gap(slopes, word.slopes), _off(slopes, word), note)


def _engine(loaded: _Loaded, threads: int) -> GradientEngine:
    return GradientEngine(loaded.model.raw, InputSpec(), threads=threads, batch=loaded.check.batch)


def _off(slopes: FloatArray, word: Word) -> int:
    pairs = zip(slopes, word.slopes, strict=True)
    return sum(gap(ours[None], right[None]).worst > SLOPE_AIM for ours, right in pairs)


def _time(
    entry: Entry,
    loaded: _Loaded,
    module: nn.Module,
    images: FloatArray,
    *,
    word: Word,
    threads: int,
    effort: Effort,
) -> None:
    ours, bare, peer = _forwards(loaded, module, images, threads=threads)
    entry.forward = _paced_ratios(ours, peer, effort)
    entry.bare = _paced_ratios(bare, peer, effort)
    if not loaded.check.gradient_gap:
        sides = _steps(loaded, module, images, word=word, threads=threads)
        entry.step = _paced_ratios(*sides, effort)


Side = Callable[[], object]


def _paced_ratios(ours: Side, peer: Side, effort: Effort) -> list[float]:
    calls, warm_up = paced(peer, effort.turn_seconds)
    return ratios(ours, peer, turns=effort.turns, calls=calls, warm_up=warm_up)


def _forwards(
    loaded: _Loaded, module: nn.Module, images: FloatArray, *, threads: int
) -> tuple[Side, Side, Side]:
    """Numpy to numpy on all sides: ours, a session alone, the module."""
    engine = ForwardEngine(loaded.model.raw, threads, loaded.check.batch)
    alone = session(loaded.model.raw, threads)
    name = alone.get_inputs()[0].name

    def peer() -> FloatArray:
        with torch.inference_mode():
            return module(tensor(images)).numpy()

    return lambda: engine.run(images), lambda: alone.run(None, {name: images}), peer


def _steps(
    loaded: _Loaded, module: nn.Module, images: FloatArray, *, word: Word, threads: int
) -> tuple[Side, Side]:
    """The module's weights are frozen, as the engine's are."""
    engine = _engine(loaded, threads)

    def peer() -> FloatArray:
        pixels = tensor(images.copy()).requires_grad_()
        loss = margin(module(pixels), tensor(word.labels))
        (slope,) = torch.autograd.grad(loss.sum(), pixels)
        return slope.numpy()

    return lambda: engine.step(images, word.labels, margin), peer
