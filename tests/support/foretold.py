"""Attacks of which it is foretold what they do to each image, to drive the plan without any net."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analyzers.attacks.cascade import plan
from analyzers.attacks.passes import DEEPER, ONE, RETRY, ROUNDS, SQUARE, runs_of
from analyzers.attacks.schedule import MOST_ROUNDS
from analyzers.attacks.stages import GUARD, LONG
from analyzers.contract import Case, DataFacts, Depth, Done, Json, Stop, SubjectFacts, Unit

_PASSES: Final[tuple[Mapping[str, Json], ...]] = (
    {"pass": ONE},
    {"pass": ROUNDS, "rounds": list(range(1, MOST_ROUNDS + 1))},
    {"pass": SQUARE, "queries": GUARD},
    {"pass": SQUARE, "queries": LONG},
    {"pass": DEEPER},
    {"pass": RETRY},
)
SALTS: Final = tuple(run.salt for told in _PASSES for run in runs_of(told, gradient=True))
"""Every run that an image may meet, by what salts its noise."""
NAMED: Final = tuple(str(told["pass"]) for told in _PASSES)


def salt(which: str, name: str, **told: Json) -> str:
    """The salt of the run of this name in a pass."""
    runs = runs_of({"pass": which, **told}, gradient=True)
    return next(run.salt for run in runs if run.name == name)


def in_round(number: int) -> str:
    """The salt of a run in a round."""
    return salt(ROUNDS, f"round-{number}", rounds=[number])


@dataclass(frozen=True)
class Foretold:
    """What is to become of an image."""

    clean: str = "standing"
    falls: frozenset[str] = frozenset()
    """Runs that break it in float32."""
    falls8: frozenset[str] = frozenset()
    """Runs that break it in 8 bits, and so in float32."""
    refuted: frozenset[str] = frozenset()
    """Passes whose claims nobody can confirm."""
    refuted8: frozenset[str] = frozenset()
    """The same of claims in 8 bits alone."""
    flags: frozenset[str] = frozenset()


HARD: Final = Foretold()
"""Nothing breaks it."""


def falls(*salts: str) -> Foretold:
    """An image that these runs break at both depths."""
    return Foretold(falls8=frozenset(salts))


@dataclass(frozen=True)
class World:
    """A set of images with their fates."""

    n: int
    fates: Mapping[int, Foretold]
    budget: str = "gate"
    eps: str = "8/255"
    eight_bit: bool = True
    gap: str = ""
    twin: str = ""
    channels: int = 3

    @property
    def case(self) -> Case:
        """What the plan knows of it."""
        shape = (self.channels, 4, 4)
        subject = SubjectFacts("5" * 64, 10, shape, gradient_gap=self.gap, twin=self.twin)
        return Case(subject, DataFacts("d" * 64, self.n, 10, self.eight_bit))

    @property
    def config(self) -> Mapping[str, Json]:
        """The threat."""
        return {"norm": "Linf", "eps": self.eps, "knowledge": "white", "budget": self.budget}

    @property
    def depths(self) -> tuple[Depth, ...]:
        """Where states are told, the one that the plan goes by first."""
        return ("8-bit", "float32") if self.eight_bit else ("float32",)

    def plan(self, done: Sequence[Done], stops: Sequence[Stop] = ()) -> list[Unit]:
        """What is asked next."""
        return list(plan(self.case, self.config, done, stops))

    def measured(self, unit: Unit) -> Done:
        """A committed unit in which everything came as foretold."""
        rows = list(unit.params.get("of", range(*unit.rows)))
        told = [self._told(row, unit.params) for row in rows]
        samples = {name: [one[name] for one in told] for name in told[0]}
        return Done(unit, "measured", {}, {"row": rows, **samples}, {}, {})

    def run(self, stops: Sequence[Stop] = (), done: Sequence[Done] = ()) -> list[Done]:
        """Drive the plan to its end, from whatever is done."""
        found = list(done)
        while units := self.plan(found, stops):
            assert units[0] not in [one.unit for one in found], "asked twice"
            found.append(self.measured(units[0]))
        return found

    def _told(self, row: int, params: Mapping[str, Json]) -> dict[str, Json]:
        fate, which = self.fates.get(row, HARD), str(params["pass"])
        attacked = fate.clean == "standing"
        searched = which == SQUARE or bool(self.gap)
        words, stage = self._fallen(fate, params) if attacked else ([fate.clean] * 2, "")
        if row in params.get("open", ()) and words[0] == "standing":
            words[0] = ""
        names = ("state", "state8") if self.eight_bit else ("state",)
        return {
            **dict(zip(names, words, strict=False)),
            "stage": stage,
            "iterations": 5 if attacked and not searched else 0,
            "queries": 7 if attacked and searched else 0,
            "attacked": attacked,
            "flat": "flat" in fate.flags,
            "disagree": "disagree" in fate.flags,
            "rose": "still" not in fate.flags,
            "rising": "rising" in fate.flags and not searched,
        }

    def _fallen(self, fate: Foretold, params: Mapping[str, Json]) -> tuple[list[str], str]:
        """States at both depths and the stage, as a child and whoever confirms leave them."""
        which, words, stage = str(params["pass"]), ["standing", "standing"], ""
        claims = (fate.falls | fate.falls8, fate.falls8)
        refuted = (fate.refuted, fate.refuted | fate.refuted8)
        for run in runs_of(params, gradient=not self.gap):
            for at, salts in enumerate(claims):
                if words[at] == "standing" and run.salt in salts:
                    words[at] = "pending" if which in refuted[at] else "broken"
                    stage = run.name
            if words[-1 if self.eight_bit else 0] != "standing":
                break
        return words, stage


def stored(done: Sequence[Done]) -> list[Done]:
    """The same units as a restarted service reads them back."""
    found: list[Done] = []
    for one in done:
        params, samples = json.loads(json.dumps([dict(one.unit.params), dict(one.samples)]))
        found.append(Done(Unit(one.unit.rows, params), one.outcome, {}, samples, {}, {}))
    return found


def table(done: Sequence[Done], name: str) -> dict[int, list[Any]]:
    """All words of a column on each row, in the order of the commits."""
    found: dict[int, list[Any]] = {}
    for one in done:
        for row, word in zip(one.samples["row"], one.samples[name], strict=True):
            found.setdefault(row, []).append(word)
    return found
