"""Keeps the tapes: bundles go to cartridges, are read back after a remount, and only then count as safe.

What is to be done is found anew in each round, from the catalog, the bundles on the disk and what is mounted, so a
keeper that was killed goes on where it was. Besides it remembers only ids: of the bundles that were on its disk, and of
those that are on cartridges, to find out what a disk or a catalog has lost.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from connectors.clock import Clock
from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from models.archive.safety import proven_volumes
from models.errors import FatalError, RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.bundle_making import BundleMaker
from streams.archive.tape.bundling_lease import BUNDLED_ELSEWHERE, BundlingLease
from streams.archive.tape.cartridge_choice import WantingBundle
from streams.archive.tape.cartridge_work import CartridgeWork
from streams.archive.tape.local_bundles import MOST_LOCAL, LocalBundles
from streams.archive.tape.lost_bundles import LostBundles
from streams.archive.tape.remembered_bundles import RememberedBundles
from streams.archive.tape.tape_alerts import Need, TapeAlerts
from streams.archive.tape.tape_drives import Mounted, TapeDrives
from streams.archive.tape.tape_metrics import TapeMetrics
from streams.archive.tape.tape_needs import (
    Troubles,
    content_needs,
    copy_needs,
    disk_needs,
    older_needs,
    remount_needs,
    room_needs,
)

_ROUND_S = 30.0


class TapeKeeper:
    """One keeper of an archive's tapes, in one thread; see ``open_keeper``."""

    def __init__(
        self,
        archive: OpenedArchive,
        lease: BundlingLease,
        drives: TapeDrives,
        alerts: TapeAlerts,
        metrics: TapeMetrics,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._metrics = metrics
        self._catalog = archive.catalog
        self._copies = archive.settings.tape.copies
        self._lease = lease
        self._remembered = RememberedBundles(archive.folder, archive.catalog)
        self._older_catalog = ""
        self._drives = drives
        self._alerts = alerts
        self._tell = tell
        self._local = LocalBundles(archive.folder, archive.catalog)
        self._local.prepare()
        self._lost = LostBundles(archive.folder, archive.catalog, self._local, self._remembered, tell)
        self._maker = BundleMaker(archive, self._local.folder, clock, tell)
        self._troubles = Troubles(alerts.needs)
        self._work = CartridgeWork(archive, self._local, self._troubles, clock, tell)

    @property
    def needs(self) -> list[Need]:
        """What a person is wanted for, as far as it is known."""
        return self._alerts.needs

    @property
    def bundles_on_disk(self) -> list[str]:
        """Those that lack proven copies, the oldest first."""
        return self._local.ids()

    def run(self, stop: threading.Event) -> None:
        """Look after the tapes until it is to stop.

        Raises
        ------
        FatalError
            What an operator must mend in settings, catalog or store.
        """
        waits_for = ""
        while not stop.is_set():
            try:
                busy = self.round()
                waits_for = ""
            except RetryableError as error:
                if error.reason != waits_for:
                    self._tell(f"{error}; the keeper of the tapes waits and tries again")
                busy, waits_for = False, error.reason
            self._show_metrics()
            if not busy:
                stop.wait(_ROUND_S)

    def _show_metrics(self) -> None:
        with suppress(RetryableError):  # what was shown stays until the next round
            self._alerts.show_deliveries()
            self._metrics.round_ended(self.needs, len(self.bundles_on_disk))

    def run_once(self, *, close: bool = True) -> None:
        """Do all that can be done now: bundle what waits, write, and read back what can be.

        Parameters
        ----------
        close
            As ``BundleMaker.make`` takes it: whether the last bundle is made whatever its age.

        Raises
        ------
        RetryableError, FatalError
            What would make ``run`` wait ends it, but for another keeper that makes the bundles.
        """
        try:
            while self.round(close=close):
                pass
        except RetryableError as error:
            if error.reason != BUNDLED_ELSEWHERE:
                raise
            self._tell(str(error))

    def round(self, *, close: bool = False) -> bool:
        """Look at everything once, and do what can be done; whether anything was done.

        Parameters
        ----------
        close
            As ``BundleMaker.make`` takes it.
        """
        if self._local.tell_catalog():
            self._look_anew()
        waits_for = self._look_for_older_catalog()
        mounted = self._drives.look()
        busy = self._work.take_in(mounted)
        busy |= self._work.read_back(mounted)
        self._drop_finished()
        # What is bundled goes to tape all the same, whatever keeps others from being made.
        if waits_for is None and not self._older_catalog and len(self._local.ids()) < MOST_LOCAL:
            try:
                with self._lease.held():
                    busy |= self._maker.make(close=close)
            except RetryableError as error:
                waits_for = error
        busy |= self._lost.forget()
        written, without = self._work.write(mounted)
        busy |= written
        if not busy or len(self._local.ids()) >= MOST_LOCAL:
            busy |= self._work.remount(mounted)
        no_room = disk_needs(waits_for)
        self._show(self._needs(mounted, without) | no_room, busy=busy)
        if waits_for is not None and not busy and not no_room:  # of which an alert tells
            raise waits_for
        return busy

    def _look_for_older_catalog(self) -> RetryableError | None:
        """Find out whether the catalog lacks bundles that are on cartridges; why that can't be found out, if so."""
        try:
            older = self._remembered.compare()
        except RetryableError as error:
            return error
        if older and older != self._older_catalog:
            self._look_anew()
        self._older_catalog = older
        return None

    def _look_anew(self) -> None:
        """The catalog is not the one of before: what is mounted is compared with it again."""
        self._drives.look_anew()
        self._work.look_anew()

    def _show(self, needs: dict[Need, str], *, busy: bool) -> None:
        """Trouble at once; what is wanted only when nothing more can be done without it."""
        if busy:
            before = {need: "" for need in self._alerts.needs if need.kind is AlertKind.TAPE_WANTED}
            needs = before | {need: words for need, words in needs.items() if need.kind is AlertKind.TAPE_TROUBLE}
        self._alerts.show(needs)

    def _drop_finished(self) -> None:
        """Remove from the disk what as many cartridges as are wanted have been proven to hold."""
        volumes = {volume.uuid: volume for volume in self._catalog.volumes()}
        for id_ in self._local.ids():
            if len(proven_volumes(id_, self._catalog.bundle_copies([id_]), volumes)) >= self._copies:
                self._local.remove(id_)

    def _needs(self, mounted: Mounted, without: list[WantingBundle]) -> dict[Need, str]:
        volumes = self._catalog.volumes()
        unfit = {
            Need(AlertKind.TAPE_TROUBLE, place, TapeReason.WRONG_CARTRIDGE): sentence
            for place, sentence in mounted.unfit.items()
        }
        return {
            **self._troubles.needs(volumes),
            **unfit,
            **remount_needs(self._catalog.bundle_copies(), volumes),
            **room_needs(without),
            **copy_needs(self._catalog, self._copies, self._local.ids()),
            **content_needs(self._maker.missing),
            **older_needs(self._older_catalog),
        }


@contextmanager
def open_keeper(
    archive: OpenedArchive, clock: Clock, tell: Callable[[str], None], metrics: TapeMetrics | None = None
) -> Iterator[TapeKeeper]:
    """A keeper of an archive's tapes, which nobody else keeps while the block runs.

    Parameters
    ----------
    tell
        Called with a sentence about what is done, and what a person is wanted for.
    metrics
        Is told of each round of ``run``.

    Raises
    ------
    FatalError
        ``tape_not_configured``; ``tape_keeper_running``; ``drive_in_use``; what catalog and store raise.
    """
    tape = archive.settings.tape
    if not tape.mounts or not tape.copies:
        raise FatalError(
            "no tape is configured: name the mount points of drives or of a library as tape.mounts, and tape.copies",
            reason="tape_not_configured",
        )
    if archive.store is not None:
        with suppress(RetryableError):  # one that is away is waited for where it is wanted
            archive.store.check()
    with ExitStack() as stack:
        drives = TapeDrives(archive, clock)
        drives.lock(stack)
        metrics = metrics or TapeMetrics(clock)
        alerts = TapeAlerts.open(stack, archive.folder, archive.settings, clock, metrics.delivery, tell)
        lease = stack.enter_context(BundlingLease.opened(archive))
        yield TapeKeeper(archive, lease, drives, alerts, metrics, clock, tell)
