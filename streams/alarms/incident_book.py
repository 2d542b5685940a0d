"""Incidents inside one step: where new alerts belong, how each stands afterwards, and what is to be told of it."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from connectors.control_room.incident_rows import (
    episodes_in_reach,
    find_incident,
    incident_parts,
    incidents_over,
    quiet_incidents,
    store_incident,
    worst_alerts,
)
from connectors.control_room.told_subjects import told_stages
from models.alarms.alarm import subject_of
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incident import Incident, IncidentState, is_news, summed_up
from models.alarms.incidents import Episode, IncidentGrouping, in_reach
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind
from models.devices import Stage
from models.event_time import SECOND_NS
from streams.alarms.settings import AlarmSettings


class IncidentBook:
    """The incidents of one step, inside its transaction."""

    def __init__(
        self, connection: sqlite3.Connection, settings: AlarmSettings, now_ns: int, *, by: str, why: str
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._now_ns = now_ns
        self._by = by
        self._why = why
        self._grouping = IncidentGrouping(settings.incidents)
        self._before: dict[str, Incident] = {}
        self._told_now: set[tuple[str, AlertKind, str]] = set()
        self._told_before: dict[str, dict[Stage, int]] = {}
        self._owed: set[str] = set()
        self._quiet_ns = round(settings.incident_quiet_s * SECOND_NS)

    def expect(self, episodes: Iterable[Episode]) -> None:
        """These may be placed or change: load what decides about them."""
        for scope, (low_ns, high_ns) in in_reach(episodes, self._settings.incidents).items():
            for episode, incident, begin_ns in episodes_in_reach(self._connection, scope, low_ns, high_ns):
                self._grouping.add(episode, incident, begin_ns)

    def place(self, alert: Alert) -> str:
        """The id of the incident that a new alert belongs to, founded where there is none."""
        incident = self._grouping.place(Episode.of_alert(alert))
        if incident not in self._before and find_incident(self._connection, incident) is None:
            self._before[incident] = Incident(
                id=incident,
                first_alert_id=alert.id,
                priority=Priority.LOW,
                state=IncidentState.OPEN,
                first_shot_ns=alert.first_shot_ns,
                last_shot_ns=alert.last_shot_ns,
                opened_ns=self._now_ns,
            )
        return incident

    def changed(self, alert: Alert, incident: str) -> None:
        """An alert goes on, or is over."""
        self._grouping.changed(Episode.of_alert(alert), incident)

    def touch(self, incidents: Iterable[str]) -> None:
        """Something of these has changed."""
        for incident in incidents:
            self.find(incident)

    def will_tell(self, alert: Alert, incident: str) -> None:
        """An alert is announced in this step, which is not written down yet."""
        self._told_now.add((incident, alert.kind, subject_of(alert)))
        if incident not in self._told_before:
            self._told_before[incident] = told_stages(self._connection, incident)

    def find(self, incident: str) -> Incident:
        """An incident as it stood before the step; it is looked at again at the end of it."""
        if incident not in self._before:
            found = find_incident(self._connection, incident)
            if found is None:
                raise LookupError(f"the incident {incident} is missing")
            self._before[incident] = found
        return self._before[incident]

    def let_time_pass(self) -> None:
        """Look at those that are over by now."""
        self.touch(each.id for each in incidents_over(self._connection, self._now_ns))

    def end_quiet(self) -> None:
        """Close those without an open episode: nothing more will come."""
        self._quiet_ns = 0
        for incident in quiet_incidents(self._connection):
            self._before[incident.id] = replace(incident, closes_ns=self._now_ns)

    def tell_end(self, incident: str) -> None:
        """One that is closed: not everybody was told of it who knows of it."""
        self.find(incident)
        self._owed.add(incident)

    def finish(self) -> tuple[dict[str, Incident], list[Announcement]]:
        """Write down how all of them stand; by their ids, and what is to be told."""
        after: dict[str, Incident] = {}
        told: list[Announcement] = []
        for incident_id, before in sorted(self._before.items()):
            after[incident_id] = self._end_of_step(before, told)
        return after, told

    def _end_of_step(self, before: Incident, told: list[Announcement]) -> Incident:
        incident = summed_up(
            before,
            [
                replace(part, told_now=(before.id, part.kind, part.subject) in self._told_now)
                for part in incident_parts(self._connection, before.id)
            ],
            now_ns=self._now_ns,
            by=self._by,
            quiet_ns=self._quiet_ns,
            same_shots_ns=self._settings.incidents.same_shots_ns,
        )
        changes = list(_changes(before, incident, self._news(before, incident)))
        if incident.id in self._owed and incident.state is IncidentState.CLOSED:
            changes.append((AnnouncedChange.INCIDENT_CLOSED, True))
        worst = worst_alerts(self._connection, [incident.id] if changes else [])
        for change, for_all in changes:
            incident = replace(incident, revision=incident.revision + for_all)
            told.append(
                Announcement(
                    change=change,
                    at_ns=self._now_ns,
                    incident=incident,
                    worst=worst.get(incident.id),
                    by=self._by,
                    why=self._why,
                    number=incident.revision,
                    is_news=for_all,
                )
            )
        if incident != before:
            store_incident(self._connection, incident)
        return incident

    def _news(self, before: Incident, after: Incident) -> bool | None:
        """Whether what was announced of an incident is news to those who know of it; None: nothing was."""
        if before.id not in self._told_before:
            return None
        return is_news(
            before,
            after,
            told_before=self._told_before[before.id],
            told_after=told_stages(self._connection, before.id),
            same_shots_ns=self._settings.incidents.same_shots_ns,
        )


def _changes(before: Incident, after: Incident, news: bool | None) -> Iterable[tuple[AnnouncedChange, bool]]:
    """What has happened, each with whether those are told who know that it goes on."""
    if after.announced_ns is None:
        return
    if before.announced_ns is None:
        yield AnnouncedChange.INCIDENT_OPENED, True
    elif news or (news is not None and IncidentState.OPEN in {before.state, after.state}):
        yield AnnouncedChange.INCIDENT_UPDATED, news
    if after.is_acknowledged and not before.is_acknowledged:
        yield AnnouncedChange.ACKNOWLEDGED, True
    if after.state is IncidentState.CLOSED and (
        before.state is IncidentState.OPEN or before.announced_ns is None or after.closed_ns != before.closed_ns
    ):
        yield AnnouncedChange.INCIDENT_CLOSED, True
