"""Which messages came before: what a former owner of a partition sent is sent again by its successor."""

from models.messages import Origin
from models.state import State


class Origins:
    """Per partition of an input topic, the last message that followed from it; earlier ones came before."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[int, int]] = {}  # (offset, part) by (topic, partition)

    def is_new(self, origin: Origin) -> bool:
        """Whether a message of this origin has not come yet; from now on it has."""
        source, position = (origin.topic, origin.partition), (origin.offset, origin.part)
        last = self._last.get(source)
        if last is not None and position <= last:
            return False
        self._last[source] = position
        return True

    def state(self) -> State:
        """All that later answers depend on."""
        return {"last": [[*source, *position] for source, position in sorted(self._last.items())]}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._last = {
            (str(topic), int(partition)): (int(offset), int(part)) for topic, partition, offset, part in state["last"]
        }
