"""Ways to claim breaks: one that is honest, and those of a child that would rather settle them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from analyzers.contract import Array, Batch, Partial, Shard, Subject, Tell

FAR: Final = 9
"""Codes: one more than eps allows."""


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Claim every picture that was asked for, unmoved, with the trick that ``params.do`` names."""
    del subject, inputs, tell
    rows = [int(row) for row in shard.params.get("of", batch.rows)]
    images = batch.images[[row - shard.rows[0] for row in rows]]
    codes = np.rint(images * np.float32(255)).astype(np.uint8)
    samples: dict[str, list[Any]] = {"row": rows, "state": ["claimed"] * len(rows)}
    if shard.params.get("eight_bit"):
        samples["state8"] = ["claimed"] * len(rows)
    blobs: dict[str, Array] = {"w": images, "w8": codes}
    TRICKS[str(shard.params["do"])](samples, blobs)
    return Partial("measured", samples=samples, blobs=blobs, claims="w" if "w" in blobs else None)


Samples = dict[str, list[Any]]
Blobs = dict[str, Array]


def honest(samples: Samples, blobs: Blobs) -> None:
    """As agreed: one float picture and one of codes for each claim."""
    del samples, blobs


def settle(samples: Samples, blobs: Blobs) -> None:
    """Say that a picture is broken."""
    del blobs
    samples["state"][0] = "broken"


def settle8(samples: Samples, blobs: Blobs) -> None:
    """Say it of 8 bits alone."""
    del blobs
    samples["state8"][0] = "broken"


def open8(samples: Samples, blobs: Blobs) -> None:
    """Say that nobody could confirm it."""
    del blobs
    samples["state8"][0] = "pending"


def certify8(samples: Samples, blobs: Blobs) -> None:
    """Say that it is certified."""
    del blobs
    samples["state8"][0] = "certified"


def leave_out(samples: Samples, blobs: Blobs) -> None:
    """Say nothing of the last picture."""
    for column in samples.values():
        column.pop()
    blobs.update({name: blob[:-1] for name, blob in blobs.items()})


def name_twice(samples: Samples, blobs: Blobs) -> None:
    """Tell of the first picture twice and of the second never."""
    del blobs
    samples["row"][1] = samples["row"][0]


def turn_round(samples: Samples, blobs: Blobs) -> None:
    """Tell of them in another order."""
    del blobs
    samples["row"].reverse()


def elsewhere(samples: Samples, blobs: Blobs) -> None:
    """Tell of other pictures."""
    del blobs
    samples["row"] = [row + 1 for row in samples["row"]]


def no_rows(samples: Samples, blobs: Blobs) -> None:
    """Do not say which pictures they are."""
    del blobs, samples["row"]


def no_states8(samples: Samples, blobs: Blobs) -> None:
    """Keep quiet about 8 bits, so that float breaks would stand in for them."""
    del samples["state8"], blobs["w8"]


def no_states(samples: Samples, blobs: Blobs) -> None:
    """Tell of 8 bits alone."""
    del samples["state"], blobs


def more_states8(samples: Samples, blobs: Blobs) -> None:
    """Tell of 8 bits where nobody asked."""
    del blobs
    samples["state8"] = list(samples["state"])


def no_witness(samples: Samples, blobs: Blobs) -> None:
    """Claim without any picture."""
    del samples
    blobs.clear()


def no_witness8(samples: Samples, blobs: Blobs) -> None:
    """Claim 8 bits without their pictures."""
    del samples, blobs["w8"]


def fewer_witnesses8(samples: Samples, blobs: Blobs) -> None:
    """Send one picture less than there are claims."""
    del samples
    blobs["w8"] = blobs["w8"][1:]


def floats_for_codes(samples: Samples, blobs: Blobs) -> None:
    """Send float pictures where codes are due."""
    del samples
    blobs["w8"] = blobs["w"]


def codes_for_floats(samples: Samples, blobs: Blobs) -> None:
    """Send codes where float pictures are due."""
    del samples
    blobs["w"] = blobs["w8"]


def flat_codes(samples: Samples, blobs: Blobs) -> None:
    """Send as many codes in another shape."""
    del samples
    blobs["w8"] = blobs["w8"].reshape(len(blobs["w8"]), -1)


def beyond8(samples: Samples, blobs: Blobs) -> None:
    """Move one pixel of the first picture one code too far."""
    del samples
    first = blobs["w8"][0].reshape(-1)
    first[0] = first[0] + FAR if first[0] < FAR else first[0] - FAR


def beyond(samples: Samples, blobs: Blobs) -> None:
    """Do the same with a float picture."""
    del samples
    moved = blobs["w"].copy()
    moved[0, 0, 0, 0] += np.float32(FAR / 255) * (1 if moved[0, 0, 0, 0] < 0.5 else -1)
    blobs["w"] = moved


def holes(samples: Samples, blobs: Blobs) -> None:
    """Send pictures that are no numbers."""
    del samples
    moved = blobs["w"].copy()
    moved[0, 0, 0, 0], moved[1, 0, 0, 0] = np.nan, np.inf
    blobs["w"] = moved


def swap8(samples: Samples, blobs: Blobs) -> None:
    """Send the picture of one image for another."""
    del samples
    blobs["w8"] = blobs["w8"][[1, 0, *range(2, len(blobs["w8"]))]]


TRICKS: Final[Mapping[str, Callable[[Samples, Blobs], None]]] = {
    one.__name__: one
    for one in (
        honest,
        settle,
        settle8,
        open8,
        certify8,
        leave_out,
        name_twice,
        turn_round,
        elsewhere,
        no_rows,
        no_states8,
        no_states,
        more_states8,
        no_witness,
        no_witness8,
        fewer_witnesses8,
        floats_for_codes,
        codes_for_floats,
        flat_codes,
        beyond8,
        beyond,
        holes,
        swap8,
    )
}
