"""Makes the room's own key, in a process that ends: `python -m appliance.room.agent.identity_key FOLDER`.

What makes keys would cost the agent eight megabytes for good. The key (EC P-256, PKCS#8) is written for its owner
alone and never leaves the folder; the signing request (PKCS#10) that is made with it is what central is sent, each
time the same. The request is written last: where it stands, the key does too.
"""

import base64
import sys
from pathlib import Path

from appliance.files import write_file_atomically

KEY_FILE, REQUEST_FILE = "key.pem", "request"


def make_identity_key(folder: Path) -> None:
    """Make a key and its signing request in a folder. Raises OSError."""
    from cryptography import x509  # noqa: PLC0415 (for the process that does it)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (as above)

    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file_atomically(folder / KEY_FILE, content, mode=0o600)
    encoded = base64.b64encode(request.public_bytes(serialization.Encoding.DER))
    write_file_atomically(folder / REQUEST_FILE, encoded, mode=0o600)


if __name__ == "__main__":
    make_identity_key(Path(sys.argv[1]))
