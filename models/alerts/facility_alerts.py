"""Alerts about the installation itself: work that is behind, files that are not sent."""

from enum import StrEnum

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, alert_id
from models.alerts.severity import severity_of
from models.devices import NO_STAGE
from models.records import SourceReference

_CHANGE = {AlertStatus.OPEN: AlertChange.OPENED, AlertStatus.CLOSED: AlertChange.CLOSED}


class BehindReason(StrEnum):
    """Why something is behind; the bounded reason of the alert."""

    #: It can't keep up, or does nothing.
    BEHIND = "behind"
    #: The connector waits for agents that are far behind.
    HELD_BACK = "held_back"
    #: The connector can't reach the cluster.
    KAFKA_AWAY = "kafka_away"
    #: The connector has given no sign of life.
    SILENT = "silent"


class StopReason(StrEnum):
    """Why no snapshot comes any more, as it looks from here; the bounded reason of the alert."""

    #: The watched folders are there, and nothing new lies in them.
    NOTHING_COMES = "nothing_comes"
    #: A watched folder is missing, empty or can't be listed.
    FOLDER_AWAY = "folder_away"
    #: A watched folder does not answer: the system waits for its disk or for the network.
    FOLDER_HANGS = "folder_hangs"


class ArchiveReason(StrEnum):
    """Why files wait for the archive; the bounded reason of the alert."""

    #: It can't keep up.
    BEHIND = "behind"
    #: The store can't be reached, is full, or refuses.
    STORE_AWAY = "store_away"
    #: The catalog can't be reached or written.
    CATALOG_AWAY = "catalog_away"
    #: A watched folder is missing or empty.
    FOLDER_AWAY = "folder_away"
    #: Single files can't be read, or their copies differ; the others are archived.
    FILES_FAIL = "files_fail"
    #: The archiver itself can't work.
    STOPPED = "stopped"


class TapeReason(StrEnum):
    """What tape needs a person for; the bounded reason of the alert."""

    #: A write to the cartridge failed.
    WRITE_FAILED = "write_failed"
    #: A reading from the cartridge failed.
    READ_FAILED = "read_failed"
    #: What was read back is not what was written.
    COPY_DAMAGED = "copy_damaged"
    #: What is mounted is not what it should be, or may not be written to.
    WRONG_CARTRIDGE = "wrong_cartridge"
    #: A file's content is neither on the disk nor in the store as it was archived.
    CONTENT_MISSING = "content_missing"
    #: A bundle has too few copies left, and is no longer on the disk.
    COPIES_MISSING = "copies_missing"
    #: The catalog lacks bundles that were made before: nothing is bundled until it has them again.
    CATALOG_OLDER = "catalog_older"
    #: The disk that bundles are built on has no room besides the reserve.
    DISK_FULL = "disk_full"
    #: No mounted cartridge has room for what waits.
    NO_ROOM = "no_room"
    #: What was written can be read back only after the cartridge was mounted anew.
    REMOUNT = "remount"


class ReceiverReason(StrEnum):
    """Why messages wait for a receiver; the bounded reason of the alert."""

    #: It does not answer, or takes nothing now.
    AWAY = "away"
    #: It does not take single messages.
    REFUSED = "refused"
    #: It has said that it wants no messages any more.
    GONE = "gone"
    #: It takes them, but more slowly than they come.
    SLOW = "slow"
    #: The settings do not name it (any more).
    NOT_CONFIGURED = "not_configured"


def lag_alert(agent: str, partition: int, *, first_ns: int, last_ns: int, status: AlertStatus) -> AlertEvent:
    """An agent's work on a partition is far behind what was sent, or has caught up.

    Parameters
    ----------
    first_ns
        Event time at which the work stood when the alert opened, ns since 1970; the closing gives the same one, since
        the alert's id is computed from it.
    last_ns
        Event time up to which the work is behind.
    """
    return _alert(
        AlertKind.PIPELINE_LAG,
        f"{agent}/{partition}",
        first_ns=first_ns,
        last_ns=last_ns,
        reason=BehindReason.BEHIND,
        status=status,
    )


