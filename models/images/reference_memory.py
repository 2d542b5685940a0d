"""Memories of references as they are saved: without what the references of now still hold, and packed.

A memory is 64 to 192 frames old, and the rings of recent scores hold thousands: few of them differ.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.packed_arrays import pack
from models.state import State

# The maps of a memory that are packed.
_PIXELS = ("mean", "sigma")


def saved_memory(memory: State, now: State) -> State:
    """What is to be saved of a memory.

    Parameters
    ----------
    memory
        ``References.memory``. Its maps are packed in place, so that this is done once however often it is saved.
    now
        ``References.state`` of the moment at which it is saved; ``whole_memory`` needs the same.
    """
    maps = memory["maps"]
    for name in _PIXELS:
        if isinstance(maps.get(name), np.ndarray) and "sigma" in maps:  # those of earlier programs stay as they are
            maps[name] = pack(maps[name])
    tails = {name: _without_shared(tail, now["tails"][name]["ring"]) for name, tail in memory["tails"].items()}
    return memory | {"tails": tails}


def whole_memory(saved: State, now: State) -> State:
    """The memory that was saved; those of earlier programs were saved whole."""
    tails = {name: _with_shared(tail, now["tails"][name]["ring"]) for name, tail in saved["tails"].items()}
    return saved | {"tails": tails}


def _without_shared(tail: State, now: NDArray[np.float32]) -> State:
    """The ring of a tail as its length and what differs from the ring of now, if that is less."""
    ring: NDArray[np.float32] = tail["ring"]
    if len(ring) > len(now):
        return tail
    places = np.flatnonzero(ring != now[: len(ring)]).astype(np.int32)
    if 2 * len(places) >= len(ring):
        return tail
    rest = {name: value for name, value in tail.items() if name != "ring"}
    return rest | {"ring_length": len(ring), "places": places, "values": ring[places]}


def _with_shared(tail: State, now: NDArray[np.float32]) -> dict[str, Any]:
    if "ring" in tail:
        return tail
    ring = now[: tail["ring_length"]].copy()
    ring[tail["places"]] = tail["values"]
    rest = {name: value for name, value in tail.items() if name not in {"ring_length", "places", "values"}}
    return rest | {"ring": ring}
