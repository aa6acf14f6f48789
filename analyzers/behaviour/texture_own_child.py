"""Asks the model about a user's own pictures whose shape and texture name different classes."""

from collections.abc import Mapping

import numpy as np

from analyzers.behaviour.texture_own import OWN, PICTURES, SHAPE, TEXTURE
from analyzers.contract import Array, Partial, Shard, Subject, Tell
from analyzers.pictures import seen


def answered(shard: Shard, subject: Subject, inputs: Mapping[str, Array], tell: Tell) -> Partial:
    """How many are taken for their shape, for their texture, and for neither.

    Answers that are no numbers name neither class. Pictures without a conflict are only counted.
    """
    low, high = shard.params[OWN]
    tell(0, high - low, "own pictures")
    shape, texture = (inputs[name][low:high] for name in (SHAPE, TEXTURE))
    differ = shape != texture
    logits = subject.predict(seen(inputs[PICTURES][low:high][differ]))
    told = np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1)
    by_shape, by_texture = (int((told == one[differ]).sum()) for one in (shape, texture))
    asked = int(differ.sum())
    counts = {
        "shape": by_shape,
        "texture": by_texture,
        "neither": asked - by_shape - by_texture,
        "same": high - low - asked,
    }
    return Partial("measured", counts, passes={"forward": asked, "backward": 0})
