"""How far the agents are behind, in event time, and when that is an alert; no Kafka here and no clock.

What an agent's work is measured against is what was sent to it: by the connectors to the device agents, by those to the
join, by the join to the recorder. So the alert names the agent that is slow, and none of those behind it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.wire.progress import Progress
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import lag_alert
from models.event_time import SECOND_NS
from models.state import State
from streams.facility.connector_silence import ConnectorSilence
from streams.facility.facility_metrics import Partition
from streams.facility.model_ids import models_of
from streams.topology import (
    CONNECTOR,
    DEVICE_AGENTS,
    AgentName,
    TopicName,
    TopicSettings,
    inputs_of,
    partition_count,
    topic,
)

#: A lag must last so long before it is an alert: a partition that catches up with an old file in seconds is none.
CONFIRM_S = 10.0
#: An alert closes when the lag has come down to this part of the limit, so that it does not flicker around it.
CLOSE_AT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far the work on one partition is behind.

    Attributes
    ----------
    messages
        That wait.
    seconds
        Of event time, from the work to what was sent to it; 0 when nothing waits.
    work_ns, sent_ns
        Event times of both, ns since 1970; None when nothing is known yet.
    """

    messages: int
    seconds: float = 0.0
    work_ns: int | None = None
    sent_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LagSummary:
    """The whole installation in one look.

    Attributes
    ----------
    lags
        Of every partition of every agent.
    models
        By the name of each worker that scores images: the ids of the models of its partitions, as of their words.
    """

    lags: Mapping[Partition, Lag] = field(default_factory=dict)
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[Partition, float]:
        """Lag in seconds of event time, for the metrics."""
        return {place: lag.seconds for place, lag in self.lags.items()}

    @property
    def messages(self) -> int:
        """How many messages wait, over all partitions."""
        return sum(lag.messages for lag in self.lags.values())


class LagMonitor:
    """Watches the progress of all partitions; its state is part of the recorder's.

    Parameters
    ----------
    alert_s
        ``WorkerSettings.lag_alert_s``.
    """

    def __init__(self, topics: TopicSettings, alert_s: float) -> None:
        self._alert_s = alert_s
        self._partitions = {agent: range(partition_count(topic(input_of(agent)), topics)) for agent in AgentName}
        self._summary = LagSummary()
        # Where nobody has worked yet: what had been sent when the first message was seen waiting.
        self._unstarted_ns: dict[Partition, int] = {}
        self._above_since_ns: dict[Partition, int] = {}
        self._open_ns: dict[Partition, int] = {}
        self._silence = ConnectorSilence()

    @property
    def summary(self) -> LagSummary:
        """As of the last observation."""
        return self._summary

    def observe(
        self,
        progress: Mapping[str, Progress],
        end_offsets: Mapping[tuple[str, int], int],
        now_ns: int,
    ) -> list[AlertEvent]:
        """Look at the installation as it stands; which alerts open and close.

        Parameters
        ----------
        progress
            The latest word of every partition and connector, by the keys of the progress topic.
        end_offsets
            By short name of a topic and partition: the offset of the next message to be written.
        now_ns
            By the clock; only how long a lag lasts is told by it.
        """
        # What one device agent has worked on was sent to all, also when the connector has not said so.
        sent = dict.fromkeys(DEVICE_AGENTS, _newest(progress, CONNECTOR, *DEVICE_AGENTS))
        sent |= {
            AgentName.JOIN: _newest(progress, *DEVICE_AGENTS),
            AgentName.RECORDER: _newest(progress, AgentName.JOIN),
        }
        lags = {}
        for agent, numbers in self._partitions.items():
            for place in (Partition(agent.value, number) for number in numbers):
                end = end_offsets.get((input_of(agent), place.number), 0)
                lags[place] = self._lag(place, progress.get(str(place)), sent[agent], end)
        self._summary = LagSummary(lags=lags, models=models_of(progress.values()))
        found = [event for place, lag in lags.items() for event in self._alerts(place, lag, now_ns)]
        return found + self._silence.observe(progress, now_ns)

    def state(self) -> State:
        """All that later alerts depend on."""
        return {
            "unstarted": _written(self._unstarted_ns),
            "above": _written(self._above_since_ns),
            "open": _written(self._open_ns),
            "silent": self._silence.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; what was open stays open until the lag is gone."""
        self._unstarted_ns = _read(state["unstarted"])
        self._above_since_ns = _read(state["above"])
        self._open_ns = _read(state["open"])
        self._silence.restore(state.get("silent", {}))

    def _lag(self, place: Partition, told: Progress | None, sent_ns: int | None, end_offset: int) -> Lag:
        done, work_ns = (0, None) if told is None else (told.next_offset or 0, told.snapshot_start_ns)
        messages = max(0, end_offset - done)
        if work_ns is not None or not messages:
            self._unstarted_ns.pop(place, None)
        elif sent_ns is not None:
            work_ns = self._unstarted_ns.setdefault(place, sent_ns)
        if not messages or work_ns is None or sent_ns is None:
            return Lag(messages=messages, work_ns=work_ns, sent_ns=sent_ns)
        behind_s = max(0, sent_ns - work_ns) / SECOND_NS
        return Lag(messages=messages, seconds=behind_s, work_ns=work_ns, sent_ns=sent_ns)

    def _alerts(self, place: Partition, lag: Lag, now_ns: int) -> list[AlertEvent]:
        if place in self._open_ns:
            if lag.seconds > CLOSE_AT * self._alert_s:
                return []
            first_ns = self._open_ns.pop(place)
            return [_event(place, first_ns, lag, AlertStatus.CLOSED)]
        if lag.seconds <= self._alert_s or lag.work_ns is None:
            self._above_since_ns.pop(place, None)
            return []
        since_ns = min(self._above_since_ns.get(place, now_ns), now_ns)  # a clock may step back
        self._above_since_ns[place] = since_ns
        if now_ns - since_ns < CONFIRM_S * SECOND_NS:
            return []
        del self._above_since_ns[place]
        self._open_ns[place] = lag.work_ns
        return [_event(place, lag.work_ns, lag, AlertStatus.OPEN)]


def input_of(agent: AgentName) -> TopicName:
    """The topic that an agent's progress counts: its first one."""
    return inputs_of(agent)[0]


def _newest(progress: Mapping[str, Progress], *writers: str) -> int | None:
    """Begin of the newest snapshot that agents have worked on, or connectors have sent."""
    of_writers = (told for key, told in progress.items() if key.partition("/")[0] in writers)
    return max((told.snapshot_start_ns for told in of_writers if told.snapshot_start_ns is not None), default=None)


def _event(place: Partition, first_ns: int, lag: Lag, status: AlertStatus) -> AlertEvent:
    return lag_alert(place.agent, place.number, first_ns=first_ns, last_ns=lag.sent_ns or first_ns, status=status)


def _written(times_ns: Mapping[Partition, int]) -> list[list[Any]]:
    return [[place.agent, place.number, time_ns] for place, time_ns in sorted(times_ns.items())]


def _read(rows: Iterable[list[Any]]) -> dict[Partition, int]:
    return {Partition(agent, number): time_ns for agent, number, time_ns in rows}
