"""A TorchScript archive to ONNX and its source weights. Runs in a child.

A script is a program of torch's own interpreter: it can read files while it is loaded and while it
answers. So its source and pickles are checked and written anew before anything is loaded, and every
operator of every method is checked again as the loader understood it.
"""

import io
import pickletools
import re
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive, rewritten
from service.intake.torch_files.exporting_child import (
    INPUT,
    OPSET,
    OUTPUT,
    Converted,
    Notice,
    drift,
    probe,
    undisturbed,
)
from service.intake.torch_files.pickles_child import globals_of
from service.intake.torch_files.torchscript_source_child import (
    PRIMITIVES,
    allowed_aten,
    checked,
    forbidden,
)

_CODE: Final = re.compile(r"code/(__torch__(?:/\w+)*)\.py", re.ASCII)
_DATA: Final = re.compile(r"(data|constants)/\d{1,7}", re.ASCII)
_PICKLES: Final = ("data.pkl", "constants.pkl")
_VERSIONS: Final = ("version", ".data/version")
"""Where torch writes the version: at the top, or hidden when newer operators are in use."""
_KEPT: Final = (*_VERSIONS, "byteorder")
_SHAPES: Final = "traced_inputs.pkl"
_DROPPED: Final = re.compile(
    r"code/.*\.debug_pkl|traced_inputs(\.pkl|/\d+)|\.data/.*|extra/.*|bytecode\.pkl"
    r"|mobile_debug_handles\.pkl"
)
_NUMBERS: Final = (
    *("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"),
)
_IMPORTS: Final = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor_v2",
        "torch.jit._pickle.build_boollist",
        "torch.jit._pickle.build_doublelist",
        "torch.jit._pickle.build_intlist",
        "torch.jit._pickle.build_tensorlist",
        "torch.jit._pickle.restore_type_tag",
        *(f"torch.{kind}Storage" for kind in _NUMBERS),
    }
)
_GRAPH: Final = PRIMITIVES | frozenset(
    {
        *("Constant", "DictConstruct", "GetAttr", "If", "ImplicitTensorToNum", "ListConstruct"),
        *("ListUnpack", "Loop", "TupleConstruct", "TupleIndex", "TupleUnpack", "Uninitialized"),
        *("isinstance"),
    }
)
_SWITCHES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("alpha_dropout", "dropout", "feature_dropout", "native_dropout"), "train"),
    **dict.fromkeys(("_native_batch_norm_legit", "batch_norm", "native_batch_norm"), "training"),
    "instance_norm": "use_input_stats",
}
"""What tells operators that they are trained: a trace keeps it whatever eval() says later."""
_MOST_PICKLE: Final = 16 << 20
_MOST_SOURCE: Final = 4 << 20
_MOST_PIXELS: Final = 1 << 26
_IMAGE: Final = 4


def converted(raw: bytes, input_shape: Sequence[int] | None) -> Converted:
    """The ONNX of a script, its source weights, and what was left out of it.

    ``input_shape`` is one image's [C, H, W]; traced models carry it themselves.
    """
    archive = Archive(raw)
    members = _members(archive)
    shape = _shape(archive, members, input_shape)
    module = _loaded(_rewritten(archive, members))
    _check_graphs(module)
    weights: Mapping[str, torch.Tensor] = module.state_dict()
    made, lies = _exported(module, shape)
    kept = {name: tensor.detach().contiguous() for name, tensor in weights.items()}
    return Converted(made, lies, kept, _notices(members))


def _members(archive: Archive) -> dict[str, str]:
    """Where each member lies, by its name below the archive's one folder."""
    found = {name.partition("/")[2]: name for name in archive.names}
    if len({name.partition("/")[0] for name in archive.names}) != 1 or "" in found:
        raise _unsafe("more than one folder at its top")
    for name in found:
        known = name in (*_PICKLES, *_KEPT) or _CODE.fullmatch(name) or _DATA.fullmatch(name)
        if not known and not _DROPPED.fullmatch(name):
            raise _unsafe(f"an unknown member '{name[:120]}'")
    for name in _PICKLES:
        if name not in found:
            raise _broken(f"lacks '{name}'")
    versions = [archive.read(found[name], 64).strip() for name in _VERSIONS if name in found]
    if len(versions) != 1 or not versions[0].isdigit():
        raise _broken("does not say its version")
    if "byteorder" in found and archive.read(found["byteorder"], 64).strip() != b"little":
        raise _broken("was written on a machine of another byte order")
    return found


