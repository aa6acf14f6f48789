"""Weights into the network that they name: wrappers, types, and what is refused in which words."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from analyzers.contract import Refusal
from service.intake.architectures.catalogue import (
    ARCHITECTURES,
    Built,
    build,
    built,
    look_alikes,
)
from service.intake.architectures.fitting import MAX_CLASSES, on_meta, own_weights

Weights = dict[str, Tensor]
SHOWN = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def lenet() -> Weights:
    """Weights of a small network."""
    return dict(build("lenet5").state_dict())


@pytest.fixture(scope="module")
def small() -> Weights:
    """Weights of a network with batch norm."""
    return dict(build("resnet20-cifar").state_dict())


def refusal(name: str, weights: Weights) -> Refusal:
    """What is said of weights that do not come in."""
    with pytest.raises(Refusal) as caught:
        built(name, weights)
    assert 0 < len(caught.value.sentence) <= 500
    assert 0 < len(caught.value.remedy) <= 500
    return caught.value


def answers(found: Built) -> Tensor:
    """Logits of pictures of 28x28."""
    with torch.no_grad():
        return found.module(SHOWN)


def test_weights_answer_as_the_network_they_come_from(lenet: Weights) -> None:
    """The module holds exactly these numbers, in evaluation mode and float32."""
    module = build("lenet5")
    module.load_state_dict(lenet)
    found = built("lenet5", lenet)
    with torch.no_grad():
        assert torch.equal(answers(found), module(SHOWN))
    assert not found.module.training
    assert found.input_shape == (1, 28, 28)
    assert found.weights.keys() == lenet.keys()


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "net.", "_orig_mod.", "backbone.", "_orig_mod.module.model."]
)
def test_what_wrappers_put_before_all_names_is_taken_off(lenet: Weights, prefix: str) -> None:
    """Once or many times over, and the weights are then told under their own names."""
    found = built("lenet5", {prefix + key: value for key, value in lenet.items()})
    assert found.weights.keys() == lenet.keys()


def test_a_prefix_that_one_name_lacks_stays(lenet: Weights) -> None:
    """Two networks in one file are not silently made one."""
    mixed = {f"module.{key}": value for key, value in lenet.items()}
    mixed["fc3.bias"] = mixed.pop("module.fc3.bias")
    assert refusal("lenet5", mixed).code == "ARCHITECTURE_MISMATCH"


def test_a_name_of_nothing_but_prefixes_ends(lenet: Weights) -> None:
    """However often it repeats, it is refused and not peeled for ever."""
    assert refusal("lenet5", {"module." * 100_000: lenet["fc3.bias"]}).code == (
        "ARCHITECTURE_MISMATCH"
    )


@pytest.mark.parametrize("classes", [1, 3, 1000])
def test_the_head_says_how_many_classes(lenet: Weights, classes: int) -> None:
    """Networks for any number of classes load under one name."""
    changed = lenet | {"fc3.weight": torch.rand(classes, 84), "fc3.bias": torch.rand(classes)}
    assert answers(built("lenet5", changed)).shape == (3, classes)


def test_counters_may_be_missing(small: Weights) -> None:
    """Old files and bare exports lack them, and no output depends on them."""
    bare = {key: value for key, value in small.items() if "num_batches" not in key}
    assert len(bare) < len(small)
    shown = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        one = built("resnet20-cifar", bare).module(shown)
        assert torch.equal(one, built("resnet20-cifar", small).module(shown))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(lenet: Weights, dtype: torch.dtype) -> None:
    """Half and double weights load; what the module computes with is float32."""
    found = built("lenet5", {key: value.to(dtype) for key, value in lenet.items()})
    assert {one.dtype for one in found.weights.values()} == {torch.float32}
    assert answers(found).dtype == torch.float32


def test_tensors_may_share_memory(lenet: Weights) -> None:
    """Two views of one storage, and one number stretched over a tensor, count as what they show."""
    storage = torch.rand(200)
    views = lenet | {
        "fc1.bias": storage[:120],
        "fc2.bias": storage[50:134],
        "conv2.bias": torch.ones(1).expand(16),
    }
    apart = {key: value.clone() for key, value in views.items()}
    assert torch.equal(answers(built("lenet5", views)), answers(built("lenet5", apart)))


def test_parts_that_are_never_run_may_be_there() -> None:
    """Wide networks are often saved with a block that nothing leads through."""
    weights = dict(build("wideresnet-16-4-cifar").state_dict())
    first = {key: value for key, value in weights.items() if key.startswith("block1.")}
    more = weights | {f"sub_{key}": value for key, value in first.items()}
    assert not any(key.startswith("sub_") for key in built("wideresnet-16-4-cifar", more).weights)


def test_older_files_spell_dense_layers_with_dots() -> None:
    """They count under the network's spelling; with both at once no tensor is dropped unseen."""
    told, one, other = ARCHITECTURES["densenet121"], torch.zeros(1), torch.ones(1)
    stem = "features.denseblock1.denselayer1"
    assert own_weights(told, {f"{stem}.norm.1.weight": one}) == {f"{stem}.norm1.weight": one}
    assert own_weights(told, {f"{stem}.conv.2.weight": one}) == {f"{stem}.conv2.weight": one}
    assert f"{stem}.norm1.weight" in on_meta(told, 10).state_dict()
    both = {f"{stem}.norm.1.weight": one, f"{stem}.norm1.weight": other}
    assert own_weights(told, both) == both


