"""Downloads a file over HTTP: conditionally, compressed, bounded in size, over verified TLS.

https is never left for http, and plain http is for this machine itself alone; where a download may connect to,
`blocklists.download_targets` says. This module waits as long as a server lets it: it is run where a deadline ends
it (`blocklists.isolation`).
"""

import contextlib
import ssl
import string
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

import httpcore

from blocklists.content_decoder import ContentDecoder
from blocklists.download_targets import GuardedBackend, TargetGuard, TargetPolicy
from blocklists.errors import FetchFailed
from blocklists.sources import LOOPBACK
from dns.errors import InvalidName
from dns.message.names import canonical

MAX_DOWNLOAD_BYTES = 512 * 1024**2
MAX_REDIRECTS = 5
MAX_RETRY_SECONDS = 86400.0  # a server may ask to be left alone for so long
_TIMEOUTS = {"connect": 20.0, "read": 60.0, "write": 20.0, "pool": 20.0}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})


class Download:
    """One file that lies elsewhere."""

    def __init__(
        self,
        location: str,
        *,
        ca_file: str = "",
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        targets: TargetPolicy | None = None,
        proxies: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None],
    ) -> None:
        """Do nothing yet. `progress` is called with bytes received and their total, 0 where that is not known.

        `ca_file`: whom to trust instead of whom the system trusts. `proxies`: as `urllib.request.getproxies` gives
        them (many schools reach the internet through one only).
        """
        self._location = _in_ascii(location)
        self._ca_file = ca_file
        self._max_bytes = max_bytes
        self._proxies = dict(proxies or {})
        self._guard = TargetGuard(targets or TargetPolicy(), _split(self._location).hostname or "")
        self._progress = progress

    def write_to(self, file: IO[bytes], headers: Mapping[str, str]) -> Mapping[str, str] | None:
        """Write what the server sends to a file; return its headers, or None where it says that nothing changed.

        `headers`: of the request; where there are any, they make it conditional (RFC 9110, section 13). Header
        names that are returned are in small letters. Raises FetchFailed.
        """
        url, is_secure = self._location, False
        for _ in range(MAX_REDIRECTS + 1):
            parts = self._check_url(url, was_secure=is_secure)
            is_secure = parts.scheme == "https"
            with _in_plain_words(), self._open(url, parts, headers) as response:
                answer = _headers(response)
                if response.status in _REDIRECTS and "location" in answer:
                    url = _join(url, answer["location"])
                    continue
                if response.status == 304 and headers:
                    return None
                if response.status != 200:
                    raise _refusal(response.status, answer)
                self._receive(response, answer, file)
                return answer
        raise FetchFailed(f"redirects more than {MAX_REDIRECTS} times")

    @contextlib.contextmanager
    def _open(self, url: str, parts: SplitResult, headers: Mapping[str, str]) -> Iterator[httpcore.Response]:
        host = parts.hostname or ""
        proxy = _proxy_for(parts.scheme, host, self._proxies)
        pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(cafile=self._ca_file or None),
            http2=True,
            proxy=proxy,
            network_backend=GuardedBackend(self._guard, proxy.url.host.decode("ascii") if proxy else ""),
        )
        sent = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "Hallpass", "Accept": "*/*"}
        sent |= {"Accept-Encoding": "gzip", **headers}
        with (
            pool,
            pool.stream("GET", url, headers=list(sent.items()), extensions={"timeout": _TIMEOUTS}) as response,
        ):
            yield response

    def _check_url(self, url: str, *, was_secure: bool) -> SplitResult:
        parts = _split(url)
        host = parts.hostname or ""
        if not host or parts.scheme not in ("https", "http"):
            raise FetchFailed(f"{url}: is not https://")
        if parts.scheme == "http" and (was_secure or host not in LOOPBACK):
            raise FetchFailed(f"{url}: is not https://")
        self._guard.check_name(host)
        return parts

    def _receive(self, response: httpcore.Response, headers: Mapping[str, str], file: IO[bytes]) -> None:
        decoder = ContentDecoder(headers.get("content-encoding", ""))
        length = headers.get("content-length", "")
        total = int(length) if length.isdecimal() and "content-encoding" not in headers else 0
        written = 0
        for raw in response.iter_stream():
            for piece in decoder.decode(raw):
                written += len(piece)
                if written > self._max_bytes:
                    raise FetchFailed(f"is larger than {self._max_bytes / 1024**2:g} MB")
                with _naming_the_folder(file):
                    file.write(piece)
                self._progress(written, total)
        decoder.finish()
        with _naming_the_folder(file):
            file.flush()


