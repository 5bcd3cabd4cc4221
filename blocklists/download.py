"""Downloads a file over HTTP: conditionally, compressed, bounded in size and time, over verified TLS.

Plain http is followed only to this machine itself, also after a redirection.
"""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx

from blocklists.errors import FetchFailed
from blocklists.sources import LOOPBACK

MAX_DOWNLOAD_BYTES = 512 * 1024**2
MAX_DOWNLOAD_SECONDS = 600.0
MAX_REDIRECTS = 5
# Many schools reach the internet through a proxy only (HTTPS_PROXY); this machine itself never.
_NEVER_PROXIED = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}
_TIMEOUT = httpx.Timeout(20.0, read=60.0)


class Download:
    """One file that lies elsewhere."""

    def __init__(
        self,
        location: str,
        *,
        tls: ssl.SSLContext,
        now: Callable[[], float],
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        progress: Callable[[int, int], None],
    ) -> None:
        """Do nothing yet. `progress` is called with bytes received and their total, 0 where that is not known."""
        self._location = location
        self._tls = tls
        self._now = now
        self._max_bytes = max_bytes
        self._progress = progress

    def write_to(self, file: IO[bytes], headers: Mapping[str, str]) -> httpx.Headers | None:
        """Write what the server sends to a file; return its headers, or None where it says that nothing changed.

        `headers`: of the request; where there are any, they make it conditional (RFC 9110, section 13). Raises
        FetchFailed, httpx.HTTPError or httpx.InvalidURL.
        """
        ends = self._now() + MAX_DOWNLOAD_SECONDS
        with httpx.Client(verify=self._tls, timeout=_TIMEOUT, mounts=_NEVER_PROXIED, http2=True) as client:
            request = client.build_request("GET", self._location, headers=headers)
            for _ in range(MAX_REDIRECTS + 1):
                _check_url(str(request.url))
                response = client.send(request, stream=True)
                try:
                    if response.next_request is not None:
                        request = response.next_request
                        continue
                    if response.status_code == httpx.codes.NOT_MODIFIED and headers:
                        return None
                    if response.status_code != httpx.codes.OK:
                        raise FetchFailed(f"{self._location}: the server answered {response.status_code}")
                    self._receive(response, file, ends)
                    return response.headers
                finally:
                    response.close()
        raise FetchFailed(f"{self._location}: redirects more than {MAX_REDIRECTS} times")

    def _receive(self, response: httpx.Response, file: IO[bytes], ends: float) -> None:
        total = int(response.headers.get("content-length", "0") or "0") if _is_plain(response) else 0
        received = 0
        for piece in response.iter_bytes(1 << 16):
            received += len(piece)
            if received > self._max_bytes:
                raise FetchFailed(f"{self._location}: is larger than {self._max_bytes // 1024**2} MB")
            if self._now() > ends:
                raise FetchFailed(f"{self._location}: took longer than {MAX_DOWNLOAD_SECONDS:.0f} seconds")
            with _naming_the_folder(file):
                file.write(piece)
            self._progress(received, total)
        with _naming_the_folder(file):
            file.flush()


@contextlib.contextmanager
def _naming_the_folder(file: IO[bytes]) -> Iterator[None]:
    """Raise FetchFailed, with the folder that is full, where a file cannot be written."""
    try:
        yield
    except OSError as problem:
        raise FetchFailed(f"{Path(file.name).parent}: could not be written: {problem.strerror}") from None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as problem:
        raise FetchFailed(f"{url}: {problem}") from None
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return
    raise FetchFailed(f"{url}: is not https://")


def _is_plain(response: httpx.Response) -> bool:
    length = response.headers.get("content-length", "")
    return "content-encoding" not in response.headers and length.isdecimal()
