"""What a pickle would import is known before it is opened, whatever it does to hide it."""

import contextlib
import io
import pickle
import pickletools
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import Refusal
from service.intake.torch_files.pickle_names_child import STATE_DICT_GLOBALS, is_executable, modern
from service.intake.torch_files.pickles_child import check, globals_of, walk


def text(word: str) -> bytes:
    """A text constant."""
    body = word.encode()
    return pickle.SHORT_BINUNICODE + bytes([len(body)]) + body


RUN = text("ran()")
CALL = pickle.TUPLE1 + pickle.REDUCE + b"."
EXEC = b"cbuiltins\nexec\n"
FROM_STACK = pickle.STACK_GLOBAL

# Each of them runs code when it is loaded, which the control below shows.
HOSTILE = {
    "old reduce": b"cbuiltins\nexec\n(S'ran()'\ntR.",
    "name of Python 2": b"\x80\x02cos\nsystem\n0c__builtin__\neval\n(X\x05\x00\x00\x00ran()tR.",
    "inst": b"(S'ran()'\nibuiltins\nexec\n.",
    "obj": b"(" + EXEC + RUN + b"o.",
    "stack": b"\x80\x04" + text("builtins") + text("exec") + FROM_STACK + RUN + CALL,
    "memo": b"\x80\x04" + text("exec") + b"\x940" + text("builtins") + b"h\x00\x93" + RUN + CALL,
    "memo written twice": b"\x80\x04"
    + text("collections")
    + b"q\x000"
    + text("builtins")
    + b"q\x000h\x00"
    + text("exec")
    + FROM_STACK
    + RUN
    + CALL,
    "duplicate": b"\x80\x04" + EXEC + b"20" + RUN + CALL,
    "thrown away": b"\x80\x04" + EXEC + RUN + pickle.TUPLE1 + b"R0N.",
    "thrown away with a mark": b"\x80\x04(" + EXEC + RUN + pickle.TUPLE1 + b"R1N.",
    "then broken": EXEC + RUN + pickle.TUPLE1 + b"R\xff",
    "then cut off": EXEC + RUN + pickle.TUPLE1 + b"R",
    "dotted": b"\x80\x04" + text("json") + text("codecs.builtins.exec") + FROM_STACK + RUN + CALL,
    "joined text": b"\x80\x04"
    + text("builtins")
    + b"cbuiltins\nstr.join\n"
    + text("")
    + b"("
    + text("ex")
    + text("ec")
    + b"l\x86R"
    + FROM_STACK
    + RUN
    + CALL,
    "looked up": b"cbuiltins\ngetattr\n(cimportlib\nimport_module\n"
    + text("builtins")
    + pickle.TUPLE1
    + b"R"
    + text("exec")
    + b"tR"
    + RUN
    + CALL,
    "argument": b"ccollections\nOrderedDict\n(cbuiltins\nmap\n" + EXEC + b"(" + RUN + b"l\x86RtR.",
    "extension": b"\x80\x02" + pickle.EXT1 + b"\x07" + RUN + CALL,
    "old persistent": b"Pran\n.",
}

CONTROL = """
import copyreg, io, pickle, sys
def ran(): found.append(1)
class Reader(pickle.Unpickler):
    def persistent_load(self, told): ran()
copyreg.add_extension("builtins", "exec", 7)
data = sys.stdin.buffer.read()
for raw in pickle.loads(data):
    found = []
    try: Reader(io.BytesIO(raw)).load()
    except Exception: pass
    sys.stdout.write("1" if found else "0")
"""


def test_each_hostile_pickle_runs_code_without_the_check() -> None:
    """The standard library runs every single one of them."""
    told = subprocess.run(
        [sys.executable, "-c", CONTROL],
        input=pickle.dumps([*HOSTILE.values(), b"N."]),
        capture_output=True,
        check=True,
    )
    bitten = dict(zip([*HOSTILE, "nothing"], told.stdout.decode(), strict=True))
    assert bitten == {**dict.fromkeys(HOSTILE, "1"), "nothing": "0"}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_pickle_is_refused(name: str) -> None:
    """By the code for programs, where a name of one is found; by the list in any case."""
    with pytest.raises(Refusal) as caught:
        check(HOSTILE[name])
    unnamed = name in ("dotted", "extension", "old persistent")
    wanted = "PICKLE_GLOBAL_NOT_ALLOWED" if unnamed else "PICKLE_EXECUTABLE"
    assert caught.value.code == wanted
    assert len(caught.value.sentence) <= 500


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("stack", "builtins.exec"),
        ("memo", "builtins.exec"),
        ("memo written twice", "builtins.exec"),
        ("inst", "builtins.exec"),
        ("dotted", "json.codecs.builtins.exec"),
        ("name of Python 2", "os.system"),
    ],
)
def test_names_are_found(name: str, found: str) -> None:
    """The lister says what is imported, under the names that the file uses."""
    assert found in globals_of(HOSTILE[name])


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "builtins.eval", "builtins.getattr", "subprocess.Popen", "posix.system"),
        *("torch.hub.load", "torch.load", "torch.serialization.load", "torch.jit.load"),
        *("torch.storage._load_from_bytes", "torch.nn.modules.linear.Linear", "__main__.Net"),
        *("torchvision.models.resnet.ResNet", "operator.attrgetter", "functools.partial"),
        *("torch._inductor.codecache.compile_file", "torch.utils.cpp_extension.load"),
        *("runpy.run_path", "pickle.loads", "numpy.testing._private.utils.runstring"),
        *("webbrowser.open", "importlib.import_module", "io.open", "timeit.timeit"),
    ],
)
def test_programs_are_called_programs(name: str) -> None:
    """Gadgets and whole models are named in the refusal."""
    module, _, last = name.rpartition(".")
    raw = pickle.PROTO + b"\x02" + f"c{module}\n{last}\n.".encode()
    with pytest.raises(Refusal, match=name) as caught:
        check(raw)
    assert caught.value.code == "PICKLE_EXECUTABLE"


