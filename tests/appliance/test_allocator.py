import ctypes
import os
from pathlib import Path

from appliance.allocator import TRIM_SECONDS, HeapTrimmer

BLOCK_BYTES, BLOCKS = 16 * 1024, 1000  # 16 MB, in blocks that glibc takes from its heap
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_lies_free_between_blocks_in_use_goes_back_once_a_minute() -> None:
    now = 0.0
    trimmer = HeapTrimmer(lambda: now)
    blocks = [libc.malloc(BLOCK_BYTES) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    kept = blocks[::10]
    for block in {*blocks} - {*kept}:
        libc.free(block)
    before = resident_bytes()

    now = TRIM_SECONDS - 1
    assert not trimmer.trim_if_due()
    now = TRIM_SECONDS
    assert trimmer.trim_if_due()

    assert before - resident_bytes() > BLOCK_BYTES * BLOCKS / 2
    assert not trimmer.trim_if_due()
    for block in kept:
        libc.free(block)
