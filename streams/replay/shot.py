"""An alert's shot: its page, made of the evidence that is kept, or of the archived file through the pipeline."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.evidence_picture import counts_png
from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.snapshots.reader import open_snapshot
from connectors.state.database import DATABASE_NAME
from connectors.state.reader import StateReader
from dashboards.alert_table import place_of
from dashboards.curve_drawing import Curve
from dashboards.reason_words import why
from dashboards.shot_page import ShownDevice, ShownImage, ShownShot, shot_page
from models.alerts.alert import Alert, AlertKind
from models.archive.archived_file import ArchivedFile
from models.devices import RecordKind, Stage
from models.errors import FatalError, PetawatchError
from models.event_time import MILLISECOND_NS, MINUTE_NS, SECOND_NS, format_iso
from models.records import RecordBlock
from streams.replay.comparison import FoundAlert
from streams.replay.replay import Replays
from streams.replay.results import SHOWN_ROLES, replay_stretch
from streams.settings import Settings

# Shots before and after the one that is shown: as images, as energies.
_IMAGES, _ENERGIES = 2, 40
# Records of one shot lie this close together; a stage's shots are further apart.
_SAME_SHOT_NS = 20 * MILLISECOND_NS
_REACH_NS = MINUTE_NS
# A block of so many records is small beside the file.
_BLOCK_RECORDS = 64


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The picture of a shot, when it was taken, and where the picture comes from."""

    png: bytes | None
    event_time_ns: int
    note: str


def make_shot_page(replays: Replays, alert_id: str) -> str:
    """The page of an alert's shot, as HTML.

    Parameters
    ----------
    alert_id
        The alert's id, or as much of its beginning as tells it from all others.

    Raises
    ------
    FatalError
        ``alert_missing`` when no such alert is known.
    """
    alert, links = _found_alert(replays.state_dir, alert_id)
    evidence = _kept(replays.state_dir, links) or _replayed(replays, alert)
    notes = [evidence.note]
    blocks: list[RecordBlock] = []
    try:
        blocks = _recorded(replays, alert, evidence.event_time_ns)
    except PetawatchError as error:
        notes.append(f"of the shots around it nothing can be shown: {error}")
    return shot_page(_shown(alert, evidence, notes, blocks))


def _found_alert(state_dir: Path, beginning: str) -> FoundAlert:
    found: list[FoundAlert] = []
    if (state_dir / DATABASE_NAME).is_file():
        with StateReader.open(state_dir) as reader:
            ids = set(reader.alert_ids(beginning))
            found = [(alert, links) for alert, links in reader.alerts() if alert.id in ids]
    if len(found) != 1:
        what = "no alert has" if not found else f"{len(found)} alerts have"
        raise FatalError(
            f"{what} an id that begins with {beginning!r}; petawatch alerts lists them", reason="alert_missing"
        )
    return found[0]


def _kept(directory: Path, links: tuple[EvidenceLink, ...]) -> _Evidence | None:
    """The best evidence below a state directory."""
    by_role = {link.role: link for link in links if link.png != EXPIRED}
    for role in SHOWN_ROLES:
        if role in by_role:
            link = by_role[role]
            png = (directory / link.png).read_bytes()
            return _Evidence(png, link.event_time_ns, f"the {role} shot of the episode, from the evidence of the watch")
    return None


def _replayed(replays: Replays, alert: Alert) -> _Evidence:
    """What the pipeline makes of the archived files of the episode, which gives the same alert again."""
    if alert.kind is not AlertKind.IMAGE_ANOMALY:
        return _Evidence(None, alert.first_shot_ns, "no image was found odd: there is no reconstruction to be shown")
    try:
        plan = replays.plan(alert.first_shot_ns, min(alert.last_shot_ns + 1, alert.first_shot_ns + MINUTE_NS))
        results = replay_stretch(replays, plan, other_model="", into=None, speed=None, progress=None)
    except PetawatchError as error:
        return _Evidence(None, alert.first_shot_ns, f"the evidence is not kept, and can't be made anew: {error}")
    for found, links in results.alerts:
        if found.id == alert.id:
            kept = _kept(results.directories[0], links)
            if kept is not None:
                note = kept.note.replace("the evidence of the watch", "a replay of the archived files")
                return _Evidence(kept.png, kept.event_time_ns, note)
    return _Evidence(None, alert.first_shot_ns, "the evidence is not kept, and a replay does not give the alert again")


