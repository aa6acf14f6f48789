"""The tensors of a file that torch.save wrote, without running any of it. Runs in a child.

Names are checked before torch's own restricted loader sees anything, and what that reads of a zip
is an archive written here. Sizes are checked on both sides of it, because what it builds tensors
of are numbers from the file.
"""

import io
import mmap
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeGuard, cast

import safetensors.torch
import torch

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive, rewritten
from service.intake.torch_files.pickles_child import SAVE, Storage, Walk, checked, next_checked

LEGACY_MAGIC: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_MOST_BYTES: Final = 2 << 30
_MOST_TENSORS: Final = 1 << 16
_LONGEST_NAME: Final = 512
_MOST_PICKLE: Final = 64 << 20
_VERSION: Final = re.compile(rb"([1-9]|10)\n?")
"""Versions of the record format that torch reads."""
_WIDTHS: Final = {
    "Untyped": 1,
    **dict.fromkeys(("Bool", "Byte", "Char"), 1),
    **dict.fromkeys(("Short", "Half", "BFloat16"), 2),
    **dict.fromkeys(("Int", "Float"), 4),
    **dict.fromkeys(("Long", "Double"), 8),
}
_LISTING: Final = frozenset(
    {
        *("PROTO", "EMPTY_LIST", "MARK", "BINUNICODE", "SHORT_BINSTRING", "BINPUT"),
        *("LONG_BINPUT", "APPEND", "APPENDS", "STOP"),
    }
)
"""Opcodes of a plain list of texts."""
_DTYPES: Final = frozenset(
    {
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    }
)
Raw = bytes | mmap.mmap


class StateDict(NamedTuple):
    """Weights by name, where they lay in their file, and everything that it imports."""

    weights: dict[str, torch.Tensor]
    imports: tuple[str, ...]
    under: str
    """The key of a checkpoint that they were found under; empty when they were all of it."""


def tensors(raw: Raw) -> StateDict:
    """The one mapping of tensors in a file of torch.save, in either of its two layouts."""
    if raw[:4] == b"PK\x03\x04":
        plain, imports = _from_zip(Archive(raw))
    elif raw[: len(LEGACY_MAGIC)] == LEGACY_MAGIC:
        plain, imports = from_sequence(raw)
    else:
        raise broken("The file is not one that torch.save writes.")
    under, weights = _found(_loaded(plain))
    _check_amount(weights)
    plain_ones = {name: weights[name].detach().contiguous() for name in sorted(weights)}
    return StateDict(plain_ones, imports, under)


def as_safetensors(weights: Mapping[str, torch.Tensor]) -> bytes:
    """Weights in one canonical form: the same numbers give the same bytes from any file."""
    # Cloned, because tensors that share memory (tied weights) are not taken by the writer.
    alone = {name: weights[name].detach().contiguous().clone() for name in sorted(weights)}
    return safetensors.torch.save(alone)


def broken(sentence: str, remedy: str = SAVE) -> Refusal:
    """The refusal of a file whose parts do not make a set of weights."""
    return Refusal("MODEL_BROKEN", sentence[:500], remedy)


def _from_zip(archive: Archive) -> tuple[bytes, tuple[str, ...]]:
    """An archive with the pickle and the numbers that it asks for, and what it imports."""
    top = _top(archive)
    pickled = archive.read(f"{top}/data.pkl", _MOST_PICKLE)
    walked = checked(pickled)
    _check_protocol(pickled)
    kept = {"archive/data.pkl": pickled, "archive/version": b"3\n"}
    order = f"{top}/byteorder"
    if order in archive:
        kept["archive/byteorder"] = archive.read(order, 16)
        if kept["archive/byteorder"] not in (b"little", b"big"):
            raise broken("The file does not say in which order its bytes are.")
    kept |= _numbers(archive, top, walked.storages)
    return rewritten(kept), tuple(sorted(map(str, walked.found)))


