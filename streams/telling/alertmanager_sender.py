"""Tells Alertmanager of incidents: at once when one begins, changes or ends, and all that go on again and again."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.alertmanager import Alertmanager, RoutedAlert
from connectors.clock import Clock
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.routed_incidents import RoutedIncident, routed_incidents
from models.alarms.incident import IncidentState
from models.errors import PetawatchError
from models.event_time import SECOND_NS
from streams.settings import Settings
from streams.telling.alertmanager_alerts import HEARD_FOR_NS, IncidentAlerts
from streams.telling.delivery_metrics import DeliveryMetrics

_LOOK_S = 0.5
_PAUSES = 10
_AGAIN_S = 2.0
_END_S = 2.0
_MOST = 2_000
#: Alertmanager tells of an end at its next look at the group, and keeps alerts in memory only until then: it is told of
#: an end for so long.
_ENDS_TOLD_NS = 900 * SECOND_NS


class AlertmanagerSender:
    """Follows the decisions of a state directory on a thread of its own.

    Nothing is kept besides: what goes on and what ended lately stands in the decisions, and telling it again changes
    nothing. So after a restart incidents that fire go on, and those that ended meanwhile end in Alertmanager, too.

    Parameters
    ----------
    tell
        Called with a sentence when Alertmanager stops or begins to take what it is told.
    """

    def __init__(
        self,
        state: Path,
        alertmanager: Alertmanager,
        alerts: IncidentAlerts,
        clock: Clock,
        metrics: DeliveryMetrics,
        tell: Callable[[str], None],
        *,
        resend_s: float,
    ) -> None:
        self._state = state
        self._reader = ControlRoomReader(state)
        self._alertmanager = alertmanager
        self._alerts = alerts
        self._clock = clock
        self._metrics = metrics
        self._tell = tell
        self._resend_s = resend_s
        self._stop = threading.Event()
        self._change = -1
        self._all_at_s = clock.monotonic_s()
        self._taken_ns: int | None = None
        self._known: dict[str, RoutedIncident] = {}
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="alertmanager", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._metrics.alertmanager_begins()
        self._thread.start()

    def stop(self) -> None:
        """End within seconds; what fires goes on in Alertmanager."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_END_S)
            self._alertmanager.abort()
            self._thread.join(_END_S)

    def look(self) -> None:
        """Tell what has changed, or everything when it is time.

        Raises
        ------
        RetryableError, FatalError
            It could not be told, or not be read; the next look tells everything.
        """
        change, now_s = self._reader.change_number(), self._clock.monotonic_s()
        due_s = self._all_at_s
        if change == self._change and now_s < due_s:
            return
        now_ns = self._clock.now_ns()
        everything, self._all_at_s = now_s >= self._all_at_s, now_s  # until it is taken
        found = self._found(now_ns)
        changed = [each for each in found if everything or each != self._known.get(each.incident.id)]
        told = [self._alerts.alert(each, now_ns) for each in changed]
        told += [alert for each in changed for alert in self._of_other_labels(each, now_ns)]
        if told or everything:
            self._alertmanager.tell(told)
            self._metrics.alertmanager_took(sum(each.fires for each in found))
            self._taken_ns = now_ns
        self._all_at_s = now_s + self._resend_s if everything else due_s
        self._change, self._known = change, {each.incident.id: each for each in found}

    def _found(self, now_ns: int) -> list[RoutedIncident]:
        found = routed_incidents(self._state, ended_after_ns=self._ended_after_ns(now_ns), most=_MOST)
        return [replace(each, put_aside=True) if self._still_aside(each) else each for each in found]

    def _still_aside(self, routed: RoutedIncident) -> bool:
        """Whether it was put aside, and its last episode ended before the incident does: nobody hears of that."""
        known, incident = self._known.get(routed.incident.id), routed.incident
        going_on = incident.state is IncidentState.OPEN
        return known is not None and known.put_aside and going_on and not incident.open_episodes

    def _ended_after_ns(self, now_ns: int) -> int:
        """What ended before is known there, or has ended there by itself."""
        known_ns = now_ns - HEARD_FOR_NS if self._taken_ns is None else min(self._taken_ns, now_ns)
        return known_ns - _ENDS_TOLD_NS

    def _of_other_labels(self, routed: RoutedIncident, now_ns: int) -> list[RoutedAlert]:
        """Once: what was told before the priority changed, before something was new, or before a restart.

        Also of what is over or put aside by now: all that was told of it ends.
        """
        known = self._known.get(routed.incident.id)
        if known is not None and (known.incident.priority, known.news) == (routed.incident.priority, routed.news):
            return []
        return self._alerts.of_other_labels(routed, () if known is None else known.news, now_ns)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stop.is_set()  # what has happened up to then is told, too
            self._stop.wait(self._try())

    def _try(self) -> float:
        """Look once; how long to wait then, in seconds."""
        began_s = self._clock.monotonic_s()
        try:
            self.look()
        except PetawatchError as error:
            sentence = str(error)
        except Exception as error:  # noqa: BLE001 - the watch goes on, and an operator is told
            sentence = f"internal error, please report it: {type(error).__name__}: {error}"
        else:
            self._troubled("")
            # A storm of incidents must not take the processor from the watch.
            return max(_LOOK_S, _PAUSES * (self._clock.monotonic_s() - began_s))
        self._metrics.alertmanager_failed()
        self._troubled(sentence)
        return _AGAIN_S

    def _troubled(self, sentence: str) -> None:
        if sentence and not self._trouble and not self._stop.is_set():
            self._tell(f"{sentence}; it is told again until it does")
        elif self._trouble and not sentence:
            self._tell("Alertmanager takes incidents again")
        self._trouble = sentence


def open_alertmanager_sender(
    stack: ExitStack,
    state: Path,
    settings: Settings,
    clock: Clock,
    metrics: DeliveryMetrics,
    tell: Callable[[str], None],
) -> None:
    """Tell the Alertmanager of the settings, if there is one, until ``stack`` is closed.

    Raises
    ------
    FatalError
        As ``Alertmanager``.
    """
    if not settings.alertmanager.url:
        return
    installation = settings.archive.installation or settings.topics.installation
    sender = AlertmanagerSender(
        state,
        Alertmanager(settings.alertmanager),
        IncidentAlerts(settings.alarms, installation=installation, links=settings.links.address),
        clock,
        metrics,
        tell,
        resend_s=settings.alertmanager.resend_s,
    )
    stack.callback(sender.stop)
    sender.start()
