"""The verdict of an evaluation on a terminal."""

import math

from rich.console import Console
from rich.table import Table

from models.evaluation import Detection, Evaluation, EventRate, Rate

# What became of frames, where the word of the scoring alone says too little.
_FRAME_WORDS = {"labelled": "in labelled stretches", "none": "refused"}


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """What was found by kind and severity, and below it what was raised for nothing; plain lines without a terminal."""
    if console.is_terminal and evaluation.detections:
        console.print(_table(evaluation))
    else:
        for detection in evaluation.detections:
            console.out("\t".join(_cells(detection)), highlight=False)
    for line in _lines(evaluation):
        console.out(line, highlight=False)


def _table(evaluation: Evaluation) -> Table:
    table = Table(title="Found, with 95 % intervals")
    for column in ("kind", "severity"):
        table.add_column(column)
    for column in ("faults", "faults found", "frames", "frames found"):
        table.add_column(column, justify="right")
    previous: str | None = None
    for detection in evaluation.detections:
        if previous is not None and previous != detection.kind:
            table.add_section()
        previous = detection.kind
        table.add_row(*_cells(detection))
    return table


def _cells(detection: Detection) -> tuple[str, ...]:
    return (
        detection.kind or "all",
        detection.severity or "all",
        str(detection.faults.total),
        _percent(detection.faults),
        str(detection.frames.total),
        _percent(detection.frames),
    )


def _percent(rate: Rate) -> str:
    if not rate.total:
        return "-"
    low, high = rate.interval
    return f"{100 * rate.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _counted(rate: Rate) -> str:
    return f"{_percent(rate)}, {rate.count} of {rate.total}"


def _episodes(rate: EventRate) -> str:
    value, low, high = rate.per(12)
    if math.isnan(value):
        return f"-, {rate.count}; none was watched"
    return f"{value:.1f} ({low:.1f} to {high:.1f}), {rate.count} in {rate.hours:.2f} h"


def _lines(evaluation: Evaluation) -> list[str]:
    return [*_found_lines(evaluation), *_false_lines(evaluation)]


def _found_lines(evaluation: Evaluation) -> list[str]:
    by_severity = [one for one in evaluation.detections if not one.kind]
    if not by_severity:
        return ["There are no labelled faults."]
    lines = [
        "A fault is found when an alert overlaps it, a frame when a record of its shot scores odd.",
        "Faults of 3 shots or more that were alarmed within the third:",
    ]
    lines += [f"  {one.severity or 'all'}: {_counted(one.early)}" for one in by_severity]
    lines.append("Faults whose kind was named rightly, of those with an alert that names a cause:")
    lines += [f"  {one.severity or 'all'}: {_counted(one.named)}" for one in by_severity]
    return lines


def _false_lines(evaluation: Evaluation) -> list[str]:
    lines = ["False positives per record outside of labelled stretches:"]
    for kind, rate in evaluation.false_positives.items():
        low, high = rate.interval
        shown = f"{rate.value:.2e} ({low:.1e} to {high:.1e})" if rate.total else "-"
        lines.append(f"  {kind}: {shown}, {rate.count} of {rate.total}")
    lines.append("False episodes in 12 h, per device, laser stage or installation, whichever they are about:")
    lines += [f"  {subject}: {_episodes(rate)}" for subject, rate in evaluation.false_episodes.items()]
    lines.append("By kind of alert:" if evaluation.false_episodes_by_kind else "By kind of alert: none.")
    lines += [f"  {kind}: {count}" for kind, count in evaluation.false_episodes_by_kind.items()]
    counts = ", ".join(f"{count} {_FRAME_WORDS.get(word, word)}" for word, count in evaluation.frames.items())
    lines.append(f"Camera frames: {counts}.")
    return lines