def _numbers(archive: Archive, top: str, storages: Sequence[Storage]) -> dict[str, bytes]:
    """The members that the pickle asks for, each as long as it says at every mention."""
    for storage in storages:
        name = f"{top}/data/{storage.key}"
        if name not in archive or archive.size(name) != _length(storage):
            raise broken(f"The file does not hold the numbers {storage.key[:40]!a} it speaks of.")
    keys = sorted({storage.key for storage in storages})
    return {f"archive/data/{key}": archive.read(f"{top}/data/{key}") for key in keys}


def _top(archive: Archive) -> str:
    """The one folder of the archive; a program in it makes it no file of weights."""
    tops = {name.partition("/")[0] for name in archive.names}
    top = min(tops)
    if len(tops) != 1 or f"{top}/data.pkl" not in archive:
        raise broken("The archive is not one that torch.save writes.")
    if any(name.startswith((f"{top}/constants.pkl", f"{top}/code/")) for name in archive.names):
        raise Refusal(
            "MODEL_NOT_RECOGNISED", "The file is a TorchScript program, not a set of weights.", SAVE
        )
    told = [name for name in (f"{top}/version", f"{top}/.data/version") if name in archive]
    if not told or not all(_VERSION.fullmatch(archive.read(name, 16)) for name in told):
        raise broken("The archive is of a version of torch.save that is not known here.")
    return top


def from_sequence(raw: Raw) -> tuple[bytes, tuple[str, ...]]:
    """The layout before torch 1.6, checked: five pickles, then the numbers of each storage."""
    walks: list[Walk] = []
    at = 0
    for _ in range(5):
        _check_protocol(raw[at : at + 2])
        walks.append(next_checked(raw[at : at + _MOST_PICKLE]))
        at += walks[-1].end
    *heads, content, listing = walks
    if any(walked.storages for walked in (*heads, listing)) or listing.opcodes - _LISTING:
        raise broken("The file is damaged: its list of numbers is not a list.")
    lengths = {storage.key: storage for storage in content.storages}
    if set(listing.texts) != set(lengths) or len(listing.texts) != len(lengths):
        raise broken("The file is damaged: it lists other numbers than its tensors need.")
    for storage in (lengths[key] for key in listing.texts):
        if int.from_bytes(raw[at : at + 8], "little") != storage.count:
            raise broken("The file is damaged: a tensor has another number of values than it says.")
        at += 8 + _length(storage)
    if at != len(raw) or any(_length(one) != _length(lengths[one.key]) for one in content.storages):
        raise broken("The file is damaged: it is cut off or goes on after its end.")
    found = {name for walked in walks for name in walked.found}
    return bytes(raw), tuple(sorted(map(str, found)))


def _check_protocol(pickled: bytes) -> None:
    if pickled[:2] != b"\x80\x02":
        raise broken(
            "The file was saved with a pickle protocol of its own.",
            "Save it again with torch.save(model.state_dict(), 'model.pt') and no pickle_protocol.",
        )


def _length(storage: Storage) -> int:
    """Bytes of a storage, by the name of its type."""
    kind = storage.type.rpartition(".")[2].removesuffix("Storage")
    if kind not in _WIDTHS or storage.count < 0:
        raise broken(f"The file asks for numbers of the kind '{kind[:40]}'.")
    return storage.count * _WIDTHS[kind]


def _loaded(plain: bytes) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(  # pyright: ignore[reportUnknownMemberType]  # open types
                io.BytesIO(plain), map_location="cpu", weights_only=True, mmap=False
            )
    except MemoryError:
        raise
    except Exception as error:  # whatever it trips over, the file is at fault
        raise broken("The file cannot be read by torch's restricted loader.") from error


