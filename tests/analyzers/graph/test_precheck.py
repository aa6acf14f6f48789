"""Each rule of the precheck has a file that breaks it and a neighbour that passes."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from analyzers.contract import Array, Refusal
from analyzers.graph.precheck import Limits, outline, precheck
from analyzers.graph.reading import read_model
from support.graphs import model, node, small_net

SMALL = Limits()
OWN = "pkg.mine"
END = (1 << 63) - 1


def refusal(raw: bytes, limits: Limits) -> Refusal | None:
    """What the precheck alone says against a file."""
    try:
        precheck(onnx.ModelProto.FromString(raw), outline(raw, limits), limits)
    except Refusal as error:
        return error
    return None


def checked(body: onnx.ModelProto | bytes, limits: Limits = SMALL) -> str:
    """The code that the precheck alone gives a model; empty when it has nothing to say."""
    found = refusal(body if isinstance(body, bytes) else body.SerializeToString(), limits)
    if found is None:
        return ""
    assert 0 < len(found.sentence) <= 500
    assert found.sentence.isprintable()
    assert found.sentence.endswith(".")
    assert found.remedy
    return found.code


def chain(length: int, **told: Sequence[int] | int) -> onnx.ModelProto:
    """Operators one after the other."""
    names = ["image", *(f"v{at}" for at in range(length - 1)), "logits"]
    pairs = itertools.pairwise(names)
    return model([node("MaxPool", before, after, **told) for before, after in pairs])


# --------------------------------------------------------------------------------- how much


@pytest.mark.parametrize(
    ("limits", "changed"),
    [
        (Limits(nodes=4), {"nodes": 3}),
        (Limits(attributes=4), {"attributes": 3}),
        (Limits(fields=1000), {"fields": 20}),
    ],
)
def test_amounts_are_bounded(limits: Limits, changed: dict[str, int]) -> None:
    """As many as allowed pass, one more is too complex, and the parser never sees it."""
    body = chain(4, kernel_shape=[1, 1])
    assert checked(body, limits) == ""
    assert checked(body, replace(limits, **changed)) == "MODEL_TOO_COMPLEX"


def test_initializers_are_counted() -> None:
    """Stored tensors have a limit of their own."""
    assert checked(small_net(), Limits(initializers=4)) == ""
    assert checked(small_net(), Limits(initializers=3)) == "MODEL_TOO_COMPLEX"


def test_a_file_beyond_one_message_is_told_why() -> None:
    """The sentence gives the reason, which is not this program's."""
    raw = small_net()
    assert checked(raw, Limits(file_bytes=len(raw))) == ""
    with pytest.raises(Refusal, match="protobuf message") as caught:
        read_model(raw, Limits(file_bytes=len(raw) - 1))
    assert caught.value.code == "MODEL_TOO_LARGE"


def nested(depth: int) -> onnx.ModelProto:
    """Branches inside branches."""
    inner = helper.make_graph([node("Identity", "image", "d")], "leaf", [], [])
    for at in range(depth - 1):
        inner = helper.make_graph(
            [helper.make_node("If", ["yes"], [f"d{at}"], then_branch=inner)], f"g{at}", [], []
        )
    body = model([helper.make_node("If", ["yes"], ["logits"], then_branch=inner)])
    body.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    return body


def test_graphs_inside_graphs_have_a_depth() -> None:
    """Sixteen pass the precheck; no more are given to a parser that recurses."""
    assert checked(nested(16)) == ""
    assert checked(nested(17)) == "MODEL_TOO_COMPLEX"


@pytest.mark.parametrize("levels", [50, 5000])
def test_messages_inside_messages_never_reach_the_parser(levels: int) -> None:
    """Depth is counted on the bytes, whatever the messages are."""
    raw = b""
    for _ in range(levels):
        raw = length_delimited(1, length_delimited(4, raw))  # a sequence of a sequence
    value = length_delimited(2, length_delimited(4, raw))
    with pytest.raises(Refusal) as caught:
        outline(length_delimited(7, length_delimited(13, value)), SMALL)
    assert caught.value.code == "MODEL_TOO_COMPLEX"


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def length_delimited(field: int, body: bytes) -> bytes:
    """A field that holds bytes."""
    return varint(field << 3 | 2) + varint(len(body)) + body


