"""A shift report as one page: it needs no script, fetches nothing, and prints well on A4."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.alert_table import cause_of, lasted, place_of, score_of
from dashboards.curve_drawing import draw_small_curve
from dashboards.html_page import captioned, facts_line, heading, html_page, html_table, paragraph, picture, text
from dashboards.incident_words import audit_rows, incident_rows, verdict_words
from dashboards.reason_words import why
from dashboards.report_steadiness import energy_parts, pointing_parts
from dashboards.shift_report import (
    ArchiveStanding,
    DeviceAvailability,
    OpenPoints,
    ReportEpisode,
    ReportIncident,
    ReportPicture,
    ShiftReport,
    StageShots,
)
from dashboards.words import (
    count_words,
    counted,
    minute_words,
    percent_words,
    plain_words,
    sentence_words,
    size_words,
    span_words,
    time_words,
    utc_words,
)
from models.alarms.alarm import Alarm


def report_page(report: ShiftReport) -> str:
    """The page; the same for the same report."""
    title = f"Shift report, {minute_words(report.from_ns)} to {minute_words(report.to_ns)} UTC"
    made = f"Computed at {time_words(report.made_ns, seconds=True)} UTC. All times are UTC, event times unless said."
    parts = [
        paragraph(made, quiet=True),
        _summary(report),
        heading("Open for the next shift"),
        *_open_points(report.open_points),
        heading(f"Incidents: {count_words(len(report.incidents) + report.more_incidents)}"),
        *_incidents(report),
        heading("Shots by stage"),
        _stages(report.stages),
        heading("Energy"),
        *energy_parts(report),
        heading("Pointing"),
        *pointing_parts(report),
        heading("Slow drifts"),
        _episodes(report.drifts) or paragraph("No beam has slowly moved away.", quiet=True),
        heading("Devices"),
        *_devices(report.devices),
        heading("Files and records"),
        *_ledger(report),
        heading("Archive"),
        *_archive(report.archive),
        heading("What was done"),
        *_audit(report),
    ]
    return html_page(title, parts)


def _summary(report: ShiftReport) -> str:
    fired = sum(stage.complete + stage.incomplete for stage in report.stages)
    whole = sum(stage.complete for stage in report.stages)
    unseen = len(report.open_points.unacknowledged)
    balanced = "balanced" if report.ledger.get("balanced") else "NOT BALANCED"
    archive = report.archive
    return facts_line(
        [
            ("incidents", count_words(len(report.incidents) + report.more_incidents)),
            ("not acknowledged", count_words(unseen)),
            ("shots", count_words(fired)),
            ("complete", f"{percent_words(whole, fired)} %" if fired else ""),
            ("ledger", balanced),
            ("files safe in the archive", f"{count_words(archive.safe)} of {count_words(archive.files)}")
            if archive.files
            else ("files safe in the archive", ""),
            ("files that wait for the archive", count_words(archive.waiting) if archive.waiting else ""),
        ]
    )


def _open_points(points: OpenPoints) -> Iterator[str]:
    told = bool(points.troubles)
    yield from map(paragraph, points.troubles)
    for name, columns, rows in (
        ("Not acknowledged", ("what", "where", "since", "priority", "state"), _unacknowledged(points)),
        ("Shelved", ("alarm", "about", "until", "by", "why"), [_shelved(alarm) for alarm in points.shelved]),
        ("Out of service", ("alarm", "about", "by", "why"), [_covered(alarm) for alarm in points.out_of_service]),
        ("Maintenance", ("stage", "since", "until", "by", "why"), _maintenance(points)),
        ("Receivers that take no messages", ("receiver", "failing since", "", "last error"), _receivers(points)),
    ):
        if rows:
            told = True
            yield f"<h3>{text(name)}</h3>{html_table(columns, rows, words=('what', 'where', 'why', 'last error'))}"
    for sentence in points.audit_breaks:
        told = True
        yield paragraph(f"The audit log: {sentence}.")
    if not told:
        yield paragraph("Nothing is open.", quiet=True)


def _unacknowledged(points: OpenPoints) -> list[tuple[str, ...]]:
    rows = incident_rows(points.unacknowledged, points.worst_alerts)
    return [(row.what, row.where, row.first, row.priority, row.state) for row in rows]


def _covered(alarm: Alarm) -> tuple[str, ...]:
    return plain_words(alarm.kind), alarm.subject, alarm.covered_by, alarm.covered_why


def _shelved(alarm: Alarm) -> tuple[str, ...]:
    kind, subject, by, why_ = _covered(alarm)
    return kind, subject, time_words(alarm.life.shelved_until_ns, seconds=True), by, why_


def _maintenance(points: OpenPoints) -> list[tuple[str, ...]]:
    return [
        (each.stage, time_words(each.from_ns, seconds=True), time_words(each.until_ns, seconds=True), each.by, each.why)
        for each in points.maintenance
    ]


def _receivers(points: OpenPoints) -> list[tuple[str, ...]]:
    return [
        (
            each.name,
            time_words(each.failing_since_ns, seconds=True),
            "" if each.suspension is None else "suspended",
            each.last_error,
        )
        for each in points.receivers
    ]


def _incidents(report: ShiftReport) -> Iterator[str]:
    if not report.incidents:
        yield paragraph("None.", quiet=True)
    yield from map(_incident, report.incidents)
    if report.more_incidents:
        yield paragraph(f"{counted(report.more_incidents, 'more incident')}: look at the console.")
    if report.ungrouped:
        more = f" The first {len(report.ungrouped)} are shown." if report.more_ungrouped else ""
        total = len(report.ungrouped) + report.more_ungrouped
        yield f"<h3>{text(counted(total, 'episode'))} of no incident</h3>"
        yield paragraph(f"They were not taken into account by the control room, or not yet.{more}", quiet=True)
        yield _episodes(report.ungrouped)


def _incident(shown: ReportIncident) -> str:
    incident = shown.incident
    [row] = incident_rows([incident], {} if shown.worst is None else {incident.id: shown.worst})
    facts = [
        ("where", row.where),
        ("likely origin", row.origin),
        ("priority", row.priority),
        ("first shot", row.first),
        ("lasted", row.lasted),
        ("state", row.state),
        ("seen", row.seen),
        ("incident", row.id),
    ]
    more = incident.episodes - len(shown.episodes)
    parts = [
        f"<h3>{text(row.what)}</h3>",
        facts_line(facts),
        _episodes(shown.episodes),
        paragraph(f"{counted(more, 'more episode')}: look at the console.", quiet=True) if more > 0 else "",
        "" if shown.picture is None else _picture(shown.picture),
        paragraph(sentence_words(shown.note), quiet=True) if shown.note else "",
    ]
    return f'<article class="{row.priority}">{"".join(parts)}</article>'


def _picture(shown: ReportPicture) -> str:
    """With what it is of: an incident has several cameras."""
    alert = shown.alert
    stage = alert.stage.name if alert.device else ""
    of = ", ".join(
        words for words in (place_of(alert), stage and f"stage {stage}", f"shot of {utc_words(shown.shot_ns)}") if words
    )
    return captioned(picture(shown.png, f"evidence of {place_of(alert)}"), f"{of}: {why(alert)}")


def _episodes(episodes: Sequence[ReportEpisode]) -> str:
    if not episodes:
        return ""
    columns = ("severity", "what is odd", "where", "kind", "likely cause", "first shot", "lasted", "score", "said")
    rows = [
        (
            episode.alert.severity.value,
            why(episode.alert),
            place_of(episode.alert),
            plain_words(episode.alert.kind),
            plain_words(cause_of(episode.alert.explanation)),
            time_words(episode.alert.first_shot_ns, seconds=True),
            lasted(episode.alert),
            score_of(episode.alert),
            _said(episode),
        )
        for episode in episodes
    ]
    return html_table(columns, rows, words=("what is odd", "kind", "likely cause", "said"), numbers=("score",))


def _said(episode: ReportEpisode) -> str:
    """Who has seen it, and what was said of it."""
    seen = f"seen by {episode.acknowledged_by}" if episode.acknowledged_ns is not None else ""
    return "; ".join(words for words in (seen, verdict_words(episode.verdict)) if words)


def _stages(stages: Sequence[StageShots]) -> str:
    if not stages:
        return paragraph("No stage has fired, and none was idle.", quiet=True)
    rows = [
        (
            str(stage.stage),
            count_words(stage.complete + stage.incomplete),
            count_words(stage.complete),
            percent_words(stage.complete, stage.complete + stage.incomplete),
            count_words(stage.idle),
            draw_small_curve(stage.complete_percent, f"percent complete of {stage.stage}", span=(0.0, 100.0)),
        )
        for stage in stages
    ]
    columns = ("stage", "shots", "complete", "%", "idle", "% complete, 0 to 100")
    return html_table(columns, rows, numbers=("shots", "complete", "%", "idle"))


def _devices(devices: Sequence[DeviceAvailability]) -> Iterator[str]:
    in_shots = [device for device in devices if device.device.joins]
    others = [device for device in devices if not device.device.joins]
    if not devices:
        yield paragraph("No device has recorded, and none was missed.", quiet=True)
    if in_shots:
        yield paragraph(
            "Expected: at the shots at which its stage fired, once it is known to belong to it. Longest gap: the most "
            "consecutive ones of these without a valid record of it.",
            quiet=True,
        )
        columns = ("device", "expected", "valid", "% valid", "odd", "longest gap", "from", "to")
        yield html_table(columns, map(_device, in_shots), numbers=columns[1:6])
    if others:
        yield paragraph("Devices that are no part of shots: their records, and those that were valid.", quiet=True)
        rows = [_device(device)[:4] for device in others]
        yield html_table(("device", "records", "valid", "% valid"), rows, numbers=("records", "valid", "% valid"))


def _device(found: DeviceAvailability) -> tuple[str, ...]:
    gap = found.longest_shots > 0
    return (
        found.device.name,
        count_words(found.expected),
        count_words(found.came),
        percent_words(found.came, found.expected),
        count_words(found.odd),
        counted(found.longest_shots, "shot") if gap else "",
        time_words(found.longest_from_ns, seconds=True) if gap else "",
        time_words(found.longest_to_ns, seconds=True) if gap else "",
    )


def _ledger(report: ShiftReport) -> Iterator[str]:
    yield facts_line(
        [("files with records of this time", count_words(sum(report.files.values()))), *_counts(report.files)]
    )
    yield facts_line([("records of this time", count_words(sum(report.outcomes.values()))), *_counts(report.outcomes)])
    if report.ledger.get("balanced"):
        yield paragraph(
            "The ledger of all files is balanced: every record that was read has one outcome or is pending."
        )
    elif report.ledger:
        yield paragraph("The ledger of all files is NOT BALANCED: some records have no outcome, or several.")
        for file in report.ledger.get("unbalanced_files", ()):
            counts = f"{file['read']} read, {file['decided']} decided, {file['pending']} pending"
            yield paragraph(f"{file['file']}: {counts}")


def _archive(archive: ArchiveStanding) -> Iterator[str]:
    if archive.status is None and not archive.sentences:
        yield paragraph("Nothing is archived from here.", quiet=True)
        return
    if archive.status is not None:
        yield from _archive_status(archive.status)
    if archive.files:
        first = "the first " if archive.limited else ""
        yield paragraph(
            f"Of {first}{counted(archive.files, 'file')} of this time in the catalog {count_words(archive.safe)} have "
            "all the copies that are wanted."
        )
    for sentence in archive.sentences:
        yield paragraph(sentence_words(sentence))


def _archive_status(status: Mapping[str, Any]) -> Iterator[str]:
    waiting = [
        (sink, count_words(lag["files"]), size_words(lag["bytes"]), span_words(lag["oldest_s"]), lag["error"])
        for sink, lag in status["waiting"].items()
    ]
    columns = ("waits for", "files", "size", "the oldest for", "why")
    yield html_table(columns, waiting, numbers=columns[1:4], words=("why",))
    yield facts_line([("store", status["store"] or "none"), *_counts(status["counts"])])
    yield facts_line([(f"cartridges {state}", count_words(count)) for state, count in status["cartridges"].items()])
    if status["catalog_error"]:
        yield paragraph(f"The catalog: {status['catalog_error']}.")


def _audit(report: ShiftReport) -> Iterator[str]:
    if not report.audit:
        yield paragraph("Nobody acknowledged, shelved, judged or changed anything.", quiet=True)
        return
    yield paragraph("By the clock, out of the audit log.", quiet=True)
    rows = audit_rows(report.audit, report.audit_names)[::-1]
    yield html_table(("when", "who", "what", "about", "why"), rows, words=("what", "about", "why"))
    if report.more_audit:
        yield paragraph(f"{count_words(report.more_audit)} more: petawatch audit.")


def _counts(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(plain_words(name), count_words(number)) for name, number in counts.items()]
