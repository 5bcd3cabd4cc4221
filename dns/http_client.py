"""httpx without its command line, which brings rich and pygments (69 modules, 5 MB) into each process that asks.

httpx takes what it cannot import of it for an installation without `httpx[cli]`.
"""

import sys

_COMMAND_LINE = "httpx._main"

if "httpx" in sys.modules:
    import httpx
else:
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # an import of it fails, see importlib's reference
    try:
        import httpx
    finally:
        del sys.modules[_COMMAND_LINE]

__all__ = ["httpx"]