def test_a_part_given_twice_is_refused() -> None:
    """Parsers merge two graphs into one that neither was; no exporter writes two."""
    graph = onnx.ModelProto.FromString(small_net()).graph.SerializeToString()
    raw = small_net() + length_delimited(7, graph)
    with pytest.raises(Refusal) as caught:
        outline(raw, SMALL)
    assert caught.value.code == "MODEL_BROKEN"


@pytest.mark.parametrize("raw", [b"\x0b", b"\x3a\x05\x00", b"\xff" * 12, b"\x08" + b"\xff" * 11])
def test_bytes_that_no_parser_should_see_are_no_model(raw: bytes) -> None:
    """Groups, cut messages and endless numbers are told to be no ONNX."""
    with pytest.raises(Refusal) as caught:
        outline(raw, SMALL)
    assert caught.value.code == "MODEL_NOT_RECOGNISED"


def test_a_swarm_of_empty_messages_is_refused_unparsed() -> None:
    """Two bytes a node: 20 MB would cost the parser more than a gigabyte."""
    swarm = length_delimited(7, b"\x0a\x00" * 10_000_000)
    begun = time.process_time()
    with pytest.raises(Refusal) as caught:
        outline(swarm, SMALL)
    assert caught.value.code == "MODEL_TOO_COMPLEX"
    assert time.process_time() - begun < 10


# ------------------------------------------------------------------------------- functions


def calling(bodies: dict[str, Sequence[onnx.NodeProto]], first: str) -> onnx.ModelProto:
    """A model whose own functions, from ``x`` to ``y``, have these bodies."""
    body = model([node(first, "image", "wide", domain=OWN), node("Flatten", "wide", "logits")])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(OWN, 1)]
    body.opset_import.append(opsets[1])
    for name, nodes in bodies.items():
        body.functions.append(
            helper.make_function(OWN, name, ["x"], ["y"], list(nodes), opset_imports=opsets)
        )
    return body


def levels(count: int, width: int) -> onnx.ModelProto:
    """Functions that each call the one below ``width`` times."""
    bodies: dict[str, Sequence[onnx.NodeProto]] = {}
    for level in range(count):
        names = ["x", *(f"m{at}" for at in range(width - 1)), "y"]
        pairs = list(itertools.pairwise(names))
        kind, domain = ("Relu", "") if level == 0 else (f"f{level - 1}", OWN)
        bodies[f"f{level}"] = [node(kind, a, b, domain=domain) for a, b in pairs]
    return calling(bodies, f"f{count - 1}")


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda: levels(5, 2), ""),
        (lambda: levels(30, 2), "MODEL_TOO_COMPLEX"),
        (lambda: levels(32, 1), ""),
        (lambda: levels(33, 1), "MODEL_TOO_COMPLEX"),
        (lambda: levels(900, 1), "MODEL_TOO_COMPLEX"),
        (lambda: levels(1001, 1), "MODEL_TOO_COMPLEX"),
        (lambda: calling({"a": [node("a", "x", "y", domain=OWN)]}, "a"), "MODEL_BROKEN"),
        (
            lambda: calling(
                {
                    "a": [node("b", "x", "y", domain=OWN)],
                    "b": [node("a", "x", "y", domain=OWN)],
                },
                "a",
            ),
            "MODEL_BROKEN",
        ),
    ],
    ids=["few", "doubling", "deep", "deeper", "a chain", "many", "itself", "each other"],
)
def test_functions_are_measured_before_they_are_written_out(
    build: Callable[[], onnx.ModelProto], code: str
) -> None:
    """Counted over the graph of calls, in no time, however much they would become."""
    begun = time.process_time()
    assert checked(build()) == code
    assert time.process_time() - begun < 5


def test_exactly_so_many_nodes_may_come_of_functions() -> None:
    """Two to the fifth calls of one operator, and one Flatten."""
    assert checked(levels(5, 2), Limits(expanded_nodes=33)) == ""
    assert checked(levels(5, 2), Limits(expanded_nodes=32)) == "MODEL_TOO_COMPLEX"


