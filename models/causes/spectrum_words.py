"""What is odd about a spectrum, in one line, by its moments."""

from math import expm1

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import UNKNOWN_CAUSE, Explanation
from models.causes.wording import LEAST_PROBABILITY, certainty, percent_of
from models.fault_kinds import FaultKind

# Places in the moments of a spectrometer's stage.
_LOG_SUM, _CENTRE, _BANDWIDTH, _RMS_WIDTH, _PEAKS = range(5)
_TOLD_SIGMAS = 3.5
# A rule about a spectrum is never surer than this.
_SUREST = 0.97


def explain_spectrum(
    moments: NDArray[np.float64], usual: NDArray[np.float64], sigma: NDArray[np.float64]
) -> Explanation:
    """What is odd about a spectrum.

    Its bandwidth has dropped when both widths are narrower; the energy, when its sum is lower and the widths are as
    usual.

    Parameters
    ----------
    moments
        float64, shape (5,): log of the sum, centre, bandwidth, rms width (samples), number of peaks.
    usual, sigma
        float64, shape (5,): mean and standard deviation of the device's recent normal ones, sigma above 0.
    """
    change = np.nan_to_num(moments - usual, nan=0.0, posinf=0.0, neginf=0.0)
    sigmas = change / sigma
    strongest = max((_BANDWIDTH, _RMS_WIDTH, _LOG_SUM, _CENTRE, _PEAKS), key=lambda place: abs(sigmas[place]))
    if abs(sigmas[strongest]) < _TOLD_SIGMAS:
        return Explanation(text="shape of the spectrum differs from the usual", cause=UNKNOWN_CAUSE)
    cause, probability = _cause(sigmas)
    # The sum follows the energy and says nothing about the spectrum's shape: a change of width is told first.
    wide = max(abs(sigmas[_BANDWIDTH]), abs(sigmas[_RMS_WIDTH])) >= _TOLD_SIGMAS
    told = strongest if not wide else (_BANDWIDTH if abs(sigmas[_BANDWIDTH]) >= abs(sigmas[_RMS_WIDTH]) else _RMS_WIDTH)
    return Explanation(text=_words(told, change, usual), cause=cause, cause_probability=round(probability, 3))


def _cause(sigmas: NDArray[np.float64]) -> tuple[str, float]:
    """The rule that holds, and how surely: by how far the widths, or the sum, lie below their usual."""
    narrower = -float(max(sigmas[_BANDWIDTH], sigmas[_RMS_WIDTH]))
    if narrower > 0.0 and _surely(narrower) >= LEAST_PROBABILITY:
        return FaultKind.BANDWIDTH_DROP.value, _surely(narrower)
    wide = float(max(abs(sigmas[_BANDWIDTH]), abs(sigmas[_RMS_WIDTH]), abs(sigmas[_CENTRE])))
    lower = -float(sigmas[_LOG_SUM])
    if lower > wide and _surely(lower) >= LEAST_PROBABILITY:
        return FaultKind.ENERGY_DROP.value, _surely(lower)
    return UNKNOWN_CAUSE, 1.0 - max(_surely(narrower), _surely(lower) if lower > wide else 0.0)


def _surely(sigmas: float) -> float:
    return certainty(sigmas, _SUREST)


def _words(told: int, change: NDArray[np.float64], usual: NDArray[np.float64]) -> str:
    up = change[told] > 0.0
    if told in {_BANDWIDTH, _RMS_WIDTH}:
        name = "bandwidth" if told == _BANDWIDTH else "rms bandwidth"
        return f"{name} {percent_of(change[told] / max(usual[told], 1e-9), 'wider', 'narrower')}"
    if told == _CENTRE:
        return f"spectrum moved {abs(change[told]):.1f} samples to the {'right' if up else 'left'}"
    if told == _LOG_SUM:
        return f"sum of the spectrum {percent_of(expm1(min(change[told], 50.0)), 'higher', 'lower')} than usual"
    return f"{usual[told] + change[told]:.0f} peaks instead of {usual[told]:.0f}"
