"""Dead letters that come again, since somebody asked for it: each is worked on once."""

from connectors.wire.message import Incoming
from models.errors import RecordError
from models.state import State

#: The header of a dead letter that is given to its agent again: its number among the dead letters, in digits.
RETRIED_HEADER = "retried"
_REMEMBERED = 1024


class Retries:
    """The numbers of the dead letters that came again."""

    def __init__(self) -> None:
        self._numbers: dict[int, None] = {}  # in the order in which they came

    def is_new(self, number: int) -> bool:
        """Whether this one has not come again yet; from now on it has."""
        if number in self._numbers:
            return False
        self._numbers[number] = None
        if len(self._numbers) > _REMEMBERED:
            del self._numbers[next(iter(self._numbers))]
        return True

    def state(self) -> State:
        """All that later answers depend on."""
        return {"numbers": list(self._numbers)}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._numbers = {int(number): None for number in state["numbers"]}


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