def test_bytes_that_come_of_functions_are_counted() -> None:
    """A function with large weights called often is a large model."""
    large = numpy_helper.from_array(np.zeros(1000, np.float32))
    body = [helper.make_node("Constant", [], ["c"], value=large), node("Add", "x c", "y")]
    twice = [node("a", "x", "m", domain=OWN), node("a", "m", "y", domain=OWN)]
    made = calling({"a": body, "b": twice}, "b")
    assert checked(made, Limits(expanded_bytes=9000)) == ""
    assert checked(made, Limits(expanded_bytes=8000)) == "MODEL_TOO_COMPLEX"


def test_what_a_call_hands_over_is_counted_wherever_it_is_mentioned() -> None:
    """One large attribute, copied at each mention, is as many."""
    mention = helper.make_node("Constant", [], ["c"])
    mention.attribute.add(name="value", ref_attr_name="v", type=onnx.AttributeProto.TENSOR)
    other = onnx.NodeProto.FromString(mention.SerializeToString())
    other.output[0] = "d"
    made = calling({"a": [mention, other, node("Sum", "x c d", "y")]}, "a")
    made.functions[0].attribute.append("v")
    large = numpy_helper.from_array(np.zeros(1000, np.float32))
    made.graph.node[0].attribute.append(helper.make_attribute("v", large))
    assert checked(made, Limits(expanded_bytes=9000)) == ""
    assert checked(made, Limits(expanded_bytes=8000)) == "MODEL_TOO_COMPLEX"


def test_a_block_handed_over_by_a_call_is_still_seen() -> None:
    """What only meets its operator once the call is written out is checked then."""
    deep = helper.make_node("DepthToSpace", ["x"], ["y"])
    deep.attribute.add(name="blocksize", ref_attr_name="n", type=onnx.AttributeProto.INT)
    for size, code in ((1, ""), (1 << 32, "MODEL_BROKEN")):
        made = calling({"a": [deep]}, "a")
        made.functions[0].attribute.append("n")
        made.graph.node[0].attribute.append(helper.make_attribute("n", size))
        assert checked(made) == ""
        if code:
            with pytest.raises(Refusal) as caught:
                read_model(made.SerializeToString())
            assert caught.value.code == code
        else:
            assert read_model(made.SerializeToString()).graph.node[0].op_type == "DepthToSpace"


def test_a_function_defined_twice_is_refused() -> None:
    """Which of the two is meant would be up to the reader."""
    body = levels(1, 1)
    body.functions.append(body.functions[0])
    assert checked(body) == "MODEL_BROKEN"


# ----------------------------------------------------------------------------------- names


def named(title: str | bytes) -> bytes:
    """A net with an operator of this name."""
    body = onnx.ModelProto.FromString(small_net())
    raw = title.encode() if isinstance(title, str) else title
    mark = "n" * len(raw)
    body.graph.node[1].name = mark
    return body.SerializeToString().replace(mark.encode(), raw)


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("layer 4/conv.1:0", ""),
        ("Schicht-ü-層", ""),
        ("n" * 512, ""),
        ("n" * 513, "MODEL_BROKEN"),
        ("é" * 257, "MODEL_BROKEN"),
        ("n" * (1 << 20), "MODEL_BROKEN"),
        ("two\nlines", "MODEL_BROKEN"),
        ("\x1b[2Jcleared", "MODEL_BROKEN"),
        ("turned\u202eround", "MODEL_BROKEN"),
        (b"no\xff\xfetext", "MODEL_BROKEN"),
    ],
)
def test_names_are_short_text(title: str | bytes, code: str) -> None:
    """At most 512 bytes of readable UTF-8 without characters that steer."""
    assert checked(named(title)) == code


def test_every_kind_of_name_is_looked_at() -> None:
    """Values, weights, attributes and operators alike."""
    for place in ("graph.initializer", "graph.input", "graph.output", "graph.value_info"):
        body = model([node("Flatten", "image", "logits", axis=1)], {"w": np.zeros(1)})
        body.graph.value_info.append(helper.make_tensor_value_info("v", TensorProto.FLOAT, [1]))
        getattr(body.graph, place.partition(".")[2])[0].name = "bad\x07"
        assert checked(body) == "MODEL_BROKEN", place
    for field in ("op_type", "domain", "overload"):
        body = model([node("Flatten", "image", "logits", axis=1)])
        setattr(body.graph.node[0], field, "bad\x07")
        assert checked(body) == "MODEL_BROKEN", field
    body.graph.node[0].ClearField("overload")
    body.graph.node[0].attribute[0].name = "bad\x07"
    assert checked(body) == "MODEL_BROKEN"


