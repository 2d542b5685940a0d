"""What the pages of replays show: what can be replayed, how far replays have come, what they gave."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.words import count_words, figure_words, link, plain_words, size_words, span_words, time_words
from models.devices import Stage
from models.event_time import HOUR_NS, format_iso
from models.replay_progress import ReplayProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSnapshot:
    """A file of which something can be replayed; times are ns since 1970."""

    path: str
    first_ns: int
    size_bytes: int
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """The files that begin in one hour."""

    words: str
    files: str
    size: str
    archived: str
    choose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """An episode that a replay gave."""

    first: str
    severity: str
    what: str
    where: str
    score: str
    found_by: str


def hour_rows(snapshots: Iterable[KnownSnapshot]) -> list[HourRow]:
    """What there is, hour by hour, the latest first."""
    hours: dict[int, list[KnownSnapshot]] = {}
    for snapshot in snapshots:
        hours.setdefault(snapshot.first_ns // HOUR_NS, []).append(snapshot)
    rows = []
    for hour, found in sorted(hours.items(), reverse=True):
        from_ns, to_ns = hour * HOUR_NS, (hour + 1) * HOUR_NS
        archived = sum(each.archived for each in found)
        rows.append(
            HourRow(
                words=f"{time_words(from_ns, seconds=True)[:-3]} to {time_words(to_ns, seconds=True)[11:-3]}",
                files=count_words(len(found)),
                size=size_words(sum(each.size_bytes for each in found)),
                archived="all" if archived == len(found) else count_words(archived),
                choose=link("/replay", from_=format_iso(from_ns), to=format_iso(to_ns)),
            )
        )
    return rows


def result_facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was replayed; ``result`` as ``petawatch replay --json`` gives it."""
    comparison = result["comparison"]
    facts = [("episodes", count_words(len(result["alerts"])))]
    if comparison is not None:
        first, second = comparison["models"]
        facts = [
            ("models", f"{first}, compared with {second}"),
            ("episodes of both", count_words(len(comparison["both"]))),
            (f"only of {first}", count_words(len(comparison["first_only"]))),
            (f"only of {second}", count_words(len(comparison["second_only"]))),
        ]
    return [*facts, ("results", ", ".join(result["results"]))]


def progress_facts(progress: ReplayProgress) -> list[tuple[str, str]]:
    """How far a replay has come, how fast it is, and how long it still takes."""
    facts = [("files", f"{count_words(progress.files_done)} of {count_words(progress.files)}")]
    if progress.models > 1:
        facts.insert(0, ("model", f"{progress.model}, number {progress.number} of {progress.models}"))
    if progress.records:
        facts.append(("records", f"{count_words(progress.records_done)} of {count_words(progress.records)}"))
    facts.append(("event time", f"{time_words(progress.reached_ns, seconds=True)} UTC"))
    if progress.speed is not None:
        facts.append(("speed", f"{figure_words(progress.speed, '.2g')} times as fast as it was recorded"))
    if progress.left_s is not None:
        facts.append(("still takes about", span_words(progress.left_s)))
    return facts


def found_rows(result: Mapping[str, Any]) -> list[FoundRow]:
    """The episodes of a replay by their first shot; of a comparison with who found them."""
    comparison = result["comparison"]
    if comparison is None:
        rows = [_found_row(alert, "") for alert in result["alerts"]]
    else:
        first, second = comparison["models"]
        rows = [_found_row(alert, f"only {first}") for alert in comparison["first_only"]]
        rows += [_found_row(alert, f"only {second}") for alert in comparison["second_only"]]
        rows += [_found_row(pair[0], "both") for pair in comparison["both"]]
    return sorted(rows, key=lambda row: row.first)


def _found_row(alert: Mapping[str, Any], found_by: str) -> FoundRow:
    where = alert["device"] or Stage(**alert["stage"]).name or alert["source"]["file"]
    return FoundRow(
        first=alert["first_shot"][:-1].replace("T", " "),
        severity=alert["severity"],
        what=alert["explanation"] or f"{plain_words(alert['kind'])}: {plain_words(', '.join(alert['reasons']))}",
        where=where,
        score="-" if not alert["score"] else f"{alert['score']:.1f}",
        found_by=found_by,
    )


def camera_differences(result: Mapping[str, Any]) -> list[Sequence[str]]:
    """Of each camera that two models scored: shots, odd ones of both, of one alone, the median difference."""
    comparison = result["comparison"]
    rows: list[Sequence[str]] = []
    for camera in () if comparison is None else comparison["cameras"]:
        median = camera["differences"].get("0.5")
        odd = (camera["odd_both"], camera["odd_first_only"], camera["odd_second_only"])
        difference = "-" if median is None else f"{median:+.2f}"
        rows.append((camera["device"], count_words(camera["shots"]), *map(count_words, odd), difference))
    return rows
