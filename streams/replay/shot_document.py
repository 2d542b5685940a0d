"""What a stage recorded around a shot as a document: for pages that draw it themselves, all on one scale."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import RecordKind
from models.errors import PetawatchError
from models.event_time import SECOND_NS, format_iso
from models.records import RecordBlock
from streams.replay.kept_shot import kept_shot
from streams.replay.shown_shot import ENERGIES, IMAGES, beside, blocks_by_device, recorded_around, shots_around
from streams.settings import Settings

# Whoever looks at it may have no command line.
_HINT = "The page Archive says where its copies are."


def kept_shot_document(state_dir: Path, settings: Settings, alert_id: str, at_ns: int, folder: Path) -> dict[str, Any]:
    """The shots around one of an episode, as JSON values; parameters and errors are otherwise those of ``kept_shot``.

    ``trouble`` says why nothing can be shown. ``cameras`` have ``shots``, each with ``when``, ``time``, ``peak``, and
    its ``counts``: uint16, little-endian, row by row, in base64; ``rows`` and ``columns`` are their shape. ``meters``
    have ``seconds`` from the shot and ``joules``, ``spectrometers`` curves over the sample's number. What is valid
    alone is in it.

    Parameters
    ----------
    at_ns
        Event time of the shot.
    """
    with kept_shot(state_dir, settings, alert_id, folder) as shot:
        blocks: list[RecordBlock] = []
        trouble = ""
        try:
            blocks = recorded_around(shot.files, shot.alert, at_ns)
        except PetawatchError as error:
            trouble = f"Of the shots around it nothing can be shown: {error}. {_HINT}"
    return {
        "trouble": trouble,
        "cameras": [_camera(name, found, at_ns) for name, found in blocks_by_device(blocks, RecordKind.CAMERA)],
        "meters": [_meter(name, found, at_ns) for name, found in blocks_by_device(blocks, RecordKind.ENERGY_METER)],
        "spectrometers": [
            _spectrometer(name, found, at_ns) for name, found in blocks_by_device(blocks, RecordKind.SPECTROMETER)
        ],
    }


def _camera(name: str, blocks: list[RecordBlock], at_ns: int) -> dict[str, Any]:
    shots = []
    for place, time_ns, payload in shots_around(blocks, at_ns, IMAGES):
        counts = np.ascontiguousarray(payload, "<u2")
        shots.append(
            {
                "when": beside(place, time_ns, at_ns),
                "time": format_iso(time_ns),
                "peak": int(counts.max()),
                "rows": counts.shape[0],
                "columns": counts.shape[1],
                "counts": base64.b64encode(counts.tobytes()).decode(),
            }
        )
    return {"name": name, "shots": shots}


def _meter(name: str, blocks: list[RecordBlock], at_ns: int) -> dict[str, Any]:
    around = shots_around(blocks, at_ns, ENERGIES)
    return {
        "name": name,
        "seconds": [(time_ns - at_ns) / SECOND_NS for _, time_ns, _ in around],
        "joules": _finite(np.array([float(payload[0]) for _, _, payload in around])),
    }


def _spectrometer(name: str, blocks: list[RecordBlock], at_ns: int) -> dict[str, Any]:
    """The shot's spectrum first, then the one before and the one after."""
    around = sorted(shots_around(blocks, at_ns, 1), key=lambda each: abs(each[0]))
    curves = [{"name": beside(place, time_ns, at_ns), "values": _finite(payload)} for place, time_ns, payload in around]
    return {"name": name, "curves": curves}


def _finite(values: NDArray[np.float64]) -> list[float | None]:
    """JSON has no NaN."""
    return [value if np.isfinite(value) else None for value in np.asarray(values, np.float64).tolist()]
