"""How far an ONNX file may lie from torch: answers that are no numbers are never close."""

import math

import pytest
import torch
from torch import nn

from analyzers.contract import Refusal
from service.intake.torch_files.exporting_child import drift
from support.graphs import model, node


def identity() -> bytes:
    """A file that answers with what it is shown."""
    return model([node("Flatten", "image", "logits")]).SerializeToString()


def shown() -> torch.Tensor:
    """A picture of what the file takes."""
    return torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def refusal(given: torch.Tensor, wanted: torch.Tensor) -> str:
    """The code that a comparison ends with."""
    with pytest.raises(Refusal) as caught:
        drift(identity(), given, wanted)
    return caught.value.code


def test_what_is_the_same_has_no_drift() -> None:
    """Zero for the same numbers; too far apart, or of another shape, is refused."""
    given = shown()
    wanted = nn.Flatten()(given)
    assert drift(identity(), given, wanted) == 0.0
    assert refusal(given, wanted + 1) == "MODEL_UNSTABLE"
    assert refusal(given, wanted[:, 1:]) == "MODEL_UNSTABLE"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_on_either_side(number: float) -> None:
    """A distance to them is no number either, and would pass every comparison."""
    given = shown()
    wanted = nn.Flatten()(given)
    wanted[0, 0] = number
    assert refusal(given, wanted) == "MODEL_LOGITS_NOT_FINITE"
    given[0, 0, 0, 0] = number
    assert refusal(given, nn.Flatten()(shown())) == "MODEL_LOGITS_NOT_FINITE"
    assert refusal(given, nn.Flatten()(given)) == "MODEL_LOGITS_NOT_FINITE"
