"""Arrays that seldom change, made smaller for saved states without losing a bit.

The bytes of equal weight are put together, then compressed: of pixels those of the exponents are much alike. It takes
about a millisecond for 100 kB, so it is for arrays that are packed once and saved many times.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.state import State

_LEVEL = 1  # higher ones take ten times as long for 3 % less


def pack(array: NDArray[Any]) -> State:
    """An array of numbers as a state that ``unpack`` takes."""
    of_each = np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8)
    packed = zlib.compress(np.ascontiguousarray(of_each.T).tobytes(), _LEVEL)
    return {"bytes": np.frombuffer(packed, np.uint8), "dtype": array.dtype.str, "shape": list(array.shape)}


def unpack(saved: State | NDArray[Any]) -> NDArray[Any]:
    """The array that was packed, writable; or a copy of one that earlier programs saved as it is."""
    if isinstance(saved, np.ndarray):
        return saved.copy()
    dtype = np.dtype(saved["dtype"])
    of_each = np.frombuffer(zlib.decompress(saved["bytes"].tobytes()), np.uint8).reshape(dtype.itemsize, -1)
    return np.array(of_each.T, order="C").view(dtype).reshape(saved["shape"])
