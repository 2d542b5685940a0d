"""*Pipeline*: whether every record goes its way: throughput, ledger, dead letters; in a facility lag and agents."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana import facility
from dashboards.grafana.board import Row, board
from dashboards.grafana.panels import (
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Query,
    lines,
    number,
)

#: The rows of what only a facility on Kafka has.
FACILITY_ROWS = ("Facility: agents", "Facility: connectors")


def pipeline() -> model.Dashboard:
    """The dashboard."""
    agents, connectors = FACILITY_ROWS
    return board(
        "petawatch-pipeline",
        "Petawatch: pipeline",
        "Whether every record goes its way, and how fast.",
        [
            Row("Now", [_stalled(), _unbalanced(), _pending(), _commit_age(), _refused(), _waiting_messages()]),
            Row("Throughput", [_outcomes(), _scorings(), _files(), _queues()]),
            Row("Ledger and dead letters", [_ledger(), _dead_letters()]),
            Row("Process", [_processor(), _memory(), _deliveries()]),
            Row(agents, facility.agents()),
            Row(connectors, facility.connectors()),
        ],
        console="/pipeline",
    )


def _stalled() -> model.Panel:
    return number(
        "Work waits",
        "Whether the work waits for something: a full disk, Kafka. It goes on by itself; /readyz of the program says "
        "what it waits for.",
        Query("sum(petawatch_stalled) or vector(0)"),
        thresholds=[(None, GREEN), (1, VERMILION)],
        words={0: ("no", GREEN)},
    )


def _unbalanced() -> model.Panel:
    return number(
        "Unbalanced records",
        "Records that were read and are neither ended nor pending. Always 0; anything else is a defect of Petawatch: "
        "`petawatch ledger` names the files, please report it.",
        Query("max(abs(petawatch_ledger_unbalanced_records))"),
        thresholds=[(None, GREEN), (1, VERMILION)],
    )


def _pending() -> model.Panel:
    return number(
        "Pending records",
        "Records in shots that still wait for another device. It stays about the same; when it grows, a device that "
        "is expected is silent.",
        Query('max(petawatch_ledger_records{state="pending"})'),
    )


def _commit_age() -> model.Panel:
    return number(
        "Latest commit",
        "Since results were made durable. It follows the snapshots; when it grows although files come, the program "
        "hangs or its disk is full.",
        Query("max(petawatch_commit_age_seconds)"),
        unit="s",
        thresholds=[(None, GREEN), (150, ORANGE), (600, VERMILION)],
    )


def _refused() -> model.Panel:
    return number(
        "Rejected files",
        "Snapshots that could not be read, in the time shown. `petawatch ledger` names them, each with its reason; "
        "transfer them again.",
        Query('sum(increase(petawatch_files_total{result="rejected"}[$__range]))'),
        thresholds=[(None, GREEN), (1, ORANGE)],
    )


def _waiting_messages() -> model.Panel:
    return number(
        "Waiting messages",
        "Messages about alerts that wait for their receivers. Some are normal while one does not answer; see "
        "the operator's guide on webhooks.",
        Query("max(petawatch_outbox_messages)"),
        thresholds=[(None, GREEN), (10, ORANGE), (1000, VERMILION)],
    )


def _outcomes() -> model.Panel:
    return lines(
        "Records by outcome",
        "Where records ended, per second. Most end in triplets; a share of incomplete ones that grows says that a "
        "device fails, late and duplicate ones that files come twice or in the wrong order.",
        Query("sum by (outcome) (rate(petawatch_records_total[$__rate_interval])) > 0", "{{outcome}}"),
        unit="reqps",
        minimum=0,
    )


def _scorings() -> model.Panel:
    rate = "sum(rate(petawatch_scored_records_total{scoring="
    return lines(
        "Records by scoring",
        "How far records were scored, per second: scored; dark, without beam; learning, since too few were seen yet. "
        "Learning for long after the beginning says that a device does not find its reference.",
        *(
            Query(f'{rate}"{scoring}"}}[$__rate_interval]))', scoring, colour)
            for scoring, colour in (("scored", GREEN), ("learning", ORANGE), ("dark", GREY), ("none", PURPLE))
        ),
        unit="reqps",
        minimum=0,
        stacked=True,
    )


def _files() -> model.Panel:
    return lines(
        "Files per minute",
        "Snapshots by what became of them. None accepted while the laser fires: look at the spool folder. Rejected "
        "and replaced ones are told by `petawatch ledger`.",
        Query("60 * sum by (result) (rate(petawatch_files_total[$__rate_interval]))", "{{result}}"),
        unit="none",
        minimum=0,
    )


def _queues() -> model.Panel:
    return lines(
        "Queues",
        "What waits in the program: snapshots on disk, and units that are worked on. When snapshots pile up, the "
        "computer is too slow for what comes: the latency of alerts grows with it.",
        Query("max by (queue) (petawatch_queue_depth)", "{{queue}}"),
        unit="none",
        minimum=0,
    )


def _ledger() -> model.Panel:
    return lines(
        "Ledger",
        "Records by the state of the account. Read and ended go up side by side; what lies between is pending. "
        "A gap that grows is looked into with `petawatch ledger`.",
        *(
            Query(f'max(petawatch_ledger_records{{state="{state}"}})', state, colour)
            for state, colour in (("read", SKY), ("ended", GREEN), ("pending", ORANGE))
        ),
        unit="none",
        minimum=0,
    )


def _dead_letters() -> model.Panel:
    return lines(
        "Dead letters",
        "Parts of files that are no record of anyone, by reason, in the time shown. A reason that is new comes from a "
        "recorder that was changed: the operator's guide explains the reasons.",
        Query("sum by (reason) (petawatch_dead_letters_total)", "{{reason}}"),
        unit="none",
        minimum=0,
    )


def _processor() -> model.Panel:
    return lines(
        "Processors",
        "How many processors each program keeps busy. Near the number that the computer has, alerts come late.",
        Query('rate(process_cpu_seconds_total{job!="prometheus"}[$__rate_interval])', "{{job}} {{instance}}"),
        unit="none",
        width=8,
        minimum=0,
    )


def _memory() -> model.Panel:
    return lines(
        "Memory",
        "Resident memory of each program. It is bounded; one that grows for days is a defect, please report it.",
        Query('process_resident_memory_bytes{job!="prometheus"}', "{{job}} {{instance}}"),
        unit="bytes",
        width=8,
        minimum=0,
    )


def _deliveries() -> model.Panel:
    return lines(
        "Attempts to deliver messages",
        "Messages about alerts, per minute: delivered, failed (they are tried again), given up. When only failures are "
        "left, a receiver is away or refuses: see the operator's guide.",
        *(
            Query(
                f'60 * sum(rate(petawatch_webhook_deliveries_total{{result="{result}"}}[$__rate_interval]))',
                word,
                colour,
            )
            for result, word, colour in (
                ("delivered", "delivered", GREEN),
                ("failed", "failed", ORANGE),
                ("given_up", "given up", VERMILION),
            )
        ),
        unit="none",
        width=8,
        minimum=0,
    )
