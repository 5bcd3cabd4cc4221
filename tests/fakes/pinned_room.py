"""A room's way to central by its own key, as bare as it can be: what a thief, or a test, would do by hand."""

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.pinned_tls import NO_CHECK_TIME, authority_id_of, server_name

PATIENCE_SECONDS = 20.0


class PinnedRoom:
    """A key, and what central gave for it."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(exist_ok=True)
        self._file = folder / "identity.pem"
        self._port = port
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.authority = ""

    def signing_request(self) -> str:
        made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.key, hashes.SHA256())
        return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()

    def enrol(self, token: str) -> int:
        """Ask for a first certificate; return the status."""
        return self._keep(
            call_plain(self._port, "POST", "certificate", token, {"request": self.signing_request()})
        )

    def renew(self) -> int:
        """Ask for another one with the one that it has; return the status."""
        return self._keep(self.call("POST", "certificate", {"request": self.signing_request()}))

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call central with the certificate; return the status and what came."""
        with self.connect() as connection:
            return exchange(connection, method, path, {}, body)

    @contextlib.contextmanager
    def connect(self) -> Iterator[ssl.SSLSocket]:
        """Yield a connection on which the certificate was shown. Raises OSError."""
        context = ssl.create_default_context(cadata=self.authority)
        context.verify_flags |= NO_CHECK_TIME
        if self.certificate:
            context.load_cert_chain(self._file)
        name = server_name(authority_id_of(ssl.PEM_cert_to_DER_cert(self.authority)))
        with (
            socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            yield connection

    @contextlib.contextmanager
    def feed(self) -> Iterator[ssl.SSLSocket]:
        """Yield an open feed, of which the first line was read."""
        with self.connect() as connection:
            connection.sendall(request("GET", "feed"))
            received = b""
            while b'"policy"' not in received:
                data = connection.recv(65536)
                assert data, received
                received += data
            yield connection

    def use(self, certificate: str) -> None:
        """Show this certificate from now on."""
        self.certificate = certificate
        plain = serialization.NoEncryption()
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        self._file.write_bytes(certificate.encode() + key)

    def _keep(self, answer: tuple[int, Any]) -> int:
        status, content = answer
        if status == 200:
            self.authority = content["authority"]
            self.use(content["certificate"])
        return status


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = {"Host": "central", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    if body:
        lines["Content-Type"] = "application/json"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} /api/v1/{path} HTTP/1.1\r\n{head}\r\n".encode() + body


def exchange(
    connection: socket.socket, method: str, path: str, headers: dict[str, str], body: Any
) -> tuple[int, Any]:
    connection.sendall(request(method, path, headers, b"" if body is None else json.dumps(body).encode()))
    received = b""
    while data := connection.recv(65536):
        received += data
    head, _, content = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content) if content else None


def call_plain(port: int, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    """Call central as a room of before does, with a token alone."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        return exchange(connection, method, path, {"Authorization": f"Bearer {token}"}, body)