@pytest.mark.parametrize(
    "name",
    [
        *("models.resnet.ResNet18", "torch._utils._rebuild_qtensor", "numpy.dtype"),
        *("torch._utils._rebuild_sparse_tensor", "torch._tensor._rebuild_from_type_v2"),
        *("torch._utils._rebuild_wrapper_subclass", "builtins.bytearray", "copyreg._reconstructor"),
    ],
)
def test_other_names_are_not_allowed(name: str) -> None:
    """What is merely unknown says so, and how to save instead."""
    module, _, last = name.rpartition(".")
    with pytest.raises(Refusal, match=name) as caught:
        check(f"\x80\x02c{module}\n{last}\n.".encode("latin1"))
    assert caught.value.code == "PICKLE_GLOBAL_NOT_ALLOWED"
    assert "state_dict" in caught.value.remedy


@pytest.mark.parametrize(
    ("raw", "about"),
    [
        (b"\x80\x02K\x07)R.", "calls something"),
        (b"ccollections\nOrderedDict\n)RK\x01\x85R.", "calls something"),
        (b"ccollections\nOrderedDict\n}b.", "sets the state"),
        (b"}}b.", "sets the state"),
        (b"K\x01K\x02\x93.", "computes the name"),
        (b"\x80\x05\x97.", "leaves data out"),
        (b"\x82\x01.", "by a number"),
        (b"Pstorage\n.", "in an old way"),
        (b"X\x01\x00\x00\x00aQ.", "other than numbers"),
        (b"(X\x06\x00\x00\x00moduleNNNtQ.", "other than numbers"),
        (b"(2.", "mark for a value"),
        (b"(K\x010R.", "mark for a value"),
        (b"K\x01t.", "mark that is not there"),
        (b"K\x01r\xff\xff\xff\x7f.", "out of all proportion"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x04\x00\x00\x00zliptR.", "encodes text"),
    ],
)
def test_what_weights_never_do(raw: bytes, about: str) -> None:
    """Every step that cannot be followed ends the walk with its reason."""
    with pytest.raises(Refusal, match=about) as caught:
        check(raw)
    assert caught.value.code == "PICKLE_GLOBAL_NOT_ALLOWED"


@pytest.mark.parametrize(
    "raw", [b"", b".", b"N", b"0.", b"\xff.", b"N.N.", b"h\x05.", b"cos\n", b"X\xff\xff\xff\x7fa."]
)
def test_damaged_pickles(raw: bytes) -> None:
    """Anything that is no whole pickle is damaged."""
    with pytest.raises(Refusal) as caught:
        check(raw)
    assert caught.value.code == "MODEL_BROKEN"


def test_names_are_read_as_readers_read_them() -> None:
    """The standard disassembler unescapes names, which no reader does."""
    raw = rb"ccollections" + b"\n" + rb"\x4frderedDict" + b"\n."
    _, told, _ = next(pickletools.genops(raw))
    assert told == "collections OrderedDict"
    assert globals_of(raw) == (r"collections.\x4frderedDict",)


def test_a_dotted_name_does_not_pass_for_its_sum() -> None:
    """Module and name are allowed as a pair; a dot in the name would be an attribute."""
    assert check(b"ctorch._utils\n_rebuild_tensor_v2\n.")
    with pytest.raises(Refusal):
        check(b"ctorch\n_utils._rebuild_tensor_v2\n.")


def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle of endless steps ends the walk, not the service."""
    monkeypatch.setattr("service.intake.torch_files.pickles_child.MOST_OPCODES", 1000)
    assert check(b"]" * 999 + b".") == ()
    with pytest.raises(Refusal, match="more than 1000 steps"):
        check(b"]" * 1000 + b".")
    monkeypatch.setattr("service.intake.torch_files.pickles_child.MOST_BYTES", 100)
    with pytest.raises(Refusal, match="longer than 100 bytes"):
        check(b"]" * 100 + b".")


def test_the_list_is_short_and_holds_no_program() -> None:
    """About forty names, none of which is known to be code."""
    assert 35 <= len(STATE_DICT_GLOBALS) <= 60
    for name in STATE_DICT_GLOBALS:
        module, _, last = name.rpartition(".")
        assert modern(module, last) == name
        assert name == "torch.nn.parameter.Parameter" or not is_executable(module, last)


class Inert:
    """Stands for anything that is imported, does nothing, and lets itself be used."""

    def __init__(self, *told: object, **more: object) -> None:
        """Take whatever a pickle passes."""

    def __setstate__(self, state: object) -> None:
        """Take any state."""

    def __setitem__(self, key: object, value: object) -> None:
        """Take any item."""

    def __call__(self, *told: object) -> "Inert":
        """Be called like a function."""
        return self

    def append(self, item: object) -> None:
        """Take an item."""

    extend = append
    add = append


class Recorder(pickle.Unpickler):
    """Writes down what it is asked to import, and hands out things that do nothing."""

    def __init__(self, raw: bytes) -> None:
        """Read from memory."""
        super().__init__(io.BytesIO(raw))
        self.asked: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:  # noqa: ANN401 - as inherited
        """Record the name."""
        self.asked.add(f"{module_name}.{global_name}")
        return Inert

    def persistent_load(self, pid: object) -> object:
        """Hand out something inert."""
        return Inert(pid)


def asked(raw: bytes) -> set[str]:
    """What a reader asks for, until it ends or fails."""
    recorder = Recorder(raw)
    with contextlib.suppress(Exception):  # what was asked before it failed is what counts
        recorder.load()
    return recorder.asked


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.complex_numbers()
    | st.binary(max_size=9).map(bytearray)
)
KEYS = st.text(max_size=9) | st.integers() | st.binary(max_size=9)


def containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Everything that plain Python nests."""
    return (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=5).map(OrderedDict)
        | st.sets(KEYS, max_size=5)
        | st.frozensets(KEYS, max_size=5)
        | inner.map(lambda one: [one, one, (one, one)])
    )


