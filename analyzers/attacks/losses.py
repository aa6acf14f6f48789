"""What an attack climbs: one value an image, larger the nearer the image is to a wrong answer.

``about`` holds the true class of each image, and a target class beside it for targeted losses.
DLR, the difference of logits ratio, is from Croce and Hein (ICML 2020); it does not change when
all logits are scaled, but it is constant where the true class ranks third and undefined for few
classes. There the margin over the spread of the logits, taken as a constant, stands in.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]

_TINY = 1e-12


def margin(logits: Tensor, about: Tensor) -> Tensor:
    """Best other logit minus the true one."""
    return _best_other(logits, about) - _picked(logits, about)


def cross_entropy(logits: Tensor, about: Tensor) -> Tensor:
    """Negative log-likelihood of the true class."""
    return functional.cross_entropy(logits, about, reduction="none")


def dlr(logits: Tensor, about: Tensor) -> Tensor:
    """Margin over the gap between the largest and the third largest logit."""
    gap = margin(logits, about)
    if logits.shape[1] < 3:  # noqa: PLR2004 - there is no third
        return gap / _spread(logits)
    top = logits.topk(3, dim=1).values
    ratio = top[:, 0] - top[:, 2]
    plain = (_picked(logits, about) <= top[:, 2]) | (ratio <= _TINY * top.abs().amax(1))
    return torch.where(plain, gap / _spread(logits), gap / torch.where(plain, 1.0, ratio))


def targeted_margin(logits: Tensor, about: Tensor) -> Tensor:
    """Logit of the target minus the true one."""
    return _picked(logits, about[:, 1]) - _picked(logits, about[:, 0])


def targeted_dlr(logits: Tensor, about: Tensor) -> Tensor:
    """Targeted margin over the gap between the largest logit and the mean of ranks 3 and 4."""
    gap = targeted_margin(logits, about)
    if logits.shape[1] < 4:  # noqa: PLR2004 - there is no fourth
        return gap / _spread(logits)
    top = logits.topk(4, dim=1).values
    ratio = top[:, 0] - (top[:, 2] + top[:, 3]) / 2
    plain = ratio <= _TINY * top.abs().amax(1)
    return torch.where(plain, gap / _spread(logits), gap / torch.where(plain, 1.0, ratio))


LOSSES: Mapping[str, Loss] = {
    "margin": margin,
    "dlr": dlr,
    "cross-entropy": cross_entropy,
    "targeted-margin": targeted_margin,
    "targeted-dlr": targeted_dlr,
}


def _picked(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]


def _best_other(logits: Tensor, classes: Tensor) -> Tensor:
    own = functional.one_hot(classes, logits.shape[1]).bool()
    return logits.masked_fill(own, -torch.inf).amax(1)


def _spread(logits: Tensor) -> Tensor:
    """Standard deviation over the classes, without a slope of its own."""
    return logits.detach().std(1).clamp_min(torch.finfo(logits.dtype).tiny)