# ----------------------------------------------------------------------------------- sizes

F, H, I4, I64, U8 = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.INT4,
    TensorProto.INT64,
    TensorProto.UINT8,
)
TENSORS: list[tuple[TensorProto, str]] = [
    (TensorProto(dims=[2, 3], data_type=F, raw_data=bytes(24)), ""),
    (TensorProto(dims=[2, 3], data_type=F, raw_data=bytes(23)), "MODEL_BROKEN"),
    (TensorProto(dims=[2, 3], data_type=F, raw_data=bytes(28)), "MODEL_BROKEN"),
    (TensorProto(dims=[2, 3], data_type=H, raw_data=bytes(12)), ""),
    (TensorProto(dims=[3], data_type=I4, raw_data=bytes(2)), ""),
    (TensorProto(dims=[3], data_type=I4, raw_data=bytes(3)), "MODEL_BROKEN"),
    (TensorProto(dims=[], data_type=F, float_data=[1]), ""),
    (TensorProto(dims=[0, 4], data_type=F), ""),
    (TensorProto(dims=[2], data_type=F, float_data=[1, 2]), ""),
    (TensorProto(dims=[2], data_type=F, float_data=[1, 2, 3]), "MODEL_BROKEN"),
    (TensorProto(dims=[2], data_type=I64, float_data=[1, 2]), "MODEL_BROKEN"),
    (TensorProto(dims=[2], data_type=I64, int32_data=[1, 2]), "MODEL_BROKEN"),
    (TensorProto(dims=[2], data_type=U8, int32_data=[1, 2]), ""),
    (TensorProto(dims=[2], data_type=TensorProto.COMPLEX64, float_data=[1] * 4), ""),
    (TensorProto(dims=[2], data_type=TensorProto.STRING, string_data=[b"a", b"b"]), ""),
    (TensorProto(dims=[2], data_type=TensorProto.STRING, raw_data=b"ab"), "MODEL_BROKEN"),
    (TensorProto(dims=[1], data_type=F, float_data=[1], raw_data=bytes(4)), "MODEL_BROKEN"),
    (TensorProto(dims=[1], data_type=0, raw_data=bytes(4)), "MODEL_BROKEN"),
    (TensorProto(dims=[1], data_type=99, raw_data=bytes(4)), "MODEL_BROKEN"),
    (TensorProto(dims=[-1, -1], data_type=F, raw_data=bytes(4)), "MODEL_BROKEN"),
    (TensorProto(dims=[1 << 20, 1 << 20], data_type=F), "MODEL_BROKEN"),
    (TensorProto(dims=[0, 1 << 62], data_type=F), "MODEL_TOO_COMPLEX"),
]


@pytest.mark.parametrize(("tensor", "code"), TENSORS)
def test_tensors_hold_what_they_announce(tensor: TensorProto, code: str) -> None:
    """As weights, in an attribute and in a function, with the same answer."""
    body = onnx.ModelProto.FromString(small_net())
    body.graph.initializer.insert(0, tensor)
    body.graph.initializer[0].name = "extra"
    assert checked(body) == code
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    assert checked(model([constant, node("Flatten", "image", "logits")])) == code
    assert checked(calling({"a": [constant, node("Relu", "x", "y")]}, "a")) == code


def test_a_tensor_in_pieces_is_refused() -> None:
    """The format knows segments and nobody reads them."""
    body = onnx.ModelProto.FromString(small_net())
    body.graph.initializer[0].segment.begin = 0
    assert checked(body) == "MODEL_BROKEN"


@pytest.mark.parametrize(
    ("axes", "inside", "told"),
    [
        (["b", 3, 8, 8], "", ""),
        ([-1, 3, 8, 8], "", ""),
        ([1, 3, 8, -8], "MODEL_BROKEN", "MODEL_INPUT_UNSUPPORTED"),
        ([-5, 3, 8, 8], "MODEL_BROKEN", "MODEL_INPUT_UNSUPPORTED"),
        ([1, 3, 1 << 30, 1 << 30], "MODEL_TOO_COMPLEX", "MODEL_INPUT_UNSUPPORTED"),
    ],
)
def test_declared_shapes_are_shapes(axes: list[int | str], inside: str, told: str) -> None:
    """No negative axis but the one that stands for an open batch, and a bounded product."""
    body = onnx.ModelProto.FromString(small_net())
    body.graph.value_info.append(helper.make_tensor_value_info("maps", F, axes))
    assert checked(body) == inside
    assert checked(model([node("Relu", "image", "logits")], shape=axes)) == told


