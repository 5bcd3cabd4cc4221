"""An OpenID provider on loopback, whose person is always signed in: honest, unless a test has it lie."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, SECRET = "hallpass", "a secret of the client's"


class FakeProvider:
    """What the provider says, and how it lies."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "first"})
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "cora@example.org", "email_verified": True}
        self.lies: dict[str, Any] = {}  # claims of the ID token that differ; None: left out
        self.forge = ""  # how a token is signed wrongly: "none", "HS256", "another key"
        self.metadata_lies: dict[str, Any] = {}
        self.back_lies: dict[str, str] = {}  # parameters of the way back that differ
        self.now = time.time
        self.codes: dict[str, dict[str, str]] = {}
        self.token_calls = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realms/school"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata_lies  # fmt: skip

    def authorize(self, asked: dict[str, str]) -> str:
        """Return where the browser is sent back."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer} | self.back_lies
        return f"{asked['redirect_uri']}?{urlencode({name: value for name, value in back.items() if value})}"

    def token(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return an answer to a code: once, to its client, for its verifier."""
        self.token_calls += 1
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT_ID}:{quote_plus(SECRET)}".encode()).decode()
        if (
            asked is None
            or asked["redirect_uri"] != sent["redirect_uri"]
            or challenge.rstrip(b"=").decode() != asked["code_challenge"]
            or authorization != f"Basic {basic}"
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(self.now())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": nonce}
        claims = {name: value for name, value in (claims | self.person | self.lies).items() if value is not None}
        if self.forge == "none":
            parts = ({"alg": "none"}, claims)
            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts)
                + "."
            )
        if self.forge == "HS256":  # the public key as a shared secret
            return jwt.encode(
                {"alg": "HS256", "kid": "first"}, claims, OctKey.import_key(self.key.as_pem(private=False))
            )
        key = RSAKey.generate_key(2048, {"kid": "first"}) if self.forge == "another key" else self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid or ""}, claims, key)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                return

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path.endswith("/auth"):
                    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(asked))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif parts.path.endswith("/keys"):
                    self.answer(200, {"keys": [provider.key.as_dict(private=False)]})
                else:
                    self.answer(200, provider.metadata())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                sent = {name: values[0] for name, values in parse_qs(body).items()}
                self.answer(*provider.token(sent, self.headers.get("Authorization", "")))

            def answer(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