def test_an_unknown_name_is_told_what_it_may_mean(lenet: Weights) -> None:
    """The nearest names stand in the remedy."""
    found = refusal("lenet-5", lenet)
    assert found.code == "ARCHITECTURE_UNKNOWN"
    assert "lenet5" in found.remedy


def test_weights_of_another_network_name_it(small: Weights) -> None:
    """The first tensor that differs, and the architecture that the tensors do fit."""
    wrapped = {f"module.{key}": value for key, value in small.items()}
    found = refusal("resnet18", wrapped)
    assert found.code == "ARCHITECTURE_MISMATCH"
    assert "conv1.weight has the shape [16, 3, 3, 3], not [64, 3, 7, 7]" in found.sentence
    assert "fit resnet20-cifar:" in found.remedy


def test_weights_that_fit_two_networks_name_both() -> None:
    """Where the tensors do not tell, the user must."""
    weights = dict(build("preactresnet18-bn-cifar").state_dict())
    found = refusal("preactresnet18-cifar", weights)
    assert "bn.weight is not part of it" in found.sentence
    assert "preactresnet18-bn-cifar and preactresnet18-bn-raw-cifar" in found.remedy


def drop(weights: Weights) -> None:
    """Lose a tensor."""
    del weights["conv2.bias"]


def add(weights: Weights) -> None:
    """Bring one that nobody asked for."""
    weights["extra"] = torch.zeros(2)


def reshape(weights: Weights) -> None:
    """Bring one in another shape."""
    weights["fc2.weight"] = torch.zeros(84)


def behead(weights: Weights) -> None:
    """Lose the tensor that says how many classes there are."""
    del weights["fc3.weight"]


def empty(weights: Weights) -> None:
    """No classes at all."""
    weights["fc3.weight"] = torch.zeros(0, 84)


def scalar(weights: Weights) -> None:
    """A head without axes."""
    weights["fc3.weight"] = torch.zeros(())


def count(weights: Weights) -> None:
    """Whole numbers where weights belong."""
    weights["fc1.bias"] = torch.zeros(120, dtype=torch.int64)


def thin(weights: Weights) -> None:
    """A tensor that lists only what is not zero."""
    weights["fc2.weight"] = torch.eye(84, 120).to_sparse()


