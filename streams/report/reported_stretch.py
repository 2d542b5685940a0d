"""The stretch of time that a report is about, and its slots."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.event_time import MINUTE_NS

# A day in minutes; longer stretches have longer slots.
_MOST_SLOTS = 1_440


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedStretch:
    """From ``from_ns`` on and before ``to_ns``, ns since 1970; cut into slots of whole minutes."""

    from_ns: int
    to_ns: int

    def __post_init__(self) -> None:
        if self.from_ns >= self.to_ns:
            raise ValueError("a stretch ends after it begins")

    @property
    def slot_ns(self) -> int:
        """The length of a slot: a minute, for up to a day."""
        minutes = -(-(self.to_ns - self.from_ns) // MINUTE_NS)
        return -(-minutes // _MOST_SLOTS) * MINUTE_NS

    @property
    def slots(self) -> int:
        """How many."""
        return -(-(self.to_ns - self.from_ns) // self.slot_ns)

    def slots_of(self, event_time_ns: NDArray[np.int64]) -> NDArray[np.intp]:
        """intp, shape (n,): the slot of each time."""
        slots: NDArray[np.intp] = ((event_time_ns - self.from_ns) // self.slot_ns).astype(np.intp)
        return slots
