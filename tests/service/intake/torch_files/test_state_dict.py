"""Weights come out of every layout of torch.save the same, and nothing else comes out of it."""

import io
import struct
from collections.abc import Callable, Mapping

import pytest
import safetensors.torch
import torch

from analyzers.contract import Refusal
from service.intake.torch_files.state_dict_child import LEGACY_MAGIC, as_safetensors, tensors
from support.torch_files import Bomb, members, network, saved, scripted, stored, went_off

STATE = network().state_dict()
WRAPPERS: dict[str, Callable[[], object]] = {
    "plain": lambda: STATE,
    "dict": lambda: dict(STATE),
    "other order": lambda: dict(reversed(STATE.items())),
    "state_dict": lambda: {"state_dict": STATE, "epoch": 3, "best": 0.5, "arch": "resnet"},
    "beside an optimizer": lambda: {"model": STATE, "optimizer": optimizer(), "note": b"bytes"},
    "parameters": lambda: {
        "net": {
            **dict(network().named_parameters()),
            **dict(network().named_buffers()),
        }
    },
    "with a counter": lambda: {**STATE, "epoch": 3},
    "with a figure": lambda: {"ema": STATE, "loss": torch.tensor(0.5)},
}


def optimizer() -> dict[str, object]:
    """What people save beside the weights, as SGD with momentum gives it."""
    moments = {number: {"momentum_buffer": torch.ones(3)} for number in range(4)}
    return {"state": moments, "param_groups": [{"lr": 0.1, "nesterov": False, "params": [0, 1]}]}


def refusal(raw: bytes, code: str = "MODEL_BROKEN") -> str:
    """The sentence that a file earns."""
    with pytest.raises(Refusal) as caught:
        tensors(raw)
    assert caught.value.code == code
    assert caught.value.remedy
    assert len(caught.value.sentence) <= 500
    return caught.value.sentence


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_one_set_of_weights_from_every_file(wrapper: str, legacy: bool) -> None:
    """Layout, wrapper and order change neither a number nor a byte of the canonical form."""
    found = tensors(saved(WRAPPERS[wrapper](), legacy=legacy))
    assert as_safetensors(found.weights) == as_safetensors(STATE)
    assert list(found.weights) == sorted(STATE)
    assert "torch._utils._rebuild_tensor_v2" in found.imports
    back = safetensors.torch.load(as_safetensors(found.weights))
    assert all(torch.equal(back[name], STATE[name]) for name in STATE)


def test_shared_and_turned_tensors_come_out_plain() -> None:
    """Tied weights, views and transposes are written as the numbers that they are."""
    base = torch.arange(12.0).reshape(3, 4)
    weights = {"a": base, "b": base, "t": base.T, "v": base[1:, 2], "e": torch.ones(1).expand(5)}
    found = tensors(saved(weights)).weights
    assert found["t"].is_contiguous()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    alone = {name: tensor.contiguous().clone() for name, tensor in weights.items()}
    assert as_safetensors(found) == as_safetensors(alone)


