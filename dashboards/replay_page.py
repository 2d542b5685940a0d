"""A replay as one page with pictures: its episodes, or how those of two models differ."""

from collections.abc import Callable, Sequence

from dashboards.alert_table import place_of
from dashboards.blocks import counted
from dashboards.html_page import heading, html_page, html_table, paragraph, picture, text
from dashboards.reason_words import why
from models.alerts.alert import Alert
from models.event_time import SECOND_NS, format_iso
from models.replay_comparison import CameraDifference, ReplayComparison

#: The picture of an alert's worst shot (PNG), None when there is none.
PictureOf = Callable[[Alert], bytes | None]

#: A page with more pictures opens slowly; the other episodes are named without.
MOST_PICTURES = 120

_CAMERA_COLUMNS = (
    *("camera", "shots", "since", "median", "5 %", "95 %", "lowest", "highest"),
    *("odd for both", "first only", "second only"),
)


class _Pictures:
    """Gives pictures as long as the page has room for them."""

    def __init__(self, of: PictureOf) -> None:
        self._of = of
        self._left = MOST_PICTURES

    def of(self, alert: Alert) -> str:
        png = self._of(alert) if self._left else None
        if png is None:
            return ""
        self._left -= 1
        return picture(png, f"evidence of {place_of(alert)}")


def replay_page(sentences: Sequence[str], alerts: Sequence[Alert], picture_of: PictureOf) -> str:
    """The page of one replay.

    Parameters
    ----------
    sentences
        What was replayed.
    """
    pictures = _Pictures(picture_of)
    parts = [paragraph(sentence, quiet=True) for sentence in sentences]
    parts += [heading(counted(len(alerts), "episode")), *(_episode(alert, pictures.of(alert)) for alert in alerts)]
    return html_page("Replay", parts)


def comparison_page(sentences: Sequence[str], comparison: ReplayComparison, first: PictureOf, second: PictureOf) -> str:
    """The page of two models over the same stretch; ``first`` and ``second`` give their pictures."""
    pictures = {"first": _Pictures(first), "second": _Pictures(second)}
    parts = [paragraph(sentence, quiet=True) for sentence in sentences]
    parts += [
        paragraph(
            f"First model {comparison.first_model}, second model {comparison.second_model}: "
            f"{counted(len(comparison.first_only), 'episode')} of the first only, {len(comparison.second_only)} of the "
            f"second only, {len(comparison.shared)} of both."
        ),
        heading("Scores by camera, second less first"),
        _cameras(comparison.cameras),
    ]
    for which, model, alerts in (
        ("first", comparison.first_model, comparison.first_only),
        ("second", comparison.second_model, comparison.second_only),
    ):
        parts.append(heading(f"Only {model}"))
        parts += [_episode(alert, pictures[which].of(alert)) for alert in alerts] or [paragraph("none", quiet=True)]
    parts.append(heading("Both"))
    for pair in comparison.shared:
        scores = f"score {pair.first.score:.1f} and {pair.second.score:.1f}, shots {pair.first.shots} and "
        parts.append(_episode(pair.first, pictures["first"].of(pair.first), note=f"{scores}{pair.second.shots}"))
    return html_page("Replay with two models", parts or [paragraph("none", quiet=True)])


def _cameras(cameras: Sequence[CameraDifference]) -> str:
    rows, worst = [], []
    for camera in cameras:
        if camera.since_ns is None:
            rows.append((camera.device, "0", "not learned yet", *[""] * 5, *["0"] * 3))
            continue
        lowest, low, median, high, highest = (f"{value:+.2f}" for value in camera.quantiles)
        odd = (str(camera.odd_both), str(camera.odd_first), str(camera.odd_second))
        since = format_iso(camera.since_ns)
        rows.append((camera.device, str(camera.shots), since, median, low, high, lowest, highest, *odd))
        worst += [
            (camera.device, format_iso(shot.event_time_ns), f"{shot.first:.2f}", f"{shot.second:.2f}")
            for shot in camera.worst
        ]
    shots = html_table(("camera", "shot", "first", "second"), worst, numbers=("first", "second"))
    table = html_table(_CAMERA_COLUMNS, rows, numbers=(*_CAMERA_COLUMNS[3:], "shots"))
    return f"{table}\n{heading('Shots whose scores differ most')}\n{shots}"


def _episode(alert: Alert, shown: str, *, note: str = "") -> str:
    """An episode with its picture."""
    lasted = (alert.last_shot_ns - alert.first_shot_ns) / SECOND_NS
    when = f"{format_iso(alert.first_shot_ns)}, {counted(alert.shots, 'shot')} in {lasted:.1f} s"
    numbers = note or (f"score {alert.score:.1f}" if alert.score else "")
    model = f", model {alert.model}" if alert.model else ""
    found = f"{alert.kind.value}: {', '.join(alert.reasons)}{model}"
    return (
        f'<article class="{alert.severity.value}"><h3>{text(why(alert))}</h3>\n'
        f"<p><code>{text(place_of(alert))}</code> {text(when)} {text(numbers)}</p>\n"
        f'<p class="quiet">{text(found)} <code>{text(alert.id)}</code></p>\n{shown}</article>'
    )
