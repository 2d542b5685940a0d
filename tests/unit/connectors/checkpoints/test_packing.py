"""A state comes back from a checkpoint bit for bit, and takes less room there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.checkpoints.packing import pack, unpack


@given(st.binary(max_size=70))
def test_any_bytes_come_back(state: bytes) -> None:
    assert unpack(pack(state), len(state)) == state
    assert pack(state) == pack(state)


def test_arrays_of_floats_take_less_room() -> None:
    random = np.random.default_rng(0)
    state = random.normal(1000, 3, 50_000).astype(np.float32).tobytes()
    assert len(pack(state)) < 0.75 * len(state)


@pytest.mark.parametrize("packed", [b"", b"no frame of zstd", pack(b"another state")])
def test_what_is_no_packed_state_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="packed state"):
        unpack(packed, 5)
