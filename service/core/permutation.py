"""The order in which an audit looks at its images, fixed before any model output is seen."""

import hashlib
from collections import Counter
from collections.abc import Sequence


def permutation(ids: Sequence[str], seed: int) -> list[int]:
    """Positions of the images in audit order.

    Sorted by hash(seed; sample id; copy), so that neither the file's order nor anybody's choice
    decides which images a prefix holds. ``copy`` tells equal images apart.
    """
    seen: Counter[str] = Counter()
    keys: list[tuple[bytes, int]] = []
    for position, sample in enumerate(ids):
        text = f"{seed};{sample};{seen[sample]}"
        keys.append((hashlib.sha256(text.encode()).digest(), position))
        seen[sample] += 1
    return [position for _, position in sorted(keys)]
