"""Certificates are looked at before a server starts with them, so that a person gets one clear line."""

import ssl

from appliance.errors import HallpassError
from appliance.settings.values import CertificateFiles


def require_usable_certificate(files: CertificateFiles) -> None:
    """Raise HallpassError where a file is missing, or the two are not a certificate and its key."""
    for path in (files.certificate, files.key):
        if not path.is_file():
            raise HallpassError(f"{path}: there is no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError):
        raise HallpassError(
            f"{files.certificate} and {files.key} are not a certificate and its key (PEM files)"
        ) from None
