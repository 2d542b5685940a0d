"""Whom a stage expects to record, configured or learned by event time."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, RecordKind, Stage, parse_device
from models.state import State
from models.triplets.frontier import FOREVER_NS, NEVER_NS

# A record that has two followers of its own device within this many steps is no wild one.
_SUPPORTING_STEPS = 3


class Roster:
    """The devices of one stage that a shot waits for.

    All decisions rest on event times of a device's own records, never on the moment of their arrival: files of
    different recorders may come in any order within the learning time.

    A learned member is *missed* in a firing shot only from its first good record on (``good_since``): a device that has
    never been ON is no loss.

    Parameters
    ----------
    configured
        The members if they are given; nobody else ever becomes one.
    """

    def __init__(self, stage: Stage, *, configured: Iterable[str], learning_ns: int, minimum_records: int) -> None:
        self._stage = stage
        self._learning_ns = learning_ns
        self._minimum_records = minimum_records
        own = (parse_device(name) for name in configured)
        self._expected_from: dict[Device, int] = {device: NEVER_NS for device in own if device.stage == stage}
        self._candidates: dict[Device, tuple[int, int]] = {}  # first time, records within the learning time
        self._good_since: dict[Device, int] = {}
        self.configured = bool(self._expected_from)
        self.settled = self.configured

    @property
    def members(self) -> list[Device]:
        """All members, also those that are expected only later, by name."""
        return sorted(self._expected_from)

    def good_since(self, device: Device) -> int:
        """Event time of the device's first good record in a decided shot; ``FOREVER_NS`` before there is one.

        A configured member is missed from the beginning on.
        """
        if self.configured and device in self._expected_from:
            return NEVER_NS
        return self._good_since.get(device, FOREVER_NS)

    def note_good(self, device: Device, time_ns: int) -> None:
        """A good record of a decided shot."""
        if time_ns < self.good_since(device):
            self._good_since[device] = time_ns

    def expects(self, device: Device, time_ns: int) -> bool:
        """Whether a shot at this time waits for the device."""
        return self._expected_from.get(device, FOREVER_NS) <= time_ns

    def awaited(self, time_ns: int) -> tuple[list[Device], int]:
        """Who is waited for at a shot, by name, and the last time to which that stays so."""
        now = [device for device, since in self._expected_from.items() if since <= time_ns]
        later = [since for since in self._expected_from.values() if since > time_ns]
        return sorted(now), min(later, default=FOREVER_NS + 1) - 1

    def learning_span_ns(self, period_ns: int) -> int:
        """How much event time it takes to learn of a device that records every ``period_ns`` (0 if unknown)."""
        return max(self._learning_ns, 7 * period_ns // 2)

    def admit(self, device: Device, times: NDArray[np.int64], period_ns: int) -> int:
        """How many of a device's records (int64, shape (n,), n >= 1, ascending), from the first on, are unexpected.

        Before the roster is settled none is.
        """
        if not self.settled:
            return 0
        if device not in self._expected_from and not self.configured:
            self._consider(device, times, self.learning_span_ns(period_ns))
        since = self._expected_from.get(device, FOREVER_NS)
        return 0 if times[0] >= since else int(np.searchsorted(times, since))

    def learning_ends(self, times: Mapping[Device, NDArray[np.int64]], period_ns: int, step_ns: int) -> int:
        """The event time at which those that have recorded become members.

        Parameters
        ----------
        times
            Of each device the event times of all its records so far, int64, shape (n,), n >= 1, ascending.
        period_ns, step_ns
            The shot period (0 if unknown), and the largest credible step from record to record.
        """
        begin = min(_credible_start(device_times, _SUPPORTING_STEPS * step_ns) for device_times in times.values())
        return begin + self.learning_span_ns(period_ns)

    def settle(self, times: Mapping[Device, NDArray[np.int64]], until_ns: int) -> None:
        """Those that have recorded often enough up to ``until_ns`` become members, from the beginning on."""
        counts = {device: int(np.searchsorted(own, until_ns, side="right")) for device, own in times.items()}
        # An input of a single shot has a roster, too.
        enough = min(self._minimum_records, max(counts.values(), default=1))
        self._expected_from = {device: NEVER_NS for device, count in counts.items() if count >= max(enough, 1)}
        self.settled = True

    def state(self) -> State:
        """All that later results depend on."""
        devices = sorted({*self._expected_from, *self._candidates, *self._good_since})
        return {
            "settled": self.settled,
            "configured": self.configured,
            "devices": [
                {
                    "name": device.name,
                    "kind": str(device.kind),
                    "expected_from": self._expected_from.get(device),
                    "candidate": self._candidates.get(device),
                    "good_since": self._good_since.get(device),
                }
                for device in devices
            ],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; a roster that is configured now stays as it is configured."""
        learned = not self.configured
        if learned:
            # A roster that was configured and is not any more is kept as if it had been learned.
            self.settled = bool(state["settled"])
            self._expected_from.clear()
        self._candidates.clear()
        self._good_since.clear()
        for entry in state["devices"]:
            device = Device(entry["name"], self._stage, RecordKind(entry["kind"]))
            if entry["good_since"] is not None:
                self._good_since[device] = int(entry["good_since"])
            if learned and entry["expected_from"] is not None:
                self._expected_from[device] = int(entry["expected_from"])
            if learned and entry["candidate"] is not None:
                first_ns, count = entry["candidate"]
                self._candidates[device] = (int(first_ns), int(count))

    def _consider(self, device: Device, times: NDArray[np.int64], span_ns: int) -> None:
        """Count the records of a device that is no member; it becomes one one learning time after it proved itself."""
        first_ns, count = self._candidates.get(device, (int(times[0]), 0))
        while len(times):
            inside = int(np.searchsorted(times, first_ns + span_ns, side="right"))
            count += inside
            times = times[inside:]
            if len(times) and count >= self._minimum_records:
                self._candidates.pop(device, None)
                self._expected_from[device] = first_ns + 2 * span_ns
                return
            if len(times):
                first_ns, count = int(times[0]), 0
        self._candidates[device] = (first_ns, count)


def _credible_start(times: NDArray[np.int64], span_ns: int) -> int:
    """The first time that two followers support; the first of all if there is none."""
    supported = np.flatnonzero(times[2:] - times[:-2] <= span_ns)
    return int(times[supported[0] if len(supported) else 0])
