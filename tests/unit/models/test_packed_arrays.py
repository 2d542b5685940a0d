"""Packed arrays come back bit for bit."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.packed_arrays import pack, unpack
from models.state import decode_state, encode_state

SMOOTH = np.linspace(30.0, 35.0, 102 * 128).reshape(102, 128)


@pytest.mark.parametrize(
    "array",
    [
        SMOOTH.astype(np.float32),
        SMOOTH.astype(np.float16),
        SMOOTH[:, ::2],
        np.array([np.nan, -0.0, np.inf, 5e-324]),
        np.arange(7, dtype=np.uint16),
        np.zeros((0, 3), np.float32),
    ],
)
def test_an_array_comes_back_bit_for_bit_and_writable(array: NDArray[Any]) -> None:
    found = unpack(decode_state(encode_state({"array": pack(array)}))["array"])
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    found[...] = 0


def test_pixels_become_smaller() -> None:
    assert len(pack(SMOOTH.astype(np.float32))["bytes"]) < 0.8 * SMOOTH.size * 4


def test_what_was_saved_as_it_is_is_copied() -> None:
    plain = np.arange(3.0)
    found = unpack(plain)
    found[0] = 9.0
    assert plain[0] == 0.0