def _headers(response: httpcore.Response) -> dict[str, str]:
    """Return headers by name in small letters; one that comes twice has its values joined (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _refusal(status: int, headers: Mapping[str, str]) -> FetchFailed:
    seconds = _retry_seconds(headers) if status in _BUSY else 0.0
    asks = f", and asks to be left alone for {seconds / 60:.0f} minutes" if seconds >= 60 else ""
    return FetchFailed(f"the server answered {status}{asks}", retry_seconds=seconds)


def _retry_seconds(headers: Mapping[str, str]) -> float:
    """Return how long Retry-After asks to wait (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value[:9]), MAX_RETRY_SECONDS)
    try:
        now = parsedate_to_datetime(headers.get("date", ""))
        return min(max(0.0, (parsedate_to_datetime(value) - now).total_seconds()), MAX_RETRY_SECONDS)
    except (TypeError, ValueError):
        return 0.0


def _proxy_for(scheme: str, host: str, proxies: dict[str, str]) -> httpcore.Proxy | None:
    """Return the proxy through which a host is reached; this machine itself never is."""
    address = proxies.get(scheme) or proxies.get("all", "")
    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # public, but typeshed forgot it
    if not address or host in LOOPBACK or bypass(host, proxies):
        return None
    parts = _split(address if "://" in address else f"http://{address}")
    if not parts.hostname:
        raise FetchFailed(f"the proxy {address!r} is no address")
    url = httpcore.URL(scheme=parts.scheme, host=parts.hostname, port=parts.port, target="/")
    return httpcore.Proxy(url, auth=(parts.username, parts.password or "") if parts.username else None)


def _join(url: str, location: str) -> str:
    location = quote(location.encode("latin-1"), safe=string.punctuation)  # RFC 9110, 10.2.2: nothing but ASCII
    try:
        joined = urljoin(url, location)
        host = urlsplit(joined).hostname or ""
    except ValueError as problem:
        raise FetchFailed(f"redirects to {location[:100]}: {problem}") from None
    if "%" in host.partition("%25")[0]:  # but for the zone of an address
        raise FetchFailed(f"redirects to {location[:100]}: its host is not written in ASCII")
    return joined


def _in_ascii(url: str) -> str:
    """Return an address as HTTP writes it, its host in the letters of DNS. Raises FetchFailed."""
    if url.isascii():
        return url
    parts = _split(url)
    try:
        host = canonical(parts.hostname or "")
    except InvalidName:
        raise FetchFailed(f"{url}: is no address of a list") from None
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, *(quote(one, safe=string.punctuation) for one in parts[2:])))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as problem:
        raise FetchFailed(f"{url}: {problem}") from None
    return parts


@contextlib.contextmanager
def _naming_the_folder(file: IO[bytes]) -> Iterator[None]:
    """Raise FetchFailed, with the folder that is full, where a file cannot be written."""
    try:
        yield
    except OSError as problem:
        raise FetchFailed(f"{Path(file.name).parent}: could not be written: {problem.strerror}") from None


@contextlib.contextmanager
def _in_plain_words() -> Iterator[None]:
    """Raise FetchFailed for what went wrong on the way, in words for people."""
    try:
        yield
    except httpcore.ProxyError as problem:
        raise FetchFailed(f"the proxy refuses: {problem}") from None
    except httpcore.TimeoutException:
        raise FetchFailed("the server did not answer in time") from None
    except httpcore.ConnectError as problem:
        reason = problem.__cause__
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise FetchFailed(f"the server's certificate is not trusted: {reason.verify_message}") from None
        raise FetchFailed(f"the server cannot be reached: {problem}") from None
    except (httpcore.NetworkError, ssl.SSLError, ConnectionError):
        raise FetchFailed("the connection broke off") from None
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as problem:
        raise FetchFailed(f"the server does not keep to HTTP: {problem}") from None
