"""A module that counts what passes through it, picture by picture."""

from torch import Tensor, nn


class Counted(nn.Module):
    """Answers as the module inside; counts pictures on their way forward and back."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.forwards = 0
        self.backwards = 0

    def forward(self, pixels: Tensor) -> Tensor:
        """Count, and count again whenever a gradient comes back through the answer."""
        count = len(pixels)
        self.forwards += count
        logits: Tensor = self.inner(pixels)

        def back(slope: Tensor) -> Tensor:
            self.backwards += count
            return slope

        if logits.requires_grad:
            logits.register_hook(back)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        return logits
