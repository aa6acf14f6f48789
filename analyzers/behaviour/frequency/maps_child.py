"""Answers to pictures with a wave on them: cell by cell of a polar map, or wave by wave."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from analyzers.attacks.draws import below, bits, words
from analyzers.behaviour.frequency.answers import Answers, answers, some
from analyzers.behaviour.frequency.course import PHASES
from analyzers.behaviour.frequency.spectra import Floats, Ints
from analyzers.behaviour.frequency.waves import added, cells, half_plane, norm_of, waves
from analyzers.contract import Array, Batch, FloatArray, Json, Partial, Shard, Subject, Tell

_WORD: Final = 64


class Drawn(NamedTuple):
    """What is drawn for some images, one row each."""

    which: Ints
    """A number below what there is to choose from."""
    signs: FloatArray
    """-1 or 1 for every channel."""
    quarter: Array
    """Which of two phases, where only one is shown."""


def drawn(shard: Shard, batch: Batch, number: int, among: int) -> Drawn:
    """The draw of a number for every image, a choice out of ``among`` in it."""
    channels, stage = batch.images.shape[1], f"frequency.{shard.params['look']}"
    count = 2 + -(-channels // _WORD)
    raw = np.stack(
        [words(count, seed=shard.seed, sample=one, stage=stage, draw=number) for one in batch.ids]
    )
    coins = bits(_WORD, raw[:, 2:]).reshape(len(raw), -1)[:, :channels]
    signs = np.where(coins, np.float32(1), np.float32(-1))
    return Drawn(below(among, raw[:, 0]), signs, bits(1, raw[:, 1])[:, 0])


def polar(shard: Shard, subject: Subject, batch: Batch, tell: Tell) -> Partial:
    """Each image gets a wave of its own from every open cell, in both phases."""
    _, height, width = subject.facts.shape
    every = cells(height, width, shard.params["turns"])
    clean = answers(subject.predict(batch.images), batch.labels)
    samples, cut = _of_clean(batch, clean), 0.0
    wanted: Sequence[int] = shard.params["cells"]
    for done, number in enumerate(wanted):
        tell(done, len(wanted), "waves of the polar map")
        members = every[number].members
        draw = drawn(shard, batch, number, len(members))
        places = members[draw.which]
        seen = [
            seen_with(subject, batch, clean, Wave(places, np.full(len(places), late), draw.signs))
            for late in (False, True)
        ]
        samples[f"wrong:{number}"] = np.sum([one.wrong for one in seen], axis=0).tolist()
        change = (seen[0].change + seen[1].change) / PHASES
        samples[f"change:{number}"] = [None if np.isnan(one) else one for one in change.tolist()]
        cut += sum(float(one.cut.sum()) for one in seen)
    shown = len(batch.labels) * PHASES * len(wanted)
    return Partial(
        "measured",
        {"wave_cut": cut, "waves": shown},
        samples,
        passes={"forward": shown + len(batch.labels)},
    )


def whole_plane(shard: Shard, subject: Subject, batch: Batch, tell: Tell) -> Partial:
    """Each wave of a part of the half plane on every image, in a phase drawn for the image."""
    _, height, width = subject.facts.shape
    first, last = shard.params["first"], shard.params["last"]
    clean = answers(subject.predict(batch.images), batch.labels)
    numbers, cut = dict[str, float](), 0.0
    for number, place in enumerate(half_plane(height, width)[first:last], first):
        tell(number - first, last - first, "every wave")
        draw = drawn(shard, batch, number, 1)
        places = np.repeat(place[None], len(batch.labels), axis=0)
        seen = seen_with(subject, batch, clean, Wave(places, draw.quarter, draw.signs))
        numbers[f"wrong:{number}"] = int(seen.wrong.sum())
        cut += float(seen.cut.sum())
    shown = len(batch.labels) * (last - first)
    return Partial(
        "measured",
        {**numbers, "wave_cut": cut, "waves": shown},
        {"row": list(batch.rows), "right": clean.right.tolist()},
        passes={"forward": shown + len(batch.labels)},
    )


def _of_clean(batch: Batch, clean: Answers) -> dict[str, list[Json]]:
    told = zip(np.linalg.norm(clean.logits, axis=1).tolist(), clean.fit.tolist(), strict=True)
    return {
        "row": list(batch.rows),
        "right": clean.right.tolist(),
        "size": [size if fit else None for size, fit in told],
    }


class Wave(NamedTuple):
    """What is added to some images, one row each."""

    places: Ints
    quarter: Array
    signs: FloatArray


class Seen(NamedTuple):
    """What became of some images, one row each."""

    wrong: Array
    change: Floats
    """Norm of the change of centred logits; NaN where an answer is no number."""
    cut: Floats
    """Share of the pixels that were cut to their range."""


def seen_with(subject: Subject, batch: Batch, clean: Answers, wave: Wave) -> Seen:
    """The answers to waves on images."""
    _, height, width = subject.facts.shape
    norm, found = norm_of(height, width), list[Seen]()
    for part in some(batch.images):
        form = waves(wave.places[part], wave.quarter[part], height, width)
        moved, cut = added(batch.images[part], form, wave.signs[part], norm)
        there = answers(subject.predict(moved), batch.labels[part])
        change = np.linalg.norm(there.logits - clean.logits[part], axis=1)
        change[~(there.fit & clean.fit[part])] = np.nan
        found.append(Seen(~there.right, change, cut))
    return Seen(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
