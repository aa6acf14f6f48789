"""Looks into a model at clean pictures beside attacked or noisy ones, block by block."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from analyzers.attacks.draws import gaussian
from analyzers.behaviour.channels import columns, numbers
from analyzers.behaviour.channels.columns import NOISE_STEP, plain
from analyzers.behaviour.channels.numbers import Floats
from analyzers.behaviour.channels.places_child import Sight, sight_of
from analyzers.behaviour.channels.summary_child import summarised
from analyzers.contract import (
    Array,
    Batch,
    FloatArray,
    Head,
    Partial,
    Refusal,
    Shard,
    Subject,
    Tell,
)

ROWS: Final = 16
"""Images whose maps are held at one time, where they are small."""
MOST_BYTES: Final = 1 << 27
"""Of the maps of those images, for clean ones and for the others."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """One block of images, or what all blocks come to."""
    sight = sight_of(subject.places())
    if isinstance(sight, str):
        return Partial("not_applicable", note=sight)
    if shard.params["do"] == columns.SUM:
        return summarised(shard, sight, inputs, tell)
    try:
        return _looked(shard, subject, batch, sight, inputs.get(columns.PROBE), tell)
    except Refusal as refusal:  # a model that cannot be looked into can still be audited
        return Partial("not_available", note=refusal.sentence)


class _Seen(NamedTuple):
    """What some images look like inside."""

    clean: Floats
    attacked: Floats | None
    gains: Mapping[str, Floats]


def _looked(
    shard: Shard,
    subject: Subject,
    batch: Batch,
    sight: Sight,
    probe: FloatArray | None,
    tell: Tell,
) -> Partial:
    noisy = _noisy(shard, batch, probe)
    seen: list[_Seen] = []
    for low, high in _pieces(subject, batch, sight):
        tell(low, len(batch.rows), "channels")
        others = {columns.GAUSSIAN: noisy[low:high]}
        if probe is not None:
            others[columns.ATTACK] = probe[low:high]
        seen.append(_pair(subject, sight, batch.images[low:high], others))
    clean = np.concatenate([one.clean for one in seen])
    attacked = [one.attacked for one in seen if one.attacked is not None]
    after = np.concatenate(attacked) if attacked else None
    gains = {name: np.concatenate([one.gains[name] for one in seen]) for name in seen[0].gains}
    found = {**_of_images(sight, batch.labels, clean, after), **gains}
    pair = np.stack([clean] if after is None else [clean, after], axis=1)
    name = str(shard.params[columns.THREAT])
    return Partial(
        "measured",
        numbers={"channels": clean.shape[1], "head": int(sight.head is not None)},
        samples={
            "row": list(batch.rows),
            "label": batch.labels.tolist(),
            **{key: plain(values) for key, values in found.items()},
        },
        blobs={
            columns.blob(columns.CHANNELS, name): pair.astype(np.float32),
            columns.blob(columns.LABELS, name): np.asarray(batch.labels, np.int64),
        },
        passes={"forward": (2 if probe is None else 3) * len(clean) + 1, "backward": 0},
        note=sight.told,
    )


def _pieces(subject: Subject, batch: Batch, sight: Sight) -> Iterator[tuple[int, int]]:
    """Rows whose maps fit, judged by the maps of the first image."""
    size = 0

    def weigh(name: str, values: FloatArray) -> Array:
        nonlocal size
        del name
        size += values[:1].nbytes
        return np.zeros(len(values))

    subject.activations(batch.images[:1], sight.names, weigh)
    step = max(1, min(ROWS, MOST_BYTES // max(1, size)))
    for low in range(0, len(batch.rows), step):
        yield low, min(low + step, len(batch.rows))


def _pair(
    subject: Subject, sight: Sight, images: FloatArray, others: Mapping[str, FloatArray]
) -> _Seen:
    """Clean maps are held while each of the others is looked at."""
    before = subject.activations(images, sight.names, _whole)
    attacked: Floats | None = None
    gains: dict[str, Floats] = {}
    for noise, shown in others.items():
        after = subject.activations(shown, sight.names, _whole)
        for at, layer in enumerate(sight.layers):
            tensor = layer.tensor
            gains[columns.gain(noise, at)] = numbers.gain(before[tensor], after[tensor])
        if noise == columns.ATTACK:
            attacked = sight.activation(after[sight.tensor])
    return _Seen(sight.activation(before[sight.tensor]), attacked, gains)


def _whole(name: str, values: FloatArray) -> FloatArray:
    del name
    return values


def _of_images(
    sight: Sight, labels: Array, clean: Floats, attacked: Floats | None
) -> dict[str, Floats]:
    """Every number of an image; none for one whose activation is not finite."""
    after = clean if attacked is None else attacked
    good = numbers.finite(clean) & numbers.finite(after)
    before, after = (np.where(good[:, None], one, 0.0) for one in (clean, after))
    found: dict[str, Floats] = {} if attacked is None else _moved(before, after)
    if sight.head is not None:
        known = columns.known(labels, sight.head)
        told = _told_by_head(sight.head, np.where(known, labels, 0), before, after)
        if attacked is None:
            told = {name: told[name] for name in _CLEAN}
        found.update({name: np.where(known, one, np.nan) for name, one in told.items()})
    return {name: np.where(good, one, np.nan) for name, one in found.items()}


_CLEAN: Final = ("right", "clean_share", "clean_against", "clean_favour")


def _told_by_head(head: Head, labels: Array, before: Floats, after: Floats) -> dict[str, Floats]:
    """What the weights of the true class make of the activation."""
    weight = head.weight.astype(np.float64)
    logits = before @ weight.T + head.bias
    one, other = (numbers.sides(values, weight[labels]) for values in (before, after))
    return {
        "right": (logits.argmax(axis=1) == labels).astype(np.float64),
        **_against("clean", one),
        **_against("attacked", other),
        "nr_over": numbers.quotient(other.size_against, one.size_against),
        "pr_keep": numbers.quotient(other.size_favour, one.size_favour),
    }


def _against(name: str, told: numbers.Sides) -> dict[str, Floats]:
    return {
        f"{name}_share": numbers.quotient(told.size_against, told.size),
        f"{name}_against": told.against,
        f"{name}_favour": told.favour,
    }


def _moved(clean: Floats, attacked: Floats) -> dict[str, Floats]:
    size, after = (np.abs(one).sum(axis=1) for one in (clean, attacked))
    return {
        "relative_change": numbers.relative_change(clean, attacked),
        "cosine": numbers.cosine(clean, attacked),
        "magnitude_ratio": numbers.quotient(after, size),
        "uniformity": numbers.evenness(attacked) - numbers.evenness(clean),
    }


def _noisy(shard: Shard, batch: Batch, probe: FloatArray | None) -> FloatArray:
    """Each image under Gaussian noise as long as its attack, or of a fixed size without one."""
    shown = np.empty(batch.images.shape, np.float32)
    wanted = None if probe is None else numbers.lengths(probe, batch.images)
    for at, (image, sample) in enumerate(zip(batch.images, batch.ids, strict=True)):
        noise = gaussian(
            image.shape, seed=shard.seed, sample=sample, stage="channels", iteration=0, draw=0
        )
        size = NOISE_STEP if wanted is None else wanted[at] / np.sqrt(np.square(noise).sum())
        shown[at] = np.clip(image + size * noise, 0.0, 1.0)
    return shown