@pytest.mark.parametrize("legacy", [False, True])
def test_all_plain_types(legacy: bool) -> None:
    """Every width of number that torch trains or counts in."""
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64)
    more = (torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
    weights = {str(kind): torch.tensor([[1, 0], [1, 1]]).to(kind) for kind in (*kinds, *more)}
    found = tensors(saved(weights, legacy=legacy)).weights
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        str(kind): kind for kind in (*kinds, *more)
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_a_bomb_beside_the_weights(legacy: bool) -> None:
    """The full loader sets it off; here its import is enough for a refusal."""
    raw = saved({"state_dict": STATE, "extra": Bomb()}, legacy=legacy)
    torch.load(io.BytesIO(raw), weights_only=False)  # pyright: ignore[reportUnknownMemberType]  # open types
    assert went_off()
    assert "exec" in refusal(raw, "PICKLE_EXECUTABLE")
    assert not went_off()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_model_is_code(legacy: bool) -> None:
    """A pickled module names its classes, and is refused by them."""
    assert "torch.nn.modules" in refusal(saved(network(), legacy=legacy), "PICKLE_EXECUTABLE")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("thing", "about"),
    [
        ({"model": STATE, "ema": STATE}, "tensors in 2 places, 'ema', 'model'"),
        ({"state_dict": {**STATE, "flag": 1}, "ema": STATE}, "2 places, 'ema', 'state_dict'"),
        ({"model": {"net": STATE}, "teacher": STATE}, "2 places, 'model', 'teacher'"),
        ({"state_dict": {**STATE, "flag": 1}}, "'state_dict' is not only tensors"),
        (torch.ones(3), "holds a Tensor"),
        ([torch.ones(3)], "holds a list"),
        ({}, "holds nothing"),
        ({"epoch": 3, "list": [1]}, "'epoch', 'list'"),
        ({3: torch.ones(3)}, "no tensors by their names"),
        ({"a\n": torch.ones(3)}, "of the name 'a\\n'"),
        ({"": torch.ones(3)}, "of the name ''"),
        ({"x" * 513: torch.ones(3)}, "of the name 'xxx"),
        ({"__metadata__": torch.ones(3)}, "of the name '__metadata__'"),
    ],
)
def test_what_is_no_set_of_weights(thing: object, about: str, legacy: bool) -> None:
    """None or several sets of tensors: the refusal says what was found."""
    assert about in refusal(saved(thing, legacy=legacy))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.empty(3, device="meta"),
        torch.ones(3, dtype=torch.complex64),
    ],
    ids=["sparse", "meta", "complex"],
)
def test_tensors_that_are_no_plain_numbers(tensor: torch.Tensor) -> None:
    """Each of them needs an import that plain weights do not need."""
    refusal(saved({"a": tensor}), "PICKLE_GLOBAL_NOT_ALLOWED")


def test_a_sign_that_is_still_to_be_applied() -> None:
    """A lazily negated tensor keeps the sign outside its numbers; other readers lose it."""
    lazy = torch.complex(torch.ones(3), torch.ones(3)).conj().imag
    assert lazy.is_neg()
    assert "sign" in refusal(saved({"a": lazy}))


def test_a_tensor_that_repeats_itself() -> None:
    """A few bytes may stand for terabytes; they are counted before anything is made of them."""
    raw = saved({"a": torch.ones(1).expand(1 << 40)})
    assert len(raw) < 4096
    assert "4398046511104 bytes" in refusal(raw, "MODEL_TOO_LARGE")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_other_protocols(protocol: int) -> None:
    """Torch's restricted loader reads protocol 2; the remedy says so in its way."""
    assert "protocol" in refusal(saved(STATE, pickle_protocol=protocol))


def test_a_program_is_no_state_dict() -> None:
    """TorchScript has the members of a state dict and more."""
    assert "TorchScript" in refusal(scripted(), "MODEL_NOT_RECOGNISED")


def edited(changes: Mapping[str, bytes | None]) -> bytes:
    """A state dict in a zip with members changed, added or (None) left out."""
    files: dict[str, bytes | None] = {**members(saved(STATE)), **changes}
    return stored({name: body for name, body in files.items() if body is not None})


@pytest.mark.parametrize(
    ("name", "body", "about"),
    [
        ("archive/data/0", None, "does not hold the numbers '0'"),
        ("archive/data/0", b"1234", "does not hold the numbers '0'"),
        ("archive/byteorder", b"mixed", "in which order"),
        ("archive/version", b"11\n", "version"),
        ("archive/version", b"-1", "version"),
        ("archive/version", None, "version"),
        ("other/file", b"", "not one that torch.save writes"),
        ("archive/data.pkl", None, "not one that torch.save writes"),
        ("archive/data.pkl", b"\x80\x02N", "damaged"),
    ],
)
def test_archives_with_a_part_changed(name: str, body: bytes | None, about: str) -> None:
    """Every member that matters is held against what the others say."""
    assert about in refusal(edited({name: body}))


def test_members_that_nobody_asks_for_are_left_behind() -> None:
    """Code or data beside the numbers reaches no loader and changes nothing."""
    raw = edited({"archive/data/99": b"x", "archive/extra.py": b"x"})
    assert as_safetensors(tensors(raw).weights) == as_safetensors(STATE)
    assert as_safetensors(tensors(edited({})).weights) == as_safetensors(STATE)


def with_pickle(body: bytes) -> bytes:
    """A state dict whose pickle is this one."""
    return edited({"archive/data.pkl": b"\x80\x02" + body + b"."})


