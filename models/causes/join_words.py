"""What a stage's shots lack and what its devices do, in one line: for the rules of the join."""

from collections.abc import Sequence
from math import isfinite

from models.alerts.explanation import Explanation
from models.devices import RecordKind
from models.event_time import SECOND_NS
from models.fault_kinds import FaultKind
from models.records import DeviceState, Refusal

_WORDS = {RecordKind.CAMERA: "image", RecordKind.ENERGY_METER: "energy", RecordKind.SPECTROMETER: "spectrum"}
# Of more devices their number is told.
_MOST_NAMED = 3


def explain_no_beam(energy_j: float) -> Explanation:
    """The camera is dark although the stage's meters measure.

    Parameters
    ----------
    energy_j
        Their mean, joules; NaN where it is not known.
    """
    measured = f"{energy_j:.3g} J" if isfinite(energy_j) else "energy"
    text = f"the camera sees no beam while {measured} {'are' if isfinite(energy_j) else 'is'} measured"
    return Explanation(text=text, cause=FaultKind.MISSING_BEAM.value, cause_probability=1.0)


def explain_state(state: int) -> Explanation:
    """A device has left ON while its stage fires; ``state`` is a ``DeviceState``."""
    text = f"state {DeviceState(state).name} while the stage fires"
    return Explanation(text=text, cause=FaultKind.STATE_FAULT.value, cause_probability=1.0)


def explain_silence(shots: int, lasted_ns: int) -> Explanation:
    """A device has given no record of so many shots, the first and the last of which lie ``lasted_ns`` apart."""
    return Explanation(text=f"no record of {shots} shots in {lasted_ns / SECOND_NS:.1f} s while the stage fires")


def explain_incomplete(lacking: Sequence[tuple[RecordKind, str, Refusal | None]]) -> Explanation:
    """What a shot lacks.

    The cause is known where all that is missing was not recorded, or where all came from devices that were not ON.

    Parameters
    ----------
    lacking
        Of each device without a valid record its kind, its name, and why its record was refused; None if it gave none.
        At least one.
    """
    parts = [f"no {_WORDS[kind]} of {name} ({_why(refusal)})" for kind, name, refusal in lacking[:_MOST_NAMED]]
    if len(lacking) > _MOST_NAMED:
        parts.append(f"{len(lacking) - _MOST_NAMED} more devices")
    text, why = ", ".join(parts), {refusal for _, _, refusal in lacking}
    if why == {None}:
        return Explanation(text=text, cause=FaultKind.MISSING_RECORD.value, cause_probability=1.0)
    if why == {Refusal.STATE_NOT_ON}:
        return Explanation(text=text, cause=FaultKind.STATE_FAULT.value, cause_probability=1.0)
    return Explanation(text=text)


def _why(refusal: Refusal | None) -> str:
    return "not recorded" if refusal is None else f"refused: {refusal.label.replace('_', ' ')}"
