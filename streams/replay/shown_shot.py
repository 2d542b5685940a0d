"""What is shown of an alert's shot: the picture that is kept of it, and what its stage recorded around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.evidence_picture import counts_png
from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.kept_evidence import by_telling
from connectors.snapshots.reader import open_snapshot
from dashboards.alert_table import cause_of, found_of, place_of, score_of
from dashboards.curve_drawing import Curve
from dashboards.reason_words import why
from dashboards.shot_page import ShownDevice, ShownImage, ShownShot, shot_page
from dashboards.words import counted
from models.alerts.alert import Alert, AlertStatus
from models.archive.archived_file import ArchivedFile
from models.devices import RecordKind, Stage
from models.errors import PetawatchError
from models.event_time import MILLISECOND_NS, MINUTE_NS, SECOND_NS, format_iso
from models.records import RecordBlock
from streams.replay.sources import ReplaySource
from streams.settings import Settings

#: Shots before and after the one that is shown: as images, as energies.
IMAGES, ENERGIES = 2, 40
# Records of one shot lie this close together; a stage's shots are further apart.
_SAME_SHOT_NS = 20 * MILLISECOND_NS
_REACH_NS = MINUTE_NS
# A block of so many records is small beside the file.
_BLOCK_RECORDS = 64


class ShotFiles(Protocol):
    """Where the snapshots around a shot are known from, and how they come to this computer."""

    @property
    def settings(self) -> Settings:
        """How snapshots are read."""
        ...

    @property
    def source(self) -> ReplaySource:
        """Knows them."""
        ...

    def fetch(self, files: Sequence[ArchivedFile]) -> dict[str, Path]:
        """Their places, by their ids; each ends with the file's path below its watched root."""
        ...


@dataclass(frozen=True, slots=True)
class ShotEvidence:
    """The picture of a shot, when it was taken, and where the picture comes from."""

    png: bytes | None
    event_time_ns: int
    note: str


def page_of_shot(alert: Alert, evidence: ShotEvidence, files: ShotFiles, *, hint: str = "") -> str:
    """The page, as HTML; where the files can't be had a sentence says so, with ``hint`` behind it."""
    notes = [evidence.note]
    blocks: list[RecordBlock] = []
    try:
        blocks = recorded_around(files, alert, evidence.event_time_ns)
    except PetawatchError as error:
        notes.append(f"of the shots around it nothing can be shown: {error}{hint}")
    return shot_page(_shown(alert, evidence, notes, blocks))


def kept_evidence(directory: Path, links: Sequence[EvidenceLink]) -> ShotEvidence | None:
    """The best evidence below a state directory."""
    kept = by_telling(link for link in links if link.png != EXPIRED)
    if not kept:
        return None
    png = (directory / kept[0].png).read_bytes()
    note = f"the {kept[0].role} shot of the episode, from the evidence of the watch"
    return ShotEvidence(png, kept[0].event_time_ns, note)


def recorded_around(sources: ShotFiles, alert: Alert, event_time_ns: int) -> list[RecordBlock]:
    """What the devices of the stage recorded in the alert's file, from some shots before to some after.

    Raises
    ------
    PetawatchError
        The file can't be had or read.
    """
    files = sources.source.snapshots(event_time_ns - MINUTE_NS, event_time_ns + MINUTE_NS)
    holding = [file for file in files if _holds(file, alert, event_time_ns)]
    places = sources.fetch(holding)
    blocks = []
    for file in holding:
        place = places[file.id]
        root = place.parents[file.path.count("/")]
        blocks += _read(place, root, alert.stage, event_time_ns, sources.settings)
    return blocks


def _holds(file: ArchivedFile, alert: Alert, event_time_ns: int) -> bool:
    """Whether the shot may be in a file: the alert's own, or another of the same time."""
    if file.path == alert.source.file:
        return True
    first_ns, last_ns = file.first_ns or 0, file.last_ns or 0
    return first_ns <= event_time_ns + SECOND_NS and event_time_ns - SECOND_NS <= last_ns


def _read(path: Path, root: Path, stage: Stage, at_ns: int, settings: Settings) -> list[RecordBlock]:
    """The blocks of a stage around a time: a day's file holds more than a memory does."""
    with open_snapshot(path, root=root, limits=settings.reading, zone=settings.zone) as snapshot:
        return [
            block
            for block in snapshot.blocks(_BLOCK_RECORDS)
            if block.device.stage == stage
            and block.event_time_ns[0] <= at_ns + _REACH_NS
            and block.event_time_ns[-1] >= at_ns - _REACH_NS
        ]


