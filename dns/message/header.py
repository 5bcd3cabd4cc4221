"""A message's header: where what stands, and what its bits mean (RFC 1035, section 4.1.1; RFC 4035, section 3.2).

=============  =====================================================================
bytes 0 and 1  id
byte 2         QR, four bits of opcode, AA, TC, RD
byte 3         RA, one bit that must be zero, AD, CD, four bits of response code
bytes 4 to 11  how many records: question, answer, authority, additional
=============  =====================================================================
"""

import struct
from typing import Final

HEADER_BYTES: Final = 12

# Of byte 2:
QR: Final = 0x80
OPCODE: Final = 0x78
AA: Final = 0x04
TC: Final = 0x02
RD: Final = 0x01
# Of byte 3:
RA: Final = 0x80
AD: Final = 0x20
CD: Final = 0x10
RCODE: Final = 0x0F

COUNTS_OFFSET: Final = 4
COUNTS: Final = struct.Struct("!HHHH")


def is_truncated(message: bytes) -> bool:
    """Tell whether a message says that it holds only a part of the answer (TC)."""
    return bool(message[2] & TC)


def rcode_of(message: bytes) -> int:
    """Return the response code in a message's header; without the bits that an OPT record may add."""
    return message[3] & RCODE
