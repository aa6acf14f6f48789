"""One process of the lock table: locked like a child or not at all, one forward engine inside."""

import sys
from pathlib import Path

import numpy as np

from analyzers.engines.forward import ForwardEngine
from service.sandbox.lock.hygiene import restrict
from service.sandbox.lock.rules import lock, rules_for
from tools.bench.rows import paced, seconds_of


def main(arguments: list[str]) -> int:
    """Say ``ready``, then the seconds a call for every line read."""
    folder, turn_seconds, how, parent = arguments
    raw, images = (Path(folder) / "model.onnx").read_bytes(), np.load(Path(folder) / "images.npy")
    if how == "locked":
        restrict({"cpu_seconds": 3600}, int(parent))
        lock(rules_for("cpu"))
    engine = ForwardEngine(raw, 1, "free")
    calls, _ = paced(lambda: engine.run(images), float(turn_seconds))
    answer = "ready"
    while True:
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return 0
        answer = repr(seconds_of(lambda: engine.run(images), calls) / calls)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
