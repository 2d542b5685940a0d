"""`petawatch simulate --live`: snapshots of a simulated laser, closed when its recorders would close them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from connectors.beam_library import load_beam_shapes
from connectors.clock import Clock
from connectors.durable_files import replace_file
from connectors.process_lock import LockHeldError, ProcessLock
from models.errors import FatalError
from models.evaluation import severity_word
from models.event_time import DAY_NS, MINUTE_NS, SECOND_NS, format_iso, parse_iso
from models.simulation.faults import FaultLabel, first_fault_shot
from models.simulation.laser import LaserSimulator
from models.simulation.settings import LONGEST_MINUTES, Dialect, SimulationSettings
from streams.simulation.files import Progress
from streams.simulation.recorders import ComingSnapshot, SimulatedRecorders

#: Waits for so many seconds, or until the simulation is to end: then True.
Wait = Callable[[float], bool]

# They follow from the clock, so they may differ when a run goes on.
_OF_THE_CLOCK = frozenset({"date", "start_minute_of_day", "minutes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """How the snapshots come.

    Attributes
    ----------
    snapshot_s
        Length of a snapshot, a whole part of a minute; the recorders' are a minute long.
    keep_minutes
        Snapshots are removed when they began longer ago.
    """

    snapshot_s: int = 60
    keep_minutes: int = 30

    def __post_init__(self) -> None:
        if self.snapshot_s < 1 or MINUTE_NS % (self.snapshot_s * SECOND_NS):
            raise ValueError(f"snapshot_s must be a whole part of a minute, as 10, 20, 30 or 60, got {self.snapshot_s}")
        if self.keep_minutes < 1:
            raise ValueError(f"keep_minutes must be 1 or more, got {self.keep_minutes}")


class LiveSimulation:
    """A run that goes on in real time: what a minute holds follows from the seed and its number, as in ``simulate``.

    The minutes in which cameras learn are written at once, as if the recorders had run before; each later snapshot when
    its last shot has been fired. A run that was stopped goes on in its folder: the same laser, after a gap.

    Parameters
    ----------
    out
        Gets what ``SimulatedRecorders`` writes, and ``live.json`` with what is simulated since when.
    settings
        What is simulated; date, start and length follow from the clock.
    tell
        Called with a sentence: how much disk it takes, each fault whose snapshot was closed, what was left out.

    Raises
    ------
    ValueError
        For the test dialect, and where a snapshot would hold no shot.
    """

    def __init__(
        self,
        out: Path,
        settings: SimulationSettings,
        live: LiveSettings,
        *,
        clock: Clock,
        wait: Wait,
        tell: Callable[[str], None],
    ) -> None:
        if settings.dialect is Dialect.TEST:
            raise ValueError("the test dialect has one file a day, and can't be simulated live")
        if live.snapshot_s * settings.hz < 1:
            raise ValueError(f"snapshots of {live.snapshot_s} s hold no shot at {settings.hz:g} Hz")
        self._out, self._settings, self._live = out, settings, live
        self._run_file = out / "live.json"
        self._clock, self._wait, self._tell = clock, wait, tell

    def run(self, minutes: int | None = None, progress: Progress | None = None) -> None:
        """Write what cameras learn from, then snapshot after snapshot.

        Parameters
        ----------
        minutes
            End after so many live minutes; None goes on until ``wait`` says so, or the run is a week old.
        progress
            Called after each of the minutes that are written at once.

        Raises
        ------
        FatalError
            ``out`` holds something else or a run that is over, another program writes there, or it can't be written.
        """
        if (self._out / "data").exists() and not self._run_file.exists():
            raise self._refusal("holds a simulation already that is not live", "not_empty")
        try:
            with self._alone() as coming:
                now_ns = self._clock.now_ns() // MINUTE_NS * MINUTE_NS
                start_ns, first = self._beginning(now_ns)
                recorders = SimulatedRecorders(self._out, coming, self._simulator(start_ns), self._live.snapshot_s)
                recorders.forget_coming()
                try:
                    self._record(recorders, start_ns, first, now_ns, minutes, progress)
                finally:
                    recorders.forget_coming()
        except OSError as error:
            raise FatalError(
                f"can't write the simulation into {self._out} ({error.strerror})", reason="unwritable"
            ) from error

    def _record(
        self,
        recorders: SimulatedRecorders,
        start_ns: int,
        first: int,
        now_ns: int,
        minutes: int | None,
        progress: Progress | None,
    ) -> None:
        """The minutes from the first one to now at once, then the live ones."""
        present = (now_ns - start_ns) // MINUTE_NS
        for minute in range(first, present):
            for snapshot in recorders.prepare(minute):
                recorders.close(snapshot)
            if progress:
                progress(minute + 1, present)
            if self._wait(0.0):
                return
        last = min(present + (minutes or LONGEST_MINUTES), LONGEST_MINUTES)
        minute = present
        while minute < last:
            coming = recorders.prepare(minute)
            if minute == present:
                self._tell_disk(coming)
            if not all(self._close(recorders, snapshot) for snapshot in coming):
                return
            oldest_ns = start_ns + (minute + 1 - self._live.keep_minutes) * MINUTE_NS
            if oldest_ns >= now_ns:  # what cameras learn from stays until the live snapshots are old enough
                recorders.remove_before(oldest_ns)
            minute = self._after(minute, start_ns)
        if last == LONGEST_MINUTES:
            self._tell(f"the simulation in {self._out} is a week old and ends; another one needs another folder")

    def _close(self, recorders: SimulatedRecorders, snapshot: ComingSnapshot) -> bool:
        """Close a snapshot when its last shot was fired; False when the simulation is to end before."""
        while (early_ns := snapshot.end_ns - self._clock.now_ns()) > 0:
            # The computer's clock may be set while it is waited for.
            if self._wait(min(early_ns / SECOND_NS, 1.0)):
                return False
        for fault in recorders.close(snapshot):
            self._tell(_sentence(fault))
        return True

    def _after(self, minute: int, start_ns: int) -> int:
        """The next minute; a later one where the computer slept, or was too busy."""
        present = (self._clock.now_ns() - start_ns) // MINUTE_NS
        if present > minute + 1:
            begin, end = (format_iso(start_ns + number * MINUTE_NS) for number in (minute + 1, present))
            self._tell(f"nothing was recorded from {begin} to {end}: this computer slept, or had no time")
        return max(minute + 1, present)

    def _tell_disk(self, coming: list[ComingSnapshot]) -> None:
        minute_mb = sum(snapshot.file.stat().st_size for snapshot in coming) / 1e6
        kept = self._live.keep_minutes
        self._tell(
            f"a live laser in {self._out / 'data'}: {minute_mb:.0f} MB a minute; the latest {kept} minutes are kept "
            f"({minute_mb * kept / 1e3:.1f} GB), older snapshots are removed; stop with Ctrl-C"
        )

    def _simulator(self, start_ns: int) -> LaserSimulator:
        settings = replace(
            self._settings,
            minutes=LONGEST_MINUTES,
            date=format_iso(start_ns)[:10],
            start_minute_of_day=start_ns % DAY_NS // MINUTE_NS,
        )
        return LaserSimulator(settings, load_beam_shapes())

    def _beginning(self, now_ns: int) -> tuple[int, int]:
        """When minute 0 began, and the first minute to write: in a run that goes on it is the present one."""
        simulated = {name: value for name, value in asdict(self._settings).items() if name not in _OF_THE_CLOCK}
        if not self._run_file.exists():
            start_ns = now_ns - self._settings.minute_of_shot(first_fault_shot(self._settings)) * MINUTE_NS
            document = {"start": format_iso(start_ns), "simulated": simulated}
            replace_file(self._run_file, (json.dumps(document, indent=1) + "\n").encode())
            return start_ns, 0
        try:
            document = json.loads(self._run_file.read_text(encoding="utf-8"))
            start_ns, before = parse_iso(document["start"]), document["simulated"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._refusal("has a live.json that can't be read", "not_empty") from error
        if before != simulated:
            raise self._refusal("holds a simulation of another laser, seed or rate", "not_empty")
        if not start_ns <= now_ns < start_ns + LONGEST_MINUTES * MINUTE_NS:
            raise self._refusal(f"holds a simulation that began at {format_iso(start_ns)} and lasts a week", "over")
        return start_ns, (now_ns - start_ns) // MINUTE_NS

    def _refusal(self, why: str, reason: str) -> FatalError:
        return FatalError(f"{self._out} {why}; remove it or name another folder", reason=reason)

    @contextmanager
    def _alone(self) -> Iterator[Path]:
        """A hidden folder beside the data, for what is not closed yet; no other simulation has it meanwhile."""
        coming = self._out / ".coming"
        coming.mkdir(parents=True, exist_ok=True)
        try:
            lock = ProcessLock.of_folder(coming)
        except LockHeldError as error:
            raise FatalError(
                f"another live simulation writes into {self._out}; stop it, or name another folder", reason="in_use"
            ) from error
        try:
            yield coming
        finally:
            lock.release()


def _sentence(fault: FaultLabel) -> str:
    shots = f"{fault.shots} shots" if fault.shots > 1 else "1 shot"
    strength = severity_word(fault.severity)
    return f"{format_iso(fault.first_shot_ns)} {fault.kind.value} ({strength}), {shots} of {fault.device.name}"