def _found(loaded: object) -> tuple[str, dict[str, torch.Tensor]]:
    """The weights themselves, or the one set of weights that a checkpoint wraps, and its key.

    Whatever else may be a set of weights is a reason to ask: the wrong one would be audited.
    """
    if not isinstance(loaded, dict):
        raise broken(f"The file holds a {type(loaded).__name__}, not tensors by their names.")
    top = cast(dict[object, object], loaded)
    alone = {key: value for key, value in top.items() if not isinstance(value, _SCALARS)}
    if _is_weights(alone):
        return "", alone
    holding = {
        str(key): value
        for key, value in top.items()
        if _holds(value) and not _is_figure(value) and not _of_training(key)
    }
    if not any(isinstance(value, dict) for value in holding.values()):
        names = ", ".join(ascii(str(key)[:40]) for key in list(top)[:6]) or "nothing"
        raise broken(f"The file holds no tensors by their names; it holds {names}.")
    if len(holding) > 1:
        names = ", ".join(ascii(name[:40]) for name in sorted(holding)[:6])
        raise broken(f"The file holds tensors in {len(holding)} places, {names}; one is taken.")
    ((key, value),) = holding.items()
    if not _is_weights(value):
        raise broken(f"What lies under {key[:40]!a} is not only tensors by their names.")
    return key, value


_SCALARS: Final = (bool, int, float, str, bytes, type(None))
_TRAINING: Final = ("optim", "sched", "lr_sched", "scaler", "amp", "rng", "random")
"""Beginnings of keys under which checkpoints keep the state of a training, not of a model."""
_DEEPEST: Final = 8


def _is_figure(value: object) -> bool:
    """A single number, as people keep a loss beside the weights."""
    return isinstance(value, torch.Tensor) and value.numel() == 1


def _of_training(key: object) -> bool:
    return isinstance(key, str) and key.lower().startswith(_TRAINING)


def _holds(value: object, depth: int = 0) -> bool:
    """Whether there are tensors in it, however deep; what goes too deep may hold some."""
    if isinstance(value, torch.Tensor) or depth > _DEEPEST:
        return True
    if isinstance(value, dict):
        inside = cast(dict[object, object], value).values()
    elif isinstance(value, list | tuple | set):
        inside = cast(list[object], value)
    else:
        return False
    return any(_holds(one, depth + 1) for one in inside)


def _is_weights(value: object) -> TypeGuard[dict[str, torch.Tensor]]:
    if not isinstance(value, dict) or not value:
        return False
    held = cast(dict[object, object], value)
    return all(isinstance(key, str) and isinstance(held[key], torch.Tensor) for key in held)


def _check_amount(weights: Mapping[str, torch.Tensor]) -> None:
    """A tensor that repeats its numbers (stride 0) may stand for far more than its file holds."""
    _check_names(weights.keys())
    for name, tensor in weights.items():
        _check_kind(name, tensor)
    total = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    if total > _MOST_BYTES:
        raise Refusal(
            "MODEL_TOO_LARGE",
            f"The weights take {total} bytes; at most {_MOST_BYTES} are taken.",
            "Use a smaller model.",
        )


def _check_names(names: Collection[str]) -> None:
    if len(names) > _MOST_TENSORS:
        raise broken(f"The file holds {len(names)} tensors; at most {_MOST_TENSORS} are taken.")
    for name in names:
        if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME or name == "__metadata__":
            raise broken(f"The file holds a tensor of the name {name[:60]!a}.")


def _check_kind(name: str, tensor: torch.Tensor) -> None:
    """Only plain numbers in plain memory, every one of them inside its storage."""
    shown = ascii(name[:60])
    usual = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not usual or tensor.is_quantized or tensor.is_nested or tensor.dtype not in _DTYPES:
        raise broken(
            f"The tensor {shown} is sparse, quantised, complex or has no numbers.",
            "Save the weights as plain floating-point tensors.",
        )
    if tensor.is_neg() or tensor.is_conj():
        raise broken(f"The tensor {shown} is saved with a sign that is still to be applied.")
    reach = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    last = (tensor.storage_offset() + reach + 1) * tensor.element_size()
    if tensor.numel() and last > tensor.untyped_storage().nbytes():
        raise broken(f"The tensor {shown} reaches beyond its numbers.")
