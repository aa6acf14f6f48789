"""One process of the mixed table: runs its sides in the order told, once for each line it reads.

It loads no library but those of its sides, and those in that order.
"""

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from analyzers.contract import FloatArray
from tools.bench.rows import paced, seconds_of

CLASSES = 10
_ROUNDS = 5

Side = Callable[[], object]


def torch_side(raw: bytes, images: FloatArray, threads: int) -> Side:
    """Gradient steps."""
    from analyzers.attacks.losses import margin  # noqa: PLC0415 - the other side must stay unloaded
    from analyzers.contract import InputSpec  # noqa: PLC0415 - as above
    from analyzers.engines.gradient import GradientEngine  # noqa: PLC0415 - as above

    engine = GradientEngine(raw, InputSpec(), threads=threads, batch="free")
    return partial(engine.step, images, np.arange(len(images)) % CLASSES, margin)


def onnxruntime_side(raw: bytes, images: FloatArray, threads: int) -> Side:
    """Forward passes."""
    from analyzers.engines.forward import ForwardEngine  # noqa: PLC0415 - as above

    return partial(ForwardEngine(raw, threads, "free").run, images)


BUILD: Mapping[str, Callable[[bytes, FloatArray, int], Side]] = {
    "torch": torch_side,
    "onnxruntime": onnxruntime_side,
}


def main(arguments: list[str]) -> int:
    """Say ``{}`` when ready, then the seconds a call for every line read."""
    folder, threads, turn_seconds, *names = arguments
    raw, images = (Path(folder) / "model.onnx").read_bytes(), np.load(Path(folder) / "images.npy")
    sides = {name: BUILD[name](raw, images, int(threads)) for name in names}
    calls = {name: paced(side, float(turn_seconds) / _ROUNDS)[0] for name, side in sides.items()}
    answer: dict[str, float] = {}
    while True:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return 0
        answer = _turn(sides, calls)


def _turn(sides: Mapping[str, Side], calls: Mapping[str, int]) -> dict[str, float]:
    """The sides change places several times within a turn."""
    spent = dict.fromkeys(sides, 0.0)
    for _ in range(_ROUNDS):
        for name, side in sides.items():
            spent[name] += seconds_of(side, calls[name]) / calls[name] / _ROUNDS
    return spent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
