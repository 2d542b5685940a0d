"""What is odd about a meter's reading, in one line."""

from math import isfinite

from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.causes.wording import LEAST_PROBABILITY, certainty
from models.fault_kinds import FaultKind

# Never surer than this: a meter alone can't tell its own fault from the beam's.
_SUREST = 0.95


def explain_energy(energy_j: float, z: float) -> Explanation:
    """What is odd about one reading.

    Parameters
    ----------
    energy_j
        Joules.
    z
        Its distance from the meter's running mean, in sigmas; NaN or infinite where that is not known.
    """
    if not isfinite(z):
        return Explanation(text=f"energy {energy_j:.3g} J", cause=UNKNOWN_CAUSE)
    text = f"energy {abs(z):.1f} sigma {'high' if z > 0 else 'low'} ({energy_j:.3g} J)"
    probability = certainty(abs(z), _SUREST)
    if probability < LEAST_PROBABILITY:
        return Explanation(text=text, cause=UNKNOWN_CAUSE, cause_probability=round(1.0 - probability, 3))
    kind = FaultKind.ENERGY_SPIKE if z > 0 else FaultKind.ENERGY_DROP
    return Explanation(text=text, cause=kind.value, cause_probability=round(probability, 3))


def explain_energy_step(energy_j: float) -> Explanation:
    """The readings stay at another level than before."""
    return Explanation(text=f"energy stays at a new level, {energy_j:.3g} J")
