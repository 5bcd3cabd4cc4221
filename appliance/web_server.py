"""How our pages are served: gunicorn, one process, a thread for each open page or feed."""

import sys
from pathlib import Path

from appliance.settings.values import Endpoint

GRACEFUL_SECONDS = 2  # open feeds do not end by themselves

# A stream that does not end keeps a thread for as long as its client is believed to be there. One that closed its
# socket is noticed at the second sign of life (the first is refused), one that vanished at the first sign of life
# after what was sent has stood unacknowledged for so long: both within three signs of life, eleven seconds.
KEEPALIVE_SECONDS = 3.5  # after so long without news a stream says that it still stands
TCP_USER_TIMEOUT_SECONDS = 6.0


def gunicorn_command(
    app: str, listen: Endpoint, *, threads: int, tls: tuple[Path, Path] | None = None
) -> list[str]:
    """Return the command that serves an application (`module:factory()`); TLS: certificate and key."""
    command = [
        sys.executable, "-m", "gunicorn", app,
        "--bind", str(listen),
        "--workers", "1",
        "--worker-class", "gthread",
        "--threads", str(threads),
        "--graceful-timeout", str(GRACEFUL_SECONDS),
        "--timeout", "60",
        "--keep-alive", "20",
        "--log-level", "warning",
        "--no-control-socket",
    ]  # fmt: skip
    if tls is not None:
        command += ["--certfile", str(tls[0]), "--keyfile", str(tls[1])]
    return command