# -------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("operator", "told", "code"),
    [
        ("DepthToSpace", {"blocksize": 2}, ""),
        ("DepthToSpace", {"blocksize": 1 << 32}, "MODEL_BROKEN"),
        ("SpaceToDepth", {"blocksize": 0}, "MODEL_BROKEN"),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [1, 65535]}, ""),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [0, 1]}, "MODEL_BROKEN"),
        ("MaxPool", {"kernel_shape": [2, -2]}, "MODEL_BROKEN"),
        ("MaxPool", {"kernel_shape": [2, 65536]}, "MODEL_BROKEN"),
        ("Conv", {"dilations": [0, 1]}, "MODEL_BROKEN"),
        ("Conv", {"group": 0}, "MODEL_BROKEN"),
        ("Conv", {"group": 3, "pads": [1, 1, 1, 1]}, ""),
        ("Conv", {"pads": [1, 1, 1, 1 << 40]}, "MODEL_BROKEN"),
        ("Pad", {"pads": [0, 0, -1, -1, 0, 0, -1, -1]}, ""),
        ("Slice", {"starts": [-1], "ends": [END]}, ""),
        ("Shape", {"end": END}, ""),
        ("Concat", {"axis": -1}, ""),
        ("Concat", {"axis": 1 << 31}, "MODEL_BROKEN"),
        ("LRN", {"size": 1 << 33}, "MODEL_BROKEN"),
    ],
)
def test_numbers_of_operators_are_bounded(
    operator: str, told: dict[str, int | list[int]], code: str
) -> None:
    """What is divided by is at least one, and only far ends use 64 bits."""
    assert checked(model([node(operator, "image", "logits", **told)])) == code


def test_a_loop_turns_a_million_times_at_most() -> None:
    """Loops are refused as such elsewhere; here, what they are told to do."""
    inner = helper.make_graph([node("Identity", "image", "out")], "body", [], [])
    for trips, code in ((1_000_000, ""), (1_000_001, "MODEL_TOO_COMPLEX")):
        loop = node("Loop", "trips yes", "logits", body=inner)
        stored = {"trips": np.array(trips), "yes": np.array(True)}
        assert checked(model([loop], stored)) == code
    with pytest.raises(Refusal) as caught:
        read_model(model([loop], stored).SerializeToString())
    assert caught.value.code == "MODEL_OPERATOR_UNSUPPORTED"


# --------------------------------------------------------------------------------- growth

GROWING: list[tuple[str, list[onnx.NodeProto], dict[str, list[float] | float], bool]] = [
    ("Expand", [node("Expand", "image n", "big")], {"n": [1 << 28]}, False),
    ("Expand", [node("Expand", "image n", "big")], {"n": [1 << 28, 2]}, True),
    ("Expand by -1", [node("Expand", "image n", "big")], {"n": [-1, 3, 6, 6]}, False),
    ("Tile", [node("Tile", "image n", "big")], {"n": [1, 1, 1000, 1000]}, False),
    ("Tile", [node("Tile", "image n", "big")], {"n": [1, 1, 10000, 10000]}, True),
    ("fill", [node("ConstantOfShape", "n", "big")], {"n": [1 << 14, 1 << 14]}, False),
    ("fill", [node("ConstantOfShape", "n", "big")], {"n": [1 << 14, 1 << 15]}, True),
    ("Range", [node("Range", "a b c", "big")], {"a": 0, "b": 1 << 28, "c": 1}, False),
    ("Range", [node("Range", "a b c", "big")], {"a": 0, "b": 1 << 33, "c": 1}, True),
    ("Range", [node("Range", "a b c", "big")], {"a": 0, "b": 1 << 33, "c": -1}, False),
    ("fine", [node("Range", "a b c", "big")], {"a": 0.0, "b": 1.0, "c": 1e-12}, True),
    ("Resize", [node("Resize", "image - - n", "big")], {"n": [1, 3, 224, 224]}, False),
    ("Resize", [node("Resize", "image - - n", "big")], {"n": [1, 3, 1e6, 1e6]}, True),
    ("scale", [node("Resize", "image - n", "big")], {"n": [1.0, 1.0, 2.0, 0.5]}, False),
    ("scale", [node("Resize", "image - n", "big")], {"n": [1.0, 1.0, 1e5, 1e5]}, True),
    ("old", [node("Upsample", "image n", "big")], {"n": [1.0, 1.0, 1e5, 1e5]}, True),
    ("Pad", [node("Pad", "image n", "big")], {"n": [0, 0, 4, 4, 0, 0, 4, 4]}, False),
    ("Pad", [node("Pad", "image n", "big")], {"n": [0, 0, 3e4, 3e4] * 2}, True),
    ("OneHot", [node("OneHot", "image n", "big")], {"n": 1 << 30}, True),
    ("noise", [node("RandomNormal", "", "big", shape=[1 << 15, 1 << 15])], {}, True),
    (
        "spelt",
        [
            node("Constant", "", "n", value_ints=[1 << 15, 1 << 15]),
            node("ConstantOfShape", "n", "big"),
        ],
        {},
        True,
    ),
]


