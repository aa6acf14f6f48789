"""The current folder as the first place where modules are looked for."""

import contextlib
import importlib
import sys
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def current_folder_first() -> Generator[None]:
    """As ``python -m`` has it; a factory may import more while it builds."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before
