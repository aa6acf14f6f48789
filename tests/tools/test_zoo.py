"""The nets of the bench are frozen, repeatable, and such that a wrong fold shows."""

import onnx
import pytest
import torch
from torch import nn

from tools import zoo


@pytest.mark.parametrize("name", zoo.NAMES)
def test_a_seed_gives_the_same_net(name: str) -> None:
    """The same weights and statistics for the same seed, others for another."""
    one, again, other = (zoo.build(name, small=True, seed=seed) for seed in (0, 0, 1))
    states = [net.state_dict() for net in (one, again, other)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize("name", zoo.NAMES)
def test_nets_are_frozen_and_evaluating(name: str) -> None:
    """No parameter asks for a slope and no layer trains."""
    net = zoo.build(name, small=True)
    assert not any(one.requires_grad for one in net.parameters())
    assert not any(layer.training for layer in net.modules())


def test_the_generator_of_the_caller_is_left_alone() -> None:
    """Building a net draws nothing from torch's own generator."""
    before = torch.get_rng_state()
    zoo.build("mobilenet", small=True)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet", "densenet"])
def test_batch_norms_do_something(name: str) -> None:
    """Means, variances, scales and offsets all differ from those that change nothing."""
    norms = [
        one for one in zoo.build(name, small=True).modules() if isinstance(one, nn.BatchNorm2d)
    ]
    assert norms
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.running_mean.abs().min() > 0
        assert (norm.running_var - 1).abs().max() > 0.01
        assert norm.bias.abs().min() > 0
        assert (norm.weight - 1).abs().max() > 0.01


def test_pictures_are_pixels_without_flat_places() -> None:
    """Values within [0,1], repeatable, and no two equal neighbours."""
    shown = zoo.pictures(5, seed=3)
    assert shown.shape == (5, 3, 32, 32)
    assert (shown.min(), shown.max()) == (0.0, 1.0)
    assert (shown[..., 1:] != shown[..., :-1]).mean() > 0.999
    assert (shown == zoo.pictures(5, seed=3)).all()


@pytest.mark.parametrize("opset", [11, 14])
def test_the_file_has_the_opset_asked_for(opset: int) -> None:
    """Attention is written out where the older exporter does not know it, and fused later."""
    module = zoo.build("vit", small=True)
    made = onnx.ModelProto.FromString(zoo.export(module, "older", opset))
    assert made.opset_import[0].version == opset
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_a_file_can_be_fixed_at_one_picture() -> None:
    """The input's first axis is then a number."""
    raw = zoo.export(zoo.build("lenet", small=True), "older", 17, batch_free=False)
    source = onnx.ModelProto.FromString(raw).graph.input[0]
    assert source.type.tensor_type.shape.dim[0].dim_value == 1


def test_written_out_and_fused_attention_are_one_function() -> None:
    """What stands in for the fused operator in old files gives the same logits."""
    net = zoo.build("vit", small=True)
    shown = torch.from_numpy(zoo.pictures(3, seed=1))  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    assert torch.allclose(net(shown), zoo.written_out(net)(shown), atol=1e-5)
