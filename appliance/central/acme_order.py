"""One certificate by ACME (RFC 8555): account, order, the record that proves the domain (DNS-01), certificate.

Whoever imports this has `acme` and what that brings in its memory, thirty megabytes: only the process that ends
does (`appliance.central.acme_process`).
"""

import contextlib
import datetime as dt
import os
import signal
import subprocess
from collections.abc import Iterator

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.central.errors import CentralError
from appliance.settings.acme import AcmeSection

ORDER_SECONDS = 300.0  # for the authority to look at the record, and to sign
_CALL_SECONDS = 45
_WORDS = 300  # characters of what others say that are said back
_PEM = serialization.Encoding.PEM


class NotOrdered(CentralError):
    """There is no certificate; the message says why."""


def order_certificate(settings: AcmeSection, account_key: bytes) -> tuple[bytes, bytes]:
    """Return a certificate with its chain, for names below the suffix, and its key (PEM). Raises NotOrdered."""
    try:
        acme = _open_account(settings, account_key)
        key = ec.generate_private_key(ec.SECP256R1())
        order = acme.new_order(_make_request(f"*.{settings.suffix}", key))
        with contextlib.ExitStack() as records:
            for authorization in order.authorizations:
                _prove(acme, settings, authorization, records)
            deadline = dt.datetime.now() + dt.timedelta(seconds=ORDER_SECONDS)  # noqa: DTZ005 (what the library compares)
            done = acme.poll_and_finalize(order, deadline)
    except (
        errors.Error,
        messages.Error,
        requests.RequestException,
        josepy.Error,
        ValueError,
        KeyError,
    ) as problem:
        raise NotOrdered(_words(problem)) from None
    return done.fullchain_pem.encode(), _encode(key)


def make_account_key() -> bytes:
    """Return a key for an account (PEM)."""
    return _encode(ec.generate_private_key(ec.SECP256R1()))


def _open_account(settings: AcmeSection, account_key: bytes) -> client.ClientV2:
    key = serialization.load_pem_private_key(account_key, None)
    network = client.ClientNetwork(
        josepy.JWKEC(key=key), alg=josepy.ES256, user_agent="hallpass", timeout=_CALL_SECONDS,
        verify_ssl=True if settings.authority is None else str(settings.authority),  # type: ignore[arg-type]  # handed to requests
    )  # fmt: skip
    acme = client.ClientV2(client.ClientV2.get_directory(settings.directory, network), network)
    wanted = messages.NewRegistration.from_data(email=settings.email or None, terms_of_service_agreed=True)
    try:
        acme.new_account(wanted)
    except errors.ConflictError as known:
        found = messages.RegistrationResource(uri=known.location, body=messages.Registration())
        network.account = found
    return acme


def _prove(
    acme: client.ClientV2,
    settings: AcmeSection,
    authorization: messages.AuthorizationResource,
    records: contextlib.ExitStack,
) -> None:
    """Put the record there that the authority looks for, and tell it so; it is removed at the end of `records`."""
    if authorization.body.status == messages.STATUS_VALID:
        return  # proved lately
    found = (one for one in authorization.body.challenges if isinstance(one.chall, challenges.DNS01))
    challenge = next(found, None)
    if challenge is None:
        raise NotOrdered("the authority offers no proof by a record (DNS-01)")
    response, value = challenge.response_and_validation(acme.net.key)
    name = challenge.chall.validation_domain_name(settings.suffix)
    records.enter_context(_record(settings, name, value))
    acme.answer_challenge(challenge, response)


@contextlib.contextmanager
def _record(settings: AcmeSection, name: str, value: str) -> Iterator[None]:
    try:
        call_hook(settings, "add", name, value)
        yield
    finally:
        with contextlib.suppress(NotOrdered):
            call_hook(settings, "remove", name, value)


def call_hook(settings: AcmeSection, action: str, name: str, value: str) -> None:
    """Call the school's own program, without a shell. Raises NotOrdered where it fails or takes too long."""
    command = [str(settings.hook), action, name, value]
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=settings.hook_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # whatever it has started goes with it
                raise NotOrdered(
                    f"{settings.hook} took longer than {settings.hook_seconds:.0f} seconds (hook_seconds)"
                ) from None
    except OSError as problem:
        raise NotOrdered(f"{settings.hook}: {problem.strerror}") from None
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotOrdered(_printable(f"{settings.hook} {action} failed ({process.returncode}): {last}"))


def _make_request(name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256()).public_bytes(_PEM)


def _encode(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _words(problem: Exception) -> str:
    match problem:
        case messages.Error():
            return _printable(f"the authority says: {problem.detail or problem.typ}")
        case errors.ValidationError():
            said = [
                challenge.error.detail
                for authorization in problem.failed_authzrs
                for challenge in authorization.body.challenges
                if challenge.error is not None
            ]
            return _printable(f"the authority did not find the record: {'; '.join(filter(None, said))}")
        case errors.TimeoutError():
            return f"the authority was not done within {ORDER_SECONDS:.0f} seconds"
        case requests.RequestException():
            return _printable(f"the authority cannot be reached: {type(problem).__name__}: {problem}")
    return _printable(f"the authority's answer is not understood: {type(problem).__name__}: {problem}")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_WORDS]
