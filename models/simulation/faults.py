"""Which faults there are, how strong a severity is, and when they happen: known without making a pixel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.devices import Device, RecordKind
from models.event_time import MILLISECOND_NS, SECOND_NS, format_iso
from models.fault_kinds import FaultKind
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import Dialect, SimulationSettings

# The magnitude at severity 1/6, 1/2 and 5/6. Hot spot, fringes and rings are those of the measurements that the
# thresholds were planned with; the others keep their proportions of about 1 : 2.5 : 6.
_MAGNITUDES: dict[FaultKind, tuple[float, float, float]] = {
    FaultKind.HOT_SPOT: (0.10, 0.25, 0.60),  # of the peak, added
    FaultKind.DARK_SPOT: (0.10, 0.25, 0.60),  # of the local brightness, missing
    FaultKind.CLIPPED: (0.05, 0.125, 0.30),  # of the beam's power, cut off
    FaultKind.POINTING_JUMP: (2.0, 5.0, 12.0),  # pixels
    FaultKind.DOUBLE_BEAM: (0.10, 0.25, 0.60),  # of the beam, seen a second time
    FaultKind.ENERGY_DROP: (0.10, 0.25, 0.60),  # of the energy, missing
    FaultKind.FRINGES: (0.04, 0.10, 0.30),  # modulation depth
    FaultKind.RINGS: (0.05, 0.12, 0.30),  # modulation depth
    FaultKind.ROW_SHIFT: (3.0, 8.0, 20.0),  # pixels
    FaultKind.SATURATION: (1.5, 2.0, 3.5),  # times the normal exposure
    FaultKind.ASTIGMATISM: (0.06, 0.15, 0.40),  # one axis longer, the other shorter
    FaultKind.BANDWIDTH_DROP: (0.08, 0.20, 0.50),  # of the width, missing
    FaultKind.ENERGY_SPIKE: (0.10, 0.25, 0.60),  # of the reading, added
}
_ANCHORS = (1 / 6, 1 / 2, 5 / 6)

#: Kinds that either are there or not: their severity says how long they last.
ALL_OR_NOTHING = frozenset(set(FaultKind) - set(_MAGNITUDES))

_KIND_OF_DEVICE = {
    FaultKind.ENERGY_DROP: RecordKind.ENERGY_METER,
    FaultKind.ENERGY_SPIKE: RecordKind.ENERGY_METER,
    FaultKind.BANDWIDTH_DROP: RecordKind.SPECTROMETER,
}
_ANY_DEVICE = frozenset({FaultKind.MISSING_RECORD, FaultKind.STATE_FAULT})
# The test period's files have images without states and times of their own, and no spectra; nothing is joined.
_HIDDEN_IN_TEST_PERIOD = frozenset(
    {
        FaultKind.MISSING_BEAM,
        FaultKind.MISSING_RECORD,
        FaultKind.STATE_FAULT,
        FaultKind.BANDWIDTH_DROP,
        FaultKind.ENERGY_SPIKE,
    }
)

#: New cameras learn from these many frames with beam: no fault happens among them.
QUIET_BEAM_SHOTS = 400
_LONGEST_S = 4.0
_SHORTEST_SPACING_SHOTS = 20


def magnitude(kind: FaultKind, severity: float) -> float:
    """How strong a fault of a kind is at a severity in 0..1, log-linear between and beyond the three anchors.

    Fractions stay below 0.98. Kinds of ``ALL_OR_NOTHING`` have magnitude 1.
    """
    if kind in ALL_OR_NOTHING:
        return 1.0
    logs = np.log(_MAGNITUDES[kind])
    part = 0 if severity < _ANCHORS[1] else 1
    slope = (logs[part + 1] - logs[part]) / (_ANCHORS[part + 1] - _ANCHORS[part])
    value = math.exp(logs[part] + slope * (severity - _ANCHORS[part]))
    return min(value, 0.98) if _MAGNITUDES[kind][2] < 1 else value


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLabel:
    """One fault: where, what, how strong, and during which shots.

    Attributes
    ----------
    number
        Counts the faults of a run; the key of the fault's random stream (place, direction, phase).
    severity
        0..1: mild below 1/3, strong above 2/3.
    first_shot, shots
        Shot numbers since the start of the run.
    first_shot_ns, last_shot_ns
        Event times.
    """

    number: int
    device: Device
    kind: FaultKind
    severity: float
    first_shot: int
    shots: int
    first_shot_ns: int
    last_shot_ns: int

    @property
    def magnitude(self) -> float:
        """How strong: see ``magnitude``."""
        return magnitude(self.kind, self.severity)

    def randomness(self, seed: int) -> Generator:
        """A fresh generator for the fault's place, direction and phase: the same for all its shots."""
        return random_stream(seed, Purpose.FAULT, self.number)

    def document(self) -> dict[str, Any]:
        """The label as it stands in ``labels.json``."""
        stage = self.device.stage
        return {
            "stage": [stage.front_end, stage.amp, stage.arm],
            "device": self.device.name,
            "kind": self.kind.value,
            "severity": round(self.severity, 4),
            "shots": self.shots,
            "date": format_iso(self.first_shot_ns)[:10],
            "t_first": clock_time(self.first_shot_ns),
            "t_last": clock_time(self.last_shot_ns),
        }


