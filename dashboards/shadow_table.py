"""A shadow against production for eyes: a row per camera, and one of all."""

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console
from rich.table import Table

from dashboards.printable import printable
from models.event_time import format_iso
from models.images.shadow_comparison import ShadowCounts

_HEADER = (
    "camera",
    "shadow",
    "production",
    "from",
    "to",
    "frames",
    "odd for both",
    "production only",
    "shadow only",
    "alerts of production",
    "of the shadow",
    "shared",
    "judged true, shared",
    "judged false, shared",
)


class ShownJudged(Protocol):
    """What is shown of judged alerts of production."""

    @property
    def true(self) -> int:
        """Judged true."""
        ...

    @property
    def true_shared(self) -> int:
        """Of these, raised by the shadow, too."""
        ...

    @property
    def false(self) -> int:
        """Judged false."""
        ...

    @property
    def false_shared(self) -> int:
        """Of these, raised by the shadow, too."""
        ...


class ShownFinding(Protocol):
    """What is shown of one camera."""

    @property
    def model(self) -> str:
        """The shadow."""
        ...

    @property
    def production(self) -> str:
        """The model in production."""
        ...

    @property
    def learned(self) -> bool:
        """Whether the shadow has learned there."""
        ...

    @property
    def going_on(self) -> bool:
        """Whether it goes on there."""
        ...

    @property
    def counts(self) -> ShadowCounts:
        """What both found."""
        ...

    @property
    def first_ns(self) -> int | None:
        """Event time of the first compared frame."""
        ...

    @property
    def last_ns(self) -> int | None:
        """Event time of the last one."""
        ...

    @property
    def judged(self) -> ShownJudged:
        """What operators said of production's alerts."""
        ...


def print_shadow(findings: Mapping[str, ShownFinding], console: Console) -> None:
    """What the shadow found against production, by camera, and in all in words."""
    rows = [_row(name, finding) for name, finding in findings.items()]
    if console.is_terminal:
        table = Table(*_HEADER)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    else:
        for row in (_HEADER, *rows):
            _print(console, "  ".join(row))
    for sentence in _sentences(findings):
        _print(console, sentence)


def _row(name: str, finding: ShownFinding) -> tuple[str, ...]:
    counts, judged = finding.counts, finding.judged
    ended = "" if finding.going_on else " (ended)"
    return (
        printable(name),
        printable(finding.model) + (ended if finding.learned or ended else " (learns)"),
        printable(finding.production),
        _time(finding.first_ns),
        _time(finding.last_ns),
        str(counts.frames),
        str(counts.odd_both),
        str(counts.odd_production),
        str(counts.odd_shadow),
        str(counts.alerts_production),
        str(counts.alerts_shadow),
        str(counts.alerts_shared),
        f"{judged.true_shared}/{judged.true}",
        f"{judged.false_shared}/{judged.false}",
    )


def _sentences(findings: Mapping[str, ShownFinding]) -> list[str]:
    """All cameras together: frames, then alerts."""
    counts = sum((finding.counts for finding in findings.values()), ShadowCounts())
    times = [time for each in findings.values() for time in (each.first_ns, each.last_ns) if time is not None]
    if not times:
        return [f"nothing is compared yet: the shadow learns at {len(findings)} cameras"]
    span = f"shots from {_time(min(times))} to {_time(max(times))}"
    frames = (
        f"{counts.frames} frames of {len(findings)} cameras, {span}: odd for both {counts.odd_both}, for production "
        f"only {counts.odd_production}, for the shadow only {counts.odd_shadow}"
    )
    alerts = (
        f"the shadow would have raised {counts.alerts_shared} of the {counts.alerts_production} alerts of production, "
        f"and {counts.alerts_shadow - counts.alerts_of_shadow_shared} that production has not"
    )
    return [frames, alerts]


def _time(event_time_ns: int | None) -> str:
    return "-" if event_time_ns is None else format_iso(event_time_ns)[:19]


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
