"""Panels of a facility on Kafka: its agents and its connectors (rows of *Pipeline*)."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.panels import BLUE, SKY, VERMILION, YELLOW, Query, lines


def agents() -> list[model.Panel]:
    """Whether the agents keep up, and their partitions."""
    return [
        _lag(),
        _messages(),
        _busy(),
        _agent_waits(),
        _checkpoint_age(),
        _checkpoint_time(),
        _partitions(),
        _rebalances(),
        _refused(),
    ]


def connectors() -> list[model.Panel]:
    """What comes from the recorders' computers."""
    return [_sent(), _unsent(), _ahead(), _held_back()]


def _lag() -> model.Panel:
    return lines(
        "Lag",
        "Event time between what was sent and the work of each agent: the slowest of its partitions. Beyond "
        "worker.lag_alert_s an alert opens: start another worker, or look why one hangs.",
        Query("max by (agent) (petawatch_lag_seconds)", "{{agent}}"),
        unit="s",
        minimum=0,
    )


def _messages() -> model.Panel:
    return lines(
        "Messages worked on",
        "Messages per second of each agent. One at 0 while others work has lost its partitions or waits.",
        Query("sum by (agent) (rate(petawatch_agent_messages_total[$__rate_interval]))", "{{agent}}"),
        unit="reqps",
        minimum=0,
    )


def _busy() -> model.Panel:
    return lines(
        "Busy share of each agent",
        "The time that agents spend at work, of one thread each. Near 1 an agent is the bottleneck: start another "
        "worker, which takes half of its partitions.",
        Query("max by (agent) (rate(petawatch_agent_busy_seconds_total[$__rate_interval]))", "{{agent}}"),
        unit="percentunit",
        minimum=0,
    )


def _agent_waits() -> model.Panel:
    return lines(
        "Messages that wait",
        "Messages of each agent's input that were not worked on yet. It comes back to a few; a line that only grows "
        "needs another worker.",
        Query("sum by (agent) (petawatch_waiting_messages)", "{{agent}}"),
        unit="none",
        minimum=0,
    )


def _checkpoint_age() -> model.Panel:
    return lines(
        "Age of checkpoints",
        "Since the last checkpoint of each agent's partitions: the oldest. It grows while nothing comes; when it grows "
        "although messages are worked on, checkpoints can't be written.",
        Query("max by (agent) (petawatch_checkpoint_age_seconds)", "{{agent}}"),
        unit="s",
        minimum=0,
    )


def _checkpoint_time() -> model.Panel:
    return lines(
        "Time that a checkpoint takes",
        "95 of 100 checkpoints were written within so long. Above a second the broker or the disk is slow.",
        Query(
            "histogram_quantile(0.95, sum by (le) (rate(petawatch_checkpoint_seconds_bucket[$__rate_interval])))",
            "95 %",
            BLUE,
        ),
        unit="s",
        minimum=0,
    )


def _sent() -> model.Panel:
    return lines(
        "Bytes sent",
        "What the connectors send, by topic. Nothing while files come: Kafka is away, or the agents are far behind.",
        Query("sum by (topic) (rate(petawatch_connect_bytes_total[$__rate_interval]))", "{{topic}}"),
        unit="Bps",
        minimum=0,
    )


def _unsent() -> model.Panel:
    return lines(
        "Snapshots that were not sent",
        "Complete snapshots on the recorders' disks that Kafka does not have yet. They are safe there; when they pile "
        "up, look at Kafka and at the lag.",
        Query("sum by (instance) (petawatch_connect_unsent_files)", "{{instance}}"),
        unit="none",
        minimum=0,
    )


def _ahead() -> model.Panel:
    return lines(
        "Ahead of the slowest work",
        "Event time between what was sent and the slowest work of the agents, and how long Kafka has been away. "
        "Connectors hold files back when they are too far ahead.",
        Query("max(petawatch_connect_ahead_seconds)", "ahead", SKY),
        Query("max(petawatch_connect_kafka_away_seconds)", "Kafka is away", VERMILION),
        unit="s",
        minimum=0,
    )


def _held_back() -> model.Panel:
    return lines(
        "Held back",
        "The share of time in which connectors held files back because the agents were behind. Near 1 the facility is "
        "too slow: start another worker.",
        Query(
            "max(rate(petawatch_connect_held_back_seconds_total[$__rate_interval]))",
            "held back",
            YELLOW,
        ),
        unit="percentunit",
        minimum=0,
    )


def _partitions() -> model.Panel:
    return lines(
        "Partitions",
        "How many partitions each worker has. All of them together stay the same; a worker without any is a standby, "
        "or has lost its place in the group.",
        Query("sum by (instance) (petawatch_owned_partitions)", "{{instance}}"),
        unit="none",
        width=8,
        minimum=0,
    )


def _rebalances() -> model.Panel:
    return lines(
        "Rebalances and memory",
        "How often the partitions were dealt out anew, and the messages in the workers' memory. Rebalances again and "
        "again: a worker ends and starts, or takes too long for its messages.",
        Query("sum(petawatch_rebalances_total)", "rebalances", SKY),
        Query("sum(petawatch_buffered_bytes) / 1048576", "MiB in memory", YELLOW),
        unit="none",
        width=8,
        minimum=0,
    )


def _refused() -> model.Panel:
    return lines(
        "Refused messages",
        "Messages that an agent could not read or work on, by reason; they are in the topic of dead letters. "
        "`petawatch dead-letters` shows them, and sends them again when the cause is mended.",
        Query("sum by (agent, reason) (petawatch_agent_dead_letters_total)", "{{agent}} {{reason}}"),
        unit="none",
        width=8,
        minimum=0,
    )
