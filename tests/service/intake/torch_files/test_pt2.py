"""torch.export archives: what is honest is converted, what could run code never gets to run."""

import io
import json
import pickle
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim, export, save

from analyzers.contract import Refusal
from service.intake.torch_files.exporting_child import Converted
from service.intake.torch_files.pt2_child import converted
from service.intake.torch_files.pt2_shapes_child import expression
from support.exports import (
    SHAPE,
    Change,
    Tiny,
    changed,
    converted_under_the_lock,
    images,
    in_json,
    loaded_unguarded,
    logits,
    members,
    tiny,
)

MODEL = "models/model.json"
SAMPLES = "data/sample_inputs/model.pt"
WEIGHTS = "data/weights/model_weights_config.json"
Told = dict[str, Any]


def archive_of(net: torch.nn.Module, count: int, *, free: bool) -> bytes:
    """What torch.export writes of a network."""
    shapes = ({0: Dim("batch", min=1, max=64)},) if free else None
    buffer = io.BytesIO()
    save(export(net, (images(count),), dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def honest() -> bytes:
    """An archive with a free batch."""
    return archive_of(tiny(), 2, free=True)


class Touch:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


def touching(path: Path) -> str:
    """Source that makes a file and is true."""
    return f"__import__('pathlib').Path({str(path)!r}).touch() is None"


def refusal(raw: bytes) -> Refusal:
    """The refusal that an archive earns."""
    with pytest.raises(Refusal) as caught:
        converted(raw)
    assert 0 < len(caught.value.sentence) <= 500
    assert caught.value.remedy
    return caught.value


def same_as(net: Tiny, made: Converted, counts: tuple[int, ...]) -> None:
    """Its ONNX answers as the module does, and its weights are the module's own."""
    for count in counts:
        given = images(count)
        assert np.abs(logits(made.onnx, given) - net(given).detach().numpy()).max() < 1e-5
    assert made.drift < 1e-5
    right = net.state_dict()
    assert sorted(made.weights) == sorted(right)
    assert all(torch.equal(made.weights[name], right[name]) for name in right)


def test_archive_with_a_free_batch(honest: bytes) -> None:
    """Logits are the module's at any batch; batch norm stays in the weights, which keep names."""
    made = converted(honest)
    same_as(tiny(), made, (1, 2, 7))
    assert "norm.running_var" in made.weights
    assert [notice.id for notice in made.notices] == ["ART-PICKLE"]


@pytest.mark.deep
def test_archive_with_a_fixed_batch() -> None:
    """One image at a time is what many examples export; it stays so."""
    same_as(tiny(), converted(archive_of(tiny(), 1, free=False)), (1,))


@pytest.mark.deep
def test_archive_under_the_lock(honest: bytes) -> None:
    """Loading and exporting need no file that can be written and no other process."""
    raw = converted_under_the_lock("service.intake.torch_files.pt2_child", honest)
    given = images(4)
    assert np.abs(logits(raw, given) - tiny()(given).detach().numpy()).max() < 1e-5


class Cropped(nn.Module):
    """Leaves out rows and every second pixel: slices whose end is torch's largest number."""

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it open
        self.head = nn.Linear(3 * 4 * 4, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.head(images[:, :, 1:][:, :, ::2, ::2].flatten(1))


def with_instance_norm(*, running: bool) -> nn.Sequential:
    """A network that takes each picture's own statistics, or keeps running ones."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]  # its number has no type
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=running)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))


@pytest.mark.parametrize(
    "net", [Cropped(), with_instance_norm(running=False), with_instance_norm(running=True)]
)
def test_parts_of_honest_networks(net: nn.Module) -> None:
    """Slices without an end and instance norms at rest are taken, and answer as torch does."""
    made = converted(archive_of(net.eval(), 2, free=True))
    given = images(3)
    assert np.abs(logits(made.onnx, given) - net(given).detach().numpy()).max() < 1e-5


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(192, 5)),
        nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(192, 5)),
        with_instance_norm(running=True),
    ],
)
def test_networks_in_training(net: nn.Module) -> None:
    """Batch statistics, dropped units and statistics that still run are no classifier at rest."""
    found = refusal(archive_of(net.train(), 2, free=False))
    assert found.code == "MODEL_UNSTABLE"
    assert "model.eval()" in found.remedy


def with_many_axes(told: Told) -> None:
    """A weight of as many axes as fit into the file."""
    meta = next(iter(told["config"].values()))["tensor_meta"]
    meta["sizes"] = [{"as_int": (1 << 63) - 1}] * 40_000
    meta["strides"] = [{"as_int": 0}] * 40_000


def test_axes_of_weights_are_counted_before_they_are_multiplied(honest: bytes) -> None:
    """Their product alone takes a quarter minute."""
    raw = changed(honest, in_json(WEIGHTS, with_many_axes))
    began = time.process_time()
    assert refusal(raw).code == "MODEL_BROKEN"
    assert time.process_time() - began < 8


def with_sample_inputs(marker: Path) -> Change:
    """Sample inputs that are a program."""

    def edit(held: dict[str, bytes]) -> None:
        held[SAMPLES] = pickle.dumps(Touch(marker))

    return edit


def with_pickled_weight(marker: Path) -> Change:
    """A weight that its listing calls pickled."""

    def edit(held: dict[str, bytes]) -> None:
        told = json.loads(held[WEIGHTS])
        meta = next(iter(told["config"].values()))
        meta["use_pickle"] = True
        held[WEIGHTS] = json.dumps(told).encode()
        held[f"data/weights/{meta['path_name']}"] = pickle.dumps(Touch(marker))

    return edit


def with_pickled_constant(marker: Path) -> Change:
    """A constant of a kind that the loader unpickles."""

    def edit(held: dict[str, bytes]) -> None:
        held["data/constants/model_constants_config.json"] = json.dumps(
            {
                "config": {
                    "one": {
                        "path_name": "opaque_obj_0",
                        "is_param": False,
                        "use_pickle": True,
                        "tensor_meta": None,
                    }
                }
            }
        ).encode()
        held["data/constants/opaque_obj_0"] = pickle.dumps(Touch(marker))

    return edit


def with_guard(marker: Path) -> Change:
    """A guard, which is source that torch runs when the module is asked for."""

    def edit(told: Told) -> None:
        told["guards_code"] = [touching(marker)]

    return in_json(MODEL, edit)


def with_expression(marker: Path) -> Change:
    """A size that is a program."""

    def edit(told: Told) -> None:
        sizes = told["graph_module"]["graph"]["tensor_values"]["images"]["sizes"]
        sizes[0]["as_expr"]["expr_str"] = touching(marker)

    return in_json(MODEL, edit)


def calling(target: str, **values: Told) -> Change:
    """A node before all others that calls something by name."""

    def edit(told: Told) -> None:
        graph = told["graph_module"]["graph"]
        four = {"sizes": [{"as_int": 4}], "strides": [{"as_int": 1}]}
        graph["tensor_values"]["stolen"] = {**graph["tensor_values"]["images"], **four}
        node: Told = {"target": target, "outputs": [{"as_tensor": {"name": "stolen"}}]}
        node["inputs"] = [{"name": name, "arg": one, "kind": 1} for name, one in values.items()]
        graph["nodes"].insert(0, {**node, "metadata": {}, "name": "stolen"})

    return in_json(MODEL, edit)


def with_file_operator(marker: Path) -> Change:
    """An operator of torch itself that opens a file, and makes it when it may share it."""
    size, shared = {"as_int": 4}, {"as_bool": True}
    name = {"as_string": str(marker)}
    return calling("torch.ops.aten.from_file.default", filename=name, shared=shared, size=size)


HOSTILE: Mapping[str, tuple[Callable[[Path], Change], str]] = {
    "samples": (with_sample_inputs, ""),
    "weight": (with_pickled_weight, "PT2_CONTAINS_PICKLE"),
    "constant": (with_pickled_constant, "PT2_CONTAINS_PICKLE"),
    "guard": (with_guard, ""),
    "expression": (with_expression, "MODEL_BROKEN"),
    "file": (with_file_operator, "MODEL_OPERATOR_UNSUPPORTED"),
}
"""What runs something when its own loader takes it; without a code, that part is dropped."""


def test_control_each_of_these_bites_its_own_loader(honest: bytes, tmp_path: Path) -> None:
    """Without the filter every one of them leaves its mark."""
    made = {
        f"{name}.pt2": changed(honest, change(tmp_path / f"{name}.ran"))
        for name, (change, _) in HOSTILE.items()
    }
    said = loaded_unguarded(tmp_path, made)
    bitten = {path.stem for path in tmp_path.glob("*.ran")}
    assert bitten == set(HOSTILE), said


@pytest.mark.parametrize("name", [name for name, (_, code) in HOSTILE.items() if code])
def test_refused_before_anything_runs(honest: bytes, tmp_path: Path, name: str) -> None:
    """Each is refused under its own code, and leaves no mark."""
    change, code = HOSTILE[name]
    assert refusal(changed(honest, change(tmp_path / "ran"))).code == code
    assert not (tmp_path / "ran").exists()


def test_what_no_answer_needs_is_dropped_unread(honest: bytes, tmp_path: Path) -> None:
    """Sample inputs and guards go, with the programs in them; the honest rest is converted."""
    marker = tmp_path / "ran"
    both = changed(changed(honest, with_sample_inputs(marker)), with_guard(marker))
    same_as(tiny(), converted(both), (3,))
    assert not marker.exists()


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.load", "torch.ops.higher_order.cond", "torch.ops.mine.op.default"],
)
def test_calls_of_anything_but_known_operators(honest: bytes, target: str) -> None:
    """What lies elsewhere below torch is never looked up, whatever it is."""
    told = calling(target, command={"as_string": "touch ran"})
    found = refusal(changed(honest, told))
    assert found.code == "MODEL_OPERATOR_UNSUPPORTED"
    assert target in found.sentence


def holding(name: str, body: bytes = b"x") -> Change:
    """One more member."""

    def edit(held: dict[str, bytes]) -> None:
        held[name] = body

    return edit


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("data/aotinductor/model/net.wrapper.so", "PT2_NATIVE_CODE"),
        ("data/aotinductor/model/metadata.json", "PT2_NATIVE_CODE"),
        ("data/aotinductor/model/net.cubin", "PT2_NATIVE_CODE"),
        ("extra/helper.so", "PT2_NATIVE_CODE"),
        ("data/weights/libx.so.1", "PT2_NATIVE_CODE"),
        ("data/constants/custom_obj_0", "PT2_CONTAINS_PICKLE"),
        ("data/constants/opaque_obj_0", "PT2_CONTAINS_PICKLE"),
        ("data/weights/model.pt", "PT2_CONTAINS_PICKLE"),
        ("data.pkl", "PT2_CONTAINS_PICKLE"),
        ("data/executorch/net.pte", "ARCHIVE_UNSAFE"),
        ("models/second.json", "ARCHIVE_UNSAFE"),
    ],
)
def test_members_that_a_model_does_not_need(honest: bytes, name: str, code: str) -> None:
    """Compiled code, pickles and unknown things are refused by what they are."""
    assert refusal(changed(honest, holding(name))).code == code


@pytest.mark.deep
def test_control_a_native_library_is_loaded_by_its_own_loader(
    honest: bytes, tmp_path: Path
) -> None:
    """The constructor of a library under the compiler's folder runs, unless it is refused."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to make a library with")
    source, library = tmp_path / "x.c", tmp_path / "x.so"
    mark = f'fclose(fopen("{tmp_path}/ran", "w"));'
    source.write_text(
        f"#include <stdio.h>\n__attribute__((constructor)) void f(void) {{ {mark} }}\n"
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    folder, cpu = "data/aotinductor/model/x.wrapper", b'{"AOTI_DEVICE_KEY": "cpu"}'
    told = changed(honest, holding(f"{folder}_metadata.json", cpu))
    native = changed(told, holding(f"{folder}.so", library.read_bytes()))
    assert refusal(native).code == "PT2_NATIVE_CODE"
    assert not (tmp_path / "ran").exists()
    said = loaded_unguarded(tmp_path, {"native.pt2": native})
    assert (tmp_path / "ran").exists(), said


def renamed(held: dict[str, bytes]) -> None:
    """A name that would become source."""
    held[MODEL] = held[MODEL].replace(b'"images"', b'"images=print(1)"')


def twice(held: dict[str, bytes]) -> None:
    """The same key twice, of which readers take one or the other."""
    held[MODEL] = b'{"guards_code": [], ' + held[MODEL][1:]


def huge(held: dict[str, bytes]) -> None:
    """A weight far larger than its bytes."""
    told = json.loads(held[WEIGHTS])
    next(iter(told["config"].values()))["tensor_meta"]["sizes"][0] = {"as_int": 1 << 40}
    held[WEIGHTS] = json.dumps(told).encode()


def stretched(held: dict[str, bytes]) -> None:
    """A weight that repeats one number without end."""
    told = json.loads(held[WEIGHTS])
    meta = next(iter(told["config"].values()))["tensor_meta"]
    meta["sizes"] = [{"as_int": 1 << 40}]
    meta["strides"] = [{"as_int": 0}]
    held[WEIGHTS] = json.dumps(told).encode()


def deep(held: dict[str, bytes]) -> None:
    """Brackets without end."""
    held[MODEL] = b"[" * 100_000


def lost(held: dict[str, bytes]) -> None:
    """A weight's bytes are gone."""
    del held["data/weights/weight_0"]


@pytest.mark.parametrize("change", [renamed, twice, huge, stretched, deep, lost])
def test_archives_that_torch_does_not_write(honest: bytes, change: Change) -> None:
    """Names that are source, sizes that lie, JSON of two meanings: all broken, none loaded."""
    assert refusal(changed(honest, change)).code == "MODEL_BROKEN"


@pytest.mark.parametrize(
    "path", [(WEIGHTS, "config"), (MODEL, "schema_version"), (MODEL, "graph_module")]
)
def test_parts_that_are_left_out(honest: bytes, path: tuple[str, str]) -> None:
    """What torch always writes and nothing here could go without is missed by name."""
    member, key = path

    def without(told: Told) -> None:
        del told[key]

    assert refusal(changed(honest, in_json(member, without))).code == "MODEL_BROKEN"


def test_an_archive_cut_short(honest: bytes) -> None:
    """Half a zip is no zip."""
    assert refusal(honest[: len(honest) // 2]).code == "ARCHIVE_UNSAFE"


def trained(told: Told) -> None:
    """Batch norm that uses the batch."""
    for node in told["graph_module"]["graph"]["nodes"]:
        for one in node["inputs"]:
            if one["name"] == "training":
                one["arg"] = {"as_bool": True}


def second_input(told: Told) -> None:
    """Another tensor from outside, where a parameter was."""
    specs = told["graph_module"]["signature"]["input_specs"]
    specs[0] = {"user_input": {"arg": {"as_tensor": specs[0]["parameter"]["arg"]}}}


def second_output(told: Told) -> None:
    """Two answers."""
    told["graph_module"]["signature"]["output_specs"] *= 2


def integers(told: Told) -> None:
    """Images of whole numbers."""
    told["graph_module"]["graph"]["tensor_values"]["images"]["dtype"] = 5


def flat(told: Told) -> None:
    """Vectors instead of images."""
    del told["graph_module"]["graph"]["tensor_values"]["images"]["sizes"][-1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (trained, "MODEL_UNSTABLE"),
        (second_input, "MODEL_INPUT_UNSUPPORTED"),
        (second_output, "MODEL_OUTPUT_UNSUPPORTED"),
        (integers, "MODEL_INPUT_UNSUPPORTED"),
        (flat, "MODEL_INPUT_UNSUPPORTED"),
    ],
)
def test_programs_that_are_no_classifier(
    honest: bytes, change: Callable[[Told], None], code: str
) -> None:
    """One float tensor of images in, one tensor out, nothing learned on the way."""
    assert refusal(changed(honest, in_json(MODEL, change))).code == code


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("4", "4"),
        ("Symbol('s77', positive=True, integer=True)",) * 2,
        ("Mul(Integer(4), Symbol('s0', integer=True))",) * 2,
        ("Pow(Symbol('s0'), Integer(2))",) * 2,
        ("s0//2 + 1", "s0 // 2 + 1"),
    ],
)
def test_expressions_of_sizes(text: str, right: str) -> None:
    """Sums and products of symbols are written anew."""
    assert expression(text) == right


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "Symbol('x').__class__",
        "Symbol(name='s0')",
        "Symbol('s0', positive=print(1))",
        "(lambda: 1)()",
        "[s0 for s0 in s1]",
        "9**9**9",
        "Pow(Integer(9), Integer(99999999))",
        "factorial(s0)",
        "Integer(10000000000000000000000)",
        "s0 +" * 400 + "1",
        "(" * 500 + "s0" + ")" * 500,
        "True",
        "",
    ],
)
def test_expressions_that_are_more(text: str) -> None:
    """Anything that is not arithmetic of sizes is refused before it is evaluated."""
    with pytest.raises(Refusal):
        expression(text)


def test_what_a_tiny_archive_holds(honest: bytes) -> None:
    """The members that the hostile variants change are where torch puts them."""
    assert {MODEL, SAMPLES, WEIGHTS, "data/weights/weight_0"} <= members(honest).keys()
    assert SHAPE == (3, 8, 8)
