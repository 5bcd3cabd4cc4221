"""The store of authorities that Chromium reads on Linux (NSS), made for one test in a folder that is its HOME."""

import ctypes
from pathlib import Path

_SSL_TRUST = 0x8 | 0x10 | 0x80  # CERTDB_VALID_CA, CERTDB_TRUSTED_CA, CERTDB_TRUSTED_CLIENT_CA (certdb.h)


class _Trust(ctypes.Structure):
    _fields_ = (("ssl", ctypes.c_uint), ("mail", ctypes.c_uint), ("objects", ctypes.c_uint))


def trust_authority(home: Path, certificate: bytes) -> None:
    """Let whoever has this HOME trust an authority (DER), as a device that a school manages does."""
    folder = home / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    nss, smime = ctypes.CDLL("libnss3.so"), ctypes.CDLL("libsmime3.so")
    for function in (
        nss.PK11_GetInternalKeySlot, nss.CERT_GetDefaultCertDB, smime.CERT_DecodeCertFromPackage,
    ):  # fmt: skip
        function.restype = ctypes.c_void_p
    assert nss.NSS_InitReadWrite(f"sql:{folder}".encode()) == 0
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    assert nss.PK11_InitPin(slot, None, b"") == 0
    found = ctypes.c_void_p(smime.CERT_DecodeCertFromPackage(certificate, len(certificate)))
    assert found
    assert nss.PK11_ImportCert(slot, found, ctypes.c_ulong(0), b"school", 0) == 0
    trust = _Trust(_SSL_TRUST, 0, 0)
    database = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
    assert nss.CERT_ChangeCertTrust(database, found, ctypes.byref(trust)) == 0
    nss.CERT_DestroyCertificate(found)
    nss.PK11_FreeSlot(slot)
    assert nss.NSS_Shutdown() == 0
