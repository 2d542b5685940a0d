"""What is odd about a meter's reading, in one line."""

from math import exp, isfinite

from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.simulation.faults import FaultKind

# At so many sigmas a rule is as likely right as wrong, and it is never surer than this: a meter alone can't tell its
# own fault from the beam's.
_EVEN_SIGMAS = 3.0
_SUREST = 0.95
_LEAST_PROBABILITY = 0.5


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
    probability = _SUREST / (1.0 + exp(max(min(_EVEN_SIGMAS - abs(z), 50.0), -50.0)))
    if probability < _LEAST_PROBABILITY:
        return Explanation(text=text, cause=UNKNOWN_CAUSE, cause_probability=round(1.0 - probability, 3))
    kind = FaultKind.ENERGY_SPIKE if z > 0 else FaultKind.ENERGY_DROP
    return Explanation(text=text, cause=kind.value, cause_probability=round(probability, 3))


def explain_energy_step(energy_j: float) -> Explanation:
    """The readings stay at another level than before."""
    return Explanation(text=f"energy stays at a new level, {energy_j:.3g} J")
