"""Runs one pass of the cascade over images of a block: what breaks is claimed with its picture."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from analyzers.attacks.apgd import APART, Found, Problem, apgd
from analyzers.attacks.ball import Ball, linf_ball
from analyzers.attacks.draws import uniform, words
from analyzers.attacks.jury import Flags, Grid, Jury, Places, finite_rows
from analyzers.attacks.losses import LOSSES
from analyzers.attacks.passes import EARLIER, ONE, SMOKE, Run, runs_of
from analyzers.attacks.ranking import Ranking, rank
from analyzers.attacks.square import Search, needed, square
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Gradient,
    Partial,
    Shard,
    Subject,
    Tell,
)
from analyzers.engines.gaps import TWIN_TOLERANCE
from analyzers.pictures import seen
from analyzers.statistics.replay import replayed


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Attack the images that the unit names, or all of its block."""
    block = _Block.of(shard, subject, _picked(shard, batch))
    record = _Record.clean(block)
    if shard.params["pass"] == EARLIER:
        return _partial(block, record, _ask_again(block, record, inputs))
    runs = runs_of(shard.params, gradient=subject.gradient is not None)
    total = sum(run.cost for run in runs)
    spent = 0
    for run in runs:

        def told(step: int, begun: int = spent, name: str = run.name) -> None:
            tell(begun + step, total, name)

        if run.queries:
            _search(block, record, run, told)
        elif subject.gradient is not None:
            _climb(block, record, run, subject.gradient, told)
        spent += run.cost
    tell(total, total, "done")
    return _partial(block, record, _replays(block, record))


def _picked(shard: Shard, batch: Batch) -> Batch:
    """The rows that the unit names: its block may hold others, that are already settled."""
    named = shard.params.get("of")
    if named is None:
        return batch
    at = [int(row) - shard.rows[0] for row in named]
    ids = [batch.ids[one] for one in at]
    return Batch([batch.rows[one] for one in at], batch.images[at], batch.labels[at], ids)


@dataclass(frozen=True)
class _Block:
    """What an attack on some images needs."""

    shard: Shard
    subject: Subject
    batch: Batch
    ball: Ball
    logits: FloatArray
    """Of the clean images."""
    jury: Jury

    @classmethod
    def of(cls, shard: Shard, subject: Subject, batch: Batch) -> "_Block":
        """The images with their balls and a jury; asks for the clean answers."""
        eps = str(shard.config["eps"])
        grid = Grid.around(batch.images, eps) if shard.params.get("eight_bit") else None
        jury = Jury.of(subject.predict, batch.images, batch.labels, grid)
        ball = linf_ball(batch.images, eps)
        return cls(shard, subject, batch, ball, subject.predict(batch.images), jury)

    @property
    def eps(self) -> float:
        """The size of the ball."""
        return float(Fraction(str(self.shard.config["eps"])))


@dataclass
class _Record:
    """What is known of each image beside what broke it."""

    jury: Jury
    wrong: Flags
    failed: Flags
    attacked: Flags
    best: FloatArray
    """The strongest point of the last run that an image was in."""
    iterations: Places
    queries: Places
    flat: Flags
    disagree: Flags
    rose: Flags
    rising: Flags
    targets: Places
    distance: FloatArray
    stage: list[str]
    cost: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def clean(cls, block: _Block) -> "_Record":
        """The state before any attack."""
        count = len(block.logits)
        failed = ~finite_rows(block.logits)
        wrong = ~failed & (np.argmax(block.logits, axis=1) != block.batch.labels)
        whole = np.zeros(count, np.int64)
        flags = {name: np.zeros(count, bool) for name in _FLAGS}
        return cls(
            jury=block.jury,
            wrong=wrong,
            failed=failed,
            best=block.batch.images.copy(),
            iterations=whole.copy(),
            queries=whole.copy(),
            targets=np.full((count, 0), 0, np.int64),
            distance=np.zeros((count, 0), np.float32),
            stage=[""] * count,
            cost=Counter({"forward:clean": count}),
            **flags,
        )

    @property
    def standing(self) -> Places:
        """Places of the images that are still attacked."""
        return (~(self.wrong | self.failed | self.jury.over)).nonzero()[0]

    def heard(self, one: Jury, places: Places, run: Run) -> None:
        """Take in what a jury over some places came to, under the name of a run."""
        told = (one.broken & ~self.jury.broken[places]) | (one.over & ~self.jury.over[places])
        for place in np.unique(places[told]):
            self.stage[place] = run.name
        self.jury.take_in(one, places)
        self.attacked[places] = True
        self.cost[f"forward:{run.name}"] += one.forward

    def climbed(self, found: Found, places: Places, run: Run) -> None:
        """Take in what a climb says of some places."""
        self.best[places] = found.best
        np.add.at(self.iterations, places, found.iterations)
        self.rising[places] = False
        self.rising[places[found.rising]] = True
        self.disagree[places[found.disagree]] = True
        self.rose[places[found.rose]] = True
        if run.stage.loss == "margin":  # other losses may be flat where the model is not
            self.flat[places[found.flat]] = True
        self.cost[f"forward:{run.name}"] += found.passes
        self.cost[f"backward:{run.name}"] += found.passes


