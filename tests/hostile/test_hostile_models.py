"""Model files made to harm: each costs its own job a code, and nobody else anything."""

import io
import random
import struct
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import pytest_asyncio
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper

from service.errors import Code
from service.executors.interface import Request
from service.executors.local import LocalExecutor
from support.jobs import Ended, below, empty, ended
from support.running import NETS

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROBUST = (NETS / "robust.onnx").read_bytes()
GIB = 1 << 30
DEPTH = 28
"""Three messages a level; protobuf itself reads no more than a hundred."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalExecutor]:
    """One supervisor for every file, which must outlive them all."""
    one = LocalExecutor(tmp_path_factory.mktemp("spool") / "spool")
    await one.start()
    supervisor = one.process_id
    yield one
    assert one.process_id == supervisor, "a model file brought the supervisor down"
    await one.stop()
    assert below(supervisor) == []


@pytest.fixture
def spool(executor: LocalExecutor) -> Path:
    """Where the executor's results land."""
    return executor._spool  # pyright: ignore[reportPrivateUsage]  # looked at from outside


class Stage:
    """Files through one stage of intake, each followed by a look at what it left."""

    def __init__(self, executor: LocalExecutor, spool: Path, file: Path) -> None:
        """Use one scratch file for all uploads."""
        self._executor, self._spool, self._file = executor, spool, file

    async def take(
        self,
        raw: bytes,
        *,
        stage: str = "canonicalise",
        seconds: float = 60,
        memory: int = GIB,
        **body: str,
    ) -> Ended:
        """Hand one file in; the spool holds nothing partial afterwards."""
        self._file.write_bytes(raw)
        end = await ended(
            self._executor,
            Request(
                stage,
                body,
                {"file": str(self._file)},
                seconds=seconds,
                limits={"memory": memory},
            ),
        )
        if end.result is not None and stage == "canonicalise":
            onnx.checker.check_model(onnx.ModelProto.FromString(end.bytes_of("canonical")))  # pyright: ignore[reportUnknownMemberType]  # open path type
        empty(self._spool, end)
        return end

    async def healthy(self) -> None:
        """The control: the demo net still goes through the same executor."""
        end = await self.take(ROBUST)
        assert end.facts["classes"] == 10
        assert end.facts["shape"] == [3, 32, 32]


@pytest.fixture
def stage(executor: LocalExecutor, spool: Path, tmp_path: Path) -> Stage:
    """The stages of intake on the shared executor."""
    return Stage(executor, spool, tmp_path / "upload")


def acceptable(end: Ended) -> bool:
    """A canonical file, or a code that tells the user about the model."""
    return end.result is not None or end.code.startswith("MODEL_")


# ------------------------------------------------------------------------------- damaged files


async def test_truncated_files_are_refused(stage: Stage) -> None:
    """An upload that ends too early, wherever, is told to be a broken or unsuitable model."""
    ends = [0, 1, 2, 7, 16, 63, len(ROBUST) // 2, len(ROBUST) - 1000, len(ROBUST) - 1]
    for end in ends:
        found = await stage.take(ROBUST[:end])
        assert found.result is None, f"{end} bytes were taken for the whole"
        assert found.code.startswith("MODEL_"), f"{end} bytes: {found}"
    await stage.healthy()


async def test_random_bytes_are_refused(stage: Stage) -> None:
    """Noise with and without an ONNX beginning is refused with a code."""
    source = random.Random(5)  # noqa: S311 - noise, no secret
    for size in (1, 30, 1000, 200_000):
        for head in (b"", b"\x08\x0a", ROBUST[:200]):
            found = await stage.take(head + source.randbytes(size))
            assert found.code.startswith("MODEL_"), f"{head[:2]!r} and {size} bytes: {found}"
    await stage.healthy()


async def flipped(stage: Stage, seed: int, near: int) -> None:
    """Flip a few bits among the first bytes of the demo net, and hand it in."""
    source, raw = random.Random(seed), bytearray(ROBUST)  # noqa: S311 - noise, no secret
    for _ in range(source.randint(1, 8)):
        raw[source.randrange(min(near, len(raw)))] ^= 1 << source.randrange(8)
    found = await stage.take(bytes(raw))
    assert acceptable(found), f"seed {seed}: {found}"


@pytest.mark.parametrize("seed", range(8))
async def test_flipped_bits_end_in_a_code_or_a_valid_file(stage: Stage, seed: int) -> None:
    """Bits flipped in the head, where the structure is, or anywhere, never end unexpectedly."""
    await flipped(stage, seed, 3000 if seed % 2 else len(ROBUST))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 250))