def _rewritten(archive: Archive, members: Mapping[str, str]) -> bytes:
    """A new archive of checked source, checked pickles and raw tensors."""
    texts = {
        found[1].replace("/", "."): archive.read(members[name], _MOST_SOURCE)
        for name in members
        if (found := _CODE.fullmatch(name))
    }
    sources, defined = checked(texts)
    parts = {f"model/code/{name.replace('.', '/')}.py": text for name, text in sources.items()}
    for name in _PICKLES:
        body = archive.read(members[name], _MOST_PICKLE)
        _check_pickle(body, defined)
        parts[f"model/{name}"] = body
    for name in members:
        if name in _KEPT or _DATA.fullmatch(name):
            parts[f"model/{name}"] = archive.read(members[name])
    parts.setdefault("model/byteorder", b"little")
    return rewritten(parts)


def _check_pickle(body: bytes, defined: frozenset[str]) -> None:
    if b"torch.classes" in body:
        raise forbidden("holds objects of native classes")
    for name in globals_of(body):
        if name not in _IMPORTS and name not in defined:
            raise forbidden(f"needs '{name[:120]}' to be opened")


def _loaded(raw: bytes) -> nn.Module:
    try:
        with undisturbed():
            load: Callable[..., nn.Module] = torch.jit.load  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # it carries no types
            return _at_rest(load(io.BytesIO(raw), map_location="cpu"))
    except MemoryError:
        raise
    except Exception as error:  # the loader's own exceptions share no narrower parent
        raise _broken("cannot be loaded") from error


