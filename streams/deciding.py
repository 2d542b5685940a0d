"""Decisions of operators, checked and made durable: verdicts on episodes, accepted baselines."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.decisions import OperatorDecisions, RecordedBaseline, operating_user
from connectors.state.reader import StateReader
from dashboards.alert_table import place_of
from models.alerts.alert import Alert
from models.alerts.verdict_counts import VerdictCount, count_verdicts
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.devices import Device, RecordKind, parse_device
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from models.event_time import SECOND_NS, format_iso
from streams.agents.recorder import RECORDER_KEY
from streams.alarms.alarm_desk import checked_why
from streams.device_stages import DEVICE_KEYS, device_of_key
from streams.facility.announcements import AnnouncementSender
from streams.facility.untold_baselines import tell_untold

_SHOWN_IDS = 4
# A facility's directory holds rows and no stages of devices: so far around the new state they are looked through.
_LOOK_AROUND_NS = 600 * SECOND_NS


def give_verdict(
    state: Path, beginning: str, verdict: Verdict, reason: str, clock: Clock, *, by: str | None = None
) -> Alert:
    """Make a verdict on the alert whose id begins so durable; the alert.

    Parameters
    ----------
    by
        Who gives it; None: the user who runs this process.

    Raises
    ------
    RecordError
        ``unknown_alert``, ``ambiguous_alert`` or ``reason_too_long``.
    FatalError
        ``state_missing``, or as ``OperatorDecisions``.
    """
    with StateReader.open(state) as reader:
        alert_id = _alert_id(reader, beginning)
        alert = reader.alert(alert_id)
    if alert is None:
        raise RecordError(f"the alert {alert_id} was removed just now", reason="unknown_alert")
    OperatorDecisions(state).add_verdict(
        EpisodeVerdict(
            alert_id=alert_id,
            verdict=verdict,
            reason=checked_why(reason),
            by=by or operating_user(),
            at_ns=clock.now_ns(),
        )
    )
    return alert


def count_episodes(state: Path) -> list[VerdictCount]:
    """All episodes of a state directory by kind, place and verdict.

    Raises
    ------
    FatalError
        ``state_missing``, or as ``OperatorDecisions``.
    """
    with StateReader.open(state) as reader:
        alerts = [alert for alert, _ in reader.alerts()]
    verdicts = OperatorDecisions(state).latest_verdicts()
    return count_verdicts((alert.kind, place_of(alert), verdicts.get(alert.id)) for alert in alerts)


def accept_baseline(
    state: Path,
    name: str,
    from_ns: int,
    reason: str,
    clock: Clock,
    agents: Callable[[], AbstractContextManager[AnnouncementSender]],
    *,
    by: str | None = None,
) -> RecordedBaseline:
    """Make durable that what a device shows from ``from_ns`` on is its reference; a running watch takes it up.

    In the directory of a facility's recorder the device's agent is told then, in line with its records.

    Parameters
    ----------
    agents
        Connects to a facility's agents. While they can't be reached nothing is accepted.
    by
        Who accepts it; None: the user who runs this process.

    Raises
    ------
    RecordError
        ``unknown_device``, ``no_reference``, ``future``, ``reason_missing`` or ``reason_too_long``.
    RetryableError
        ``baseline_untold``: it is accepted, and its agent was not told yet; a facility's recorder does that.
    FatalError
        ``state_missing``, or as ``OperatorDecisions``.
    """
    with StateReader.open(state) as reader:
        facility = _is_recorders(reader)
        device = _device(
            state, name, _recorded_devices(reader, name, from_ns) if facility else _watched_devices(reader)
        )
    now_ns = clock.now_ns()
    if from_ns > now_ns:
        raise RecordError(
            f"{format_iso(from_ns)} has yet to come, now it is {format_iso(now_ns)}; accept a state that was seen",
            reason="future",
        )
    reason = checked_why(reason)
    if not reason:
        raise RecordError("say why the new state is right, for those who come after: --reason", reason="reason_missing")
    decisions, by = OperatorDecisions(state), by or operating_user()
    if not facility:
        return decisions.accept_baseline(device, from_ns, reason=reason, by=by, now_ns=now_ns)
    with agents() as told:
        accepted = decisions.accept_baseline(device, from_ns, reason=reason, by=by, now_ns=now_ns, of_facility=True)
        try:
            tell_untold(decisions, told)
        except PetawatchError as error:
            raise _untold(device, error) from error
    return replace(accepted, told=True)


def _untold(device: Device, error: PetawatchError) -> RetryableError:
    return RetryableError(
        f"the baseline of {device.name} is accepted, but its agent does not know of it yet: {error}; the recorder "
        "tells it as soon as Kafka takes it; don't accept it again, petawatch baseline list shows how it stands",
        reason="baseline_untold",
    )


def note_decision(state: Path, action: str, subject: str, clock: Clock, *, by: str | None = None) -> None:
    """Write into the audit log what was decided elsewhere: about models.

    Parameters
    ----------
    by
        Who decided it; None: the user who runs this process.

    Raises
    ------
    FatalError, RetryableError
        As ``ControlRoomDatabase``.
    """
    with closing(ControlRoomDatabase.open(state)) as database, database.step() as connection:
        add_entry(connection, at_ns=clock.now_ns(), who=by or operating_user(), action=action, subject=subject)


def is_of_facility(state: Path) -> bool:
    """Whether the recorder of a facility writes a state directory, and no watch in one process; False before both."""
    try:
        with StateReader.open(state) as reader:
            return _is_recorders(reader)
    except FatalError as error:
        if error.reason == "state_missing":
            return False
        raise


def _is_recorders(reader: StateReader) -> bool:
    return RECORDER_KEY in reader.state_keys()


def _alert_id(reader: StateReader, beginning: str) -> str:
    found = reader.alert_ids(beginning) if beginning else []
    if not found:
        raise RecordError(
            f"there is no alert {beginning!r} in {reader.path}; `petawatch alerts --json` shows the ids",
            reason="unknown_alert",
        )
    if len(found) > 1 and beginning not in found:
        more = f" and {len(found) - _SHOWN_IDS} more" if len(found) > _SHOWN_IDS else ""
        raise RecordError(
            f"{beginning!r} begins the ids {', '.join(found[:_SHOWN_IDS])}{more}; write more of it",
            reason="ambiguous_alert",
        )
    return beginning if beginning in found else found[0]


def _watched_devices(reader: StateReader) -> list[Device]:
    return [device_of_key(key) for key in reader.state_keys() if key.startswith(DEVICE_KEYS)]


def _recorded_devices(reader: StateReader, name: str, from_ns: int) -> list[Device]:
    """Those of which rows are there around a time, and the one that is meant if there is an alert of it."""
    names = reader.device_names_between(from_ns - _LOOK_AROUND_NS, from_ns + _LOOK_AROUND_NS)
    if name not in names and any(alert.device == name for alert, _ in reader.alerts()):
        names.append(name)
    return [parse_device(each) for each in names]


def _device(state: Path, name: str, known: Sequence[Device]) -> Device:
    devices = {device.name: device for device in known}
    if name not in devices:
        near = get_close_matches(name, devices, n=3, cutoff=0.5)
        hint = f"; is it {' or '.join(near)}?" if near else ""
        raise RecordError(f"the watch of {state} knows no device {name!r}{hint}", reason="unknown_device")
    if devices[name].kind is RecordKind.OTHER:
        raise RecordError(f"nothing is learned of {name}, so that it has no reference", reason="no_reference")
    return devices[name]
