"""What is handed in as a certificate for pages is looked at at the door, and refused with words."""

import ssl
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.central.errors import NotPossible
from appliance.central.page_certificates import MAX_FILE_BYTES
from appliance.central.page_files import read_handed_in
from appliance.certificate_validity import names_of_certificate
from tests.fakes.page_pairs import SUFFIX, PagePairs, new_key, pem_of_key

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PAIRS = PagePairs(NOW)
STAR = f"*.{SUFFIX}"


def refusal(certificate: str | bytes, key: str | bytes) -> str:
    contents = [one if isinstance(one, bytes) else one.encode() for one in (certificate, key)]
    with pytest.raises(NotPossible) as problem:
        read_handed_in(contents[0], contents[1], NOW)
    return str(problem.value)


def test_a_certificate_with_its_chain_and_key_is_taken_and_written_anew() -> None:
    certificate, key = PAIRS.pair(STAR, "Pages.School.example.org.")
    handed = read_handed_in(b"Bag Attributes: junk\n" + certificate.encode(), key.encode(), NOW)
    assert handed.names == (STAR, "pages.school.example.org")
    assert handed.chain == certificate
    assert "junk" not in handed.chain
    assert (handed.ends - NOW).days == 90


def test_one_that_never_ends_is_looked_at_again_in_ten_years() -> None:
    certificate, key = PAIRS.pair(STAR, days=2_900_000)
    assert PAIRS.now.year + 9 <= read_handed_in(certificate.encode(), key.encode(), NOW).ends.year <= NOW.year + 10


def test_a_key_of_rsa_is_taken_from_2048_bits_on() -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert read_handed_in(PAIRS.certificate(STAR, key=key).encode(), pem_of_key(key).encode(), NOW).names == (
        STAR,
    )
    weak = rsa.generate_private_key(65537, 1024)
    assert "1024 bits" in refusal(PAIRS.certificate(STAR, key=weak), pem_of_key(weak))
    assert "512 bits" in refusal(PAIRS.certificate(STAR, key=key), pem_of_key(key_of_512_bits()))


def key_of_512_bits() -> rsa.RSAPrivateKey:
    """Return one made of two primes: the library makes none so short any more."""
    p = 95604613927488318747548804080339887083268733355034647641886942532615452828053
    q = 94221865185530789029137475123160559365472691758935700181536180970567622310229
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPublicNumbers(65537, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), numbers).private_key()


def test_what_does_not_belong_together_is_refused() -> None:
    certificate, key = PAIRS.pair(STAR)
    own = certificate.removesuffix(PAIRS.signer)
    assert "not the one of this certificate" in refusal(certificate, PAIRS.pair(STAR)[1])
    assert "wrong order: first" in refusal(PAIRS.signer + own, key)
    assert "after each comes the one" in refusal(own + PAIRS.root, key)
    assert "after each comes the one" in refusal(own + PAIRS.root + PAIRS.signer, key)
    assert "two or three" in refusal(certificate + PAIRS.root * 7, key)


@pytest.mark.parametrize(
    "junk",
    [
        b"", b"\x00" * 40, b"\xff\xfe junk", "\u202ejunk".encode(),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)  # fmt: skip
def test_junk_is_refused_in_either_place(junk: bytes) -> None:
    certificate, key = PAIRS.pair(STAR)
    for words in (refusal(junk, key), refusal(certificate, junk)):
        assert "empty" in words or "can be read" in words


def test_a_damaged_certificate_a_locked_key_and_a_large_file_are_refused() -> None:
    certificate, key = PAIRS.pair(STAR)
    assert "can be read" in refusal(certificate.replace("A", "B"), key)
    assert "encrypted with a password" in refusal(certificate, pem_of_key(new_key(), b"a pass phrase"))
    assert "too large" in refusal(certificate.encode() + b" " * MAX_FILE_BYTES, key)
    assert "too large" in refusal(certificate, b"x" * 10_000_000)
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert "not every browser" in refusal(certificate, pem)


def test_what_no_browser_would_take_is_refused() -> None:
    key = new_key()
    for words, certificate in (
        ("ended on 2026-11-23", PAIRS.certificate(STAR, key=key, days=-1)),
        ("not valid before 2026-11-27", PAIRS.certificate(STAR, key=key, since=3)),
        ("bears no name that browsers", PAIRS.certificate(key=key)),
        ("no name of a page", PAIRS.certificate("localhost", "*.org x", key=key)),
        ("an authority", PAIRS.certificate(STAR, key=key, is_authority=True)),
        ("something else", PAIRS.certificate(STAR, key=key, use=ExtendedKeyUsageOID.CLIENT_AUTH)),
    ):
        assert words in refusal(certificate, pem_of_key(key))


def test_a_room_reads_the_names_of_a_certificate_from_its_own_bytes() -> None:
    for names in ((STAR,), (STAR, "pages.school.example.org"), ()):
        content = ssl.PEM_cert_to_DER_cert(PAIRS.certificate(*names, key=new_key()))
        assert names_of_certificate(content) == names
        for cut in range(0, len(content), 7):
            with pytest.raises(ValueError, match=r"cut off|expected"):
                names_of_certificate(content[:cut])
