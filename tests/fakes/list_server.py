"""A publisher of lists on loopback: plain HTTP or HTTPS, with everything that publishers do wrong."""

import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[BaseHTTPRequestHandler], None]


class ListServer:
    """Serves what `answers` says for each path; remembers the requests."""

    def __init__(self, scheme: str, server: ThreadingHTTPServer) -> None:
        self.answers: dict[str, Answer] = {}
        self.is_stopped = threading.Event()  # what waits must wait for this too
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connects: list[str] = []  # what it was asked to connect to, as a proxy; it never does
        self.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"

    def gives(self, path: str, content: bytes, *, etag: str = "", last_modified: str = "", **headers: str) -> None:
        """Serve a file that answers conditional requests."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            same_etag = etag and handler.headers.get("If-None-Match") == etag
            same_date = last_modified and handler.headers.get("If-Modified-Since") == last_modified
            if same_etag or same_date:
                handler.send_response(304)
                handler.end_headers()
                return
            handler.send_response(200)
            for name, value in {"ETag": etag, "Last-Modified": last_modified, **headers}.items():
                if value:
                    handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer

    def says(self, path: str, status: int, **headers: str) -> None:
        """Answer with a status and headers only."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer

    def breaks_off(self, path: str, content: bytes) -> None:
        """Promise more than is sent."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) * 2))
            handler.end_headers()
            handler.wfile.write(content)
            handler.close_connection = True

        self.answers[path] = answer

    def trickles(self, path: str, content: bytes, *, seconds: float = 0.2) -> None:
        """Send a byte at a time for ever so long."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            for at in range(len(content)):
                if self.is_stopped.wait(seconds):
                    return
                handler.wfile.write(content[at : at + 1])

        self.answers[path] = until_the_client_leaves(answer)


def until_the_client_leaves(answer: Answer) -> Answer:
    """Wrap an answer that a client may break off."""

    def wrapped(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            answer(handler)

    return wrapped


@contextmanager
def list_server(certificate: tuple[Path, Path] | None = None) -> Iterator[ListServer]:
    """Run a server on an ephemeral port; with a certificate and key it speaks TLS."""
    found: list[ListServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found[0].requests.append((self.path, dict(self.headers)))
            answer = found[0].answers.get(self.path)
            if answer is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                answer(self)

        def do_CONNECT(self) -> None:
            found[0].connects.append(self.path)
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's signature)
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.append(ListServer("http" if certificate is None else "https", server))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found[0]
    finally:
        found[0].is_stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lists")])
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
