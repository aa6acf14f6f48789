"""The names of the networks that weights may name, known without loading torch."""

import difflib
from typing import Final

ARCHITECTURES: Final = (
    "demo-cnn6",
    *("densenet121", "densenet121-cifar", "densenet161", "densenet161-cifar", "densenet169"),
    *("densenet169-cifar", "densenet201", "densenet201-cifar"),
    *("lenet5", "lenet5-cifar"),
    *("mobilenetv2", "mobilenetv2-cifar"),
    *("preactresnet18-bn-cifar", "preactresnet18-bn-raw-cifar", "preactresnet18-cifar"),
    *("preactresnet18-raw-cifar", "preactresnet34-bn-cifar", "preactresnet34-bn-raw-cifar"),
    *("preactresnet34-cifar", "preactresnet34-raw-cifar", "preactresnet50-bn-cifar"),
    *("preactresnet50-bn-raw-cifar", "preactresnet50-cifar", "preactresnet50-raw-cifar"),
    *("resnet18", "resnet18-cifar", "resnet20-b-cifar", "resnet20-cifar", "resnet32-b-cifar"),
    *("resnet32-cifar", "resnet34", "resnet34-cifar", "resnet44-b-cifar", "resnet44-cifar"),
    *("resnet50", "resnet50-cifar", "resnet56-b-cifar", "resnet56-cifar", "resnet101"),
    *("resnet101-cifar", "resnet110-b-cifar", "resnet110-cifar", "resnet152", "resnet152-cifar"),
    "wide-resnet50-2",
    *("vgg11", "vgg11-bn", "vgg11-bn-cifar", "vgg13", "vgg13-bn", "vgg13-bn-cifar", "vgg16"),
    *("vgg16-bn", "vgg16-bn-cifar", "vgg19", "vgg19-bn", "vgg19-bn-cifar"),
    *("vit-b-4-cifar", "vit-b-16", "vit-s-4-cifar", "vit-s-16", "vit-ti-4-cifar", "vit-ti-16"),
    *("wideresnet-16-4-cifar", "wideresnet-16-8-cifar", "wideresnet-28-4-cifar"),
    *("wideresnet-28-10-cifar", "wideresnet-34-10-cifar", "wideresnet-34-15-cifar"),
    *("wideresnet-34-20-cifar", "wideresnet-40-2-cifar"),
)
"""The names of the catalogue; a test holds the two together."""

SOME = ("resnet50", "resnet18-cifar", "wideresnet-28-10-cifar", "vit-b-16", "lenet5")


def unknown_architecture(name: str) -> tuple[str, str]:
    """What to say of a name that is none of them, and the names that it may stand for."""
    close = difflib.get_close_matches(name[:60].lower(), ARCHITECTURES, n=4, cutoff=0.5)
    meant = f"Did you mean {', '.join(close)}?" if close else f"Some are {', '.join(SOME)}."
    return (
        f"There is no architecture named '{name[:60]}' here.",
        f"{meant} The server's capabilities list all of them; export any other model to ONNX.",
    )