def blocks_by_device(blocks: Sequence[RecordBlock], kind: RecordKind) -> list[tuple[str, list[RecordBlock]]]:
    """The blocks of each device of a kind, by its name."""
    found: dict[str, list[RecordBlock]] = {}
    for block in blocks:
        if block.device.kind is kind:
            found.setdefault(block.device.name, []).append(block)
    return sorted(found.items())


def _shown(alert: Alert, evidence: ShotEvidence, notes: list[str], blocks: list[RecordBlock]) -> ShownShot:
    at_ns = evidence.event_time_ns
    return ShownShot(
        title=why(alert),
        facts=_facts(alert, at_ns),
        evidence=evidence.png,
        notes=notes,
        images=[(name, _images(found, at_ns)) for name, found in blocks_by_device(blocks, RecordKind.CAMERA)],
        energies=[_energy(name, found, at_ns) for name, found in blocks_by_device(blocks, RecordKind.ENERGY_METER)],
        spectra=[_spectrum(name, found, at_ns) for name, found in blocks_by_device(blocks, RecordKind.SPECTROMETER)],
    )


def _facts(alert: Alert, at_ns: int) -> list[tuple[str, str]]:
    status = "open when this page was made" if alert.status is AlertStatus.OPEN else alert.status.value
    facts = [
        ("shot", format_iso(at_ns)),
        ("alert", alert.id),
        ("where", place_of(alert)),
        ("found", found_of(alert)),
        ("severity", alert.severity.value),
        ("status", status),
        (
            "episode",
            f"{format_iso(alert.first_shot_ns)} to {format_iso(alert.last_shot_ns)}, {counted(alert.shots, 'shot')}",
        ),
        ("score", score_of(alert)),
        ("likely cause", cause_of(alert.explanation)),
        ("model", alert.model),
        ("file", f"{alert.source.file} {alert.source.path}"),
        ("sha256", alert.source.sha256),
    ]
    return [(name, value) for name, value in facts if value]


def beside(place: int, time_ns: int, at_ns: int) -> str:
    """Where a record lies beside the shot."""
    seconds = (time_ns - at_ns) / SECOND_NS
    if place == 0 and abs(time_ns - at_ns) <= _SAME_SHOT_NS:
        return "this shot"
    return f"{abs(seconds):.1f} s {'before' if seconds < 0 else 'after'}"


def shots_around(blocks: list[RecordBlock], at_ns: int, reach: int) -> list[tuple[int, int, NDArray[np.float64]]]:
    """The valid records of a device around a shot: how many shots after it, its event time, the payload."""
    rows = [
        (int(block.event_time_ns[row]), block.payload[row])
        for block in blocks
        for row in range(len(block))
        if not block.refusal[row]
    ]
    rows.sort(key=lambda each: each[0])
    times = np.array([time for time, _ in rows], np.int64)
    if not len(times):
        return []
    middle = int(np.argmin(np.abs(times - at_ns)))
    first = max(middle - reach, 0)
    return [(place - middle, *rows[place]) for place in range(first, min(middle + reach + 1, len(rows)))]


def _images(blocks: list[RecordBlock], at_ns: int) -> list[ShownImage]:
    images = []
    for place, time_ns, payload in shots_around(blocks, at_ns, IMAGES):
        caption = f"{beside(place, time_ns, at_ns)}, {format_iso(time_ns)[11:]}, peak {int(payload.max())}"
        images.append(ShownImage(caption=caption, png=counts_png(np.asarray(payload, np.uint16))))
    return images


def _energy(name: str, blocks: list[RecordBlock], at_ns: int) -> ShownDevice:
    window = shots_around(blocks, at_ns, ENERGIES)
    seconds = np.array([(time_ns - at_ns) / SECOND_NS for _, time_ns, _ in window])
    energies = np.array([float(payload[0]) for _, _, payload in window])
    curve = Curve(name="energy", x=seconds, y=energies, dots=True)
    return ShownDevice(
        name=name, curves=[curve], x_label="seconds from the shot", y_label="J", mark_x=0.0, from_zero=False
    )


def _spectrum(name: str, blocks: list[RecordBlock], at_ns: int) -> ShownDevice:
    """The shot's spectrum in front of the one before and the one after."""
    curves = []
    for place, time_ns, payload in sorted(shots_around(blocks, at_ns, 1), key=lambda each: abs(each[0])):
        curves.append(
            Curve(
                name=beside(place, time_ns, at_ns),
                x=np.arange(len(payload), dtype=np.float64),
                y=np.asarray(payload, np.float64),
            )
        )
    return ShownDevice(name=name, curves=curves, x_label="sample", y_label="a.u.")
