"""The school's OpenID provider, over HTTP: where it is asked, what a code is worth, whose an ID token is.

OpenID Connect Core 1.0 (sections 3.1.2, 3.1.3), Discovery 1.0, PKCE (RFC 7636) with S256, the answer's issuer (RFC
9207). Everything that comes back is a stranger's: it is bounded, decoded into types, and believed only where a
key of the provider signed it. Keys are fetched once an hour, and once more for a key that is not known yet.

Imported only by who needs it, and authlib and joserfc where they are: eleven megabytes that a school without a
provider never has.
"""

import threading
import time
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import msgspec

from appliance.central.openid_identity import Identity, Journey, NotBelieved, ProviderUnavailable
from appliance.files import read_regular_file
from appliance.settings.openid import OpenIdSection
from appliance.settings.room import CentralLink
from dns.errors import DECODING_FAILED

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
LEEWAY_SECONDS = 60  # of clocks that differ
METADATA_SECONDS = 3600.0
KEYS_AGAIN_SECONDS = 60.0  # not more often, whatever key ids come
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 1024
MAX_TOKEN_LENGTH = 64 * 1024


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class _Claims(msgspec.Struct, frozen=True):
    """What an ID token must say, in the types that it must have (Core, section 2)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str = ""


class OpenIdProvider:
    """One provider. May be used by several threads."""

    def __init__(self, settings: OpenIdSection, redirect_uri: str) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: dict[str, Any] | None = None
        self._keys_fetched_again = float("-inf")

    def authorization_url(self, journey: Journey) -> str:
        """Return where a browser is sent. Raises ProviderUnavailable."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 (see above)

        endpoint = self._load_metadata().authorization_endpoint
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": create_s256_code_challenge(journey.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    def check_issuer(self, said: str) -> None:
        """Raise NotBelieved where an answer is another provider's (RFC 9207). `said`: its `iss`, or ""."""
        is_promised = self._load_metadata().authorization_response_iss_parameter_supported
        if said != self._settings.issuer and (said or is_promised):
            raise NotBelieved("the answer is not from the provider that was asked")

    def redeem(self, code: str, journey: Journey) -> Identity:
        """Return whose a code is, by the provider's ID token. Raises ProviderUnavailable or NotBelieved."""
        metadata, settings = self._load_metadata(), self._settings
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": journey.verifier,
        }
        auth, secret = None, self._read_secret()
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(secret))  # RFC 6749, section 2.3.1
        else:
            fields |= {"client_id": settings.client_id} | ({"client_secret": secret} if secret else {})
        content = _fetch("POST", metadata.token_endpoint, data=fields, auth=auth)
        tokens = _decode(content, _Tokens)
        return self._verify(tokens, journey)

    def _read_secret(self) -> str:
        path = self._settings.client_secret_file
        if path is None:
            return ""
        try:
            return read_regular_file(path).decode().strip()
        except (OSError, UnicodeDecodeError):
            raise ProviderUnavailable(f"{path} cannot be read") from None

    def _verify(self, tokens: _Tokens, journey: Journey) -> Identity:
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 (see above)
        from joserfc import jwt  # noqa: PLC0415 (see above)
        from joserfc.errors import InvalidKeyIdError, JoseError  # noqa: PLC0415 (see above)
        from joserfc.jwk import KeySet  # noqa: PLC0415 (see above)

        if len(tokens.id_token) > MAX_TOKEN_LENGTH:
            raise NotBelieved("the ID token is too long")

        def decode(*, anew: bool) -> jwt.Token:
            keys = KeySet.import_key_set(self._load_keys(anew=anew))  # type: ignore[arg-type]  # JSON of a stranger
            return jwt.decode(tokens.id_token, keys, algorithms=list(ALGORITHMS))

        settings = self._settings
        try:
            try:
                token = decode(anew=False)
            except InvalidKeyIdError:
                token = decode(anew=True)
            said = msgspec.convert(token.claims, _Claims)
            expected = {
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
            }
            proof = {"nonce": journey.nonce, "client_id": settings.client_id, "access_token": tokens.access_token}
            CodeIDToken(token.claims, token.header, expected, proof).validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError, *DECODING_FAILED) as problem:
            raise NotBelieved(f"the ID token is not believed: {type(problem).__name__}: {problem}"[:300]) from None
        others = [
            one for one in ([said.aud] if isinstance(said.aud, str) else said.aud) if one != settings.client_id
        ]
        if others and said.azp != settings.client_id:
            raise NotBelieved("the ID token is for others as well, and does not say that it was given to us")
        if not said.sub or len(said.sub) > 255:
            raise NotBelieved("the ID token names nobody")
        return Identity(said.iss, said.sub, dict(token.claims))

    def _load_metadata(self) -> _Metadata:
        with self._lock:
            if self._metadata is None or self._metadata[0] < time.monotonic() - METADATA_SECONDS:
                issuer = self._settings.issuer
                url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
                found = _decode(_fetch("GET", url), _Metadata)
                if found.issuer != issuer:
                    raise ProviderUnavailable(f"the provider calls itself {found.issuer[:200]!r}, not {issuer!r}")
                for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                    _require_safe(endpoint)
                self._metadata = time.monotonic(), found
                self._keys = None
            return self._metadata[1]

    def _load_keys(self, *, anew: bool) -> dict[str, Any]:
        metadata = self._load_metadata()
        with self._lock:
            again = anew and time.monotonic() - self._keys_fetched_again > KEYS_AGAIN_SECONDS
            if again:
                self._keys_fetched_again = time.monotonic()
            if self._keys is None or again:
                self._keys = _decode(_fetch("GET", metadata.jwks_uri), dict[str, Any])
            return self._keys


def _require_safe(url: str) -> None:
    try:
        CentralLink.check_url(url)
    except ValueError:
        raise ProviderUnavailable("the provider names an address that is not encrypted") from None


def _decode(content: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except DECODING_FAILED as problem:
        raise ProviderUnavailable(f"the provider's answer is not understood: {problem}"[:300]) from None


def _fetch(method: str, url: str, **what: Any) -> bytes:
    """Return an answer's content, of which only so much is read. Raises ProviderUnavailable or NotBelieved."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
            client.stream(method, url, headers={"Accept": "application/json"}, **what) as response,
        ):
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise ProviderUnavailable("the provider's answer is too long")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        raise ProviderUnavailable(f"the provider cannot be reached: {problem}"[:300]) from None
    if response.status_code == 200:
        return content
    if method == "POST" and 400 <= response.status_code < 500:
        raise NotBelieved(f"the provider does not take the code (status {response.status_code})")
    raise ProviderUnavailable(f"the provider answers with status {response.status_code}")
