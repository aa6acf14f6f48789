"""Several steps as one that torch knows: less to remember for the slope, and fewer passes.

A pattern is fused only where the values in between have no other reader, and only over plain
arithmetic of real numbers: rounding, casts and constants in half precision are in no pattern, so a
program has the same twin with and without. Values and slopes stay the same but for rounding.
"""

from analyzers.engines.patterns.attention import Attention
from analyzers.engines.patterns.gelu import gelu
from analyzers.engines.patterns.linear import linear, scaled_linear
from analyzers.engines.patterns.narrow import narrow
from analyzers.engines.patterns.parts import parts
from analyzers.engines.steady import steady
from analyzers.engines.steps import Step
from analyzers.engines.workbench import Pattern, Workbench


def fused(bench: Workbench, opset: int, device: str = "cpu") -> list[Step]:
    """The steps with every pattern replaced; each pattern is recognised by its last step."""
    if not bench.single:
        return bench.steps
    patterns: list[Pattern] = [gelu, linear, scaled_linear, parts]
    if device == "cpu":  # on a GPU the sums of fused attention's slope have no fixed order
        patterns += [Attention(opset, steady(bench.steps, bench.constants)), narrow]
    for pattern in patterns:
        for at in bench.places():
            found = pattern(bench, bench[at])
            if found is not None:
                bench.replace(at, found.step, found.gone)
    return bench.steps
