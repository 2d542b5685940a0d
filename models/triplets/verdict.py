"""What the records of a shot say together: whether it fired, what it lacks, and what does not fit."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import Explanation
from models.devices import RecordKind, Stage
from models.records import Refusal
from models.results import Outcome, Reason
from models.triplets.decided import KIND_BITS, OUTCOME_CODES, DecidedBlock, TripletTable
from models.triplets.frontier import FOREVER_NS, NEVER_NS
from models.triplets.roster import Roster
from models.triplets.shot_batch import DeviceRows, ShotBatch
from models.triplets.triplet_models import TripletModels

#: What a shot lacks.
INCOMPLETE_REASONS = np.uint32(
    Reason.INCOMPLETE | Reason.MISSING_IMAGE | Reason.MISSING_ENERGY | Reason.MISSING_SPECTRUM
)
#: What only the join can find.
JOIN_REASONS = INCOMPLETE_REASONS | np.uint32(
    Reason.STATE_NOT_ON | Reason.NO_BEAM | Reason.SUM_AGAINST_ENERGY | Reason.TRIPLET
)
_MISSING_REASONS = {
    RecordKind.CAMERA: Reason.MISSING_IMAGE,
    RecordKind.ENERGY_METER: Reason.MISSING_ENERGY,
    RecordKind.SPECTROMETER: Reason.MISSING_SPECTRUM,
}
_TRIPLET = np.uint8(OUTCOME_CODES[Outcome.TRIPLET])
_INCOMPLETE = np.uint8(OUTCOME_CODES[Outcome.INCOMPLETE])
_IDLE = np.uint8(OUTCOME_CODES[Outcome.IDLE])
_INVALID = np.uint8(OUTCOME_CODES[Outcome.INVALID])
_UNEXPECTED = np.uint8(OUTCOME_CODES[Outcome.UNEXPECTED])
_DUPLICATE = np.uint8(OUTCOME_CODES[Outcome.DUPLICATE])


def outcome_of_unexpected(refusal: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8, shape (n,): the outcomes of records that belong to no shot."""
    return np.where(refusal == Refusal.NONE, _UNEXPECTED, _INVALID)


@dataclass(slots=True)
class DeviceVerdict:
    """What the join found about one device, bool, shape (shots,) each.

    ``missing`` (no valid record in a firing shot) covers ``absent`` (no record at all) and ``off`` (its state was not
    ON). ``dark`` and ``triplet`` (uint32: the reasons that the camera's triplet model gives) are for cameras.
    """

    missing: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    off: NDArray[np.bool_]
    dark: NDArray[np.bool_]
    triplet: NDArray[np.uint32]


@dataclass(slots=True)
class ShotVerdict:
    """What is known of each shot of a batch, shape (shots,); ``devices`` in the order of the batch's rows.

    The columns are those of ``TripletTable``. ``triplet_score`` is the largest score that the triplet models give,
    ``triplet`` the reasons, and ``triplet_words`` says of each shot that has one what is odd, by the model whose score
    is the largest.
    """

    firing: NDArray[np.bool_]
    complete: NDArray[np.bool_]
    valid_devices: NDArray[np.uint16]
    missing_kinds: NDArray[np.uint8]
    score: NDArray[np.float32]
    anomalous: NDArray[np.bool_]
    reasons: NDArray[np.uint32]
    energy_j: NDArray[np.float64]
    triplet_score: NDArray[np.float64]
    triplet: NDArray[np.uint32]
    devices: list[DeviceVerdict]
    triplet_words: dict[int, Explanation] = field(default_factory=dict)


def judge(batch: ShotBatch, roster: Roster, models: TripletModels, *, learn: bool) -> ShotVerdict:
    """Judge the shots of a batch, in the order of their event times.

    Notes in the roster which devices have given a good record, and lets the triplet models learn if ``learn``.
    """
    shots = len(batch)
    firing, measured = np.zeros(shots, np.bool_), np.zeros(shots, np.bool_)
    verdict = ShotVerdict(
        firing=firing,
        complete=np.zeros(shots, np.bool_),
        valid_devices=np.zeros(shots, np.uint16),
        missing_kinds=np.zeros(shots, np.uint8),
        score=np.zeros(shots, np.float32),
        anomalous=np.zeros(shots, np.bool_),
        reasons=np.zeros(shots, np.uint32),
        energy_j=_mean_energy_j(batch),
        triplet_score=np.zeros(shots),
        triplet=np.zeros(shots, np.uint32),
        devices=[],
    )
    for rows in batch.rows:
        if rows.device.kind in (RecordKind.CAMERA, RecordKind.ENERGY_METER):
            fired = rows.shot[rows.fires]
            firing[fired] = True
            if rows.device.kind is RecordKind.ENERGY_METER:
                measured[fired] = True
    for rows in batch.rows:
        verdict.devices.append(_judge_device(batch, rows, firing, measured, roster))
    _gather(batch, verdict)
    _check_triplets(batch, verdict, models, learn=learn)
    return verdict


