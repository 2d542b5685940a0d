"""What travels between the connector, the agents and the recorder: one type for each kind of message.

A message says where it stands in its file, so that a receiver tells a block that comes again from a new one, and when
that file was begun and closed, so that lag and latency are known everywhere without asking a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from models.alerts.alert import AlertEvent, EvidenceFrame
from models.devices import Device, Stage
from models.records import RecordBlock, SourceReference
from models.results import ScoredBlock
from models.triplets.decided import DecidedBlock, TripletTable


class Origin(NamedTuple):
    """The input message that an output follows from: the same input gives the same output, whoever computes it.

    Attributes
    ----------
    topic
        Short name of the input topic.
    offset, part
        Ascending within a topic's partition; ``part`` counts the outputs of one input to one topic.
    """

    topic: str
    partition: int
    offset: int
    part: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMoment:
    """The times of the file behind a message, ns since 1970.

    Attributes
    ----------
    start_ns
        When the snapshot begins, by its name: how far in event time the work has come.
    closed_ns
        When the connector saw that the file was complete, by its clock: alerts tell their latency by it.
    """

    start_ns: int
    closed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMessage:
    """A block of records, as the connector sends it.

    Attributes
    ----------
    block_number
        Of the device's blocks in the file, from 0; depends on how the file was cut.
    first_record
        Position of the block's first record among the device's records in the file: does not depend on the cut.
    begins_unit
        Whether a unit of the file's work begins with it that is not the file's first: the device's model may change.
    """

    block: RecordBlock
    block_number: int
    first_record: int
    moment: FileMoment
    begins_unit: bool = False


class NoticeKind(StrEnum):
    """What the connector says about a device beside its records."""

    #: A snapshot has been read: nothing more comes from this device up to ``until_ns``.
    SNAPSHOT_END = "snapshot_end"
    #: The recorder delivers nothing any more, by the clock: wait for this device no longer.
    SILENT = "silent"
    #: The input has ended: close what is open.
    INPUT_END = "input_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNotice:
    """A word about one device, in line with its records.

    Attributes
    ----------
    source
        The file behind a ``SNAPSHOT_END``; empty texts otherwise.
    until_ns
        Event time up to which the device has reported; None when the file's name does not say.
    records
        How many records of this device the file held (``SNAPSHOT_END``).
    replaces
        The file replaces another: the live join's time does not move by it.
    stage_devices
        Names of all devices of the same stage that get the same notice: what concerns the stage waits for all of them.
    known_devices
        Names of all devices of the same stage that the connector has read so far, of whatever recorder, where these are
        more: a stage learns whom to expect only when they have reported.
    """

    kind: NoticeKind
    device: Device
    source: SourceReference
    moment: FileMoment
    until_ns: int | None = None
    records: int = 0
    replaces: bool = False
    stage_devices: tuple[str, ...] = ()
    known_devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPromotion:
    """From here on the cameras of this partition change to another model, in line with their records.

    Attributes
    ----------
    model
        Its name; what it consists of is among the ``ModelFiles``.
    at_ns
        When it was promoted, ns since 1970.
    """

    model: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPromotion:
    """From here on this model scores beside the one in use at this partition's cameras, in line with their records.

    Attributes
    ----------
    model
        As of ``ModelPromotion``; empty: from here on none does.
    at_ns
        When it was made the shadow, ns since 1970.
    """

    model: str
    at_ns: int


class ModelRole(StrEnum):
    """What a model was promoted to."""

    PRODUCTION = "production"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model that was promoted: its files by their names, as they lie in its folder.

    Attributes
    ----------
    role
        What it was promoted to when they were written.
    """

    model: str
    files: Mapping[str, bytes]
    role: ModelRole = ModelRole.PRODUCTION


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredMessage:
    """The rows of one record block after their device stage.

    Attributes
    ----------
    retried
        The records were a dead letter before: the ledger takes them back.
    """

    scored: ScoredBlock
    moment: FileMoment
    retried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementPart:
    """What one stage has of a file that replaces another, when nothing that it touches waits in the live join any more.

    Attributes
    ----------
    scored
        The rows of the new content for the devices of this stage that join; may be empty.
    join_state
        Encoded state of the stage's live join without what waits in it: its roster and its rolling ratios.
    """

    source: SourceReference
    stage: Stage
    scored: tuple[ScoredBlock, ...]
    join_state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedMessage:
    """What followed for one stage from one input message of the join.

    Attributes
    ----------
    pending
        All records of this stage that wait in the join after it, by file.
    ended
        Files of which this device has come to its end (source, name of the device).
    retried
        Records that were dead letters before and are none any more, by file.
    """

    stage: Stage
    moment: FileMoment
    decided: tuple[DecidedBlock, ...] = ()
    triplets: TripletTable | None = None
    pending: Mapping[SourceReference, int] = field(default_factory=dict)
    ended: tuple[tuple[SourceReference, str], ...] = ()
    replacement: ReplacementPart | None = None
    retried: Mapping[SourceReference, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One step in an alert's life, on its way to the recorder."""

    event: AlertEvent
    moment: FileMoment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMessage:
    """A picture of an odd shot, on its way to the recorder."""

    frame: EvidenceFrame