_FLAGS = ("attacked", "flat", "disagree", "rose", "rising")


def _climb(
    block: _Block, record: _Record, run: Run, gradient: Gradient, tell: Callable[[int], None]
) -> None:
    """One stage over whatever still stands, target after target where it has some."""
    stage = run.stage
    if stage.targets and len(record.standing):
        _rank(block, record, run, gradient)
    places, numbers = _lanes(block, record, run)
    if not len(places):
        return
    jury = record.jury.rows(places)
    problem = _problem(block, record, run, numbers=numbers, places=places)
    found = apgd(jury, gradient, problem, tell)
    record.heard(jury, places, run)
    record.climbed(found, places, run)


def _lanes(block: _Block, record: _Record, run: Run) -> tuple[Places, Places]:
    """Images to climb from and the rank of the target of each: all targets side by side."""
    count = run.stage.runs(block.subject.facts.classes) if run.stage.targets else 1
    standing, pairs = record.standing, list[tuple[int, int]]()
    for number in range(count):
        worth = _within_reach(block, record, run, number)
        pairs += [(int(place), number) for place in standing if worth[place]]
    places, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
    return places, numbers


def _rank(block: _Block, record: _Record, run: Run, gradient: Gradient) -> None:
    """Order the targets of what stands; those of a unit's earlier runs stay as they are."""
    if record.targets.shape[1]:
        return
    places, batch = record.standing, block.batch
    found: Ranking = rank(
        gradient, batch.images[places], batch.labels[places], block.logits[places]
    )
    record.targets = np.zeros((len(batch.labels), found.targets.shape[1]), np.int64)
    record.distance = np.zeros(record.targets.shape, np.float32)
    record.targets[places], record.distance[places] = found.targets, found.distance
    record.cost[f"forward:{run.name}"] += found.passes
    record.cost[f"backward:{run.name}"] += found.passes


def _within_reach(block: _Block, record: _Record, run: Run, number: int) -> Flags:
    """Whose target of this rank is worth a climb. The nearest always is: a slope may mislead."""
    count = len(block.batch.labels)
    if number == 0 or not run.stage.reach:
        return np.full(count, number == 0 or number < record.targets.shape[1])
    if number >= record.targets.shape[1]:
        return np.zeros(count, bool)
    distance = record.distance[:, number]
    return ~np.isfinite(distance) | (distance <= run.stage.reach * block.eps)


def _problem(
    block: _Block, record: _Record, run: Run, *, numbers: Places, places: Places
) -> Problem:
    batch, ball = block.batch, block.ball.rows(places)
    start = batch.images[places]
    if run.stage.start == "noise":
        start = ball.at(np.stack(list(_noise(block, run.salt, draws=numbers, places=places))))
    about = batch.labels[places]
    if run.stage.targets:
        about = np.stack([about, record.targets[places, numbers]], axis=1)
    return Problem(
        start=start,
        ball=ball,
        about=about,
        loss=LOSSES[run.stage.loss],
        eps=block.eps,
        iterations=run.stage.iterations,
        tolerance=TWIN_TOLERANCE if block.subject.facts.twin else APART,
    )


def _noise(block: _Block, salt: str, *, draws: Places, places: Places) -> Iterator[FloatArray]:
    shape, seed = block.batch.images.shape[1:], block.shard.seed
    for place, draw in zip(places, draws, strict=True):
        sample = block.batch.ids[int(place)]
        yield uniform(shape, seed=seed, sample=sample, stage=salt, iteration=0, draw=int(draw))


def _search(block: _Block, record: _Record, run: Run, tell: Callable[[int], None]) -> None:
    """Scores alone, over whatever still stands."""
    places = record.standing
    if not len(places):
        return
    count = needed(run.queries, block.batch.images.shape[-1])
    seed, ids = block.shard.seed, [block.batch.ids[int(one)] for one in places]
    drawn = [words(count, seed=seed, sample=one, stage=run.salt, draw=0) for one in ids]
    jury = record.jury.rows(places)
    search = Search(block.ball.rows(places), run.queries, np.stack(drawn))
    record.queries[places] += square(jury, search, tell)
    record.heard(jury, places, run)


