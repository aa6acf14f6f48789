"""Measure speed beside peers and print tables of ratios, each beside its aim where it has one.

Nothing is timed before both sides were seen to do the same work.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
import torch

from analyzers.engines.forward import VERSION
from service.settings import Settings
from tools.bench import attacks, audits, demo, engines, lock, mixed, peers, rows
from tools.bench.peers_home import NotMade
from tools.bench.rows import Effort, Row

_AGAIN = "ASSAY_BENCH_AGAIN"


@dataclass(frozen=True)
class Told:
    """What the command line said."""

    threads: int
    turns: int
    calls: int
    audits: int
    effort: Effort
    attacks: attacks.Wish


Table = Callable[[Told], Iterator[Any]]


def _demo(told: Told) -> Iterator[Any]:
    net = demo.demo_net()
    for engine in (demo.forward_row, demo.gradient_row):
        row = engine(net, threads=told.threads, turns=told.turns, calls=told.calls)
        yield _printed(row)


def _engines(told: Told) -> Iterator[Any]:
    done: list[engines.Entry] = []
    for entry in engines.entries(told.threads, told.effort):
        _print(entry.text())
        for note in entry.notes():
            _print(note)
        done.append(entry)
        yield entry.facts()
    _print(engines.summary(done))


def _mixed(told: Told) -> Iterator[Any]:
    return map(_printed, mixed.rows(told.effort))


def _lock(told: Told) -> Iterator[Any]:
    return map(_printed, lock.rows(told.effort))


def _audits(told: Told) -> Iterator[Any]:
    return map(_printed, audits.audit_rows(told.threads, told.audits))


def _attacks(told: Told) -> Iterator[Any]:
    if why := attacks.left_out(told.attacks):
        _print(why)
    try:
        for bout in attacks.bouts(told.attacks):
            for line in bout.text():
                _print(line)
            yield bout.facts()
    except NotMade as error:
        _print(f"not measured: {error}")
        yield {"not_measured": str(error)}


TABLES: Mapping[str, Table] = {
    "demo": _demo,
    "engines": _engines,
    "mixed": _mixed,
    "lock": _lock,
    "audits": _audits,
    "attacks": _attacks,
}
HEADERS: Mapping[str, str] = {"engines": engines.HEADER, "attacks": attacks.HEADER}


def _printed(row: Row) -> dict[str, Any]:
    _print(row.text())
    return asdict(row)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _load() -> str:
    return ", ".join(f"{one:.1f}" for one in os.getloadavg())


def _as_children_run() -> None:
    """Begin again with the environment that the engines set.

    Libraries read it when they load, and torch may have loaded first here; its waiting threads
    would then spin on one side only.
    """
    if _AGAIN not in os.environ:
        told = {**os.environ, _AGAIN: "1"}
        os.execve(sys.executable, sys.orig_argv, told)  # noqa: S606 - this program


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", action="append", choices=TABLES, help="only this one")
    parser.add_argument("--quick", action="store_true", help="fewer opsets and turns")
    parser.add_argument("--out", type=Path, help="write every figure as JSON")
    parser.add_argument("--turns", type=int, help="turns of the engines")
    parser.add_argument("--calls", type=int, default=20, help="calls of each demo side in a turn")
    parser.add_argument("--audits", type=int, help="turns of whole audits")
    about = parser.add_argument_group("attacks")
    about.add_argument("--net", action="append", default=[], help="NAME@EPS, or all")
    about.add_argument("--images", type=int, default=0, help="how many of each net's")
    about.add_argument("--peer", action="append", choices=peers.NAMES, help="only this one")
    about.add_argument("--attack-turns", type=int, default=1)
    return parser


def _told(given: argparse.Namespace) -> Told:
    turns = given.turns or (5 if given.quick else 15)
    effort = Effort(turns, 0.05 if given.quick else 0.2, given.quick)
    counted = given.audits or (1 if given.quick else 3)
    wish = attacks.Wish(
        given.net,
        given.images or (40 if given.quick else 0),
        given.peer or attacks.USUAL_PEERS,
        given.attack_turns,
    )
    return Told(Settings().threads, turns, given.calls, counted, effort, wish)


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for and print it."""
    given = _parser().parse_args(arguments)
    _as_children_run()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    told = _told(given)
    torch.set_num_threads(told.threads)
    begun, before = time.monotonic(), _load()
    _print(f"{told.threads} threads on each side, {os.cpu_count()} processors, load {before}")
    _print(f"torch {torch.__version__}, onnxruntime {VERSION}")
    found: dict[str, Any] = {}
    for name in given.table or TABLES:
        _print(f"\n{name}")
        _print(HEADERS.get(name, rows.HEADER))
        found[name] = list(TABLES[name](told))
    _print(f"\nload at the end {_load()}, {time.monotonic() - begun:.0f} s")
    if given.out:
        run = {"threads": told.threads, "processors": os.cpu_count(), "quick": given.quick}
        run |= {"torch": torch.__version__, "onnxruntime": VERSION, "load": [before, _load()]}
        given.out.write_text(json.dumps({"run": run, "tables": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