def decide_rows(batch: ShotBatch, verdict: ShotVerdict) -> list[DecidedBlock]:
    """Every row of the batch with its outcome, and with what the join found."""
    found = np.where(verdict.reasons & Reason.INCOMPLETE, verdict.reasons & INCOMPLETE_REASONS, 0).astype(np.uint32)
    of_valid = np.where(verdict.firing, np.where(verdict.complete, _TRIPLET, _INCOMPLETE), _IDLE)
    decided = []
    for rows, device in zip(batch.rows, verdict.devices, strict=True):
        if not len(rows):
            continue
        outcome = of_valid[rows.shot]
        if not rows.valid.all():
            outcome = _outcome_of_refused(rows, outcome)
        row_found = _row_found(device, found)[rows.shot]
        row_found[~rows.taken] = 0
        if row_found.any():
            reasons, anomalous = rows.reasons | row_found, rows.anomalous | (row_found != 0)
        else:
            reasons, anomalous = rows.reasons, rows.anomalous
        start = 0
        for part in rows.parts:
            span = slice(start, start + len(part))
            decided.append(DecidedBlock(part, outcome[span], reasons[span], anomalous[span]))
            start = span.stop
    return decided


def triplet_table(stage: Stage, batch: ShotBatch, verdict: ShotVerdict) -> TripletTable:
    """The shots of the batch as rows of the table of triplets; wild timestamps are none."""
    real = slice(None) if batch.real.all() else batch.real
    names = [""] * len(batch)
    for rows, device in zip(batch.rows, verdict.devices, strict=True):
        for shot in np.flatnonzero(device.missing).tolist():
            names[shot] = f"{names[shot]} {rows.device.name}".lstrip()
    interval_hz = np.full(len(batch), np.nan)
    for rows in batch.rows:
        start = 0
        for part in rows.parts:
            own = slice(start, start + len(part))
            interval_hz[rows.shot[own][rows.taken[own]]] = part.interval_hz
            start = own.stop
    return TripletTable(
        stage=stage,
        event_time_ns=batch.start_ns[real],
        idle=~verdict.firing[real],
        complete=verdict.complete[real],
        missing_kinds=verdict.missing_kinds[real],
        missing_devices=tuple(name for name, is_real in zip(names, batch.real.tolist(), strict=True) if is_real),
        devices=verdict.valid_devices[real],
        score=verdict.score[real],
        anomalous=verdict.anomalous[real],
        reasons=verdict.reasons[real],
        energy_j=verdict.energy_j[real],
        interval_hz=interval_hz[real],
    )