@pytest.mark.parametrize(("name", "nodes", "numbers", "refused"), GROWING)
def test_constants_that_ask_for_gigabytes_are_refused(
    name: str,
    nodes: list[onnx.NodeProto],
    numbers: dict[str, list[float] | float],
    refused: bool,
) -> None:
    """A gigabyte is the most that an operator may make out of constants."""
    stored = {
        key: np.array(value, np.float32 if name in FLOATS else np.int64)
        for key, value in numbers.items()
    }
    body = model([*nodes, node("Flatten", "image", "logits")], stored)
    assert checked(body) == ("MODEL_TOO_COMPLEX" if refused else ""), name


FLOATS = {"fine", "scale", "old"}


@pytest.mark.parametrize(
    ("operator", "levels_taken", "levels_refused"), [("Concat", 21, 22), ("Tile", 21, 22)]
)
def test_doubling_chains_are_followed(
    operator: str, levels_taken: int, levels_refused: int
) -> None:
    """Each step doubles 108 numbers at least; 2^28 are the most."""
    for count, code in ((levels_taken, ""), (levels_refused, "MODEL_TOO_COMPLEX")):
        names = ["image", *(f"v{at}" for at in range(count))]
        two = {"two": np.array([2, 1, 1, 1])}
        nodes = [
            node("Concat", f"{a} {a}", b, axis=0)
            if operator == "Concat"
            else node("Tile", f"{a} two", b)
            for a, b in itertools.pairwise(names)
        ]
        assert checked(model([*nodes, node("Flatten", "image", "logits")], two)) == code


@pytest.mark.parametrize(
    ("nodes", "numbers"),
    [
        ([node("Range", "a b c", "big")], {"a": 0, "b": 9, "c": 0}),
        ([node("Range", "a b c", "big")], {"a": 0.0, "b": float("inf"), "c": 1.0}),
        ([node("Resize", "image - n", "big")], {"n": [1.0, 1.0, float("nan"), 1.0]}),
        ([node("Pad", "image n", "big")], {"n": [0, 0, 0, 0, 0, 0, 0, 1 << 40]}),
        ([node("Pad", "image n", "big")], {"n": [float("nan")] * 8}),
        ([node("Expand", "image n", "big")], {"n": [float("inf"), 1.0]}),
        ([node("Resize", "image - - n", "big")], {"n": [float("inf")] * 4}),
        ([node("OneHot", "image n", "big")], {"n": [float("inf")]}),
    ],
)
def test_constants_without_sense_are_refused(
    nodes: list[onnx.NodeProto], numbers: dict[str, list[float] | float]
) -> None:
    """A step of zero, an infinite end, a scale that is no number, an immeasurable pad."""
    stored = {key: np.array(value) for key, value in numbers.items()}
    assert checked(model([*nodes, node("Flatten", "image", "logits")], stored)) == "MODEL_BROKEN"


