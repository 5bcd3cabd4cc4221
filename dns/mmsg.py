"""Many datagrams with one system call: recvmmsg(2) and sendmmsg(2), and the structure that they take.

The structure is that of 64-bit little-endian Linux (x86-64, aarch64), where both agree. Where `HAS_MMSG` is false,
nobody may call them: whoever would does the same datagram by datagram.
"""

import ctypes
import sys
from typing import Any, Final

# struct mmsghdr in eight 64-bit words: name, namelen, iov, iovlen, control, controllen, flags, msg_len.
HEADER_WORDS: Final = 8
NAME: Final = 0
NAME_LENGTH: Final = 1
IOV: Final = 2
IOV_LENGTH: Final = 3
CONTROL: Final = 4
CONTROL_LENGTH: Final = 5
LENGTH: Final = 7

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _declare(name: str, *arguments: type) -> Any:
    function = getattr(_libc, name, None)
    if function is not None:
        function.argtypes = list(arguments)
    return function


recvmmsg = _declare("recvmmsg", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
sendmmsg = _declare("sendmmsg", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
HAS_MMSG: Final = (
    sys.platform == "linux"
    and sys.byteorder == "little"
    and ctypes.sizeof(ctypes.c_void_p) == 8
    and recvmmsg is not None
    and sendmmsg is not None
)
