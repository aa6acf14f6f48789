"""Uploaded weights as arrays, for analyses that read what was trained. Runs in a child."""

import safetensors.torch

from analyzers.contract import Array


def floating(raw: bytes) -> dict[str, Array]:
    """The floating-point tensors of a safetensors file, in the precision that is converted."""
    stored = safetensors.torch.load(raw)
    return {
        name: tensor.float().numpy()
        for name, tensor in stored.items()
        if tensor.is_floating_point()
    }