@pytest.mark.parametrize(
    ("grown", "number"),
    [
        (node("Expand", "image n", "big"), [1 << 62] * 60),
        (node("Tile", "image n", "big"), [1 << 62] * 20),
        (node("Range", "n m o", "big"), [-1e308]),
        (node("RandomNormal", "", "big", shape=[2] * 129), [0]),
    ],
)
def test_growth_beyond_what_a_float_holds_is_told(
    grown: onnx.NodeProto, number: list[float]
) -> None:
    """However large a value would be, the refusal can say so."""
    stored = {"n": np.array(number), "m": np.array([1e308]), "o": np.array([1e-308])}
    body = model([grown, node("Flatten", "image", "logits")], stored)
    assert checked(body) == "MODEL_TOO_COMPLEX"


_TOLD = st.one_of(
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=130).map(
        lambda told: np.array(told, np.int64)
    ),
    st.lists(st.integers(0, (1 << 64) - 1), max_size=70).map(
        lambda told: np.array(told, np.uint64)
    ),
    st.lists(st.floats(), max_size=130).map(np.array),
    st.lists(st.floats(width=32), max_size=9).map(lambda told: np.array(told, np.float32)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(np.array),
)
_GROWERS = (
    *("Expand", "Tile", "ConstantOfShape", "RandomNormal", "Range", "Resize", "Upsample"),
    *("Pad", "OneHot", "Loop"),
)


@settings(deadline=None, max_examples=300)
@given(
    operator=st.sampled_from(_GROWERS),
    told=st.tuples(_TOLD, _TOLD, _TOLD),
    order=st.permutations(["image", "a", "b", "c"]),
)
def test_no_constant_leads_to_anything_but_a_refusal(
    operator: str, told: tuple[Array, Array, Array], order: list[str]
) -> None:
    """Whatever operators are told, in whatever place: taken or refused, never an error."""
    stored = dict(zip("abc", told, strict=True))
    nodes = [node(operator, " ".join(order), "big"), node("Flatten", "image", "logits")]
    assert checked(model(nodes, stored)) in {"", "MODEL_BROKEN", "MODEL_TOO_COMPLEX"}