def _ask_again(block: _Block, record: _Record, inputs: Mapping[str, Array]) -> Mapping[str, int]:
    """Ask about pictures that broke an earlier model, of the images that are right here.

    The uploaded bytes are asked about all of them, as about any image that an attack was tried on.
    """
    place, subject = {row: at for at, row in enumerate(block.batch.rows)}, block.subject
    shown: list[FloatArray] = []
    for depth, rows in block.shard.params["asked"].items():
        places = np.array([place[row] for row in rows], np.int64)
        right = ~(record.wrong | record.failed)[places]
        points = seen(inputs[depth])
        jury = record.jury.rows(places[right])
        jury.ask(points[right], np.arange(len(jury.labels)))
        record.heard(jury, places[right], Run(EARLIER, EARLIER))
        shown.append(points)
    if subject.uploaded is None:
        return {}
    points = np.concatenate(shown)
    record.cost["forward:replay"] += 2 * len(points)
    return replayed(subject, points, subject.predict(points))


def _replays(block: _Block, record: _Record) -> dict[str, int]:
    """Ask the uploaded bytes about the clean images, and where those that stand were attacked.

    Agreement on clean images proves little of the ball around them; so the strongest point that
    the attack reached and one of plain noise are asked about as well. Later passes ask no clean
    image again that has those: what differs must not drown among what was agreed on before.
    """
    if block.subject.uploaded is None:
        return {}
    places = record.standing
    again = np.ones(len(block.batch.labels), bool)
    again[places] = block.shard.params["pass"] in {ONE, SMOKE}
    points = [block.batch.images[again]]
    if len(places):
        ball = block.ball.rows(places)
        points += [record.best[places]]
        points += [
            ball.at(np.stack(list(_noise(block, "replay", draws=0 * places, places=places))))
        ]
    images = np.concatenate(points)
    counts = replayed(block.subject, images, block.subject.predict(images))
    record.cost["forward:replay"] += 2 * len(images)
    return counts


def _partial(block: _Block, record: _Record, replays: Mapping[str, int]) -> Partial:
    jury = record.jury
    blobs: dict[str, Array] = {}
    if jury.broken.any():
        blobs["witness"] = np.ascontiguousarray(jury.witness[jury.broken])
    if jury.on_grid.any():
        blobs["witness8"] = np.ascontiguousarray(jury.codes[jury.on_grid])
    passes = {
        kind: sum(count for name, count in record.cost.items() if name.startswith(kind))
        for kind in ("forward", "backward")
    }
    gap = block.subject.facts.gradient_gap
    return Partial(
        "measured",
        {**replays, **record.cost},
        samples=_columns(block, record),
        blobs=blobs,
        passes=passes,
        claims="witness" if "witness" in blobs else None,
        note=f"searched by scores alone: {gap}" if gap else "",
    )


def _columns(block: _Block, record: _Record) -> dict[str, list[int] | list[str] | list[bool]]:
    """One entry a row, in order; a break is a claim until someone else confirms it."""
    jury, flags = record.jury, {name: getattr(record, name).tolist() for name in _FLAGS}
    columns: dict[str, list[int] | list[str] | list[bool]] = {
        "row": [int(row) for row in block.batch.rows],
        "state": _unless_open(block, _states(record, jury.broken)),
        "stage": list(record.stage),
        "iterations": record.iterations.tolist(),
        "queries": record.queries.tolist(),
        **flags,
    }
    if jury.grid is not None:
        columns["state8"] = _states(record, jury.on_grid)
    if block.shard.params["pass"] == EARLIER:
        news = jury.broken | (jury.failed & ~record.failed)
        for name in {"state", "state8"} & columns.keys():
            columns[name] = _news(columns[name], news)
    return columns


def _unless_open(block: _Block, states: Sequence[str]) -> list[str]:
    """A claim in float32 that a retry left open stays one, whatever else finds nothing."""
    unclear = set(block.shard.params.get("open", ()))
    told = zip(block.batch.rows, states, strict=True)
    return ["" if row in unclear and state == "standing" else state for row, state in told]


def _news(states: Sequence[object], fell: Flags) -> list[str]:
    """Only what fell: other passes say more of an image that a foreign picture does not break."""
    told = zip(states, fell, strict=True)
    return [str(state) if new and state in {"claimed", "error"} else "" for state, new in told]


def _states(record: _Record, broken: Flags) -> list[str]:
    found = np.full(len(broken), "standing", object)
    found[record.wrong], found[record.failed | record.jury.failed] = "wrong", "error"
    found[broken] = "claimed"
    return [str(word) for word in found]