async def test_many_flipped_bits(stage: Stage, seed: int) -> None:
    """The same with many seeds."""
    await flipped(stage, seed, 3000 if seed % 2 else len(ROBUST))


async def test_healthy_after_the_damage(stage: Stage) -> None:
    """The executor that has seen all of them still works."""
    await stage.healthy()


# ------------------------------------------------------------------------------ crafted graphs


def made(
    nodes: list[onnx.NodeProto],
    stored: list[onnx.TensorProto] | None = None,
    *,
    inputs: list[onnx.ValueInfoProto] | None = None,
    outputs: list[onnx.ValueInfoProto] | None = None,
    domains: tuple[tuple[str, int], ...] = (("", 17),),
) -> onnx.ModelProto:
    """A small classifier around some nodes: ``x`` [batch,3,8,8] in, ``y`` [batch,10] out."""
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "crafted",
        inputs or [helper.make_tensor_value_info("x", floats, ["b", 3, 8, 8])],
        [helper.make_tensor_value_info("y", floats, ["b", 10])] if outputs is None else outputs,
        [*(stored or []), weight()],
    )
    opsets = [helper.make_opsetid(*one) for one in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def weight(value: float | None = None) -> onnx.TensorProto:
    """The last layer's weights."""
    array = np.random.default_rng(1).normal(size=(192, 10)).astype(np.float32)
    return numpy_helper.from_array(array if value is None else np.full_like(array, value), "w")


def head(source: str = "x") -> list[onnx.NodeProto]:
    """Flatten and one linear layer."""
    return [
        helper.make_node("Flatten", [source], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]


def vector(values: list[int], name: str) -> onnx.TensorProto:
    """A stored int64 vector."""
    return numpy_helper.from_array(np.array(values, np.int64), name)


def plain() -> onnx.ModelProto:
    """The control of all crafted graphs: nothing is wrong with it."""
    return made(head())


def huge_dimension() -> onnx.ModelProto:
    """An image that would hold 2^60 pixels."""
    shape = ["b", 3, 1 << 30, 1 << 30]
    return made(head(), inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)])


def negative_dimension() -> onnx.ModelProto:
    """An image of less than nothing."""
    shape = ["b", 3, -8, 8]
    return made(head(), inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)])


def lying_tensor() -> onnx.ModelProto:
    """Weights that announce 2^40 numbers and hold none."""
    model = plain()
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    return model


def custom_domain() -> onnx.ModelProto:
    """An operator that somebody's library would bring."""
    node = helper.make_node("Evil", ["x"], ["z"], domain="com.example")
    return made([node, *head("z")], domains=(("", 17), ("com.example", 1)))


def cycle() -> onnx.ModelProto:
    """Two nodes that wait for each other."""
    first = helper.make_node("Add", ["x", "q"], ["p"])
    return made([first, helper.make_node("Relu", ["p"], ["q"]), *head("q")])


def two_inputs() -> onnx.ModelProto:
    """A model that wants two images."""
    floats = TensorProto.FLOAT
    both = [helper.make_tensor_value_info(name, floats, ["b", 3, 8, 8]) for name in ("x", "z")]
    return made([helper.make_node("Add", ["x", "z"], ["s"]), *head("s")], inputs=both)


def double_input() -> onnx.ModelProto:
    """A model that wants numbers of 64 bits."""
    wants = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["b", 3, 8, 8])]
    cast = helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)
    return made([cast, *head("f")], inputs=wants)


def no_output() -> onnx.ModelProto:
    """A model that answers nothing."""
    return made(head(), outputs=[])