def clock_time(event_time_ns: int) -> str:
    """The time of day as groups and labels write it: ``HH-MM-SS-mmm``."""
    seconds, rest_ns = divmod(int(event_time_ns), SECOND_NS)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours % 24:02d}-{minute:02d}-{second:02d}-{rest_ns // MILLISECOND_NS:03d}"


def shot_times_ns(settings: SimulationSettings, shots: range) -> NDArray[np.int64]:
    """Event times of shots, int64 ns, to the millisecond as the files write them."""
    milliseconds = np.floor(np.arange(shots.start, shots.stop) * (1000 / settings.hz) + 1e-6).astype(np.int64)
    if settings.dialect is Dialect.TEST:
        milliseconds -= milliseconds % 100
    times_ns: NDArray[np.int64] = settings.start_ns + milliseconds * MILLISECOND_NS
    return times_ns


def first_fault_shot(settings: SimulationSettings) -> int:
    """The first shot at which anything may be odd: by then cameras have learned what is usual."""
    return max(settings.shots_of_minute(2).start, settings.shots_of_minute(1).start + QUIET_BEAM_SHOTS)


def longest_fault_shots(settings: SimulationSettings) -> int:
    """No planned fault has more shots."""
    return max(1, min(round(_LONGEST_S * settings.hz), _spacing_shots(settings) // 4))


def _spacing_shots(settings: SimulationSettings) -> int:
    return max(round(settings.fault_spacing_s * settings.hz), _SHORTEST_SPACING_SHOTS)


def plan_faults(settings: SimulationSettings, rosters: Sequence[Sequence[Device]]) -> tuple[FaultLabel, ...]:
    """All faults of a run, in the order of their shots.

    Every stretch of ``fault_spacing_s`` of every stage gets one, from a shuffled deck of all kinds in mild, medium
    and strong; none in minutes 0 and 1, among the first 400 beam shots, or in the last quarter of a stretch. A longer
    run has those of a shorter one, and more.
    """
    if not settings.faults:
        return ()
    order = random_stream(settings.seed, Purpose.FAULT_ORDER)
    spacing, longest = _spacing_shots(settings), longest_fault_shots(settings)
    begin = first_fault_shot(settings)
    end = settings.shots_of_minute(settings.minutes - 1).stop
    kinds = [kind for kind in FaultKind if settings.dialect is Dialect.PRODUCTION or kind not in _HIDDEN_IN_TEST_PERIOD]
    deck: list[tuple[FaultKind, int]] = []
    labels: list[FaultLabel] = []
    for stretch in range(begin, end - spacing + 1, spacing):
        for roster in rosters:
            if not deck:
                deck = [(kind, part) for kind in kinds for part in range(3)]
                order.shuffle(deck)
            kind, part = deck.pop()
            severity = (part + float(order.random())) / 3
            shots = _length(order, kind, part, longest)
            first = stretch + int(order.integers(0, spacing * 3 // 4 - shots + 1))
            device = _pick_device(order, kind, roster)
            times = shot_times_ns(settings, range(first, first + shots))
            labels.append(
                FaultLabel(
                    number=len(labels),
                    device=device,
                    kind=kind,
                    severity=severity,
                    first_shot=first,
                    shots=shots,
                    first_shot_ns=int(times[0]),
                    last_shot_ns=int(times[-1]),
                )
            )
    return tuple(sorted(labels, key=lambda label: (label.first_shot, label.number)))


def _length(order: Generator, kind: FaultKind, part: int, longest: int) -> int:
    """Shots of a fault: half of them one, the others up to a few seconds; by severity where there is none else."""
    stretch, lone = float(order.random()), float(order.random()) < 0.5
    if kind in ALL_OR_NOTHING:
        low, high = ((1, 1), (2, max(2, longest // 4)), (max(2, longest // 4), longest))[part]
    else:
        low, high = (1, 1) if lone else (2, longest)
    low, high = min(low, longest), min(max(low, high), longest)
    return min(high, int(low * (high / low) ** stretch + 0.5))


def _pick_device(order: Generator, kind: FaultKind, roster: Sequence[Device]) -> Device:
    """One of the stage's devices that the kind can befall."""
    draw = float(order.random())
    if kind in _ANY_DEVICE:
        candidates = list(roster)
    else:
        wanted = _KIND_OF_DEVICE.get(kind, RecordKind.CAMERA)
        candidates = [device for device in roster if device.kind is wanted]
    return candidates[int(draw * len(candidates))]
