"""The incidents and episodes of a stretch, with their pictures, as far as a report has room for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.reader import ControlRoomReader
from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.kept_evidence import by_telling, evidence_path
from connectors.png_file import read_png
from connectors.state.reader import StateReader
from dashboards.shift_report import ReportEpisode, ReportIncident, ReportPicture
from models.alarms.incident import Incident
from models.alerts.alert import Alert, AlertKind
from models.alerts.verdicts import EpisodeVerdict
from models.errors import RecordError
from streams.report.reported_stretch import ReportedStretch

_MOST_INCIDENTS = 150
_MOST_EPISODES = 12
# Of the worst episodes of an incident, looked at for a picture.
_MOST_LOOKED_AT = 100
_MOST_PICTURES = 60
_MOST_UNGROUPED = 100
_MOST_DRIFTS = 100
_MOST_PICTURE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundIncidents:
    """See ``ShiftReport``."""

    incidents: Sequence[ReportIncident]
    more_incidents: int
    ungrouped: Sequence[ReportEpisode]
    more_ungrouped: int
    drifts: Sequence[ReportEpisode]


class PicturesLeft:
    """How many pictures a report still has room for."""

    def __init__(self) -> None:
        self.count = _MOST_PICTURES


def find_incidents(
    room: ControlRoomReader, reader: StateReader, stretch: ReportedStretch, pictures: PicturesLeft
) -> FoundIncidents:
    """All of one room that have a shot in the stretch, by their first shots."""
    all_incidents = room.incidents(IncidentQuestion(from_ns=stretch.from_ns, to_ns=stretch.to_ns), limit=-1)[::-1]
    reading = _Reading(reader, room, pictures)
    alerts = [alert for alert, _ in reader.alerts(stretch.from_ns) if _is_in(alert, stretch)]
    grouped = {alert_id for incident in all_incidents for alert_id in room.members(incident.id)}
    shown = all_incidents[:_MOST_INCIDENTS]
    worst = room.worst_alerts(shown)
    ungrouped = [alert for alert in alerts if alert.id not in grouped]
    drifts = [alert for alert in alerts if alert.kind is AlertKind.DRIFT]
    return FoundIncidents(
        incidents=[reading.incident(each, worst.get(each.id)) for each in shown],
        more_incidents=len(all_incidents[_MOST_INCIDENTS:]),
        ungrouped=[reading.episode(alert) for alert in ungrouped[:_MOST_UNGROUPED]],
        more_ungrouped=len(ungrouped[_MOST_UNGROUPED:]),
        drifts=[reading.episode(alert) for alert in drifts[:_MOST_DRIFTS]],
    )


def all_found(found: Iterable[FoundIncidents]) -> FoundIncidents:
    """Those of several rooms as one: by their first shots, as many as a report has room for."""
    each_room = list(found)
    incidents = sorted((one for each in each_room for one in each.incidents), key=_first_shot_of_incident)
    ungrouped = sorted((one for each in each_room for one in each.ungrouped), key=_first_shot)
    drifts = sorted((one for each in each_room for one in each.drifts), key=_first_shot)
    return FoundIncidents(
        incidents=incidents[:_MOST_INCIDENTS],
        more_incidents=sum(each.more_incidents for each in each_room) + len(incidents[_MOST_INCIDENTS:]),
        ungrouped=ungrouped[:_MOST_UNGROUPED],
        more_ungrouped=sum(each.more_ungrouped for each in each_room) + len(ungrouped[_MOST_UNGROUPED:]),
        drifts=drifts[:_MOST_DRIFTS],
    )


def _first_shot_of_incident(shown: ReportIncident) -> tuple[int, str]:
    return shown.incident.first_shot_ns, shown.incident.id


def _first_shot(episode: ReportEpisode) -> tuple[int, str]:
    return episode.alert.first_shot_ns, episode.alert.id


def _is_in(alert: Alert, stretch: ReportedStretch) -> bool:
    return alert.first_shot_ns < stretch.to_ns and alert.last_shot_ns >= stretch.from_ns


class _Reading:
    """Looks up what belongs to incidents, one after the other."""

    def __init__(self, reader: StateReader, room: ControlRoomReader, pictures: PicturesLeft) -> None:
        self._reader = reader
        self._room = room
        self._verdicts: dict[str, EpisodeVerdict] = {
            verdict.alert_id: verdict for verdict in OperatorDecisions(room.state).verdicts()
        }
        self._pictures = pictures

    def incident(self, incident: Incident, worst: Alert | None) -> ReportIncident:
        """With its worst episodes, the worst one first, and a picture of the worst that has one."""
        worst_first = self._room.worst_first(incident.id)
        picture, note = self._picture(worst_first[:_MOST_LOOKED_AT])
        return ReportIncident(
            incident=incident,
            worst=worst if worst is None else self._reader.alert(worst.id),
            episodes=[
                self.episode(each.alert, by=each.acknowledged_by, at_ns=each.acknowledged_ns)
                for each in self._room.activations_of(worst_first[:_MOST_EPISODES])
            ],
            picture=picture,
            note=note,
        )

    def episode(self, alert: Alert, *, by: str = "", at_ns: int | None = None) -> ReportEpisode:
        """As the state directory has it now; the control room may be a moment behind."""
        return ReportEpisode(
            alert=self._reader.alert(alert.id) or alert,
            acknowledged_by=by,
            acknowledged_ns=at_ns,
            verdict=self._verdicts.get(alert.id),
        )

    def _picture(self, worst_first: Sequence[str]) -> tuple[ReportPicture | None, str]:
        """Of the first episode that has one; else why there is none, and nothing where none was ever made."""
        note = ""
        for alert_id in worst_first:
            link = _most_telling(self._reader.evidence(alert_id))
            alert = None if link is None else self._reader.alert(alert_id)
            if link is None or alert is None:
                continue
            if not self._pictures.count:
                return None, "a report has no more pictures; this one's is in the console"
            try:
                png = read_png(evidence_path(self._room.state, link.png), _MOST_PICTURE_BYTES)
            except RecordError as error:
                note = note or str(error)
                continue
            self._pictures.count -= 1
            return ReportPicture(png=png, alert=alert, shot_ns=link.event_time_ns), ""
        return None, note


def _most_telling(links: Sequence[EvidenceLink]) -> EvidenceLink | None:
    """That of the worst shot, else another one; those that are kept first."""
    return next(iter(sorted(by_telling(links), key=lambda link: link.png == EXPIRED)), None)