@settings(max_examples=100, deadline=None)
@given(st.recursive(ATOMS, containers, max_leaves=12), st.integers(0, 5))
def test_plain_values_of_every_protocol(value: object, protocol: int) -> None:
    """The lister refuses none of them, and finds exactly what a reader asks for."""
    raw = pickle.dumps(value, protocol)
    assert set(globals_of(raw)) == asked(raw)


NAMES = ("collections", "OrderedDict", "os", "system", "builtins", "set", "latin1", "storage")
PIECES: tuple[bytes, ...] = (
    *(text(name) for name in NAMES),
    *(b"X" + len(name).to_bytes(4, "little") + name.encode() for name in NAMES),
    *(b"U" + bytes([len(name)]) + name.encode() for name in NAMES[:3]),
    *(b"V" + name.encode() + b"\n" for name in NAMES[:2]),
    *(b"S'" + name.encode() + b"'\n" for name in NAMES[:2]),
    *(
        b"cos\nsystem\n",
        b"ibuiltins\nexec\n",
        b"ccollections\nOrderedDict\n",
        b"c_codecs\nencode\n",
    ),
    *(b"(", b"(", b"t", b")", b"\x85", b"\x86", b"\x87", b"l", b"]", b"d", b"}", b"\x8f", b"\x91"),
    *(b"0", b"1", b"2", b"N", b"\x88", b"K\x01", b"I01\n", b"L3L\n", b"\x8a\x01\x05", b"F1.5\n"),
    *(b"\x94", b"q\x00", b"q\x01", b"p1\n", b"r\x02\x00\x00\x00", b"h\x00", b"h\x01", b"g1\n"),
    *(b"j\x02\x00\x00\x00", b"\x93", b"\x93", b"R", b"o", b"b", b"\x81", b"\x92", b"Q", b"Pa\n"),
    *(b"a", b"e", b"s", b"u", b"\x90", b"\x80\x02", b"\x80\x04", b"\x82\x07", b"."),
)


PUSHES = tuple(piece for piece in PIECES if piece[:1] in b"XV\x8cc(N])}KU")
STEPS = st.sampled_from(PUSHES) | st.sampled_from(PIECES)
"""Values are put on the stack more often than taken, so that many sequences are whole pickles."""


def check_against_reader(pieces: Iterable[bytes]) -> None:
    """Where the walk ends without a complaint, nothing was asked that it did not find."""
    raw = b"".join(pieces) + b"."
    walked = walk(raw)
    if not walked.odd and not walked.damaged:
        assert asked(raw[: walked.end]) <= {str(name) for name in walked.found}


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=18))
def test_any_sequence_of_steps(pieces: list[bytes]) -> None:
    """No order of opcodes makes a reader import what the walk has not seen."""
    check_against_reader(pieces)


@pytest.mark.deep
@settings(max_examples=5_000, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_very_many_sequences_of_steps(pieces: list[bytes]) -> None:
    """The same, long enough to find rare orders."""
    check_against_reader(pieces)
