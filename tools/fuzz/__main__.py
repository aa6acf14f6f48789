"""Send a malformed corpus through a real service: no crash, a code for everything, and in time."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.fuzz import outcomes
from tools.fuzz.corpus import FORMATS, inputs
from tools.fuzz.house import open_house
from tools.fuzz.outcomes import Found, Outcome
from tools.fuzz.running import WORKERS, Wish, run

_EVERY: Final = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status how it went."""
    told = _parser().parse_args(arguments)
    chosen = [FORMATS[name] for name in told.format or FORMATS]
    corpus = inputs(chosen, told.inputs, seed=told.seed, first=told.first)
    if told.keep is not None:
        told.keep.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        wish = Wish(Path(folder), told.keep, told.minutes * 60)
        with open_house(Path(folder) / "home") as house:
            found = run(house, corpus, wish, _Progress(len(corpus)))
            measures = house.measures()
        if told.keep is not None:
            (told.keep / "service.log").write_bytes(house.place.log.read_bytes())
    _report(found, measures, time.monotonic() - begun)
    return 0 if found.good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tools.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many files to send")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another corpus")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first input of each format"
    )
    parser.add_argument("--format", action="append", choices=list(FORMATS), help="only these")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that are worth a look")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    return parser


class _Progress:
    """A line every few hundred inputs."""

    def __init__(self, count: int) -> None:
        self._count, self._done = count, 0

    def __call__(self, outcome: Outcome) -> None:
        self._done += 1
        if outcome.fault:
            _print(f"{outcome.name}: {outcome.fault}")
        if self._done % _EVERY == 0:
            _print(f"{self._done:,} of {self._count:,}")


def _report(found: Found, measures: str, seconds: float) -> None:
    for line in (*outcomes.table(found), *outcomes.findings(found), *found.faults[:40]):
        _print(line)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    _print(f"every input through upload and intake of one service, {WORKERS} at a time")
    _print(f"{seconds / 60:.1f} minutes; load {load}; {measures}")
    _print(outcomes.verdict(found))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