def _mean_energy_j(batch: ShotBatch) -> NDArray[np.float64]:
    total, count = np.zeros(len(batch)), np.zeros(len(batch))
    for rows in batch.rows:
        if rows.device.kind is RecordKind.ENERGY_METER:
            known = rows.valid & ~np.isnan(rows.strength)
            total[rows.shot[known]] += rows.strength[known]
            count[rows.shot[known]] += 1.0
    mean = np.full(len(batch), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _judge_device(
    batch: ShotBatch, rows: DeviceRows, firing: NDArray[np.bool_], measured: NDArray[np.bool_], roster: Roster
) -> DeviceVerdict:
    shots = len(batch)
    good = rows.taken & ((rows.refusal == Refusal.NONE) | rows.without_light)
    if roster.good_since(rows.device) == FOREVER_NS and good.any():
        roster.note_good(rows.device, int(batch.start_ns[rows.shot[np.argmax(good)]]))
    expected = np.zeros(shots, np.bool_)
    if rows.awaited:
        expected = firing & (batch.start_ns >= roster.good_since(rows.device))
    valid, reported = np.zeros(shots, np.bool_), np.zeros(shots, np.bool_)
    off, dark = np.zeros(shots, np.bool_), np.zeros(shots, np.bool_)
    valid[rows.shot[rows.valid]] = True
    reported[rows.shot[rows.taken]] = True
    off[rows.shot[rows.taken & (rows.refusal == Refusal.STATE_NOT_ON)]] = True
    if rows.device.kind is RecordKind.CAMERA:
        dark[rows.shot[rows.valid & ~rows.fires]] = True
    return DeviceVerdict(
        missing=expected & ~valid,
        absent=expected & ~reported,
        off=off & expected,
        dark=dark & measured,
        triplet=np.zeros(shots, np.uint32),
    )


def _gather(batch: ShotBatch, verdict: ShotVerdict) -> None:
    """Put the devices together: what is missing, the largest score, all reasons."""
    for rows, device in zip(batch.rows, verdict.devices, strict=True):
        own, valid = rows.shot[rows.taken], rows.shot[rows.valid]
        verdict.valid_devices[valid] += np.uint16(1)
        verdict.score[valid] = np.maximum(verdict.score[valid], rows.score[rows.valid])
        verdict.anomalous[own] |= rows.anomalous[rows.taken]
        verdict.reasons[own] |= rows.reasons[rows.taken]
        if device.missing.any():
            missing = np.uint32(Reason.INCOMPLETE | _MISSING_REASONS[rows.device.kind])
            verdict.reasons[device.missing] |= missing
            verdict.missing_kinds[device.missing] |= np.uint8(KIND_BITS[rows.device.kind])
        verdict.reasons[device.off] |= np.uint32(Reason.STATE_NOT_ON)
        verdict.reasons[device.dark] |= np.uint32(Reason.NO_BEAM)
        verdict.anomalous |= device.missing | device.dark
    verdict.complete = verdict.firing & (verdict.missing_kinds == 0)


def _check_triplets(batch: ShotBatch, verdict: ShotVerdict, models: TripletModels, *, learn: bool) -> None:
    """Ask what every camera's image, the energies and the spectra say together."""
    for place, shots, found in models.observe(batch, learn=learn):
        reasons = np.where(found.unbalanced, np.uint32(Reason.SUM_AGAINST_ENERGY), np.uint32(0))
        reasons |= np.where(found.unusual, np.uint32(Reason.TRIPLET), np.uint32(0))
        verdict.devices[place].triplet[shots] |= reasons
        verdict.triplet[shots] |= reasons
        for row, words in found.explanations.items():
            shot = int(shots[row])
            if shot not in verdict.triplet_words or found.score[row] > verdict.triplet_score[shot]:
                verdict.triplet_words[shot] = words
        odd = reasons != 0
        verdict.triplet_score[shots[odd]] = np.maximum(verdict.triplet_score[shots[odd]], found.score[odd])
    verdict.reasons |= verdict.triplet
    verdict.anomalous |= verdict.triplet != 0
    verdict.score = np.maximum(verdict.score, verdict.triplet_score.astype(np.float32))


def _row_found(device: DeviceVerdict, incomplete: NDArray[np.uint32]) -> NDArray[np.uint32]:
    found = incomplete.copy()
    for odd, reason in (
        (device.off, Reason.STATE_NOT_ON),
        (device.dark, Reason.NO_BEAM),
    ):
        if odd.any():
            found[odd] |= np.uint32(reason)
    found |= device.triplet
    return found


def _outcome_of_refused(rows: DeviceRows, outcome: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outcomes of valid rows, with those put in that are refused or come too many."""
    refused = rows.refusal != Refusal.NONE
    stays_idle = rows.without_light & (outcome == _IDLE)
    outcome = np.where(refused & ~stays_idle, _INVALID, outcome)
    extra = ~rows.taken
    if extra.any():
        shot_time = np.full(int(rows.shot[-1]) + 1, NEVER_NS)
        shot_time[rows.shot[rows.taken]] = rows.event_time_ns[rows.taken]
        again = extra & (rows.event_time_ns == shot_time[rows.shot])
        outcome = np.where(extra, outcome_of_unexpected(rows.refusal), outcome)
        outcome = np.where(again, _DUPLICATE, outcome)
    return outcome
