"""Memory that allocators keep after its use, given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa


def release() -> None:
    """Give back what Arrow's pool and the C library hold in reserve: before a stage that needs much of its own.

    After a stage over millions of posts that is half a gigabyte and more. Where the C library is not glibc only Arrow's goes.
    """
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
