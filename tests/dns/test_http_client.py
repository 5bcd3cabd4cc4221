"""Asking over HTTP brings no command line along."""

import subprocess
import sys

_SCRIPT = """
import sys
from dns.http_client import httpx
import httpx as the_same
assert the_same is httpx
assert issubclass(httpx.ConnectError, httpx.TransportError)
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"rich", "pygments", "click"}))
"""


def test_a_process_that_asks_over_http_imports_no_command_line() -> None:
    assert (
        subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True).stdout == "\n"
    )


def test_http2_is_imported_once_it_is_spoken() -> None:
    script = (
        "import sys; from dns.http_client import httpx; httpx.AsyncClient(verify=False); "
        "print('h2' in sys.modules); from httpcore._async.http2 import AsyncHTTP2Connection; "
        "print('h2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")
