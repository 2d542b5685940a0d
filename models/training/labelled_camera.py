"""Simulated cameras to compare architectures on, cleaned once: earlier normal frames, and later ones with labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.fault_kinds import FaultKind
from models.simulation.beam_shape import phase_screens
from models.simulation.camera import SimulatedCamera
from models.simulation.faults import FaultLabel, plan_faults, shot_times_ns
from models.simulation.instruments import SimulatedStage
from models.simulation.laser import stage_devices
from models.simulation.leading_drift import DepartingCamera, Departure
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import SIMULATED_STAGES, SimulationSettings
from models.training.architectures.architecture import BeamFrames
from models.training.architectures.frame_cleaning import FrameCleaner

#: Kinds of faults that one image shows by itself. The others have rules or devices of their own: a stuck frame is told
#: by the frame before, a missing beam by the border of the image, an energy by its meter, a bandwidth by its spectrum.
IMAGE_FAULTS = frozenset(
    {
        FaultKind.HOT_SPOT,
        FaultKind.DARK_SPOT,
        FaultKind.CLIPPED,
        FaultKind.POINTING_JUMP,
        FaultKind.DOUBLE_BEAM,
        FaultKind.FRINGES,
        FaultKind.RINGS,
        FaultKind.ROW_SHIFT,
        FaultKind.SATURATION,
        FaultKind.ASTIGMATISM,
    }
)

#: No fault begins before so many frames of the watched stretch: 300 are learned, and some more are normal.
QUIET_FRAMES = 400
# The minutes that are learned from lie apart, so that the beam has drifted; the watched stretch comes after them.
_TRAINING_MINUTES = (10, 40, 70, 100)
_FIRST_WATCHED = 120
_TRAINING_FRAMES = 300
# A fault in every quarter of a minute, if it is one that an image shows.
_SPACING_S = 15.0
_CAMERAS_PER_SEED = 1000
# The amplifier whose stage the energies are taken from, and the roster that faults are drawn for.
_STAGE = SIMULATED_STAGES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFrames:
    """Some frames of one camera with beam, and what is wrong with them.

    Attributes
    ----------
    beam
        The frames.
    fault
        int64, shape (n,): the fault's place among the camera's ``faults``; -1 for a normal frame.
    """

    beam: BeamFrames
    fault: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StayingFault:
    """A fault that begins with a frame of the watched stretch and stays to its end."""

    kind: FaultKind
    severity: float
    first_frame: int


class LabelledCamera:
    """One camera of its own: dark frames, some earlier minutes to learn from, and a watched stretch.

    Parameters
    ----------
    photographs
        The shapes of which it has one, in turn.
    seed, number
        Everything random follows from both.
    minutes
        Length of the watched stretch.
    hz
        Frames a second.
    staying
        The only fault; None for those of a labelled day.
    departure
        How the beam is led away, in seconds since the begin of the watched stretch; then there are no faults.
    """

    def __init__(
        self,
        photographs: Sequence[NDArray[np.uint16]],
        seed: int,
        number: int,
        *,
        minutes: int,
        hz: float = 10.0,
        staying: StayingFault | None = None,
        departure: Departure | None = None,
    ) -> None:
        settings = SimulationSettings(
            seed=seed * _CAMERAS_PER_SEED + number,
            stages=1,
            minutes=_FIRST_WATCHED + minutes,
            hz=hz,
            fault_spacing_s=_SPACING_S,
            start_minute_of_day=0,
        )
        self._settings = settings
        photograph = photographs[number % len(photographs)]
        screens = phase_screens(random_stream(settings.seed, Purpose.SCREENS))
        if departure is None:
            self._camera = SimulatedCamera(settings, 0, photograph, screens)
        else:
            later = replace(departure, begin_s=departure.begin_s + 60.0 * _FIRST_WATCHED)
            self._camera = DepartingCamera(settings, 0, photograph, screens, later)
        self._stage = SimulatedStage(settings, _STAGE.amp, 0)
        self._cleaner = FrameCleaner()
        self._cleaner.clean(self._camera.images(0, self._stage.relative_energy(0)))
        self._first_shot = settings.shots_of_minute(_FIRST_WATCHED).start
        self.faults: tuple[FaultLabel, ...] = ()
        if staying is not None:
            self.faults = (self._to_the_end(staying),)
        elif departure is None:
            self.faults = self._planned()

    @property
    def hz(self) -> float:
        """Frames a second."""
        return self._settings.hz

    @property
    def minutes(self) -> range:
        """The minutes of the watched stretch."""
        return range(_FIRST_WATCHED, self._settings.minutes)

    def earlier(self) -> NDArray[np.float32]:
        """About 300 normal frames of the hours before, cleaned: float32, shape (n, 102, 128), in the order of time."""
        in_all = sum(len(self._settings.shots_of_minute(minute)) for minute in _TRAINING_MINUTES)
        every = max(round(in_all / _TRAINING_FRAMES), 1)
        return np.concatenate([self._clean(minute, ())[0].cleaned[::every] for minute in _TRAINING_MINUTES])

    def watched(self) -> Iterator[LabelledFrames]:
        """The watched stretch, minute after minute."""
        for minute in self.minutes:
            beam, lit = self._clean(minute, self.faults)
            shots = np.asarray(self._settings.shots_of_minute(minute), np.int64)
            fault = np.full(len(shots), -1, np.int64)
            for place, label in enumerate(self.faults):
                fault[(shots >= label.first_shot) & (shots < label.first_shot + label.shots)] = place
            yield LabelledFrames(beam=beam, fault=fault[lit])

    def _planned(self) -> tuple[FaultLabel, ...]:
        """The faults of a labelled day that this camera's images show, from the quiet frames on."""
        labels = plan_faults(self._settings, [stage_devices(_STAGE, 1)])
        begin = self._first_shot + QUIET_FRAMES
        return tuple(label for label in labels if label.kind in IMAGE_FAULTS and label.first_shot >= begin)

    def _to_the_end(self, staying: StayingFault) -> FaultLabel:
        begin = self._first_shot + staying.first_frame
        end = self._settings.shots_of_minute(self._settings.minutes - 1).stop
        times = shot_times_ns(self._settings, range(begin, end))
        return FaultLabel(
            number=0,
            device=stage_devices(_STAGE, 1)[0],
            kind=staying.kind,
            severity=staying.severity,
            first_shot=begin,
            shots=end - begin,
            first_shot_ns=int(times[0]),
            last_shot_ns=int(times[-1]),
        )

    def _clean(self, minute: int, faults: Sequence[FaultLabel]) -> tuple[BeamFrames, NDArray[np.bool_]]:
        return self._cleaner.clean(self._camera.images(minute, self._stage.relative_energy(minute), faults))