def one_output() -> onnx.ModelProto:
    """A detector with a single score."""
    score = [helper.make_tensor_value_info("s", TensorProto.FLOAT, ["b", 1])]
    mean = helper.make_node("ReduceMean", ["y"], ["s"], axes=[1])
    return made([*head(), mean], outputs=score)


def nan_weights() -> onnx.ModelProto:
    """A model whose every answer is no number."""
    model = plain()
    model.graph.initializer[0].CopyFrom(weight(float("nan")))
    return model


def detached() -> onnx.ModelProto:
    """An output that has never heard of the image."""
    shape = numpy_helper.from_array(np.zeros((1, 10), np.float32), "zeros")
    return made([helper.make_node("Identity", ["zeros"], ["y"])], [shape])


def unsorted() -> onnx.ModelProto:
    """A node that reads what is made after it."""
    return made(head()[::-1])


def calls(bodies: dict[str, str]) -> onnx.ModelProto:
    """Functions that each hold one call, of another one or of Relu."""
    model = plain()
    model.opset_import.append(helper.make_opsetid("local", 1))
    opsets = list(model.opset_import)
    for name, inner in bodies.items():
        domain = "local" if inner in bodies else ""
        call = helper.make_node(inner, ["a"], ["b"], domain=domain)
        model.functions.append(helper.make_function("local", name, ["a"], ["b"], [call], opsets))
    first = helper.make_node(next(iter(bodies)), ["x"], ["z"], domain="local")
    model.graph.node.insert(0, first)
    model.graph.node[1].input[0] = "z"
    return model


def recursive_functions() -> onnx.ModelProto:
    """Two functions that call each other."""
    return calls({"f": "g", "g": "f"})


def chain_of_functions() -> onnx.ModelProto:
    """Three thousand functions, each calling the next."""
    return calls({f"f{at}": f"f{at + 1}" if at < 2999 else "Relu" for at in range(3000)})


def short_chain() -> onnx.ModelProto:
    """A chain that is short enough in number, but not in depth."""
    return calls({f"f{at}": f"f{at + 1}" if at < 99 else "Relu" for at in range(100)})


def vast_block() -> onnx.ModelProto:
    """A block of 2^32, which the runtime divides by after cutting it to 32 bits."""
    node = helper.make_node("DepthToSpace", ["x"], ["z"], blocksize=1 << 32)
    return made([node, *head("z")])


def no_stride() -> onnx.ModelProto:
    """A pool that never moves on."""
    node = helper.make_node("MaxPool", ["x"], ["z"], kernel_shape=[2, 2], strides=[0, 0])
    return made([node, *head("z")])


def negative_weights() -> onnx.ModelProto:
    """Weights with axes of negative length, whose product fits."""
    model = plain()
    model.graph.initializer[0].dims[:] = [-192, -10]
    return model


