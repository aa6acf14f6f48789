"""The catalogue against what is published: sizes, work, names, and how blocks compute."""

from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from service.intake.architectures.catalogue import ARCHITECTURES, build
from service.intake.architectures.densenet import DenseLayer, SmallDenseLayer
from service.intake.architectures.fitting import on_meta
from service.intake.architectures.mobilenet import Inverted, Plan, SmallInverted
from service.intake.architectures.preact_resnet import PreActBlock
from service.intake.architectures.resnet import Block, Padded, Style
from service.intake.architectures.wide_resnet import WideBlock

PARAMETERS = {
    "demo-cnn6": 107_610,
    "densenet121": 7_978_856,
    "densenet121-cifar": 6_956_298,
    "lenet5": 61_706,
    "lenet5-cifar": 62_006,
    "mobilenetv2": 3_504_872,
    "mobilenetv2-cifar": 2_296_922,
    "preactresnet18-bn-cifar": 11_172_170,
    "resnet18": 11_689_512,
    "resnet18-cifar": 11_173_962,
    "resnet20-b-cifar": 272_474,
    "resnet20-cifar": 269_722,
    "resnet50": 25_557_032,
    "resnet56-cifar": 853_018,
    "vgg16": 138_357_544,
    "vgg16-bn": 138_365_992,
    "vgg16-bn-cifar": 14_728_266,
    "vit-b-16": 86_567_656,
    "vit-ti-16": 5_717_416,
    "wideresnet-28-10-cifar": 36_479_194,
}
"""As the networks' publishers count them."""
MORE_PARAMETERS = {
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "preactresnet18-cifar": 11_171_146,
    "resnet101": 44_549_160,
    "resnet110-cifar": 1_727_962,
    "resnet152": 60_192_808,
    "resnet32-b-cifar": 466_906,
    "resnet34": 21_797_672,
    "resnet44-b-cifar": 661_338,
    "resnet50-cifar": 23_520_842,
    "resnet56-b-cifar": 855_770,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg19": 143_667_240,
    "vgg19-bn": 143_678_248,
    "vit-s-16": 22_050_664,
    "wide-resnet50-2": 68_883_240,
    "wideresnet-34-10-cifar": 46_160_474,
    "wideresnet-40-2-cifar": 2_243_546,
}
WORK = {
    "resnet20-cifar": 0.0406,
    "resnet18": 1.814,
    "vgg16-bn-cifar": 0.3132,
}
MORE_WORK = {
    "densenet121": 2.834,
    "densenet161": 7.728,
    "densenet169": 3.360,
    "densenet201": 4.291,
    "mobilenetv2": 0.3008,
    "resnet101": 7.801,
    "resnet152": 11.514,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet56-cifar": 0.1255,
    "vgg11": 7.609,
    "vgg13": 11.308,
    "vgg16": 15.470,
    "vgg19": 19.632,
    "vit-b-16": 17.564,
    "wide-resnet50-2": 11.398,
    "wideresnet-28-10-cifar": 5.243,
}
"""Billions of multiplications for one picture: wrong where a stride or a pooling is."""
KEYS = {
    "demo-cnn6": ("0.weight", "1.running_mean", "16.weight", "20.bias"),
    "densenet121": (
        *("features.conv0.weight", "features.norm0.weight", "features.norm5.bias"),
        *("features.denseblock1.denselayer1.norm1.weight", "features.transition1.conv.weight"),
        *("features.denseblock4.denselayer16.conv2.weight", "classifier.weight"),
    ),
    "densenet121-cifar": ("dense1.0.bn1.weight", "trans1.conv.weight", "bn.bias", "linear.weight"),
    "lenet5": ("conv1.weight", "conv2.bias", "fc1.weight", "fc3.bias"),
    "mobilenetv2": (
        *("features.0.0.weight", "features.1.conv.0.0.weight", "features.1.conv.2.bias"),
        *("features.2.conv.1.0.weight", "features.2.conv.3.running_var", "features.18.1.weight"),
        "classifier.1.weight",
    ),
    "mobilenetv2-cifar": ("layers.0.shortcut.0.weight", "layers.16.bn3.bias", "bn2.weight"),
    "preactresnet18-cifar": ("layer2.0.shortcut.0.weight", "layer1.0.bn1.weight", "linear.bias"),
    "preactresnet50-bn-cifar": ("layer1.0.conv3.weight", "layer4.2.bn3.bias", "bn.running_mean"),
    "resnet18": ("conv1.weight", "bn1.weight", "layer2.0.downsample.1.running_mean", "fc.bias"),
    "resnet50": ("layer1.0.conv3.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.bias"),
    "resnet18-cifar": ("layer2.0.shortcut.0.weight", "layer4.1.conv2.weight", "linear.weight"),
    "resnet20-b-cifar": ("layer2.0.downsample.0.weight", "layer3.2.bn2.bias", "fc.weight"),
    "resnet20-cifar": ("layer1.0.conv1.weight", "layer3.2.bn2.running_var", "linear.bias"),
    "vgg16": ("features.0.weight", "features.28.bias", "classifier.0.weight", "classifier.6.bias"),
    "vgg16-bn": ("features.1.running_mean", "features.40.weight", "classifier.3.weight"),
    "vgg16-bn-cifar": ("features.41.bias", "classifier.weight"),
    "vit-b-16": (
        *("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.norm1.weight"),
        *("blocks.0.attn.qkv.bias", "blocks.11.attn.proj.weight", "blocks.3.mlp.fc2.bias"),
        *("norm.weight", "head.weight"),
    ),
    "wideresnet-28-10-cifar": (
        *("block1.layer.0.convShortcut.weight", "block3.layer.3.bn2.running_mean", "bn1.weight"),
        "fc.weight",
    ),
}
SMALL = (
    *("demo-cnn6", "lenet5", "lenet5-cifar", "resnet20-cifar", "resnet20-b-cifar"),
    *("wideresnet-16-4-cifar", "mobilenetv2-cifar", "vit-ti-4-cifar"),
)


