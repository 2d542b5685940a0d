"""What tape needs a person for, told by the keeper's own alerts: without cartridges."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from connectors.clock import Clock, SystemClock
from connectors.control_room.reader import ControlRoomReader
from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from streams.archive.places import TAPE_ALERTS_FOLDER
from streams.archive.tape.tape_alerts import Need, TapeAlerts
from streams.settings import Settings, load_settings
from streams.telling.delivery_metrics import DeliveryMetrics
from tests.support.watching import wait_until

NO_ROOM = Need(AlertKind.TAPE_WANTED, "tape", TapeReason.NO_ROOM)
REMOUNT = Need(AlertKind.TAPE_WANTED, "PW0001L8", TapeReason.REMOUNT)
DAMAGED = Need(AlertKind.TAPE_TROUBLE, "PW0002L8", TapeReason.COPY_DAMAGED)


@contextmanager
def tape_alerts(archive: Path, *, clock: Clock | None = None, settings: Settings | None = None) -> Iterator[TapeAlerts]:
    """Those of a keeper that looks after the tapes of an archive's folder."""
    clock = clock or SystemClock()
    with ExitStack() as stack:
        metrics = DeliveryMetrics(CollectorRegistry(), clock)
        yield TapeAlerts.open(stack, archive, settings or load_settings(None), clock, metrics, lambda _: None)


def needed(archive: Path, *needs: Need, clock: Clock | None = None) -> ControlRoomReader:
    """A keeper has run that needs these, and they are in incidents; what it left."""
    reader = ControlRoomReader(archive / TAPE_ALERTS_FOLDER)
    with tape_alerts(archive, clock=clock) as alerts:
        show(alerts, {need: f"{need.where}: {need.reason}" for need in needs})
        wait_until(lambda: sum(each.episodes for each in reader.incidents()) >= len(needs))
    return reader


def show(alerts: TapeAlerts, needs: Mapping[Need, str]) -> None:
    """Make known what is needed now."""
    alerts.show(needs)