def connector_alert(
    connector: str, *, first_ns: int, last_ns: int, reason: BehindReason, status: AlertStatus
) -> AlertEvent:
    """A recorder computer's connector does not send what lies on disk, or has caught up.

    Parameters
    ----------
    connector
        Its name, ``ConnectSettings.name``.
    first_ns
        When the oldest snapshot that was not sent begins, as of the opening, ns since 1970; the closing gives the same
        one, since the alert's id is computed from it.
    last_ns
        When the newest such snapshot begins.
    """
    return _alert(
        AlertKind.CONNECTOR_BEHIND,
        f"connect/{connector}",
        first_ns=first_ns,
        last_ns=last_ns,
        reason=reason,
        status=status,
    )


def data_alert(where: str, *, first_ns: int, last_ns: int, reason: StopReason, status: AlertStatus) -> AlertEvent:
    """No snapshot comes any more, although they had been coming; or they come again.

    Parameters
    ----------
    where
        ``recorders`` of a watch, ``recorders/NAME`` for those of a connector of this name.
    first_ns
        When the last snapshot ends that came, by the recorders' clock, ns since 1970; the closing gives the same one.
    """
    return _alert(AlertKind.DATA_STOPPED, where, first_ns=first_ns, last_ns=last_ns, reason=reason, status=status)


def archive_alert(sink: str, *, first_ns: int, last_ns: int, reason: ArchiveReason, status: AlertStatus) -> AlertEvent:
    """Files wait for the archive for too long, or do no longer.

    Parameters
    ----------
    sink
        ``store`` or ``catalog``.
    first_ns
        When the oldest of them began to wait, by the clock, ns since 1970; the closing gives the same one.
    """
    return _alert(
        AlertKind.ARCHIVE_LATE,
        f"archive/{sink}",
        first_ns=first_ns,
        last_ns=last_ns,
        reason=reason,
        status=status,
    )


def tape_alert(
    kind: AlertKind, where: str, *, first_ns: int, last_ns: int, reason: TapeReason, status: AlertStatus
) -> AlertEvent:
    """Something about tape needs a person, or does no longer.

    Parameters
    ----------
    kind
        ``TAPE_TROUBLE`` or ``TAPE_WANTED``.
    where
        A cartridge's name, or ``tape`` for all of it.
    first_ns
        When it was first seen, by the clock, ns since 1970; the closing gives the same one.
    """
    return _alert(kind, f"tape/{where}", first_ns=first_ns, last_ns=last_ns, reason=reason, status=status)


def receiver_alert(
    receiver: str, *, first_ns: int, last_ns: int, reason: ReceiverReason, status: AlertStatus
) -> AlertEvent:
    """Somebody who is to be told of alerts has not been for too long, or has.

    Parameters
    ----------
    receiver
        Its name in the settings.
    first_ns
        Since when the oldest message waits, by the clock, ns since 1970; of one that is not configured, when that was
        noticed. The closing gives the same one.
    """
    return _alert(
        AlertKind.RECEIVER_FAILING,
        f"receiver/{receiver}",
        first_ns=first_ns,
        last_ns=last_ns,
        reason=reason,
        status=status,
    )


def _alert(
    kind: AlertKind, where: str, *, first_ns: int, last_ns: int, reason: StrEnum, status: AlertStatus
) -> AlertEvent:
    alert = Alert(
        id=alert_id(SourceReference(file=where, sha256=""), kind, first_ns),
        kind=kind,
        severity=severity_of(kind),
        status=status,
        stage=NO_STAGE,
        device="",
        first_shot_ns=first_ns,
        last_shot_ns=max(first_ns, last_ns),
        shots=0,
        score=0.0,
        reasons=(reason.value,),
        model="",
        source=AlertSource(file=where, sha256="", path=""),
    )
    return AlertEvent(change=_CHANGE[status], alert=alert)
