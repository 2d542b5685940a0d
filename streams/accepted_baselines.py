"""What operators have accepted while a watch runs."""

from collections.abc import Callable
from pathlib import Path

from connectors.control_room.decisions import OperatorDecisions
from models.baseline import AcceptedBaseline
from models.errors import FatalError, RetryableError
from models.event_time import format_iso

# The watch does not stand still for somebody who writes.
_WAIT_S = 0.1


class AcceptedBaselines:
    """Looks for new baselines in a state directory, as often as it is asked; a look takes some 0.1 ms.

    Parameters
    ----------
    tell
        Called with a sentence for each baseline that is taken, and once when the decisions can't be read: the watch
        goes on without them.
    """

    def __init__(self, state: Path, tell: Callable[[str], None]) -> None:
        self._decisions = OperatorDecisions(state, wait_s=_WAIT_S)
        self._tell = tell
        self._latest_id = 0
        self._told = ""
        self._by: dict[int, str] = {}

    def take_new(self) -> list[AcceptedBaseline]:
        """Those that were accepted since the last call, in the order of their ids; at first all."""
        try:
            recorded = self._decisions.baselines(self._latest_id)
        except RetryableError:
            return []  # somebody writes, or the disk is away: asked again in a moment
        except FatalError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(f"accepted baselines are not known: {error}")
            return []
        self._by = {each.baseline.id: each.by for each in recorded}
        found = [each.baseline for each in recorded]
        self._latest_id = max([self._latest_id, *(baseline.id for baseline in found)])
        return found

    def taken(self, baseline: AcceptedBaseline) -> None:
        """A baseline of the last call has been taken by its device, which learns anew."""
        self._tell(
            f"{baseline.device}: what it shows from {format_iso(baseline.from_ns)} on is its baseline, as "
            f"{self._by[baseline.id]} has accepted"
        )
