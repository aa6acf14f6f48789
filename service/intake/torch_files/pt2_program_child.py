"""What a torch.export archive may say: one image in, one tensor out, known operators between.

Runs in a child.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch

from analyzers.contract import Refusal
from service.intake.torch_files import aten
from service.intake.torch_files.pt2_json_child import a_list, an_object, copied, parsed
from service.intake.torch_files.pt2_shapes_child import broken

_ATEN: Final = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)", re.ASCII)
_ON_SIZES: Final = frozenset(
    f"_operator.{name}"
    for name in ("add", "eq", "floordiv", "ge", "gt", "le", "lt", "mod", "mul", "ne", "neg", "sub")
) | frozenset({"torch.sym_max", "torch.sym_min", "torch.sym_not"})
_FLOATING: Final = {6: torch.float16, 7: torch.float32, 8: torch.float64}
_IMAGE: Final = 4
_MOST_PIXELS: Final = 1 << 26
_TRAINING: Final = frozenset({"train", "training"})
_OWN_STATISTICS: Final = "use_input_stats"
"""Usual for an instance norm, but for one that keeps running ones only while it is trained."""
_LEAF: Final = '{"type": null, "context": null, "children_spec": []}'
_OUT_SPEC: Final = f"[1, {_LEAF}]"
_IN_SPEC: Final = (
    '[1, {"type": "builtins.tuple", "context": "null", "children_spec": ['
    f'{{"type": "builtins.tuple", "context": "null", "children_spec": [{_LEAF}]}}, '
    '{"type": "builtins.dict", "context": "[]", "children_spec": []}]}]'
)
_CALL: Final[list[Any]] = [
    {"fqn": "", "signature": {"inputs": [], "outputs": [], "in_spec": "", "out_spec": ""}}
]
"""One tensor in its place, one tensor back; the two specs follow when all else is checked."""
_NOTHING: Final[Mapping[str, str]] = {}
_DEFAULT_BATCH: Final = 2


class Program(NamedTuple):
    """A program's JSON that may be loaded, and the input that it takes."""

    body: Mapping[str, Any]
    shape: tuple[int, ...]
    """With the batch that it was traced with, or two where none was kept."""
    dtype: torch.dtype


def program(raw: bytes) -> Program:
    """The program that a file of JSON says, without everything that computes nothing."""
    body = copied("ExportedProgram", _bare(parsed(raw)))
    try:
        module = body["graph_module"]
        image = _only_image(module)
        _check_output(module)
        for node in module["graph"]["nodes"]:
            _check_node(node)
        shape, dtype = _shape(image)
    except (KeyError, TypeError, ValueError) as error:
        raise broken("lacks a part of its program") from error
    module["module_call_graph"][0]["signature"] |= {"in_spec": _IN_SPEC, "out_spec": _OUT_SPEC}
    return Program(body, shape, dtype)


def _bare(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Stack traces, guards (which are source), names of modules: nothing here needs them."""
    module = an_object(told.get("graph_module"))
    graph = an_object(module.get("graph"))
    nodes = [{**an_object(node), "metadata": _NOTHING} for node in a_list(graph.get("nodes"))]
    for node in nodes:
        _check_target(str(node.get("target")))
    dropped = {"metadata": _NOTHING, "treespec_namedtuple_fields": _NOTHING}
    held = {**module, **dropped, "module_call_graph": _CALL, "graph": {**graph, "nodes": nodes}}
    return {**told, "graph_module": held, "guards_code": [], "verifiers": ["TRAINING"]}


def _only_image(module: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tensor that the caller hands over; everything else must come out of the file."""
    given: list[Mapping[str, Any]] = []
    for spec in module["signature"]["input_specs"]:
        (kind, told), *_ = spec.items()
        if kind in ("parameter", "buffer", "tensor_constant"):
            continue
        if kind != "user_input" or "as_tensor" not in told["arg"]:
            raise _input("The model wants more than a tensor of images.")
        given.append(module["graph"]["tensor_values"][told["arg"]["as_tensor"]["name"]])
    if len(given) != 1:
        raise _input(f"The model takes {len(given)} inputs; one tensor of images is expected.")
    return given[0]


def _shape(image: Mapping[str, Any]) -> tuple[tuple[int, ...], torch.dtype]:
    if image["dtype"] not in _FLOATING or len(image["sizes"]) != _IMAGE:
        raise _input("The model's input is not a tensor of floating-point images [N, C, H, W].")
    batch, *rest = (_size(one) for one in image["sizes"])
    fixed = [one for one, told in zip(rest, image["sizes"][1:], strict=True) if "as_int" in told]
    if len(fixed) != len(rest) or not 0 < math.prod(fixed) <= _MOST_PIXELS or min(fixed) < 0:
        raise _input("The model's input leaves its channels, height or width open.")
    if not 0 < batch <= _MOST_PIXELS // math.prod(fixed):
        raise _input("The model was traced with a batch that is too large.")
    return (batch, *fixed), _FLOATING[image["dtype"]]


def _size(told: Mapping[str, Any]) -> int:
    if "as_int" in told:
        return int(told["as_int"])
    hint: Mapping[str, Any] = told["as_expr"].get("hint") or {}
    return int(hint.get("as_int", _DEFAULT_BATCH))


def _check_output(module: Mapping[str, Any]) -> None:
    told: Sequence[Mapping[str, Any]] = module["signature"]["output_specs"]
    kinds = [next(iter(spec)) for spec in told]
    if any(kind.endswith("mutation") for kind in kinds):
        raise _in_training("changes itself while it answers")
    if kinds != ["user_output"] or "as_tensor" not in told[0]["user_output"]["arg"]:
        raise Refusal(
            "MODEL_OUTPUT_UNSUPPORTED",
            "The model does not answer with one tensor.",
            "Export a model whose forward returns the logits and nothing else.",
        )


def _check_target(target: str) -> None:
    found = _ATEN.fullmatch(target)
    if found is None and target not in _ON_SIZES:
        raise _foreign(target)
    if found is not None and not (aten.known(found[1]) and _exists(found[1], found[2])):
        raise _foreign(target)


def _check_node(node: Mapping[str, Any]) -> None:
    given: Mapping[str, Mapping[str, Any]] = {one["name"]: one["arg"] for one in node["inputs"]}
    running = "as_tensor" in given.get("running_mean", {})
    switches = _TRAINING | {_OWN_STATISTICS} if running else _TRAINING
    if any(given[name].get("as_bool") for name in switches & given.keys()):
        raise _in_training("drops units or counts its own batches while it answers")


def _exists(name: str, overload: str) -> bool:
    packet = getattr(torch.ops.aten, name, None)
    overloads: Sequence[str] = packet.overloads() if packet is not None else ()
    return overload in overloads


def _foreign(target: str) -> Refusal:
    return Refusal(
        "MODEL_OPERATOR_UNSUPPORTED",
        f"The model uses {target[:80]!a}, which is none of the operators of classifiers.",
        "Export the model with standard operators, or export it to ONNX.",
    )


def _in_training(what: str) -> Refusal:
    return Refusal(
        "MODEL_UNSTABLE",
        f"The model was exported in training mode: it {what}.",
        "Call model.eval() before torch.export.export.",
    )


def _input(sentence: str) -> Refusal:
    return Refusal(
        "MODEL_INPUT_UNSUPPORTED",
        sentence,
        "Export a model that takes one float tensor [N, C, H, W] whose C, H and W are fixed.",
    )
