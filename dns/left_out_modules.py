"""Imports something without what it takes along where it can, and nobody here asks it for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def left_out(*modules: str | ModuleType) -> Iterator[None]:
    """Have imports of some modules fail, or find what is given in their place, as long as a `with` block lasts.

    What was imported before is left as it is.
    """
    found = {one if isinstance(one, str) else one.__name__: one for one in modules}
    new = {name: one for name, one in found.items() if name not in sys.modules}
    for name, one in new.items():
        sys.modules[name] = None if isinstance(one, str) else one  # type: ignore[assignment]  # None: importing fails
    try:
        yield
    finally:
        for name in new:
            del sys.modules[name]
