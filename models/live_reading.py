"""What the wall shows of a device now: the one record of a stretch of work that is worth a look, and its picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, RecordKind
from models.images.thumbnail import thumbnail
from models.records import RecordBlock, Refusal
from models.results import FEATURE_NAMES, Admission, ScoredBlock, Scoring

#: The features that are shown beside the score, by kind of device; NaN where they are not known.
SHOWN_FEATURES: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.CAMERA: ("centroid_x_px", "centroid_y_px"),
    RecordKind.ENERGY_METER: ("energy_j",),
    RecordKind.SPECTROMETER: ("spectrum_fwhm",),
}

#: An odd record is preferred to later ones when so few normal ones look as odd: one in 10,000 (at 10 Hz one in 17
#: minutes of a device). Those that are just anomalous come every minute by chance, and would hide what is there now.
STRIKING_SCORE = 4.0

# What is shown rather than another, the last of the highest: not taken, refused, dark, with beam, striking.
_REFUSED, _VALID, _LIT, _STRIKING = 1, 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReading:
    """One record of a device, as the wall shows it.

    Attributes
    ----------
    scoring, refusal, score, anomalous
        As in ``ScoredBlock``.
    values
        By the names of ``SHOWN_FEATURES``: a camera's centroid in pixels, a meter's energy in joules, the width of a
        spectrum at half maximum in samples; NaN where not known.
    thumbnail
        uint8, shape (102, 128), read-only: ``models.images.thumbnail``. None for other devices than cameras, and for
        records that were refused.
    number
        Grows with every reading that a board has shown, over restarts, too; 0 as long as it was shown nowhere.
    shown_ns
        When it was shown, by the clock; 0 as long as it was shown nowhere.
    """

    device: Device
    event_time_ns: int
    scoring: Scoring
    refusal: Refusal
    score: float
    anomalous: bool
    values: Mapping[str, float]
    thumbnail: NDArray[np.uint8] | None = None
    number: int = 0
    shown_ns: int = 0

    @property
    def valid(self) -> bool:
        """Whether the record counts."""
        return self.refusal is Refusal.NONE

    @property
    def known_score(self) -> float | None:
        """The score of a record that was scored; None for others."""
        return self.score if self.scoring is Scoring.SCORED and math.isfinite(self.score) else None

    @property
    def striking(self) -> bool:
        """So odd that it is not by chance; rules that know have no score."""
        return self.anomalous and (self.score >= STRIKING_SCORE or self.score == 0)


def reading_of(blocks: Sequence[RecordBlock], scored: Sequence[ScoredBlock]) -> LiveReading | None:
    """The record to be shown of consecutive blocks of one device.

    That is the last one that is so odd that somebody should see it; else the last with beam, else the last valid one,
    else the last one.

    Parameters
    ----------
    blocks
        As they went into the device's stage.
    scored
        What came out: rows of the same records in the same order, however they are cut.

    Returns
    -------
    LiveReading | None
        None where nothing is worth a look: other kinds of devices, replaced files, records that came before.
    """
    if not blocks or blocks[0].replacement or blocks[0].device.kind not in SHOWN_FEATURES:
        return None
    best, found = 0, None
    stop = sum(len(block) for block in blocks)
    for rows in reversed(scored):
        stop -= len(rows)
        ranks = _ranks(rows)
        highest = int(ranks.max(initial=0))
        if highest > best:
            best, found = highest, (rows, len(ranks) - 1 - int(ranks[::-1].argmax()), stop)
        if best == _STRIKING:
            break
    if found is None:
        return None
    rows, row, first = found
    return _reading(rows, row, _picture(blocks, first + row) if best >= _VALID else None)


def _ranks(rows: ScoredBlock) -> NDArray[np.int8]:
    taken = rows.admission == Admission.ACCEPTED
    valid = taken & (rows.refusal == Refusal.NONE)
    striking = valid & rows.anomalous & ((rows.score >= STRIKING_SCORE) | (rows.score == 0))
    ranks = np.where(valid & rows.fires, np.int8(_LIT), np.where(valid, np.int8(_VALID), np.int8(_REFUSED)))
    ranks[striking] = _STRIKING
    ranks[~taken] = 0
    return ranks


def _reading(rows: ScoredBlock, row: int, picture: NDArray[np.uint8] | None) -> LiveReading:
    kind = rows.device.kind
    columns = FEATURE_NAMES[kind]
    return LiveReading(
        device=rows.device,
        event_time_ns=int(rows.event_time_ns[row]),
        scoring=Scoring(int(rows.scoring[row])),
        refusal=Refusal(int(rows.refusal[row])),
        score=float(rows.score[row]),
        anomalous=bool(rows.anomalous[row]),
        values={name: float(rows.features[row, columns.index(name)]) for name in SHOWN_FEATURES[kind]},
        thumbnail=picture,
    )


def _picture(blocks: Sequence[RecordBlock], number: int) -> NDArray[np.uint8] | None:
    if blocks[0].device.kind is not RecordKind.CAMERA:
        return None
    for block in blocks:
        if number < len(block):
            return thumbnail(block.payload[number])
        number -= len(block)
    raise ValueError("there are more rows than records")