@cache
def sketch(name: str) -> nn.Module:
    """A network without memory for its weights."""
    told = ARCHITECTURES[name]
    return on_meta(told, told.classes).eval()


def draws(*shape: int, seed: int = 0) -> Tensor:
    """Repeatable noise."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def alive(module: nn.Module) -> nn.Module:
    """The module in evaluation mode with weights and statistics that all change the outcome."""
    noise = torch.Generator().manual_seed(1)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=noise) + 0.5)
    return module.eval()


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_has_the_published_number_of_parameters(name: str) -> None:
    """One weight too many or too few, and published files would not load."""
    assert sum(one.numel() for one in sketch(name).parameters()) == PARAMETERS[name]


@pytest.mark.deep
@pytest.mark.parametrize("name", MORE_PARAMETERS)
def test_the_others_have_the_published_number_too(name: str) -> None:
    """The same of depths and widths whose families are counted above."""
    assert sum(one.numel() for one in sketch(name).parameters()) == MORE_PARAMETERS[name]


@pytest.mark.parametrize("name", KEYS)
def test_layers_carry_the_names_that_published_weights_use(name: str) -> None:
    """A few names of each family, first and last layers among them."""
    assert set(KEYS[name]) <= set(sketch(name).state_dict())


def test_every_head_has_an_axis_of_classes() -> None:
    """The tensor from which the number of classes is read is there, under that name."""
    for name, told in ARCHITECTURES.items():
        if name in PARAMETERS:  # these are built already; the others share their code
            assert sketch(name).state_dict()[told.head].shape[0] == told.classes


def multiplications(name: str) -> float:
    """Billions for one picture, counted without computing."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        sketch(name)(torch.empty(1, *ARCHITECTURES[name].input_shape, device="meta"))
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize("name", WORK)
def test_each_does_the_published_work(name: str) -> None:
    """Strides and poolings stand where they do in the published networks."""
    assert multiplications(name) == pytest.approx(WORK[name], rel=2e-3)


@pytest.mark.deep
@pytest.mark.parametrize("name", MORE_WORK)
def test_the_larger_do_the_published_work_too(name: str) -> None:
    """The same of the networks that take longer to walk through."""
    assert multiplications(name) == pytest.approx(MORE_WORK[name], rel=1e-3)


@pytest.mark.deep
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_one_takes_its_shape_and_any_number_of_classes(name: str) -> None:
    """Pictures of the declared shape give as many logits as asked for."""
    told = ARCHITECTURES[name]
    module = on_meta(told, 7).eval()
    assert module(torch.empty(2, *told.input_shape, device="meta")).shape == (2, 7)
    assert module.state_dict()[told.head].shape[0] == 7


@pytest.mark.parametrize("name", SMALL)
def test_each_is_a_classifier_of_its_shape(name: str) -> None:
    """Pictures of the declared shape give finite logits of the usual classes, in eval mode."""
    told, module = ARCHITECTURES[name], build(name)
    assert not module.training
    with torch.no_grad():
        logits = module(torch.rand(2, *told.input_shape))
    assert logits.shape == (2, told.classes)
    assert bool(torch.isfinite(logits).all())


