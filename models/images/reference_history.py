"""What the references were some frames ago, so that they can forget what led up to an episode."""

from models.state import State

#: Frames between two memories.
MEMORY_FRAMES = 64
# With two memories the older one is 64 to 128 frames old.
_MEMORIES = 2


class ReferenceHistory:
    """The latest two memories of references, taken at fixed numbers of frames, whatever the cut of the blocks."""

    def __init__(self) -> None:
        self._memories: list[State] = []

    def remember(self, references: State) -> None:
        """Keep a state, of which nobody changes the arrays any more; the oldest one goes."""
        self._memories = [*self._memories, references][-_MEMORIES:]

    def go_back(self) -> State | None:
        """The oldest memory, which is the only one from now on; None if there is none."""
        del self._memories[1:]
        return self._memories[0] if self._memories else None

    def state(self) -> list[State]:
        """The memories, the oldest first."""
        return list(self._memories)

    def restore(self, memories: list[State]) -> None:
        """Go on from a saved state."""
        self._memories = list(memories)
