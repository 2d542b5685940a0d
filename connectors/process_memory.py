"""What the C library does with memory that is freed."""

import ctypes
from contextlib import suppress

# From glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_OWN_MAPPING_BYTES = 1 << 20


def return_large_arrays() -> None:
    """From now on arrays of a megabyte or more go back to the system as soon as they are freed.

    By default glibc raises that size, up to 32 MiB, with every such array that is freed, and keeps smaller ones in
    heaps that fragment: a watch of 94 cameras then holds 250 MB that nobody uses. Where there is no glibc, nothing
    happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)
