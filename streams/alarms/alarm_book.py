"""Alarms and incidents inside one step: loaded, stepped by the life cycle, written down, and what is to be told."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from connectors.control_room.alarm_rows import (
    MeantAlerts,
    acknowledge_activations,
    alarms_ahead,
    alarms_due,
    alarms_of_stage,
    find_activation,
    find_alarm,
    has_open_alert,
    has_unseen,
    missed_activations,
    open_activations,
    store_activation,
    store_alarm,
    told_activations,
    unseen_alarms,
    untold_activations,
)
from connectors.control_room.due_times import next_due_ns, set_back
from connectors.control_room.suppression_rows import add_suppression, end_suppression, find_suppressions
from connectors.state.alarm_feed import FeedEntry
from models.alarms.alarm import Activation, Alarm, alarm_id, stage_of, subject_of
from models.alarms.announcement import AnnouncedChange, Announcement
from models.alarms.incidents import Episode
from models.alarms.life_cycle import CLOCK_STEP_NS, AlarmLife, AlarmTiming
from models.alarms.priority import Priority
from models.alarms.suppression import COVERED_BY_ALL, Cause, Suppression
from models.alerts.alert import Alert, AlertKind, AlertStatus
from models.devices import NO_STAGE, Stage
from models.event_time import LATEST_NS, SECOND_NS
from streams.alarms.incident_book import IncidentBook
from streams.alarms.settings import AlarmSettings

#: What an alarm's life does in a step: the life before, when, and by which delays.
LifeStep = Callable[[AlarmLife, int, AlarmTiming], AlarmLife]


class AlarmBook:
    """One step of alarms and incidents, inside one transaction; for one step.

    Parameters
    ----------
    by, why
        Who makes the step, and why; empty when it makes itself.
    """

    def __init__(
        self, connection: sqlite3.Connection, settings: AlarmSettings, now_ns: int, *, by: str = "", why: str = ""
    ) -> None:
        self.connection = connection
        self.now_ns = now_ns
        self.by = by
        self.why = why
        self._settings = settings
        self._incidents = IncidentBook(connection, settings, now_ns, by=by, why=why)
        self._told: list[Announcement] = []
        self._all_maintained = False

    def take(self, entries: Iterable[FeedEntry]) -> None:
        """Let alerts open, go on and close, in their order. What was taken before changes nothing."""
        entries = list(entries)
        self._incidents.expect(Episode.of_alert(entry.alert) for entry in entries)
        for entry in entries:
            known = find_activation(self.connection, entry.alert.id)
            if known is None:
                self._begin(entry)
            elif known.is_open:
                self._go_on(known, entry.alert)

    def let_time_pass(self) -> None:
        """Whatever is due by now happens: delays, the ends of shelving, of maintenance and of incidents.

        What was written while the clock was ahead is set back before.
        """
        quiet_ns = round(self._settings.incident_quiet_s * SECOND_NS)
        set_back(self.connection, self.now_ns, quiet_ns=quiet_ns, step_ns=CLOCK_STEP_NS)
        for alarm in alarms_ahead(self.connection, self.now_ns + CLOCK_STEP_NS):
            self.step(alarm, AlarmLife.passed)
        for suppression in find_suppressions(self.connection, over_ns=self.now_ns):
            self.end(suppression)
        for alarm in alarms_due(self.connection, self.now_ns):
            self.step(alarm, AlarmLife.passed)
        self._incidents.let_time_pass()

    def settle(self) -> None:
        """Nothing more will come: end the off-delays, and close the incidents without an open episode."""
        for alarm in alarms_due(self.connection, LATEST_NS):
            if alarm.life.gone_since_ns is not None:
                self.step(alarm, AlarmLife.settled)
        self._incidents.end_quiet()

    def step(self, alarm: Alarm, life_step: LifeStep, **changes: str) -> Alarm:
        """Let an alarm make a step of its life; how it stands then.

        Parameters
        ----------
        changes
            Of the alarm's fields ``covered_by`` and ``covered_why``.

        Raises
        ------
        RefusedStepError
            As the step does; nothing has changed.
        """
        timing = self._settings.rules(alarm.kind).timing
        life = life_step(alarm.life, self.now_ns, timing)
        if life.shelved_until_ns is None and not life.out_of_service:
            changes = {"covered_by": "", "covered_why": ""}
        after = replace(alarm, life=life, **changes)  # type: ignore[arg-type]
        if life.announcements > alarm.life.announcements:
            self._announce(after, again=alarm.life.is_covered)
        if after != alarm:
            store_alarm(self.connection, after, life.next_ns(timing))
        return after

    def acknowledge(self, meant: MeantAlerts) -> tuple[list[Alarm], list[str]]:
        """Somebody has seen what was announced of these alerts; an alarm counts as seen when nothing of it is unseen.

        Returns
        -------
        list
            The alarms that it concerns, as they stand then.
        list
            The ids of the incidents that it concerns.
        """
        alarms = unseen_alarms(self.connection, meant)
        incidents = acknowledge_activations(self.connection, meant, at_ns=self.now_ns, by=self.by)
        self._incidents.touch(incidents)
        return [self._seen(alarm) for alarm in alarms], sorted(incidents)

    def begin(self, stage: Stage, cause: Cause, *, until_ns: int | None = None) -> Suppression:
        """Cover a stage by design."""
        begun = add_suppression(
            *(self.connection, str(stage), cause),
            from_ns=self.now_ns,
            until_ns=until_ns,
            by=self.by,
            why=self.why,
        )
        for alarm in alarms_of_stage(self.connection, stage):
            if cause.covers(alarm.kind):
                self.step(alarm, lambda life, now_ns, timing: life.suppressed(now_ns, timing, cause))
        return begun

    def end(self, suppression: Suppression) -> None:
        """Cover a stage no longer."""
        end_suppression(self.connection, suppression.number, at_ns=self.now_ns, by=self.by)
        cause = suppression.cause
        for alarm in alarms_of_stage(self.connection, Stage.parse(suppression.stage)):
            if cause in alarm.life.suppressed_by:
                self.step(alarm, lambda life, now_ns, timing: life.unsuppressed(now_ns, timing, cause))

    def replace(self, suppression: Suppression) -> None:
        """Another one of the same stage and cause takes its place."""
        end_suppression(self.connection, suppression.number, at_ns=self.now_ns, by=self.by)

    def end_idle(self, idle_until_ns: Mapping[Stage, int]) -> None:
        """These stages fire again, and were idle until these event times: what was odd later is told, also if over."""
        known = {row.stage: row for row in find_suppressions(self.connection, cause=Cause.IDLE)}
        for stage, until_ns in sorted(idle_until_ns.items()):
            if str(stage) in known:
                self.end(known[str(stage)])
                for alarm in alarms_of_stage(self.connection, stage):
                    if Cause.IDLE.covers(alarm.kind) and not alarm.life.is_covered:
                        self._announce_missed(alarm, until_ns)

    def note_idle(self, idle: Mapping[Stage, bool]) -> None:
        """These stages are idle, or fire; of others nothing is said."""
        known = {row.stage: row for row in find_suppressions(self.connection, cause=Cause.IDLE)}
        for stage, is_idle in sorted(idle.items()):
            if is_idle and str(stage) not in known:
                self.begin(stage, Cause.IDLE)
            elif not is_idle and str(stage) in known:
                self.end(known[str(stage)])

    def tell_ends(self, subject_ids: Iterable[str]) -> None:
        """These alerts and incidents are over, which not everybody was told of who knows of them."""
        for subject_id in subject_ids:
            activation = find_activation(self.connection, subject_id)
            if activation is None:
                self._incidents.tell_end(subject_id)
            elif not activation.is_open:
                self._told.append(self._announcement(AnnouncedChange.ALERT_CLOSED, activation, 0))

    def note_all_maintained(self, *, all_maintained: bool) -> None:
        """All stages are under maintenance, or not all: so is what is about the data of all of them."""
        self._all_maintained = all_maintained
        cause = Cause.MAINTENANCE

        def follow(life: AlarmLife, now_ns: int, timing: AlarmTiming) -> AlarmLife:
            return (life.suppressed if all_maintained else life.unsuppressed)(now_ns, timing, cause)

        for alarm in alarms_of_stage(self.connection, NO_STAGE):
            if alarm.kind in COVERED_BY_ALL and (cause in alarm.life.suppressed_by) != all_maintained:
                self.step(alarm, follow)

    def next_ns(self) -> int | None:
        """When something happens by itself next; None: never."""
        return next_due_ns(self.connection)

    def finish(self) -> list[Announcement]:
        """Write the incidents down; what is to be told of all, in its order."""
        incidents, changes = self._incidents.finish()
        told = [
            replace(each, incident=incidents.get(each.incident.id, each.incident)) if each.incident else each
            for each in self._told
        ]
        return told + changes

    def _seen(self, alarm: Alarm) -> Alarm:
        if has_unseen(self.connection, MeantAlerts(alarm_id=alarm.id)):
            return alarm
        after = self.step(alarm, AlarmLife.acknowledged)
        after = replace(after, acknowledged_ns=self.now_ns, acknowledged_by=self.by)
        store_alarm(self.connection, after, after.life.next_ns(self._settings.rules(alarm.kind).timing))
        return after

    def _begin(self, entry: FeedEntry) -> None:
        alert = entry.alert
        alarm = find_alarm(self.connection, alarm_id(alert)) or self._new_alarm(alert)
        activation = Activation(
            alert=alert,
            alarm_id=alarm.id,
            incident_id=self._incidents.place(alert),
            known_ns=entry.committed_ns,
            file_closed_ns=entry.closed_ns,
        )
        self._store(activation)
        is_news = alarm.life.gone_since_ns is not None and self._is_news(alarm, activation)
        alarm = replace(alarm, priority=self._priority(alarm, alert), latest_alert_id=alert.id)
        if activation.is_open:
            alarm = self.step(alarm, lambda life, now_ns, timing: life.raised(now_ns, timing, is_news=is_news))
        store_alarm(self.connection, alarm, alarm.life.next_ns(self._settings.rules(alarm.kind).timing))

    def _go_on(self, known: Activation, alert: Alert) -> None:
        alarm = find_alarm(self.connection, known.alarm_id)
        if alarm is None:
            raise LookupError(f"the alarm {known.alarm_id} of the alert {alert.id} is missing")
        alarm = replace(alarm, priority=self._priority(alarm, alert))
        if self._urgency(alert) > self._urgency(known.alert):
            known, alarm = self._worsened(replace(known, alert=replace(alert, status=AlertStatus.OPEN)), alarm)
        activation = replace(known, alert=alert)
        self._store(activation)
        self._incidents.changed(alert, activation.incident_id)
        if not activation.is_open:
            if activation.announced_ns is not None:
                self._tell(AnnouncedChange.ALERT_CLOSED, activation, alarm)
            if not has_open_alert(self.connection, alarm.id):
                alarm = self.step(alarm, AlarmLife.returned)
            elif not untold_activations(self.connection, alarm.id):
                alarm = self.step(alarm, AlarmLife.withdrawn)
        store_alarm(self.connection, alarm, alarm.life.next_ns(self._settings.rules(alarm.kind).timing))

    def _new_alarm(self, alert: Alert) -> Alarm:
        stage = stage_of(alert)
        return Alarm(
            id=alarm_id(alert),
            kind=alert.kind,
            subject=subject_of(alert),
            stage=stage,
            device=alert.device,
            priority=self._settings.rules(alert.kind).priority_of(alert.severity),
            life=AlarmLife(now_ns=self.now_ns, suppressed_by=tuple(sorted(self._covering(alert.kind, stage)))),
        )

    def _covering(self, kind: AlertKind, stage: Stage) -> set[Cause]:
        """What covers a kind of alarm of a stage, or of none, by design."""
        if stage == NO_STAGE:
            return {Cause.MAINTENANCE} if kind in COVERED_BY_ALL and self._all_maintained else set()
        in_force = find_suppressions(self.connection, stage=str(stage))
        return {each.cause for each in in_force if each.cause.covers(kind)}

    def _priority(self, alarm: Alarm, alert: Alert) -> Priority:
        """The highest of the alerts that are open together, and of those that chatter."""
        own = self._settings.rules(alert.kind).priority_of(alert.severity)
        holds = alarm.life.condition_since_ns is not None or alarm.life.gone_since_ns is not None
        return max(own, alarm.priority, key=lambda each: each.rank) if holds else own

    def _urgency(self, alert: Alert) -> int:
        return self._settings.rules(alert.kind).priority_of(alert.severity).rank

    def _is_news(self, alarm: Alarm, activation: Activation) -> bool:
        """Whether a new alert is no chatter, however soon it comes: nothing as urgent was told in its incident."""
        told = told_activations(self.connection, alarm.id, activation.incident_id)
        return self._urgency(activation.alert) > max((self._urgency(each.alert) for each in told), default=-1)

    def _worsened(self, activation: Activation, alarm: Alarm) -> tuple[Activation, Alarm]:
        """An alert is more urgent than it was: it is announced anew, unless it waits for its on-delay."""
        if activation.announced_ns is None and alarm.life.due_ns is not None:
            return activation, alarm
        life = alarm.life.worsened(self.now_ns, self._settings.rules(alarm.kind).timing)
        told, alarm = life.announcements > alarm.life.announcements, replace(alarm, life=life)
        return (self._announce_one(activation, alarm) if told else activation), alarm

    def _announce(self, alarm: Alarm, *, again: bool) -> None:
        """Tell of the open alerts of an alarm: of new ones, and ``again`` of those that were told before.

        Of one that latched under its cover none is open: then of the latest.
        """
        found = (open_activations if again else untold_activations)(self.connection, alarm.id)
        latest = find_activation(self.connection, alarm.latest_alert_id)
        for activation in found or ([] if latest is None else [latest]):
            self._announce_one(activation, alarm)

    def _announce_one(self, activation: Activation, alarm: Alarm) -> Activation:
        """Tell of an alert, as of one that nobody has seen; one that is over is told to its end, once."""
        told = replace(activation, announced_ns=self.now_ns, acknowledged_ns=None, acknowledged_by="")
        self._incidents.will_tell(told.alert, told.incident_id)
        self._store(told)
        if activation.announced_ns is None:
            begun = replace(told, alert=replace(told.alert, status=AlertStatus.OPEN))
            self._tell(AnnouncedChange.ALERT_OPENED, begun, alarm)
            if not told.is_open:
                self._tell(AnnouncedChange.ALERT_CLOSED, told, alarm)
        elif told.is_open:
            self._tell(AnnouncedChange.ALERT_ANNOUNCED_AGAIN, told, alarm)
        return told

    def _announce_missed(self, alarm: Alarm, since_ns: int) -> None:
        """Tell of the alerts of an alarm that came and went without a word; short ones of a delayed kind are none."""
        timing = self._settings.rules(alarm.kind).timing
        for activation in missed_activations(self.connection, alarm.id, since_ns):
            if activation.alert.last_shot_ns - activation.alert.first_shot_ns >= timing.on_delay_ns:
                alarm = replace(alarm, life=alarm.life.missed(self.now_ns, timing))
                store_alarm(self.connection, alarm, alarm.life.next_ns(timing))
                self._announce_one(activation, alarm)

    def _tell(self, change: AnnouncedChange, activation: Activation, alarm: Alarm) -> None:
        self._told.append(self._announcement(change, activation, alarm.life.announcements))

    def _announcement(self, change: AnnouncedChange, activation: Activation, number: int) -> Announcement:
        return Announcement(
            change=change,
            at_ns=self.now_ns,
            alert=activation.alert,
            incident=self._incidents.find(activation.incident_id),
            by=self.by,
            why=self.why,
            number=number,
            file_closed_ns=activation.file_closed_ns,
        )

    def _store(self, activation: Activation) -> None:
        store_activation(self.connection, activation, Episode.of_alert(activation.alert).scope)
        self._incidents.touch([activation.incident_id])
