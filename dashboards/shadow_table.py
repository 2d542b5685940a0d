"""A shadow against production for eyes: camera by camera, and all together in words."""

from collections.abc import Mapping
from typing import Protocol

from rich.console import Console

from dashboards.printable import printable
from dashboards.printed_rows import print_blocks
from dashboards.words import counted
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
    """What the shadow found against production: a block per camera on a terminal, a line elsewhere; then in all."""
    if console.is_terminal:
        print_blocks(((printable(name), _block(finding)) for name, finding in findings.items()), console)
    else:
        for row in (_HEADER, *(_row(name, finding) for name, finding in findings.items())):
            _print(console, "  ".join(row))
    for sentence in _sentences(findings):
        _print(console, sentence)


def _row(name: str, finding: ShownFinding) -> tuple[str, ...]:
    counts, judged = finding.counts, finding.judged
    return (
        printable(name),
        _shadow(finding),
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


def _block(finding: ShownFinding) -> list[tuple[str, str]]:
    counts, judged = finding.counts, finding.judged
    models = [("shadow", _shadow(finding)), ("production", printable(finding.production))]
    if finding.first_ns is None:
        return [*models, ("compared", "nothing yet")]
    span = f"{_time(finding.first_ns)} to {_time(finding.last_ns)}"
    odd = f"{counts.odd_both:,} for both, {counts.odd_production:,} for production only"
    alerts = f"{counts.alerts_production:,} of production, {counts.alerts_shadow:,} of the shadow"
    verdicts = f"{judged.true_shared:,} of {judged.true:,} true ones, {judged.false_shared:,} of {judged.false:,} false"
    return [
        *models,
        ("compared", f"{counted(counts.frames, 'frame')}, {span}"),
        ("odd frames", f"{odd}, {counts.odd_shadow:,} for the shadow only"),
        ("alerts", f"{alerts}, {counts.alerts_shared:,} shared"),
        ("judged", f"the shadow has {verdicts} ones" if judged.true or judged.false else "no alert of production"),
    ]


def _shadow(finding: ShownFinding) -> str:
    state = " (ended)" if not finding.going_on else "" if finding.learned else " (learns)"
    return printable(finding.model) + state


def _sentences(findings: Mapping[str, ShownFinding]) -> list[str]:
    """All cameras together: frames, then alerts."""
    counts = sum((finding.counts for finding in findings.values()), ShadowCounts())
    times = [time for each in findings.values() for time in (each.first_ns, each.last_ns) if time is not None]
    if not times:
        return [f"nothing is compared yet: the shadow learns at {counted(len(findings), 'camera')}"]
    span = f"shots from {_time(min(times))} to {_time(max(times))}"
    frames = (
        f"{counts.frames} frames of {counted(len(findings), 'camera')}, {span}: odd for both "
        f"{counts.odd_both}, for production only {counts.odd_production}, for the shadow only {counts.odd_shadow}"
    )
    of_production = f"{counted(counts.alerts_production, 'alert')} of production"
    alerts = (
        f"the shadow would have raised {counts.alerts_shared} of the {of_production}, "
        f"and {counts.alerts_shadow - counts.alerts_of_shadow_shared} that production has not"
    )
    return [frames, alerts]


def _time(event_time_ns: int | None) -> str:
    return "-" if event_time_ns is None else format_iso(event_time_ns)[:19]


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal)
