"""Which imports of a pickle are weights, and which of them are certainly a program."""

import _compat_pickle
from typing import Final

_NUMBERS = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_TYPES = (
    *("float64", "float32", "float16", "bfloat16"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
)
STATE_DICT_GLOBALS: Final = frozenset(
    {
        "_codecs.encode",
        "builtins.set",
        "collections.Counter",
        "collections.OrderedDict",
        "torch.Size",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.storage.UntypedStorage",
        *(f"torch.{kind}Storage" for kind in _NUMBERS),
        *(f"torch.cuda.{kind}Storage" for kind in _NUMBERS),
        *(f"torch.{kind}" for kind in _TYPES),
    }
)
"""All that a plain state dict, and the counters saved beside it, are made of."""

_HARMLESS_BUILTINS: Final = frozenset(
    {
        *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"),
        *("object", "range", "set", "slice", "str", "tuple"),
    }
)
_PROGRAMS: Final = (
    *("__main__", "torch.nn", "torchvision", "timm", "torch.fx", "torch.jit", "torch.hub"),
    *("torch.package", "torch.utils", "torch._inductor", "torch._dynamo", "torch.distributed"),
    *("torch.load", "torch.serialization.load", "torch.storage._load_from_bytes"),
    *("os", "posix", "nt", "sys", "subprocess", "shutil", "pty", "commands", "popen2"),
    *("importlib", "runpy", "imp", "pkgutil", "zipimport", "code", "codeop", "types"),
    *("pickle", "_pickle", "cPickle", "marshal", "dill", "cloudpickle", "joblib", "shelve"),
    *("operator", "_operator", "functools", "_functools", "ctypes", "_ctypes", "cffi", "gc"),
    *("socket", "_socket", "socketserver", "ssl", "http", "urllib", "ftplib", "smtplib"),
    *("requests", "aiohttp", "webbrowser", "asyncio", "multiprocessing", "threading", "_thread"),
    *("signal", "platform", "pdb", "bdb", "cProfile", "profile", "timeit", "trace", "doctest"),
    *("pip", "setuptools", "distutils", "ensurepip", "venv", "idlelib", "pydoc", "site"),
    *("io", "_io", "pathlib", "tempfile", "fileinput", "linecache", "logging", "numpy.testing"),
    *("numpy.load", "numpy.f2py", "inspect", "unittest", "test", "lib2to3", "_posixsubprocess"),
)
"""Modules, and single functions, of which a call at loading is a program and never a number."""


def modern(module: str, name: str) -> str:
    """The full name after the renames from Python 2 to 3 that every reader applies."""
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
    return f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}"


def is_executable(module: str, name: str) -> bool:
    """Whether this import is known to be code, and not merely unknown."""
    full = modern(module, name)
    if full.startswith("builtins."):
        return full.removeprefix("builtins.") not in _HARMLESS_BUILTINS
    return any(full == known or full.startswith(f"{known}.") for known in _PROGRAMS)