def test_each_is_built_anew() -> None:
    """Two builds share no tensor: weights of one upload never reach another."""
    one, other = build("lenet5"), build("lenet5")
    held = {each.data_ptr() for each in one.parameters()}
    assert not held & {each.data_ptr() for each in other.parameters()}


def test_there_is_no_other() -> None:
    """An unknown name builds nothing."""
    with pytest.raises(KeyError):
        build("resnet-9000")


def without_branch(module: nn.Module, last: str) -> nn.Module:
    """The block with a convolution that puts out zeros at the end, so that its shortcut shows."""
    nn.init.zeros_(alive(module).get_submodule(last).get_parameter("weight"))
    return module


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(("bottleneck", "last"), [(False, "conv2"), (True, "conv3")])
def test_where_a_preact_shortcut_starts(raw: bool, bottleneck: bool, last: str) -> None:
    """Behind the first batch norm and ReLU, or before them; tensors alone would not tell."""
    block = PreActBlock(8, 16, 2, bottleneck=bottleneck, raw=raw)
    without_branch(block, last)
    maps = draws(2, 8, 6, 6)
    start = maps if raw else functional.relu(block.get_submodule("bn1")(maps))
    assert torch.equal(block(maps), block.shortcut(start))


def test_blocks_that_change_no_shape_carry_their_raw_input() -> None:
    """Neither batch norm nor ReLU touches what passes by."""
    maps = draws(2, 8, 6, 6)
    preact = PreActBlock(8, 8, 1, bottleneck=False, raw=False)
    assert torch.equal(without_branch(preact, "conv2")(maps), maps)
    assert torch.equal(without_branch(WideBlock(8, 8, 1), "conv2")(maps), maps)


def test_a_wide_block_computes_as_published() -> None:
    """Written out: both convolutions and the widening see ReLU of a batch norm."""
    block, maps = WideBlock(4, 8, 2), draws(2, 4, 6, 6)
    alive(block)
    assert block.convShortcut is not None
    first = functional.relu(block.bn1(maps))
    second = functional.relu(block.bn2(block.conv1(first)))
    assert torch.equal(block(maps), block.conv2(second) + block.convShortcut(first))


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_residual_block_computes_as_published(bottleneck: bool) -> None:
    """Written out: batch norm behind each convolution, ReLU between them and behind the sum."""
    block = alive(Block(8, 16, 2, Style(bottleneck=bottleneck)))
    maps = draws(2, 8, 6, 6)
    out = block.get_submodule("bn1")(block.get_submodule("conv1")(maps))
    out = block.get_submodule("bn2")(block.get_submodule("conv2")(functional.relu(out)))
    if bottleneck:
        out = block.get_submodule("bn3")(block.get_submodule("conv3")(functional.relu(out)))
    wanted = functional.relu(out + block.get_submodule("shortcut")(maps))
    assert torch.equal(block(maps), wanted)


def test_a_shortcut_without_weights_pads_on_both_sides() -> None:
    """Every second pixel of the old maps, between as many zero maps before and behind."""
    maps = draws(1, 4, 6, 6)
    found = Padded(4, 8, 2)(maps)
    assert torch.equal(found[:, 2:6], maps[:, :, ::2, ::2])
    assert not found[:, :2].any()
    assert not found[:, 6:].any()


def test_new_maps_stand_where_each_implementation_puts_them() -> None:
    """Behind the old ones in the large network, before them in the small one."""
    maps = draws(1, 6, 4, 4)
    large = without_branch(DenseLayer(6, 2), "conv2")(maps)
    small = without_branch(SmallDenseLayer(6, 2), "conv2")(maps)
    assert torch.equal(large[:, :6], maps)
    assert torch.equal(small[:, 2:], maps)


@pytest.mark.parametrize(
    ("plan", "large", "small"),
    [
        (Plan(8, 8, 1, 6), True, True),
        (Plan(8, 12, 1, 6), False, True),
        (Plan(8, 8, 2, 6), False, False),
    ],
)
def test_which_inverted_blocks_have_a_shortcut(plan: Plan, large: bool, small: bool) -> None:
    """The large network only where no shape changes, the small one at every stride 1."""
    maps = draws(1, 8, 6, 6)
    one, other = (
        without_branch(Inverted(plan), "conv.2"),
        without_branch(SmallInverted(plan), "conv3"),
    )
    for block, offset, passes in ((one, "conv.3", large), (other, "bn3", small)):
        nn.init.zeros_(block.get_submodule(offset).get_parameter("bias"))
        nn.init.zeros_(block.get_submodule(offset).get_buffer("running_mean"))
        assert bool(block(maps).any()) is passes
