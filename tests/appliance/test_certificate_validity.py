"""From when to when a certificate holds, read from its own bytes, whatever they are."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from appliance.certificate_validity import CertificateValidity, read_validity, validity_of_certificate
from appliance.errors import HallpassError
from appliance.settings.values import CertificateFiles
from tests.fakes.authority import Authority

NOW = 1_795_000_000.0
DAY_SECONDS = 86_400.0


def certificate(begin: dt.datetime, end: dt.datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "room4.example")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(7).not_valid_before(begin).not_valid_after(end).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


WHOLE = certificate(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 12, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(("begin", "end"), [(1990, 2026), (2026, 2049), (2026, 2050), (2051, 9999)])
def test_both_times_are_read_as_the_standard_writes_them(begin: int, end: int) -> None:
    times = [dt.datetime(year, 12, 31, 23, 59, 59, tzinfo=dt.UTC) for year in (begin, end)]
    found = validity_of_certificate(certificate(*times))
    assert (found.not_before, found.not_after) == tuple(at.timestamp() for at in times)


@given(st.data())
def test_bytes_that_are_no_certificate_are_a_value_error_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE[: data.draw(st.integers(0, len(WHOLE)))])
    for at in data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=8)):
        if damaged:
            damaged[at] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(validity_of_certificate(bytes(damaged)), CertificateValidity)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [
        (-90, 90, ""),
        (-90, 21.5, ""),
        (-90, 20.4, "ends in 20 days"),
        (-90, 0, "ended on 2026-11-18"),
        (1, 90, "is not valid before 2026-11-19"),
    ],
)
def test_what_is_wrong_with_it_is_said_three_weeks_ahead(begins: float, ends: float, words: str) -> None:
    validity = CertificateValidity(NOW + begins * DAY_SECONDS, NOW + ends * DAY_SECONDS)
    assert validity.problem(NOW) == words


def test_a_chain_holds_no_longer_than_the_shortest_of_it(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    long, short = Authority(tmp_path, days=90), Authority(tmp_path / "short", days=5)
    file, key = long.sign("room4.example")
    file.write_bytes(file.read_bytes() + short.file.read_bytes())
    assert 4 < read_validity(CertificateFiles(certificate=file, key=key)).days_left(time.time()) < 6


def test_a_file_without_its_certificate_is_said(tmp_path: Path) -> None:
    file, key = Authority(tmp_path).sign("room4.example")
    file.write_text(key.read_text())
    with pytest.raises(HallpassError, match="damaged"):
        read_validity(CertificateFiles(certificate=file, key=key))


def test_looking_at_certificates_costs_the_agent_no_library() -> None:
    program = "import sys, appliance.room.agent.service; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