def _at_rest(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module.eval().float()


def _check_graphs(module: nn.Module) -> None:
    """Every operator of every method, as the loader understood them."""
    for child in module.modules():
        held: Any = typing.cast("Any", child)._c
        for name in held._method_names():
            for node in _nodes(held._get_method(name).inlined_graph):
                kind: str = node.kind()
                space, _, operator = kind.partition("::")
                fine = allowed_aten(operator) if space == "aten" else operator in _GRAPH
                if space not in ("aten", "prim") or not fine:
                    raise forbidden(f"uses the operator '{kind[:120]}'")
                if _is_trained(node, operator.removesuffix("_")):
                    raise _in_training()


def _is_trained(node: Any, operator: str) -> bool:  # noqa: ANN401 - a node of torch's interpreter
    """Told so by a constant; an instance norm means it only where it keeps running statistics."""
    if operator not in _SWITCHES:
        return False
    switch = node.namedInput(_SWITCHES[operator])
    if switch.node().kind() != "prim::Constant" or switch.toIValue() is not True:
        return False
    return operator != "instance_norm" or _kind(node.namedInput("running_mean")) != "NoneType"


def _kind(value: Any) -> str:  # noqa: ANN401 - a value of torch's interpreter
    return value.type().kind()


def _nodes(block: Any) -> Iterator[Any]:  # noqa: ANN401 - a graph or a block of torch's interpreter
    waiting = [block]
    while waiting:
        for node in waiting.pop().nodes():
            yield node
            waiting.extend(node.blocks())


def _exported(module: nn.Module, shape: tuple[int, ...]) -> tuple[bytes, float]:
    example = probe((2, *shape))
    file = io.BytesIO()
    with undisturbed(), torch.no_grad():
        wanted = _answer(module, example)
        try:
            _export(module, example, file)
        except MemoryError:
            raise
        except Exception as error:  # the exporter's own exceptions share no narrower parent
            raise _no_onnx() from error
        raw = file.getvalue()
        return raw, drift(raw, example, wanted)


def _export(module: nn.Module, example: torch.Tensor, file: io.BytesIO) -> None:
    """By the exporter that is going away: the newer one does not take scripts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        write = typing.cast("Callable[..., object]", torch.onnx.export)  # pyright: ignore[reportUnknownMemberType]  # types forget memory
        write(
            module,
            (example,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )


def _answer(module: nn.Module, example: torch.Tensor) -> torch.Tensor:
    try:
        found = module(example)
    except MemoryError:
        raise
    except Exception as error:  # whatever a script does to its interpreter
        raise _input(
            f"The model does not take images of the shape {list(example.shape[1:])}."
        ) from (error)
    if not isinstance(found, torch.Tensor):
        raise Refusal(
            "MODEL_OUTPUT_UNSUPPORTED",
            "The model does not answer with one tensor.",
            "Save a model whose forward returns the logits and nothing else.",
        )
    return found


def _shape(
    archive: Archive, members: Mapping[str, str], declared: Sequence[int] | None
) -> tuple[int, ...]:
    """One image's shape: as declared, or as the model was traced."""
    found = declared
    if found is None and _SHAPES in members:
        found = _traced(archive.read(members[_SHAPES], _MOST_PICKLE))
    if found is None:
        raise _input("The TorchScript model does not say which images it takes.")
    if len(found) != _IMAGE - 1 or not 0 < _pixels(found) <= _MOST_PIXELS:
        raise _input(f"Images of the shape {list(found)[:8]} are not taken.")
    return tuple(found)


def _pixels(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= max(0, size)
    return count


def _traced(body: bytes) -> Sequence[int] | None:
    """[C, H, W] of the one tensor that forward was traced with, read and never unpickled.

    Behind the reference to its numbers come an offset and the tuple of its sizes.
    """
    globals_of(body)
    steps = [(op.name, told) for op, told, _ in pickletools.genops(body) if "PUT" not in op.name]
    places = [at for at, (name, _) in enumerate(steps) if name == "BINPERSID"]
    if len(places) != 1:
        return None
    offset, mark, *sizes, end = steps[places[0] + 1 : places[0] + 3 + _IMAGE + 1]
    shape = [told for name, told in sizes if name.startswith("BININT") and isinstance(told, int)]
    plain = offset[0].startswith("BININT") and (mark[0], end[0]) == ("MARK", "TUPLE")
    return shape[1:] if plain and len(shape) == _IMAGE else None


def _notices(members: Mapping[str, str]) -> tuple[Notice, ...]:
    found = [Notice("ART-CODE", "TorchScript, converted by torch's older exporter.")]
    if any(name.startswith("extra/") for name in members):
        found.append(Notice("ART-EXTRA", "files of its own under extra/."))
    return tuple(found)


def _unsafe(what: str) -> Refusal:
    return Refusal(
        "ARCHIVE_UNSAFE",
        f"The TorchScript archive holds {what}.",
        "Save the model again with torch.jit.save, or export it to ONNX.",
    )


def _broken(why: str) -> Refusal:
    return Refusal(
        "MODEL_BROKEN",
        f"The TorchScript archive {why}.",
        "Save the model again with torch.jit.save, or export it to ONNX.",
    )


def _input(sentence: str) -> Refusal:
    return Refusal(
        "MODEL_INPUT_UNSUPPORTED",
        sentence,
        "Trace the model with an example image, or use `assay export` with --input 1x3x224x224.",
    )


def _in_training() -> Refusal:
    return Refusal(
        "MODEL_UNSTABLE",
        "The model was traced in training mode: it drops units or counts its own batches while "
        "it answers.",
        "Call model.eval() before torch.jit.trace, and save it again; a batch norm must keep its "
        "running statistics.",
    )


def _no_onnx() -> Refusal:
    return Refusal(
        "MODEL_OPERATOR_UNSUPPORTED",
        "torch cannot write the script as ONNX.",
        "Export the module itself with torch.onnx.export(model, (example,), 'model.onnx', "
        "dynamo=True).",
    )