def ghost(weights: Weights) -> None:
    """A tensor without memory."""
    weights["fc2.weight"] = torch.empty(84, 120, device="meta")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop, "conv2.bias is missing"),
        (add, "extra is not part of it"),
        (reshape, "fc2.weight has the shape [84], not [84, 120]"),
        (behead, "fc3.weight is missing"),
        (empty, "fc3.weight has the shape [0, 84]"),
        (scalar, "fc3.weight has the shape []"),
        (count, "fc1.bias has the type torch.int64"),
        (thin, "fc2.weight is no plain tensor"),
        (ghost, "fc2.weight is no plain tensor"),
    ],
)
def test_the_first_difference_is_named(
    lenet: Weights, change: Callable[[Weights], None], says: str
) -> None:
    """A missing, foreign, misshapen or mistyped tensor is refused by its name."""
    weights = dict(lenet)
    change(weights)
    found = refusal("lenet5", weights)
    assert found.code == "ARCHITECTURE_MISMATCH"
    assert says in found.sentence


def test_nothing_is_a_mismatch() -> None:
    """A file without tensors lacks the first one."""
    assert "conv1.weight is missing" in refusal("lenet5", {}).sentence


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e39])
def test_values_that_are_not_finite_are_refused(lenet: Weights, value: float) -> None:
    """NaN and infinities, those too that appear where a double is cast to float32."""
    broken = lenet["fc2.weight"].double()
    broken[3, 5] = value
    found = refusal("lenet5", lenet | {"fc2.weight": broken})
    assert found.code == "MODEL_BROKEN"
    assert "fc2.weight" in found.sentence


def test_a_head_beyond_measure_is_refused(lenet: Weights) -> None:
    """One class too many is told before anything of that size is made."""
    huge = torch.zeros(1).expand(MAX_CLASSES + 1, 84)
    found = refusal("lenet5", lenet | {"fc3.weight": huge})
    assert found.code == "MODEL_TOO_LARGE"


@pytest.mark.deep
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_network_takes_its_own_weights(name: str) -> None:
    """What a network saves, wrapped as training code wraps it, loads under its name."""
    weights = {f"module.{key}": value for key, value in build(name).state_dict().items()}
    assert built(name, weights).module.state_dict().keys() == build(name).state_dict().keys()


def shapes_of(name: str) -> frozenset[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a network's tensors, with ten classes."""
    held = on_meta(ARCHITECTURES[name], 10).state_dict()
    return frozenset((key, tuple(one.shape)) for key, one in held.items())


def check_look_alikes(names: Sequence[str]) -> None:
    """Each of these looks like exactly those among them that have its tensors."""
    shapes = {name: shapes_of(name) for name in names}
    for name, own in shapes.items():
        right = {other for other in names if shapes[other] == own} - {name}
        assert set(look_alikes(name)) == right, name


def test_networks_that_tensors_cannot_tell_apart_are_known() -> None:
    """Every variant of the one family that has such, and its neighbours; none for other names."""
    family = [name for name in ARCHITECTURES if name.startswith("preactresnet")]
    assert sum(map(bool, map(look_alikes, family))) == len(family) > 1
    check_look_alikes([*family, "resnet18", "resnet18-cifar", "lenet5", "lenet5-cifar"])
    assert look_alikes("no such network") == ()


@pytest.mark.deep
def test_no_other_networks_look_alike() -> None:
    """Derived from every network of the catalogue."""
    check_look_alikes(list(ARCHITECTURES))


def test_look_alikes_answer_otherwise() -> None:
    """The same tensors load under both names, and the logits differ: a notice is due."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
    name = "preactresnet18-cifar"
    weights = {
        key: one + torch.rand(one.shape) / 2 if "running" in key else one
        for key, one in build(name).state_dict().items()
    }
    shown = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        one, other = (built(each, weights).module(shown) for each in (name, *look_alikes(name)))
    assert (one - other).abs().max() > 1e-2
