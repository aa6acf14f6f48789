"""Several shares at once: all intervals hold together at one level, whatever binds them.

Requirements, classes and attack sizes share images, so their errors depend on each other in ways
nobody knows. Bonferroni's bound needs nothing about that. Sidak's 1 - (1 - alpha)^(1/m) is exact
for independent intervals and proven for some kinds of dependence, not for this one; it would
widen alpha/m by at most 2.6 % at alpha = 0.05.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from analyzers.statistics.intervals import Interval, clopper_pearson


def joint_alpha(alpha: float, parts: int) -> float:
    """What each of the parts may err so that all together err at most alpha (Bonferroni).

    It serves the any-time rules too: the set, the survivors, the population, the pairs.
    """
    if parts < 1 or not 0 < alpha < 1:
        message = f"{alpha} among {parts} is no error to share"
        raise ValueError(message)
    return alpha / parts


def joint_intervals(counts: Sequence[tuple[int, int]], level: float = 0.95) -> tuple[Interval, ...]:
    """Exact intervals of several counts, each (k, n), that hold all together at the level.

    How many counts there are must be fixed before they are seen.
    """
    if not counts:
        return ()
    each = 1 - joint_alpha(1 - level, len(counts))
    return tuple(clopper_pearson(k, n, each) for k, n in counts)


def curve_band(standing: Sequence[int], n: int, level: float = 0.95) -> tuple[Interval, ...]:
    """A band of a curve that never rises, at sizes fixed beforehand, from the smallest on.

    Between two sizes the curve lies between the upper limit at the smaller and the lower limit at
    the larger. For eight sizes or more ``curve_margin`` is narrower near one half, this one is
    nearer zero and one; choose before looking.
    """
    if any(after > before for before, after in pairwise(standing)):
        message = "what falls at some size has fallen at every larger one"
        raise ValueError(message)
    return joint_intervals([(count, n) for count in standing], level)


def curve_margin(n: int, level: float = 0.95) -> float:
    """How far the counted curve of n independent images can lie off the true one, at any size.

    The inequality of Dvoretzky, Kiefer and Wolfowitz (1956), with the constant of Massart (1990):
    the share that stands at a size is the share of images whose smallest breaking size is larger.
    """
    if n < 0 or not 0 < level < 1:
        message = f"{n} images at level {level} bound no curve"
        raise ValueError(message)
    return min(1.0, math.sqrt(math.log(2 / (1 - level)) / (2 * n))) if n else 1.0
