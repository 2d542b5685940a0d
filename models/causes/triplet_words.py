"""What does not fit together in a shot's image, energy and spectrum, in one line."""

from collections.abc import Sequence
from math import expm1

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import Explanation
from models.devices import Device, RecordKind

# What a device's strength is called, and what it is when it is larger and smaller.
_STRENGTHS = {
    RecordKind.CAMERA: ("image", "brighter", "darker"),
    RecordKind.ENERGY_METER: ("energy", "higher", "lower"),
    RecordKind.SPECTROMETER: ("spectrum", "stronger", "weaker"),
}
_SCORES = ("residual", "latent features", "beam moments")
# Components are told from here on, no more than three; the largest always.
_TOLD_SIGMAS, _MOST_TOLD = 1.5, 3
# A larger change than e^20 is none that anybody reads.
_LARGEST_LOG_CHANGE = 20.0


def explain_strengths(
    devices: Sequence[Device], departures: NDArray[np.float64], change: NDArray[np.float64]
) -> Explanation:
    """Which strength is not what the others tell.

    Parameters
    ----------
    devices
        The camera, then the others, n >= 2.
    departures
        float64, shape (n,): each one's residual, given the others, in sigmas.
    change
        float64, shape (n,): the same residuals as logarithms.
    """
    names = strength_names(devices)
    # Of two nobody can say which has changed: the image is told, by what the other says.
    worst = int(np.abs(departures).argmax()) if len(devices) > 2 else 0
    others = [name for place, name in enumerate(names) if place != worst]
    log_change = float(np.clip(change[worst], -_LARGEST_LOG_CHANGE, _LARGEST_LOG_CHANGE))
    percent, sigmas = f"{abs(expm1(log_change)) * 100:.2g} %", f"{abs(departures[worst]):.1f} sigma"
    tell = f"{_listed(others)} {'tells' if len(others) == 1 else 'tell'}"
    _, more, less = _STRENGTHS[devices[worst].kind]
    if devices[worst].kind is RecordKind.ENERGY_METER:
        word = "high" if log_change > 0 else "low"
        normal = f"while {_listed([_with_article(name) for name in others])} {_are(others)} normal"
        return Explanation(
            text=f"{names[worst]} {sigmas} {word} {normal} ({percent} {more if log_change > 0 else less})"
        )
    return Explanation(text=f"{names[worst]} {percent} {more if log_change > 0 else less} than {tell} ({sigmas})")


def explain_triplet(devices: Sequence[Device], sigmas: NDArray[np.float64]) -> Explanation:
    """What is a little odd in several of its parts.

    Parameters
    ----------
    devices
        The camera, then the others.
    sigmas
        float64, shape (3 + devices,): how far each component lies from its mean; the picture's three scores first.
    """
    names = (*_SCORES, *strength_names(devices))
    order = np.argsort(-np.abs(sigmas), kind="stable")[:_MOST_TOLD].tolist()
    told = [place for place in order if abs(sigmas[place]) >= _TOLD_SIGMAS] or order[:1]
    parts = [f"{names[p]} {abs(sigmas[p]):.1f} sigma {'high' if sigmas[p] > 0 else 'low'}" for p in told]
    return Explanation(text=f"{_listed(parts)}{' together' if len(parts) > 1 else ''}")


def strength_names(devices: Sequence[Device]) -> list[str]:
    """``image``, ``energy``, ``spectrum``; with the device's name where the stage has several of a kind."""
    kinds = [device.kind for device in devices]
    return [
        f"{_STRENGTHS[device.kind][0]} of {device.name}" if kinds.count(device.kind) > 1 else _STRENGTHS[device.kind][0]
        for device in devices
    ]


def _with_article(name: str) -> str:
    return f"the {name}" if name in {"image", "spectrum"} else name


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
