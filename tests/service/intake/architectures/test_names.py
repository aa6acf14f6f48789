"""What the service offers without torch: names, and what it says of one that it has not."""

import pytest

from service.intake.architecture_names import ARCHITECTURES as NAMES
from service.intake.architecture_names import unknown_architecture
from service.intake.architectures.catalogue import ARCHITECTURES
from service.intake.formats import MODEL_FORMATS


def test_names_are_those_of_the_catalogue() -> None:
    """What the service offers is exactly what the child can build."""
    assert sorted(NAMES) == sorted(ARCHITECTURES)
    assert len(set(NAMES)) == len(NAMES)


def test_names_are_plain() -> None:
    """Lower case, digits and hyphens: nothing that a shell or a page would have to quote."""
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in NAMES)


def test_only_weights_need_an_architecture() -> None:
    """A format that carries its program asks for no architecture; safetensors does."""
    needs = {one.id: one.needs_architecture for one in MODEL_FORMATS}
    assert needs["safetensors"]
    assert not needs["onnx"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("ResNet18", "resnet18"),
        ("resnet-50", "resnet50"),
        ("wrn-28-10", "wideresnet-28-10-cifar"),
        ("vgg16_bn", "vgg16-bn"),
        ("vit_b_16", "vit-b-16"),
        ("nothing like it", "resnet50"),
    ],
)
def test_a_name_that_is_nearly_right_is_named(wrong: str, meant: str) -> None:
    """The remedy holds the name that was meant; for a name like none, some that exist."""
    sentence, remedy = unknown_architecture(wrong)
    assert wrong in sentence
    assert meant in remedy.replace("?", "").replace(".", "").replace(",", "").split()


def test_what_is_said_is_bounded() -> None:
    """A name of any length gives sentences that fit where they are shown."""
    assert all(len(text) <= 500 for text in unknown_architecture("n" * 100_000))