def long_range() -> onnx.ModelProto:
    """The whole numbers up to 2^33."""
    ends = [numpy_helper.from_array(np.array(at), name) for name, at in RANGE.items()]
    nodes = [
        helper.make_node("Range", list(RANGE), ["vast"]),
        helper.make_node("ReduceSum", ["vast"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["sum"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "sum"], ["z"]),
    ]
    return made([*nodes, *head("z")], ends)


RANGE = {"from": 0, "to": 1 << 33, "by": 1}


def doubling(between: str) -> onnx.ModelProto:
    """A value joined to itself 45 times over."""
    nodes, last = list[onnx.NodeProto](), "x"
    for at in range(45):
        nodes.append(helper.make_node(between, [last], [f"s{at}"]))
        nodes.append(helper.make_node("Concat", [f"s{at}", f"s{at}"], [f"d{at}"], axis=3))
        last = f"d{at}"
    mean = helper.make_node("ReduceMean", [last], ["m"], axes=[3])
    return made([*nodes, mean, helper.make_node("Add", ["x", "m"], ["z"]), *head("z")])


def doubling_concat() -> onnx.ModelProto:
    """The chain through an operator that is known to keep sizes."""
    return doubling("Relu")


def long_name() -> onnx.ModelProto:
    """A name of a megabyte."""
    model = plain()
    model.graph.node[0].name = "n" * (1 << 20)
    return model


def steering_name() -> onnx.ModelProto:
    """A name that clears a terminal and turns the direction of writing."""
    model = plain()
    model.graph.node[0].name = "\x1b[2J\u202e<script>"
    return model


CRAFTED: list[tuple[Callable[[], onnx.ModelProto], set[Code]]] = [
    (lying_tensor, {Code.MODEL_BROKEN}),
    (custom_domain, {Code.MODEL_OPERATOR_UNSUPPORTED}),
    (cycle, {Code.MODEL_BROKEN}),
    (two_inputs, {Code.MODEL_INPUT_UNSUPPORTED}),
    (double_input, {Code.MODEL_INPUT_UNSUPPORTED}),
    (no_output, {Code.MODEL_OUTPUT_UNSUPPORTED, Code.MODEL_BROKEN}),
    (one_output, {Code.MODEL_ONE_OUTPUT}),
    (nan_weights, {Code.MODEL_LOGITS_NOT_FINITE}),
    (detached, {Code.MODEL_OUTPUT_UNSUPPORTED}),
    (unsorted, {Code.MODEL_BROKEN}),
    (recursive_functions, {Code.MODEL_BROKEN}),
    (chain_of_functions, {Code.MODEL_TOO_COMPLEX}),
    (short_chain, {Code.MODEL_TOO_COMPLEX}),
    (vast_block, {Code.MODEL_BROKEN}),
    (no_stride, {Code.MODEL_BROKEN}),
    (negative_weights, {Code.MODEL_BROKEN}),
    (long_range, {Code.MODEL_TOO_COMPLEX}),
    (doubling_concat, {Code.MODEL_TOO_COMPLEX}),
    (long_name, {Code.MODEL_BROKEN}),
    (steering_name, {Code.MODEL_BROKEN}),
]


@pytest.mark.parametrize(("build", "codes"), CRAFTED, ids=lambda one: getattr(one, "__name__", ""))
async def test_unsuitable_graphs_have_codes(
    stage: Stage, build: Callable[[], onnx.ModelProto], codes: set[Code]
) -> None:
    """What is no image classifier is refused by name; the plain graph beside it is taken."""
    found = await stage.take(build().SerializeToString())
    assert found.code in codes, found
    assert (await stage.take(plain().SerializeToString())).facts["classes"] == 10


@pytest.mark.parametrize("build", [huge_dimension, negative_dimension])
async def test_impossible_image_sizes_are_told(
    stage: Stage, build: Callable[[], onnx.ModelProto]
) -> None:
    """An image of 2^60 or of -8 pixels is the model's fault, and told as such."""
    found = await stage.take(build().SerializeToString())
    assert found.code == Code.MODEL_INPUT_UNSUPPORTED, found


@pytest.mark.parametrize("build", [huge_dimension, negative_dimension])
async def test_impossible_image_sizes_cost_only_themselves(
    stage: Stage, build: Callable[[], onnx.ModelProto]
) -> None:
    """Whatever they are told as, they end with a code and the next file is taken."""
    found = await stage.take(build().SerializeToString())
    assert found.code.startswith(("MODEL_", "CHILD_")), found
    await stage.healthy()


def pointing(place: str) -> onnx.ModelProto:
    """The plain model with its weights said to lie somewhere else."""
    model = plain()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", "7680")):
        tensor.external_data.add(key=key, value=value)
    return model


PLACES = {
    "/etc/passwd": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "../../../../../../etc/passwd": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "/dev/zero": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "weights/../../w": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "C:\\w": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "file:///etc/passwd": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    "": Code.MODEL_EXTERNAL_DATA_UNSAFE,
    # A plain name may be a hard link to anything where it lies; here it is never opened at all.
    "linked.bin": Code.MODEL_BROKEN,
}


@pytest.mark.parametrize("place", PLACES)
async def test_data_outside_the_file_is_never_read(stage: Stage, place: str) -> None:
    """Weights that claim to lie in a file of this machine are refused, whatever the path."""
    found = await stage.take(pointing(place).SerializeToString())
    assert found.code == PLACES[place], found
    assert "root:" not in found.sentence
    await stage.healthy()


def bundle(place: str, *, mode: int = 0o100644, body: bytes = bytes(7680)) -> bytes:
    """A zip of the model and one file beside it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("m.onnx", pointing("w.bin").SerializeToString())
        member = zipfile.ZipInfo(place)
        member.external_attr = mode << 16
        archive.writestr(member, body)
    return stream.getvalue()


BUNDLES: dict[str, tuple[bytes, Code]] = {
    "a symbolic link": (bundle("w.bin", mode=0o120777, body=b"/etc/passwd"), Code.ARCHIVE_UNSAFE),
    "a climbing member": (bundle("../w.bin"), Code.ARCHIVE_UNSAFE),
    "another file": (bundle("v.bin"), Code.MODEL_EXTERNAL_DATA_UNSAFE),
    "too few bytes": (bundle("w.bin", body=bytes(7679)), Code.MODEL_BROKEN),
    "a script behind": (bundle("w.bin") + b"#!/bin/sh\n", Code.ARCHIVE_UNSAFE),
}


@pytest.mark.parametrize("name", BUNDLES)
async def test_bundles_hold_plain_files_only(stage: Stage, name: str) -> None:
    """Links, paths and missing weights in a zip each have their code; the good zip is read."""
    raw, code = BUNDLES[name]
    assert (await stage.take(raw)).code == code
    good = await stage.take(bundle("w.bin", body=weight().raw_data))
    assert good.facts["classes"] == 10


async def test_a_chain_that_only_running_shows_is_stopped_by_memory(stage: Stage) -> None:
    """Where nothing is known of a size beforehand, the child's limit ends it, or the run in it."""
    found = await stage.take(doubling("Sin").SerializeToString(), seconds=60)
    assert found.code in {Code.CHILD_MEMORY, Code.MODEL_BROKEN}, found
    await stage.healthy()


def wrapped(fields: list[int], body: bytes) -> bytes:
    """Bytes as the only part of a part of a part, innermost first."""
    for field in fields:
        size, length = len(body), bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        body = bytes([field << 3 | 2, *length, size]) + body
    return body


@pytest.mark.parametrize("levels", [50, 5000])
async def test_deep_messages_are_refused_unparsed(stage: Stage, levels: int) -> None:
    """Types of sequences of sequences, deeper than any parser's stack."""
    found = await stage.take(wrapped([1, 4] * levels + [2, 13, 7], b""))
    assert found.code == Code.MODEL_TOO_COMPLEX, found
    await stage.healthy()


@pytest.mark.parametrize("depth", [DEPTH, 45])
async def test_deep_branches_are_no_stack_overflow(stage: Stage, depth: int) -> None:
    """Branches inside branches, deeper than the format can be read, end in a code."""
    leaf = helper.make_graph([helper.make_node("Relu", ["x"], ["d"])], "leaf", [], [])
    body = wrapped([6, 5, 1] * depth, leaf.SerializeToString())
    model = plain()
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    found = await stage.take(model.SerializeToString() + wrapped([7], graph + body))
    assert found.code == Code.MODEL_TOO_COMPLEX, found
    await stage.healthy()


async def test_a_chain_of_functions_that_doubles_ends(stage: Stage) -> None:
    """Functions that call each other twice would inline to 2^30 nodes; that ends in a code."""
    model = plain()
    model.opset_import.append(helper.make_opsetid("local", 1))
    for level in range(30):
        inner = "Relu" if level == 0 else f"f{level - 1}"
        domain = "" if level == 0 else "local"
        calls = [
            helper.make_node(inner, ["a"], ["m"], domain=domain),
            helper.make_node(inner, ["m"], ["b"], domain=domain),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
        model.functions.append(
            helper.make_function("local", f"f{level}", ["a"], ["b"], calls, opsets)
        )
    model.graph.node.insert(0, helper.make_node("f29", ["x"], ["z"], domain="local"))
    model.graph.node[1].input[0] = "z"
    found = await stage.take(model.SerializeToString(), seconds=15)
    assert found.code == Code.MODEL_TOO_COMPLEX, found
    await stage.healthy()


async def test_a_gigantic_expand_is_bounded(stage: Stage) -> None:
    """A few bytes that ask for 400 GB of zeros cost a code, not the machine."""
    nodes = [
        helper.make_node("Expand", ["zero", "size"], ["vast"]),
        helper.make_node("ReduceSum", ["vast"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["z"]),
    ]
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    model = made([*nodes, *head("z")], [zero, vector([100_000_000_000], "size")])
    found = await stage.take(model.SerializeToString(), seconds=20)
    assert found.code == Code.MODEL_TOO_COMPLEX, found
    await stage.healthy()


async def test_an_endless_loop_ends(stage: Stage) -> None:
    """A loop of 2^62 rounds is refused unrun, or ended by its deadline if it ever is run."""
    floats = TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["goes"]),
            helper.make_node("Relu", ["state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", floats, None),
        ],
        [
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", floats, None),
        ],
    )
    stored = [
        numpy_helper.from_array(np.array(1 << 62, np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    loop = helper.make_node("Loop", ["turns", "yes", "x"], ["z"], body=body)
    found = await stage.take(made([loop, *head("z")], stored).SerializeToString(), seconds=3)
    assert found.code in {Code.CHILD_TIMEOUT, Code.MODEL_OPERATOR_UNSUPPORTED}, found
    await stage.healthy()


# --------------------------------------------------------------------------------- safetensors


def weights_file(header: bytes, body: bytes = b"", *, length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    return struct.pack("<Q", len(header) if length is None else length) + header + body


ENTRY = b'{"0.weight":{"dtype":"F32","shape":[%s],"data_offsets":[%s]}}'
LIES: dict[str, bytes] = {
    "nothing": b"",
    "length beyond the file": weights_file(b"{}", length=1 << 62),
    "not JSON": weights_file(b"{{{{{{{{"),
    "a list": weights_file(b"[1,2,3]"),
    "deep JSON": weights_file(b'{"a":' * 5000),
    "offsets beyond the file": weights_file(ENTRY % (b"4", b"0,16"), b"\0" * 8),
    "offsets backwards": weights_file(ENTRY % (b"4", b"16,0"), b"\0" * 16),
    "shape that overflows": weights_file(ENTRY % (b"4294967296,4294967296", b"0,16"), b"\0" * 16),
    "shape unlike its bytes": weights_file(ENTRY % (b"5", b"0,16"), b"\0" * 16),
    "negative shape": weights_file(ENTRY % (b"-4", b"0,16"), b"\0" * 16),
    "bytes left over": weights_file(ENTRY % (b"4", b"0,16"), b"\0" * 64),
}


@pytest.mark.parametrize("raw", LIES.values(), ids=LIES.keys())
async def test_headers_that_lie_are_damaged_files(stage: Stage, raw: bytes) -> None:
    """Whatever a header claims of bytes that are not there, the file is told to be damaged."""
    found = await stage.take(raw, stage="convert", format="safetensors", architecture="demo-cnn6")
    assert found.code == Code.MODEL_BROKEN, found


FOREIGN: dict[str, dict[str, Any]] = {
    "no tensors": {},
    "an unknown name": {"evil": np.zeros(3, np.float32)},
    "another shape": {"0.weight": np.zeros((16, 3, 5, 5), np.float32)},
    "a very long name": {"n" * 5000: np.zeros(3, np.float32)},
}


@pytest.mark.parametrize("weights", FOREIGN.values(), ids=FOREIGN.keys())
async def test_foreign_weights_do_not_fit(stage: Stage, weights: dict[str, Any]) -> None:
    """Sound weights of another network are a mismatch, told in one sentence of bounded length."""
    raw = safetensors.numpy.save(weights)
    found = await stage.take(raw, stage="convert", format="safetensors", architecture="demo-cnn6")
    assert found.code == Code.ARCHITECTURE_MISMATCH, found
    assert len(found.sentence) <= 500
    assert "\n" not in found.sentence


async def test_unknown_architectures_run_nothing(stage: Stage) -> None:
    """A name is looked up and never imported."""
    for name in ("os", "service.intake.convert_child:convert", "../demo-cnn6", "n" * 5000, ""):
        raw = safetensors.numpy.save({})
        found = await stage.take(raw, stage="convert", format="safetensors", architecture=name)
        assert found.code == Code.ARCHITECTURE_UNKNOWN, found
    await stage.healthy()