def of_axes(count: int) -> TensorProto:
    """A tensor that announces as many axes, each as long as possible."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, raw_data=b"1234")
    tensor.dims.extend([1 << 62] * count)
    return tensor


def with_many_axes(place: str, count: int) -> onnx.ModelProto:
    """A model that holds so many axes somewhere."""
    body = model([node("Flatten", "image", "logits")])
    long = helper.make_tensor_value_info("v", TensorProto.FLOAT, [1 << 62] * count)
    match place:
        case "stored":
            body.graph.initializer.append(of_axes(count))
        case "constant":
            body.graph.node.append(node("Constant", "", "w", value=of_axes(count)))
        case "input":
            body.graph.input.append(long)
        case "value":
            body.graph.value_info.append(long)
        case _:
            inner = helper.make_graph([], "inner", [long], [])
            body.graph.node.append(node("Loop", "image", "w", body=inner))
    return body


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("stored", "MODEL_TOO_COMPLEX"),
        ("constant", "MODEL_TOO_COMPLEX"),
        ("value", "MODEL_TOO_COMPLEX"),
        ("input", "MODEL_INPUT_UNSUPPORTED"),
        ("inner", "MODEL_TOO_COMPLEX"),
    ],
)
def test_axes_are_counted_before_they_are_multiplied(place: str, code: str) -> None:
    """Half a megabyte of axes costs a moment; the product of so many takes a quarter minute."""
    body = with_many_axes(place, 40_000)
    began = time.process_time()
    assert checked(body) == code
    assert time.process_time() - began < 5


# ---------------------------------------------------------------------------------- order


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        ([node("Relu", "image", "a"), node("Relu", "a", "logits")], ""),
        ([node("Relu", "a", "logits"), node("Relu", "image", "a")], "MODEL_BROKEN"),
        ([node("Add", "image b", "a"), node("Relu", "a", "b")], "MODEL_BROKEN"),
        ([node("Relu", "image", "a"), node("Relu", "image", "a")], "MODEL_BROKEN"),
        ([node("Relu", "image", "image")], "MODEL_BROKEN"),
        ([node("Relu", "image", "w")], "MODEL_BROKEN"),
        ([node("Split", "image", "a a")], "MODEL_BROKEN"),
        ([node("Clip", "image - w", "logits")], ""),
    ],
)
def test_values_are_made_once_and_before_they_are_read(
    nodes: list[onnx.NodeProto], code: str
) -> None:
    """Sorted, and every name with one maker."""
    assert checked(model(nodes, {"w": np.zeros(1, np.float32)})) == code


def test_two_of_one_name_are_refused() -> None:
    """Of inputs and of stored tensors alike; an input with a stored default is none of these."""
    body = model([node("Add", "image w", "logits")], {"w": np.zeros(1, np.float32)})
    body.graph.input.append(helper.make_tensor_value_info("w", F, [1]))
    assert checked(body) == ""
    twice = onnx.ModelProto.FromString(body.SerializeToString())
    twice.graph.initializer.append(body.graph.initializer[0])
    assert checked(twice) == "MODEL_BROKEN"
    body.graph.input.append(body.graph.input[0])
    assert checked(body) == "MODEL_BROKEN"


def test_sister_branches_may_use_one_name() -> None:
    """A name ends with its graph, and the outer names are seen inside."""
    inner = helper.make_graph([node("Identity", "image", "out")], "branch", [], [])
    same = node("If", "yes", "a", then_branch=inner, else_branch=inner)
    stored = {"yes": np.array(True)}
    assert checked(model([same, node("Relu", "a", "logits")], stored)) == ""
    hides = helper.make_graph([node("Identity", "image", "yes")], "branch", [], [])
    assert checked(model([node("If", "yes", "a", then_branch=hides)], stored)) == "MODEL_BROKEN"


# -------------------------------------------------------------------------------- controls

UNGUARDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import onnx, numpy as np
body = open(sys.argv[1], "rb").read()
"""
RUNS = (
    UNGUARDED
    + """
import onnxruntime
session = onnxruntime.InferenceSession(body, providers=["CPUExecutionProvider"])
session.run(None, {"image": np.zeros((1, 3, 6, 6), np.float32)})
print("ran")
"""
)
INLINES = (
    UNGUARDED
    + """
import onnx.inliner
onnx.inliner.inline_local_functions(onnx.ModelProto.FromString(body))
"""
)
CHECKS = (
    UNGUARDED
    + """
onnx.checker.check_model(onnx.ModelProto.FromString(body))
print("accepted")
"""
)
CRASHED = {-8, -11, -6}


def unguarded(script: str, body: onnx.ModelProto, folder: Path) -> tuple[int | None, str]:
    """What becomes of a bare library that is given this model; None when it never came back."""
    path = folder / "model.onnx"
    path.write_bytes(body.SerializeToString())
    try:
        found = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            capture_output=True,
            text=True,
            timeout=60 if script is not INLINES else 8,
            env={"ORT_DISABLE_TELEMETRY": "1", "HOME": str(folder)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return found.returncode, found.stdout


def test_a_huge_block_kills_the_bare_runtime(tmp_path: Path) -> None:
    """The control of the rule on blocks: the process ends by a signal."""
    body = model([node("DepthToSpace", "image", "logits", blocksize=1 << 32)])
    status, _ = unguarded(RUNS, body, tmp_path)
    assert status in CRASHED
    assert checked(body) == "MODEL_BROKEN"


@pytest.mark.deep
def test_a_chain_of_functions_kills_the_bare_runtime(tmp_path: Path) -> None:
    """The control of the rule on call depth: the stack overflows."""
    body = levels(3000, 1)
    status, _ = unguarded(RUNS, body, tmp_path)
    assert status in CRASHED
    assert checked(body) == "MODEL_TOO_COMPLEX"


@pytest.mark.deep
def test_doubling_functions_never_leave_the_bare_inliner(tmp_path: Path) -> None:
    """The control of the rule on calls: time or memory run out."""
    body = levels(30, 2)
    status, _ = unguarded(INLINES, body, tmp_path)
    assert status != 0
    assert checked(body) == "MODEL_TOO_COMPLEX"


def test_negative_axes_pass_the_bare_checker(tmp_path: Path) -> None:
    """The control of the rule on shapes."""
    body = model([node("Relu", "image", "logits")], shape=[1, 3, -5, 6])
    assert unguarded(CHECKS, body, tmp_path) == (0, "accepted\n")
    assert checked(body) == "MODEL_INPUT_UNSUPPORTED"
