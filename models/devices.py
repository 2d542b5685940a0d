"""Who recorded: the laser's stages and devices, translated once from the names in the files."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class RecordKind(StrEnum):
    """What a device records; ``OTHER`` are pumps, oscilloscopes and all that is no part of a triplet."""

    CAMERA = "camera"
    ENERGY_METER = "energy_meter"
    SPECTROMETER = "spectrometer"
    OTHER = "other"


#: The kinds that make a triplet, in the order in which a triplet is written.
TRIPLET_KINDS = (RecordKind.CAMERA, RecordKind.ENERGY_METER, RecordKind.SPECTROMETER)

# The reference, section 2.1: the first of these that occurs in the name decides.
_DEVICE_WORDS = (
    ("EnergyMeter", RecordKind.ENERGY_METER),
    ("Camera", RecordKind.CAMERA),
    ("Spectro", RecordKind.SPECTROMETER),
    ("Iseo", RecordKind.OTHER),
    ("NiDaq", RecordKind.OTHER),
    ("Oscilloscope", RecordKind.OTHER),
    ("Osciloscope", RecordKind.OTHER),
    ("Saga", RecordKind.OTHER),
    ("Opcpa", RecordKind.OTHER),
    ("BeamAlignment-Near", RecordKind.OTHER),
    ("Jade", RecordKind.OTHER),
)
#: How a stage is written.
STAGE_PATTERN = "^L[AB]-[A-Za-z0-9]{2}-[0-9]{2}$"
_FRONT_ENDS = {"LA": "LA", "LB": "LB", "F1": "LA", "F2": "LB"}
_ARMS = {"A1": ("11", "12"), "A3": ("31", "32")}
_AMPS = ("FE", "A1", "A2", "A3")
_STAGE = re.compile(r"(LA|LB)-([A-Z0-9]{2})-(00|11|12|31|32)")
_NAME = re.compile(r"(LA|LB|F1|F2).([A-Za-z0-9]{2})")

#: The arm of every stage that has only one (the reference, section 2.1).
SINGLE_ARM = "00"


@dataclass(frozen=True, slots=True, order=True)
class Stage:
    """One amplifier arm: ``front_end`` LA or LB, ``amp`` FE, A1, A2 or A3, ``arm`` 00, 11, 12, 31 or 32.

    The diagnostics behind the amplifiers keep the two letters of their name (``TW``, ``dF``, ``XP``) as ``amp``.
    """

    front_end: str
    amp: str
    arm: str

    def __str__(self) -> str:
        return f"{self.front_end}-{self.amp}-{self.arm}"

    @property
    def name(self) -> str:
        """As ``str`` gives it; empty where there is no amplifier: for files and parts of the installation."""
        return str(self) if self.amp else ""

    @staticmethod
    def parse(text: str) -> "Stage":
        """The stage whose ``str`` this is.

        Raises
        ------
        ValueError
            With one sentence when it is no stage's.
        """
        if text != str(NO_STAGE) and re.fullmatch(STAGE_PATTERN, text) is None:
            raise ValueError(f"{text!r} is no stage; they are named as LA-A3-31")
        return Stage(*text.split("-"))


def parse_stage(text: str) -> Stage | None:
    """The stage that a person writes, in any case of letters; None for what names none of the laser's."""
    match = _STAGE.fullmatch(text.strip().upper())
    if match is None:
        return None
    # The diagnostics keep the letters of their name, as dF.
    return Stage(match[1], text.strip()[3:5] if match[2] not in _AMPS else match[2], match[3])


#: The stage of a device whose name says none: it is scored alone and never joined.
NO_STAGE = Stage("", "", SINGLE_ARM)


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """One recording device: its name as the control system writes it, and what that name says."""

    name: str
    stage: Stage
    kind: RecordKind

    @property
    def joins(self) -> bool:
        """Whether its records belong into triplets."""
        return self.kind is not RecordKind.OTHER and self.stage != NO_STAGE

    def __hash__(self) -> int:
        # Devices are keys everywhere; a name's hash is computed once.
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


@lru_cache(maxsize=4096)
def parse_device(name: str) -> Device:
    """The device that a group's name stands for (the reference, section 2.1); every name gives one.

    A name without a known front end has ``NO_STAGE``; one without a known device word is of kind ``OTHER``.
    """
    kind = next((kind for word, kind in _DEVICE_WORDS if word in name), RecordKind.OTHER)
    match = _NAME.match(name)
    if match is None:
        return Device(name, NO_STAGE, kind)
    front_end, amp = _FRONT_ENDS[match[1]], match[2]
    arm = next((arm for arm in _ARMS.get(amp, ()) if f"_{arm}" in name), SINGLE_ARM)
    return Device(name, Stage(front_end, amp, arm), kind)
