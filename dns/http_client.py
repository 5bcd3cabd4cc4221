"""httpx without what nobody here asks it for, which it brings into each process that imports it.

Its command line brings rich and pygments (69 modules, 5 MB), HTTP/2 brings h2 and hpack (another 5): httpx and
httpcore take what they cannot import for an installation without `httpx[cli]` and `httpx[http2]`. For who asks for
HTTP/2 (`blocklists.download`) httpcore imports it all the same, once a server speaks it.
"""

import sys

from dns.left_out_modules import left_out

_UNWANTED = ("httpx._main", "h2")

if "httpx" in sys.modules and "httpcore" in sys.modules:
    import httpx
else:
    with left_out(*_UNWANTED):
        import httpcore  # noqa: F401 (httpx imports it at first use, which is later)
        import httpx

__all__ = ["httpx"]