def _recorded(replays: Replays, alert: Alert, event_time_ns: int) -> list[RecordBlock]:
    """What the devices of the stage recorded in the alert's file, from some shots before to some after."""
    files = replays.source.snapshots(event_time_ns - MINUTE_NS, event_time_ns + MINUTE_NS)
    holding = [file for file in files if _holds(file, alert, event_time_ns)]
    places = replays.fetch(holding)
    blocks = []
    for file in holding:
        place = places[file.id]
        root = place.parents[file.path.count("/")]
        blocks += _read(place, root, alert.stage, event_time_ns, replays.settings)
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


def _shown(alert: Alert, evidence: _Evidence, notes: list[str], blocks: list[RecordBlock]) -> ShownShot:
    by_device: dict[tuple[RecordKind, str], list[RecordBlock]] = {}
    for block in blocks:
        by_device.setdefault((block.device.kind, block.device.name), []).append(block)

    def of_kind(kind: RecordKind) -> list[tuple[str, list[RecordBlock]]]:
        return [(name, found) for (which, name), found in sorted(by_device.items()) if which is kind]

    at_ns = evidence.event_time_ns
    return ShownShot(
        title=why(alert),
        facts=_facts(alert, at_ns),
        evidence=evidence.png,
        notes=notes,
        images=[(name, _images(found, at_ns)) for name, found in of_kind(RecordKind.CAMERA)],
        energies=[_energy(name, found, at_ns) for name, found in of_kind(RecordKind.ENERGY_METER)],
        spectra=[_spectrum(name, found, at_ns) for name, found in of_kind(RecordKind.SPECTROMETER)],
    )


def _facts(alert: Alert, at_ns: int) -> list[tuple[str, str]]:
    explanation = alert.explanation
    cause = f"{explanation.cause} {int(100 * explanation.cause_probability)} %" if explanation.cause else ""
    facts = [
        ("shot", format_iso(at_ns)),
        ("alert", alert.id),
        ("where", place_of(alert)),
        ("found", f"{alert.kind.value}: {', '.join(alert.reasons)}"),
        ("severity", alert.severity.value),
        ("episode", f"{format_iso(alert.first_shot_ns)} to {format_iso(alert.last_shot_ns)}, {alert.shots} shots"),
        ("score", f"{alert.score:.1f}" if alert.score else ""),
        ("likely cause", cause),
        ("model", alert.model),
        ("file", f"{alert.source.file} {alert.source.path}"),
        ("sha256", alert.source.sha256),
    ]
    return [(name, value) for name, value in facts if value]


def _window(blocks: list[RecordBlock], at_ns: int, reach: int) -> list[tuple[int, int, NDArray[np.float64]]]:
    """The records around a shot: how many shots after it, its event time, the payload."""
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
    for place, time_ns, payload in _window(blocks, at_ns, _IMAGES):
        is_it = place == 0 and abs(time_ns - at_ns) <= _SAME_SHOT_NS
        words = "this shot" if is_it else f"{(time_ns - at_ns) / SECOND_NS:+.1f} s"
        caption = f"{words}, {format_iso(time_ns)[11:]}, peak {int(payload.max())}"
        images.append(ShownImage(caption=caption, png=counts_png(np.asarray(payload, np.uint16))))
    return images


def _energy(name: str, blocks: list[RecordBlock], at_ns: int) -> ShownDevice:
    window = _window(blocks, at_ns, _ENERGIES)
    seconds = np.array([(time_ns - at_ns) / SECOND_NS for _, time_ns, _ in window])
    energies = np.array([float(payload[0]) for _, _, payload in window])
    curve = Curve(name="energy", x=seconds, y=energies, dots=True)
    return ShownDevice(name=name, curves=[curve], x_label="seconds from the shot", y_label="J", mark_x=0.0)


def _spectrum(name: str, blocks: list[RecordBlock], at_ns: int) -> ShownDevice:
    """The shot's spectrum in front of the one before and the one after."""
    curves = []
    for place, time_ns, payload in sorted(_window(blocks, at_ns, 1), key=lambda each: abs(each[0])):
        words = "this shot" if place == 0 else f"{(time_ns - at_ns) / SECOND_NS:+.1f} s"
        curves.append(Curve(name=words, x=np.arange(len(payload), dtype=np.float64), y=np.asarray(payload, np.float64)))
    return ShownDevice(name=name, curves=curves, x_label="sample", y_label="a.u.")
