"""Dead letters that come again, since somebody asked for it: each is worked on once."""

from bisect import bisect_right

import numpy as np

from connectors.wire.message import Incoming
from models.errors import RecordError
from models.state import State

#: The header of a dead letter that is given to its agent again: its number among the dead letters, in digits.
RETRIED_HEADER = "retried"
# Numbers that are retried together mostly follow each other: so many ranges hold far more numbers.
_MOST_RANGES = 4096


class Retries:
    """The numbers of the dead letters that came again, as ranges in their order.

    Of very many ranges the lowest are joined with all that is below them: what is so old counts as having come.
    """

    def __init__(self) -> None:
        # Ranges that neither overlap nor touch: their first numbers, and the numbers behind their last ones.
        self._firsts: list[int] = []
        self._ends: list[int] = []

    def is_new(self, number: int) -> bool:
        """Whether this one has not come again yet; from now on it has."""
        place = bisect_right(self._firsts, number)
        if place and number < self._ends[place - 1]:
            return False
        self._add(place, number)
        if len(self._firsts) > _MOST_RANGES:
            # Working on a message twice would count its records twice; passing it by shows as a dead letter that stays.
            del self._firsts[1], self._ends[0]
            self._firsts[0] = 0
        return True

    def state(self) -> State:
        """All that later answers depend on."""
        return {"firsts": np.array(self._firsts, np.int64), "ends": np.array(self._ends, np.int64)}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._firsts, self._ends = [], []
        if "numbers" in state:  # as earlier versions wrote it
            for number in state["numbers"]:
                self.is_new(int(number))
            return
        self._firsts, self._ends = state["firsts"].tolist(), state["ends"].tolist()

    def _add(self, place: int, number: int) -> None:
        """Add a number that lies in no range; ``place`` is that of the first range behind it."""
        follows = place > 0 and self._ends[place - 1] == number
        precedes = place < len(self._firsts) and self._firsts[place] == number + 1
        if follows and precedes:
            del self._firsts[place], self._ends[place - 1]
        elif follows:
            self._ends[place - 1] = number + 1
        elif precedes:
            self._firsts[place] = number
        else:
            self._firsts.insert(place, number)
            self._ends.insert(place, number + 1)


def retried_number(message: Incoming) -> int | None:
    """The number of the dead letter that the message was; None of one that comes for the first time.

    Raises
    ------
    RecordError
        The header holds no number.
    """
    values = [value for name, value in message.headers if name == RETRIED_HEADER]
    if not values:
        return None
    value = values[-1]
    if not isinstance(value, bytes) or not value.isdigit() or len(value) > 18:
        raise RecordError(
            f"the header {RETRIED_HEADER} of {message.topic}/{message.partition}@{message.offset} is no number; retry "
            "dead letters with the command for it",
            reason="bad_header",
        )
    return int(value)
