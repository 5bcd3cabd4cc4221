"""An authority that gives certificates out by itself (RFC 8555), on loopback: strict where a real one is.

A nonce is good once, each message is signed by its account's key for its own address, the proof is the record that
a name server would serve (here: a file that the school's program writes), and the order's names are the request's.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.fakes.page_pairs import PagePairs

ERROR = "urn:ietf:params:acme:error:"


class Refused(Exception):
    """A problem document."""

    def __init__(self, status: int, kind: str, detail: str = "") -> None:
        self.status, self.body = status, {"type": f"{ERROR}{kind}", "detail": detail, "status": status}
        super().__init__(kind)


class FakeAcmeServer:
    """One authority. `records`: a folder with a file for each record."""

    def __init__(self, pairs: PagePairs, records: Path) -> None:
        self.pairs, self.records = pairs, records
        self.days = 90.0
        self.accounts: dict[str, dict[str, str]] = {}  # by their address: their keys
        self.orders: list[dict[str, Any]] = []
        self.fault = ""
        self._nonces: set[str] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self, b"")

            do_HEAD = do_GET  # noqa: N815 (the library's name)

            def do_POST(self) -> None:
                server.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "FakeAcmeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers: dict[str, str] = {}
        try:
            status, content = self._route(handler.path.strip("/"), body, headers)
        except Refused as problem:
            status, content = problem.status, problem.body
        encoded = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        nonce = secrets.token_urlsafe(16)
        self._nonces.add(nonce)
        handler.send_response(status)
        kind = "application/problem+json" if status >= 400 else "application/json"
        for name, value in {"Replay-Nonce": nonce, "Content-Type": kind, **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(encoded)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(encoded)

    def _route(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        if path == "directory":
            names = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
            return 200, {name: f"{self.url}/{name}" for name in names}
        if path == "newNonce":
            return 200, ""
        name, _, number = path.partition("/")
        views: dict[str, Callable[[int, dict[str, Any], dict[str, str], dict[str, str]], tuple[int, Any]]] = {
            "newAccount": self._new_account, "newOrder": self._new_order, "order": self._order,
            "authorization": self._authorization, "challenge": self._challenge, "finalize": self._finalize,
            "certificate": self._certificate,
        }  # fmt: skip
        if name not in views:
            raise Refused(404, "malformed", "there is no such address")
        payload, key = self._read(path, body)
        return views[name](int(number or 0), payload, key, headers)

    def _read(self, path: str, body: bytes) -> tuple[dict[str, Any], dict[str, str]]:
        """Return what was signed, and by which key."""
        message = json.loads(body)
        protected = json.loads(_decode(message["protected"]))
        if protected["nonce"] not in self._nonces:
            raise Refused(400, "badNonce")
        self._nonces.remove(protected["nonce"])
        if protected["url"] != f"{self.url}/{path}" or protected["alg"] != "ES256":
            raise Refused(400, "malformed", "this was signed for another address")
        known = self.accounts.get(protected.get("kid", ""))
        key = protected.get("jwk") if path == "newAccount" else known
        if not key:
            raise Refused(400, "accountDoesNotExist")
        signed = f"{message['protected']}.{message['payload']}".encode()
        _verify(key, signed, _decode(message["signature"]))
        if self.fault == "limited" and path == "newOrder":
            raise Refused(429, "rateLimited", "too many certificates for this name\u202e\x00")
        return json.loads(_decode(message["payload"]) or b"{}"), key

    def _new_account(
        self, _number: int, wanted: dict[str, Any], key: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Any]:
        if not wanted.get("termsOfServiceAgreed"):
            raise Refused(403, "userActionRequired", "the terms are to be agreed to")
        for url, known in self.accounts.items():
            if known == key:
                headers["Location"] = url
                return 200, {"status": "valid"}
        headers["Location"] = f"{self.url}/account/{len(self.accounts)}"
        self.accounts[headers["Location"]] = key
        return 201, {"status": "valid", "contact": wanted.get("contact", [])}

    def _new_order(
        self, _number: int, wanted: dict[str, Any], _key: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Any]:
        number = len(self.orders)
        self.orders.append(
            {
                "identifiers": wanted["identifiers"], "status": "pending", "token": secrets.token_urlsafe(32),
                "challenge": "pending", "said": "",
            }
        )  # fmt: skip
        headers["Location"] = f"{self.url}/order/{number}"
        return 201, self._describe(number)

    def _order(self, number: int, *_: object) -> tuple[int, Any]:
        return 200, self._describe(number)

    def _describe(self, number: int) -> dict[str, Any]:
        order = self.orders[number]
        described = {
            "status": order["status"], "identifiers": order["identifiers"],
            "authorizations": [f"{self.url}/authorization/{number}"], "finalize": f"{self.url}/finalize/{number}",
        }  # fmt: skip
        if order["status"] == "valid":
            described["certificate"] = f"{self.url}/certificate/{number}"
        return described

    def _authorization(self, number: int, *_: object) -> tuple[int, Any]:
        order = self.orders[number]
        kinds = ("http-01",) if self.fault == "no record" else ("http-01", "dns-01")
        challenges = [{**self._describe_challenge(number), "type": kind} for kind in kinds]
        name = order["identifiers"][0]["value"].removeprefix("*.")
        return 200, {
            "identifier": {"type": "dns", "value": name}, "wildcard": True, "status": order["challenge"],
            "challenges": challenges,
        }  # fmt: skip

    def _describe_challenge(self, number: int) -> dict[str, Any]:
        order = self.orders[number]
        described = {
            "type": "dns-01", "url": f"{self.url}/challenge/{number}", "token": order["token"],
            "status": order["challenge"],
        }  # fmt: skip
        if order["said"]:
            described["error"] = {"type": f"{ERROR}unauthorized", "detail": order["said"]}
        return described

    def _challenge(
        self, number: int, _payload: dict[str, Any], key: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Any]:
        order = self.orders[number]
        name = f"_acme-challenge.{order['identifiers'][0]['value'].removeprefix('*.')}"
        thumbprint = json.dumps({one: key[one] for one in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        proof = f"{order['token']}.{_encode(hashlib.sha256(thumbprint.encode()).digest())}"
        file = self.records / name
        if file.is_file() and _encode(hashlib.sha256(proof.encode()).digest()) in file.read_text().split():
            order["challenge"], order["status"] = "valid", "ready"
        else:
            order["challenge"], order["said"] = "invalid", f"no such record at {name}"
        headers["Link"] = f'<{self.url}/authorization/{number}>;rel="up"'
        return 200, self._describe_challenge(number)

    def _finalize(self, number: int, payload: dict[str, Any], *_: object) -> tuple[int, Any]:
        order = self.orders[number]
        if order["status"] != "ready":
            raise Refused(403, "orderNotReady")
        request = x509.load_der_x509_csr(_decode(payload["csr"]))
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        asked = names.get_values_for_type(x509.DNSName)
        if asked != [one["value"] for one in order["identifiers"]] or not request.is_signature_valid:
            raise Refused(400, "badCSR", "the request has other names than the order")
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        signed = self.pairs.certificate(*asked, key=key, days=self.days)
        order["chain"] = self.pairs.signer + signed if self.fault == "wrong order" else signed + self.pairs.signer
        order["status"] = "valid"
        return 200, self._describe(number)

    def _certificate(
        self, number: int, _payload: dict[str, Any], _key: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Any]:
        headers["Content-Type"] = "application/pem-certificate-chain"
        return 200, self.orders[number]["chain"]


def _verify(key: dict[str, str], signed: bytes, signature: bytes) -> None:
    x, y = (int.from_bytes(_decode(key[name])) for name in ("x", "y"))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused(403, "unauthorized", "the signature is not the account's") from None


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
