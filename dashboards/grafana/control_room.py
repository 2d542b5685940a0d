"""*Control room*: the state of every stage at a glance, what is wrong now, and whether what is shown is of now."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.board import Row, board
from dashboards.grafana.incident_table import incident_table, picture_table
from dashboards.grafana.panels import (
    BLUE,
    GREEN,
    GREY,
    LATE_SHOTS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Link,
    Query,
    bars,
    lines,
    number,
    states,
)

_STATES = {
    0: ("clear", GREEN),
    1: ("idle", GREY),
    2: ("maintenance", PURPLE),
    3: ("low", YELLOW),
    4: ("medium", ORANGE),
    5: ("high", VERMILION),
}
_STATE = (
    "max by (stage) ("
    "label_replace("
    '5 * clamp_max(petawatch_stage_incidents{priority="high"}, 1)'
    ' or 4 * clamp_max(petawatch_stage_incidents{priority="medium"}, 1)'
    ' or 3 * clamp_max(petawatch_stage_incidents{priority="low"}, 1), "stage", "installation", "stage", "")'
    ' or 2 * petawatch_stage_suppressed{cause="maintenance"}'
    ' or petawatch_stage_suppressed{cause="idle"}'
    ' or 0 * petawatch_data_age_seconds{stage!=""})'
)


def control_room() -> model.Dashboard:
    """The dashboard."""
    return board(
        "petawatch-control-room",
        "Petawatch: control room",
        "What is wrong now, in which stage, and whether what is shown is of now.",
        [
            Row("Now", [*_counts(), _all_delivered(), _newest_shot()]),
            Row("Stages", [_states(), incident_table("Active incidents"), picture_table("Pictures")]),
            Row("Is this of now?", [_latency(), _ages()]),
        ],
        console="/incidents",
    )


def _counts() -> list[model.Panel]:
    meaning = {
        "high": ("High", VERMILION, "Look at it now: the table below leads to its evidence. Acknowledge it there."),
        "medium": ("Medium", ORANGE, "Look at it within the hour."),
        "low": ("Low", YELLOW, "Look at it within the shift."),
    }
    panels = [
        number(
            word,
            f"Active incidents of {priority} priority: they go on, or nobody has acknowledged them. {what_to_do}",
            Query(f'sum(petawatch_active_incidents{{priority="{priority}"}})'),
            thresholds=[(None, GREEN), (1, colour)],
        )
        for priority, (word, colour, what_to_do) in meaning.items()
    ]
    unseen = number(
        "Not acknowledged",
        "Incidents that nobody has acknowledged. Acknowledge in the console what you have seen: others know then.",
        Query('sum(petawatch_active_incidents{standing!="acknowledged"})'),
        thresholds=[(None, GREEN), (1, ORANGE)],
    )
    return [*panels, unseen]


def _all_delivered() -> model.Panel:
    return number(
        "Messages wait for",
        "Age of the oldest message that no receiver has taken. When it grows, alerts reach nobody: look "
        "at the receiver, and at the operator's guide on webhooks.",
        Query("max(petawatch_outbox_oldest_age_seconds)"),
        unit="s",
        thresholds=[(None, GREEN), (60, ORANGE), (600, VERMILION)],
    )


def _newest_shot() -> model.Panel:
    return number(
        "Newest shot",
        "Age of the newest shot of any device. While the laser fires it stays below the length of a snapshot and some "
        "seconds; when it grows, no files come: look at the recorders and at the spool folder.",
        Query("min(petawatch_data_age_seconds)"),
        unit="s",
        thresholds=[(None, GREEN), *LATE_SHOTS],
    )


def _states() -> model.Panel:
    return states(
        "State of every stage",
        "The highest priority among the incidents that go on in each stage; else whether it is idle or under "
        "maintenance. installation stands for the recorders, Kafka, archive and tape. Of stages that turned at the "
        "same moment look at the first in the chain.",
        Query(_STATE, "{{stage}}"),
        _STATES,
        height=9,
        leads_to=Link("This stage", "/d/petawatch-stage?var-stage=${__field.labels.stage}&${__url_time_range}"),
    )


def _latency() -> model.Panel:
    buckets = "sum by (le) (rate(petawatch_file_close_to_alert_seconds_bucket[$__rate_interval]))"
    return lines(
        "From a file's close to its alert",
        "How long it took from the closing of a snapshot until the alert about a shot in it was durable: half of them "
        "(median), and 95 of 100. Above 1 s the computer is too busy: look at the dashboard Pipeline.",
        Query(f"histogram_quantile(0.5, {buckets})", "median", SKY),
        Query(f"histogram_quantile(0.95, {buckets})", "95 %", ORANGE),
        unit="s",
        minimum=0,
        limit=1,
    )


def _ages() -> model.Panel:
    return bars(
        "Age of each stage's newest shot",
        "Since the newest shot of any device of a stage. One stage alone that ages: its recorder or its trigger. All "
        "of them: the laser pauses, or nothing is read any more.",
        Query('min by (stage) (petawatch_data_age_seconds{stage!=""})', "{{stage}}"),
        unit="s",
        thresholds=[(None, BLUE), *LATE_SHOTS],
    )
