"""What the page of a camera says of its pixels."""

from dataclasses import dataclass

import numpy as np

from dashboards.words import count_words
from models.images.camera_maps import CameraMaps

# Beyond this part of the pixels a map's scale ends: single hot pixels would make all else dark.
_SCALE_PART = 0.995

#: The maps by their names in ``CameraMaps``: what they are called, their unit, whether they go below zero.
MAPS = {
    "pedestal": ("Dark profile: mean", "counts", False),
    "dark_noise": ("Dark profile: noise", "counts", False),
    "defective": ("Hot and dead pixels", "", False),
    "residual": ("Usual residual: mean", "counts", True),
    "residual_sigma": ("Usual residual: spread", "counts", False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """A map, and its scale."""

    title: str
    source: str
    unit: str
    most: float
    most_words: str
    least_words: str
    signed: bool


def camera_facts(maps: CameraMaps) -> list[tuple[str, str]]:
    """In words."""
    dark = (
        f"from {count_words(maps.dark_frames)} dark frames" if maps.dark_frames else "none yet: no dark frames so far"
    )
    learned = count_words(maps.learned_frames)
    return [
        ("dark profile", dark),
        ("hot and dead pixels", count_words(maps.defects)),
        ("reference", f"learns what is usual, {learned} frames so far" if maps.learning else f"of {learned} frames"),
        ("model", maps.model),
    ]


def map_rows(camera: str, maps: CameraMaps) -> list[MapRow]:
    """The maps that there are."""
    rows = []
    for name, (title, unit, signed) in MAPS.items():
        values = getattr(maps, name)
        if values is None:
            continue
        most = 1.0 if name == "defective" else max(float(np.quantile(np.abs(values), _SCALE_PART)), 1e-3)
        rows.append(
            MapRow(
                title=title,
                source=f"/cameras/{camera}/maps/{name}",
                unit=unit,
                most=most,
                most_words=f"{most:.3g}",
                least_words=f"-{most:.3g}" if signed else "0",
                signed=signed,
            )
        )
    return rows
