"""How our pages are served: gunicorn, one process, a thread for each open page or feed."""

import sys
from pathlib import Path

from appliance.settings.values import Endpoint

STOPPING_SECONDS = 2  # open feeds do not end by themselves
SIGN_OF_LIFE_SECONDS = 3.5  # after so long without news a stream says that it still stands


def arguments(app: str, listen: Endpoint, *, threads: int, tls: tuple[Path, Path] | None = None) -> list[str]:
    """Return the command that serves an application (`module:factory()`); TLS: certificate and key."""
    command = [
        sys.executable, "-m", "gunicorn", app,
        "--bind", str(listen),
        "--workers", "1",
        "--worker-class", "gthread",
        "--threads", str(threads),
        "--graceful-timeout", str(STOPPING_SECONDS),
        "--timeout", "60",
        "--keep-alive", "20",
        "--log-level", "warning",
        "--no-control-socket",
    ]  # fmt: skip
    if tls is not None:
        command += ["--certfile", str(tls[0]), "--keyfile", str(tls[1])]
    return command