STORAGE = (
    b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuKltQ"
)
"""The 108 numbers of the first member, behind a mark."""


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (b"K\x00K\x6c\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt", ""),
        (b"K\x00Km\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt", "restricted loader"),
        (b"K\x01Kl\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt", "restricted loader"),
        (b"K\x00Kl\x85K\x02\x85\x89ccollections\nOrderedDict\n)Rt", "restricted loader"),
        (b"J\xff\xff\xff\xffKl\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt", "restricted"),
        (b"K\x00Kl\x85J\xff\xff\xff\xff\x85\x89ccollections\nOrderedDict\n)Rt", "restricted"),
        (b"K\x00Kl\x85K\x01\x85NNNNNNNt", "restricted loader"),
        (b"K\x00Kl\x85K\x01\x85\x89]K\x05t", "restricted loader"),
    ],
)
def test_rebuilding_with_odd_arguments(arguments: bytes, about: str) -> None:
    """A tensor outside its numbers, or made of other things, is the file's fault and no crash."""
    body = b"}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n"
    raw = with_pickle(body + STORAGE + arguments + b"Rs")
    if about:
        assert about in refusal(raw)
    else:
        assert tensors(raw).weights["a"].shape == (108,)


@pytest.mark.parametrize(
    "body",
    [
        b"ctorch.storage\nUntypedStorage\n\x8a\x07" + bytes(6) + b"\x10\x85R",
        b"ctorch\nFloatStorage\nK\x05\x85R",
        b"ctorch\ndevice\nX\x03\x00\x00\x00gpu\x85R",
        b"ccollections\nOrderedDict\nctorch\nSize\n\x85R",
        b"ctorch._utils\n_rebuild_parameter\n(K\x01K\x02K\x03tR",
        b"ctorch.nn.parameter\nParameter\n(X\x01\x00\x00\x00atR",
    ],
)
def test_allowed_names_used_oddly(body: bytes) -> None:
    """The list alone does not make a file good; what then fails is refused all the same."""
    refusal(with_pickle(b"}X\x01\x00\x00\x00a" + body + b"s"))


OLD = saved({"a": torch.arange(4.0)}, legacy=True)
"""Ends with the number of values, 8 bytes, and the values, 16 bytes."""


@pytest.mark.parametrize(
    ("raw", "about"),
    [
        (OLD + b"more", "cut off or goes on"),
        (OLD[:-1], "cut off or goes on"),
        (OLD[:-24] + struct.pack("<q", 5) + OLD[-16:], "another number"),
        (OLD[:-24] + struct.pack("<q", -4) + OLD[-16:], "another number"),
        (OLD[:40], "damaged"),
    ],
)
def test_old_files_that_do_not_add_up(raw: bytes, about: str) -> None:
    """The numbers behind the pickles are exactly those that the pickles speak of."""
    assert about in refusal(raw)
    assert torch.equal(tensors(OLD).weights["a"], torch.arange(4.0))


def test_every_truncation_of_an_old_file() -> None:
    """Wherever it is cut, it is refused."""
    for length in range(len(LEGACY_MAGIC), len(OLD)):
        refusal(OLD[:length])


def test_a_bomb_in_each_pickle_of_an_old_file() -> None:
    """All five are checked: torch's full loader runs each of them."""
    raw = saved({"a": torch.ones(1)}, legacy=True)
    code = b"import sys; sys.assay_bomb_went_off = True"
    deed = b"cbuiltins\nexec\n(X" + struct.pack("<I", len(code)) + code + b"tR0"
    starts = [at + 2 for at in range(len(raw)) if raw[at : at + 2] == b"\x80\x02"]
    assert len(starts) == 5
    for start in starts[1:]:
        hostile = raw[:start] + deed + raw[start:]
        torch.load(io.BytesIO(hostile), weights_only=False)  # pyright: ignore[reportUnknownMemberType]  # open types
        assert went_off()
        refusal(hostile, "PICKLE_EXECUTABLE")
        assert not went_off()


def test_what_is_neither_layout() -> None:
    """Bytes of another kind never reach torch."""
    assert "not one that torch.save writes" in refusal(b"\x80\x02N.")
    assert "not one that torch.save writes" in refusal(b"")
