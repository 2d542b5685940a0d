"""What is simulated: how long, how many stages and cameras, which shapes."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from models.devices import Stage
from models.event_time import MINUTE_NS, parse_iso

_AMPLIFIERS = (("A3", "31"), ("A3", "32"), ("A2", "00"), ("A1", "11"), ("A1", "12"), ("FE", "00"))

#: The stages in the order in which ``SimulationSettings.stages`` takes them.
SIMULATED_STAGES = tuple(Stage(front_end, amp, arm) for front_end in ("LA", "LB") for amp, arm in _AMPLIFIERS)

#: Typical pulse energy behind each amplifier, in joules (the reference, section 1; the front end is not given there).
PULSE_ENERGY_J = {"FE": 0.02, "A1": 3.5, "A2": 30.0, "A3": 300.0}

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY_MINUTES = 24 * 60
#: A simulation lasts a week at most.
LONGEST_MINUTES = 7 * _DAY_MINUTES


class Dialect(StrEnum):
    """How the files are laid out (the reference, sections 2.1 and 2.2)."""

    PRODUCTION = "production"
    TEST = "test"


class ShapeSet(StrEnum):
    """Which beam shapes are shown: models are chosen on ``DEFAULT`` only, ``PROOF`` is for the final proof."""

    DEFAULT = "default"
    PROOF = "proof"

    def holds(self, shape_name: str) -> bool:
        """Whether the shape of this name belongs to the set."""
        proof = shape_name.startswith(("k-", "TEM00"))
        return proof if self is ShapeSet.PROOF else not proof


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSettings:
    """What is simulated.

    Attributes
    ----------
    minutes
        Length, with minute 0, in which there is no beam; a week at most. What happens in a minute does not depend on
        it.
    stages, cameras_per_stage
        The first ``stages`` of ``SIMULATED_STAGES``; each also has an energy meter and a spectrometer.
    hz
        Shots per second.
    seed
        Everything random follows from it.
    faults
        Whether there are any.
    fault_spacing_s
        One fault per stage in each stretch of this length (or of 20 shots, where that is longer).
    gzip
        Whether the datasets of the files are compressed.
    dialect
        The test dialect has one camera and no stages, whatever ``stages`` and ``cameras_per_stage`` say, and its
        images are numbered by tenths of a second.
    date, start_minute_of_day
        When minute 0 begins, in UTC; the test dialect always begins at midnight. 570 is 09:30.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    minutes: int = 12
    stages: int = 4
    cameras_per_stage: int = 1
    hz: float = 10.0
    seed: int = 1
    faults: bool = True
    fault_spacing_s: float = 20.0
    gzip: bool = False
    dialect: Dialect = Dialect.PRODUCTION
    shapes: ShapeSet = ShapeSet.DEFAULT
    date: str = "2022-07-01"
    start_minute_of_day: int = 570

    def __post_init__(self) -> None:
        # A plain word would pass for the member in comparisons, and not in tests of identity.
        object.__setattr__(self, "dialect", Dialect(self.dialect))
        object.__setattr__(self, "shapes", ShapeSet(self.shapes))
        if not 1 <= self.stages <= len(SIMULATED_STAGES):
            raise ValueError(f"stages must be 1 to {len(SIMULATED_STAGES)}, got {self.stages}")
        if not 1 <= self.cameras_per_stage <= 100:
            raise ValueError(f"cameras_per_stage must be 1 to 100, got {self.cameras_per_stage}")
        if not (math.isfinite(self.hz) and 1 / 60 <= self.hz <= 100):
            raise ValueError(f"hz must be 1/60 to 100, got {self.hz:g}")
        if self.dialect is Dialect.TEST and self.hz > 10:
            raise ValueError(
                f"hz must be 10 or less in the test dialect, whose images are 100 ms apart, got {self.hz:g}"
            )
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be 0 to 2^63 - 1, got {self.seed}")
        if not (math.isfinite(self.fault_spacing_s) and self.fault_spacing_s > 0):
            raise ValueError(f"fault_spacing_s must be positive, got {self.fault_spacing_s:g}")
        if not _DATE.fullmatch(self.date):
            raise ValueError(f"date must be written like 2022-07-01, got {self.date!r}")
        if not 0 <= self.start_minute_of_day < _DAY_MINUTES:
            raise ValueError(f"start_minute_of_day must be 0 to {_DAY_MINUTES - 1}, got {self.start_minute_of_day}")
        test_period = self.dialect is Dialect.TEST
        longest = _DAY_MINUTES if test_period else LONGEST_MINUTES
        if not 1 <= self.minutes <= longest:
            span = "a day, which is one file" if test_period else "a week"
            raise ValueError(f"minutes must be 1 to {longest} ({span}), got {self.minutes}")
        parse_iso(self.date)

    @property
    def first_minute_of_day(self) -> int:
        """Where minute 0 lies in the day."""
        return 0 if self.dialect is Dialect.TEST else self.start_minute_of_day

    @property
    def start_ns(self) -> int:
        """Event time of the first shot."""
        return parse_iso(self.date) + self.first_minute_of_day * MINUTE_NS

    def shots_of_minute(self, minute: int) -> range:
        """The numbers of the shots that are fired in a minute; shot k is fired k / rate after the start."""
        return range(math.ceil(minute * 60 * self.hz), math.ceil((minute + 1) * 60 * self.hz))

    def minute_of_shot(self, shot: int) -> int:
        """The minute in which a shot is fired."""
        minute = int(shot / (60 * self.hz))
        while shot not in self.shots_of_minute(minute):
            minute += 1 if shot >= self.shots_of_minute(minute).stop else -1
        return minute
